"""How the steps of one run end: their records and events, and the values that are held and let go.

All of it is used under the one lock of the lanes, but for `records`, which are read when the run is over.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from ..planners.plan import Step
from ..tools.errors import Cancelled, ToolError, UsageError
from .calls import Held, truth
from .engine import Status, StepRecord
from .holdings import Holdings, together
from .jobs import Job
from .state import Ending, RunState
from .structure import Node

_EVENTS: dict[Status, str] = {
    "done": "step finished",
    "cached": "step finished",
    "failed": "step failed",
    "skipped": "step skipped",
    "passed through": "step passed through",
    "cancelled": "step cancelled",
}


class Endings:
    """Takes down how steps end and what follows from it; `kept` are the names whose values stay in memory."""

    def __init__(
        self,
        state: RunState,
        nodes: Mapping[str, Node],
        steps: Mapping[str, Step],
        values: Holdings,
        kept: Collection[str],
        conditions: Collection[str],
        emit: Callable[[str, str, Mapping[str, Any]], None],
    ) -> None:
        self.records: dict[str, StepRecord] = {}
        self._state, self._nodes, self._steps = state, nodes, steps
        self._values, self._kept, self._conditions, self._emit = values, kept, conditions, emit
        self._users = {name: len(after) for name, after in state.graph.after.items()}
        """Step → how many steps that need it have not ended."""

    def end(self, job: Job) -> None:
        """End a step whose calls are all in."""
        name = job.step.id
        if job.error is not None:
            self._fail(name, job.error, job.seconds)
        elif job.complete:
            self.done(job.step, job.results, "done", job.seconds)
        else:
            reason = job.stopped or "the run was cancelled"
            self.record(name, "cancelled", job.seconds, reason)
            self.take(self._state.stop(name, reason))

    def done(self, step: Step, results: Sequence[Held | None], status: Status, seconds: float = 0.0) -> None:
        """End a step that has a result for each of its calls."""
        name, held = step.id, results[0] if step.for_each is None else together(results)
        assert held is not None
        self._values.put(name, held)
        answer = None
        if name in self._conditions:
            try:
                answer = truth(self._values.value(name))
            except (ToolError, UsageError, Cancelled) as error:
                self._fail(name, str(error), seconds)
                return
        self.record(name, status, seconds, held=held)
        self.take(self._state.finish(name, answer))

    def _fail(self, name: str, reason: str, seconds: float) -> None:
        self.record(name, "failed", seconds, reason)
        self.take(self._state.fail(name, reason))

    def take(self, endings: list[Ending]) -> None:
        """Record steps that ended because others did, and let go of values that nobody waits for."""
        for ending in endings:
            name = ending.step
            if name not in self.records:
                self._follow(name, ending.status, ending.reason)
            for before in self._state.graph.before[name]:
                self._users[before] -= 1
                if not self._users[before] and before in self._state.ended:
                    self._let_go(before)
            if not self._users[name]:
                self._let_go(name)

    def _follow(self, name: str, status: Status, reason: str) -> None:
        """Record a step that did not run."""
        source = self._nodes[name].through
        held = self._values.held(source) if status == "passed through" and source else None
        if held:
            self._values.put(name, held)
        self.record(name, status, error=reason, held=held)

    def _let_go(self, name: str) -> None:
        if name not in self._kept:
            self._values.let_go(name)

    def record(
        self, name: str, status: Status, seconds: float = 0.0, error: str | None = None, held: Held | None = None
    ) -> None:
        """Write down how a step ended, for the caller and for the log."""
        digests = held.digests if held else ()
        tool, values = self._steps[name].tool, self._values
        self.records[name] = StepRecord(name, tool, status, seconds, digests, error, held, values)
        facts: dict[str, Any] = {"seconds": seconds, "cached": status == "cached", "digests": digests}
        if error is not None:
            facts["reason"] = error
        self._emit(_EVENTS[status], name, facts)
