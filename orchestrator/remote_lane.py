"""Makes the calls of one run on the workers of a cluster: the executor that the engine talks to.

The engine asks for one step after the other, as it does here. What it asks for first is sent together with the line
of steps that follows, and when it asks for those, they are under way or made already: one hop for the whole line,
while each step keeps its own key, events, retries and kept result.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ..planners.plan import Step
from ..tools.errors import Cancelled, ToolError, UsageError
from ..tools.progress import Hook
from .calls import Call
from .lane import Cost, Failure, Outcome
from .pool import Listener
from .remote_errand import Errand, Load, Part, WorkerLost
from .remote_lines import Lines
from .remote_parcels import finder, line_of, parcel_of
from .store import Store

if TYPE_CHECKING:
    from .remote import Workers

RETRIES = 2
"""How often a call whose worker was lost is made again."""


class RemoteLane:
    """An `Executor`; any thread may ask it."""

    def __init__(
        self, workers: Workers, lines: Lines, store: Store | None, listener: Listener, ledger: Callable[[Cost], None]
    ) -> None:
        self._workers, self._lines, self._store = workers, lines, store
        self._listener, self._ledger = listener, ledger
        self._ahead: dict[str, tuple[Errand, int]] = {}
        """Step of a line → the task that makes it, and which part of that it is."""
        self._lock = threading.Lock()

    def attempt(self, calls: Sequence[Call], hook: Hook) -> list[Outcome]:
        """Make calls of one tool; whatever goes wrong, here or there, becomes an outcome that names it."""
        try:
            hook(0, 0)
            return self._attempt(calls, hook)
        except Cancelled as error:
            return [error] * len(calls)
        except (ToolError, UsageError) as error:
            return [Failure(str(error), retryable=getattr(error, "retryable", False))] * len(calls)
        except Exception as error:  # Ray has many errors of its own; none of them may end a lane
            return [Failure(f"tool {calls[0].tool.id!r} broke on its worker: {error}")] * len(calls)

    def _attempt(self, calls: Sequence[Call], hook: Hook) -> list[Outcome]:
        step = self._lines.step_of(calls[0]) if len(calls) == 1 else None
        keys = [call.key for call in calls]
        losses, reason = 0, ""
        while losses <= RETRIES:
            errand, number = self._under_way(step) or (self._send(calls, step, hook), 0)
            try:
                part = errand.wait(number, hook)
            except WorkerLost as error:
                losses, reason = losses + 1, str(error)
                self._listener("worker lost", {"worker": errand.slot.number, "reason": reason})
                self._lines.break_up(errand.steps)
                continue
            if part is not None and list(part.keys) == keys:
                return self._told(part, errand)
        message = f"tool {calls[0].tool.id!r} lost its worker {1 + RETRIES} times ({reason}); see Ray's logs, and "
        return [Failure(f"{message}whether the machine has the memory that it needs")] * len(calls)

    def _under_way(self, step: Step | None) -> tuple[Errand, int] | None:
        """Return the task that makes a step already; asked once, so that a retry is sent anew."""
        with self._lock:
            return self._ahead.pop(step.id, None) if step else None

    def _send(self, calls: Sequence[Call], step: Step | None, hook: Hook) -> Errand:
        """Send calls, and the line that follows, to the worker that has most of what they take."""
        source = calls[0].source
        following = self._lines.after(step, source) if step else []
        line = line_of(step, following, self._lines.catalogue, source) if step and following else None
        load = Load([parcel_of(call) for call in calls], line, finder(calls, line), self._known)
        # First, and without a worker: a value that was lost is made again by one.
        self._workers.offer(load.digests, load.find)
        slot = self._workers.take(load.digests, hook)
        errand = Errand(self._workers, slot, load, hook, [each.id for each in (step, *following) if each])
        with self._lock:
            self._ahead.update({each.id: (errand, number) for number, each in enumerate(following, 1)})
        return errand

    def _known(self, key: str) -> bool:
        try:
            return self._store is not None and self._store.find(key) is not None
        except UsageError:
            return False

    def _told(self, part: Part, errand: Errand) -> list[Outcome]:
        """Pass on what the calls took, and what became of models."""
        for cost in part.costs:
            self._ledger(Cost(**cost))
        for kind, facts in part.models:
            self._listener(kind, {**facts, "worker": errand.slot.number})
        return part.outcomes
