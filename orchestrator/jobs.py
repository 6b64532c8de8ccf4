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
    missing: int
    """How many of them are None."""
    active: int = 0
    """Calls that are on a lane now."""
    seconds: float = 0.0
    announced: bool = False
    """Whether the log says that it runs."""
    error: str | None = None
    stopped: str | None = None
    """Why it was given up, when it was."""

    @property
    def dead(self) -> bool:
        """Whether whatever its calls still give is of no use."""
        return self.stopped is not None or self.error is not None

    @property
    def complete(self) -> bool:
        return not self.missing


@dataclass(eq=False, slots=True)
class Piece:
    """One call of a job, on its way through a lane."""

    run: Execution
    job: Job
    index: int
    call: Call
    tries: int = 0
    since: float = 0.0
    """When a lane began with it."""
    thread: threading.Thread | None = None
    expired: bool = False
    """It took too long: what it gives is thrown away."""
    told: float = field(default=0.0, repr=False)

    @property
    def unwanted(self) -> bool:
        """Whether the lane should give up."""
        job = self.job
        return self.expired or job.stopped is not None or job.error is not None or self.run.control.cancelled.is_set()

    def start(self, thread: threading.Thread) -> None:
        """Note that a lane begins with it; under the lock."""
        self.since = time.monotonic()
        self.thread = thread
        self.run.started(self)

    def make(self, batch: Sequence[Task]) -> Task | None:
        """Make the calls of a batch, let each one's run take in what it gave, and return what the lane goes on with."""
        if len(batch) == 1:
            (outcome,), seconds = _made([self], self.tick)
            return self.run.take_in(self, outcome, seconds, alone=True)
        pieces: list[Piece] = [task.job for task in batch]
        outcomes, seconds = _made(pieces, _shared(pieces))
        for piece, outcome in zip(pieces, outcomes, strict=True):
            piece.run.take_in(piece, outcome, seconds)
        return None

    def tick(self, done: int, total: int) -> None:
        """Do what a tool's ticks are for: report progress, and raise Cancelled when it should give up."""
        if self.unwanted:
            raise Cancelled("the run was cancelled")
        if total:
            self.tell(done, total)

    def tell(self, done: int, total: int) -> None:
        """Report progress, if there was none a moment ago."""
        now = time.monotonic()
        if now - self.told >= _PROGRESS_SECONDS or done == total:
            self.told = now
            self.run.emit("step progress", self.job.step.id, {"done": done, "total": total})


def _made(pieces: Sequence[Piece], hook: Hook) -> tuple[list[Outcome], float]:
    """Make calls of one tool; return what came of each, and the seconds that each one counts for."""
    for piece in pieces:
        piece.run.about_to_make(piece)
    process, start = os.getpid(), time.perf_counter()
    outcomes = pieces[0].run.executor.attempt([piece.call for piece in pieces], hook)
    if os.getpid() != process:
        os._exit(0)  # a tool forked, and this is the child: the run goes on in the parent only
    return outcomes, (time.perf_counter() - start) / len(pieces)


def _shared(pieces: Sequence[Piece]) -> Hook:
    """Return what the ticks of a batch call: it gives up when nobody wants any of it."""

    def hook(done: int, total: int) -> None:
        if all([piece.unwanted for piece in pieces]):
            raise Cancelled("the run was cancelled")
        for piece in pieces if total else ():
            piece.tell(done, total)

    return hook
