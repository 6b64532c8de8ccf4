"""A step while it runs: its calls, what they gave so far, and how a lane makes one of them."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..planners.plan import Step
from ..tools.errors import Cancelled
from ..tools.progress import Hook
from .calls import Call, Held
from .lane import Outcome
from .scheduler import Task

if TYPE_CHECKING:
    from .execution import Execution

_PROGRESS_SECONDS = 0.1
"""Progress of one step is reported at most this often."""


@dataclass(eq=False, slots=True)
class Job:
    """One step that has been started."""

    step: Step
    calls: list[Call]
    results: list[Held | None]
    """One per call; None until it is made."""
    active: int = 0
    """Calls that are on a lane now."""
    seconds: float = 0.0
    computed: bool = False
    """Whether any call had to be made."""
    error: str | None = None
    stopped: str | None = None
    """Why it was given up, when it was."""

    @property
    def dead(self) -> bool:
        """Whether whatever its calls still give is of no use."""
        return self.stopped is not None or self.error is not None

    @property
    def complete(self) -> bool:
        return None not in self.results


@dataclass(eq=False, slots=True)
class Piece:
    """One call of a job, on its way through a lane."""

    run: Execution
    job: Job
    index: int
    tries: int = 0
    since: float = 0.0
    """When a lane began with it."""
    thread: threading.Thread | None = None
    expired: bool = False
    """It took too long: what it gives is thrown away."""
    told: float = field(default=0.0, repr=False)

    @property
    def call(self) -> Call:
        return self.job.calls[self.index]

    @property
    def unwanted(self) -> bool:
        """Whether the lane should give up."""
        return self.expired or self.job.dead or self.run.control.cancelled.is_set()

    def start(self) -> None:
        """Note that a lane begins with it; under the lock."""
        self.since = time.monotonic()
        self.thread = threading.current_thread()
        self.run.started(self)

    def make(self, batch: Sequence[Task]) -> Task | None:
        """Make the calls of a batch, let each one's run take in what it gave, and return what the lane goes on with."""
        pieces: list[Piece] = [task.job for task in batch]
        for piece in pieces:
            piece.run.about_to_make(piece)
        start = time.perf_counter()
        process = os.getpid()
        outcomes: list[Outcome] = self.run.executor.attempt([piece.call for piece in pieces], _hook(pieces))
        if os.getpid() != process:
            os._exit(0)  # a tool forked, and this is the child: the run goes on in the parent only
        seconds = (time.perf_counter() - start) / len(pieces)
        if len(pieces) == 1:
            return pieces[0].run.take_in(pieces[0], outcomes[0], seconds, alone=True)
        for piece, outcome in zip(pieces, outcomes, strict=True):
            piece.run.take_in(piece, outcome, seconds)
        return None


def _hook(pieces: Sequence[Piece]) -> Hook:
    """Return what a tool's ticks call: progress for each step of the batch, and the order to give up."""

    def hook(done: int, total: int) -> None:
        if all([piece.unwanted for piece in pieces]):
            raise Cancelled("the run was cancelled")
        if not total:
            return
        now = time.monotonic()
        for piece in pieces:
            if now - piece.told >= _PROGRESS_SECONDS or done == total:
                piece.told = now
                piece.run.emit("step progress", piece.job.step.id, {"done": done, "total": total})

    return hook
