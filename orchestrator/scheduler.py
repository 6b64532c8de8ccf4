"""Which of the ready calls goes next: a pure choice, without threads, files or a clock.

    0  calls whose models are at work for another lane are not looked at, where a model does one thing at a time
    1  the run with the highest priority; among equals the one that has had the least lane time (fair)
    2  in it, calls whose models are in memory already; others only when there are none, or when one of
       them has waited longer than `patience` seconds (so that affinity delays, and never starves)
    3  among those, the call with the longest way to the end of its run
    4  together with it: waiting calls of the same tool and the same models, of any run, in one batch

The method of 1 is start-time fair queueing with equal weights (Goyal, Vin and Chen 1996), with measured seconds
as the service.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Collection, Set
from dataclasses import dataclass, field
from typing import Any, Literal

LaneKind = Literal["cpu", "device"]
LANES: tuple[LaneKind, ...] = ("cpu", "device")
PATIENCE_SECONDS = 5.0
"""How long a call waits at most for others whose models are in memory."""


@dataclass(eq=False, slots=True)
class Task:
    """One call that could start now."""

    run: str
    rank: float
    """Seconds from its start to the end of the run, along the longest way."""
    tool: str
    """Tool and version: equal names may share a batch."""
    models: frozenset[str] = frozenset()
    """Leases that it needs."""
    exclusive: frozenset[str] = frozenset()
    """Those of them that nobody else may have meanwhile."""
    batch: int = 1
    """How many such calls may run as one."""
    lane: LaneKind = "cpu"
    """Kind of lane that can take it."""
    since: float = 0.0
    """When it became ready, in seconds of any clock."""
    job: Any = None
    """The caller's own; not looked at."""


@dataclass
class _Queue:
    """The waiting calls of one run: a heap for each kind of lane, tool and set of models."""

    priority: int = 0
    served: float = 0.0
    """Lane seconds that the run has had, or what the least served run had when this one came."""
    paused: bool = False
    groups: dict[tuple[LaneKind, str, frozenset[str]], list[tuple[float, int, Task]]] = field(default_factory=dict)


class Scheduler:
    """The waiting calls of all runs."""

    def __init__(self, patience: float = PATIENCE_SECONDS) -> None:
        self.patience = patience
        self._runs: dict[str, _Queue] = {}
        self._order = itertools.count()
        self.waiting = dict.fromkeys(LANES, 0)
        """How many calls wait, by kind of lane."""

    def enter(self, run: str, priority: int = 0) -> None:
        """Let a run take part; it starts level with the run that has been served least."""
        level = min((queue.served for queue in self._runs.values()), default=0.0)
        self._runs[run] = _Queue(priority, level)

    def leave(self, run: str) -> None:
        """Forget a run and whatever of it still waits."""
        if run in self._runs:
            self.clear(run)
            del self._runs[run]

    def clear(self, run: str) -> list[Task]:
        """Take back and return everything that waits of one run."""
        queue = self._runs[run]
        tasks = [task for heap in queue.groups.values() for _, _, task in heap]
        queue.groups.clear()
        for task in tasks:
            self.waiting[task.lane] -= 1
        return tasks

    def set_priority(self, run: str, priority: int) -> None:
        """Runs of a higher priority go first."""
        self._runs[run].priority = priority

    def pause(self, run: str, paused: bool) -> None:
        """Keep a run from starting anything, or let it go on."""
        self._runs[run].paused = paused

    def served(self, run: str, seconds: float) -> None:
        """Note that a run has had a lane for so long."""
        if run in self._runs:
            self._runs[run].served += seconds

    def service(self, run: str) -> float:
        """Return how many lane seconds a run counts as having had."""
        return self._runs[run].served if run in self._runs else 0.0

    def add(self, task: Task) -> None:
        """Put a call in line."""
        heap = self._runs[task.run].groups.setdefault((task.lane, task.tool, task.models), [])
        heapq.heappush(heap, (-task.rank, next(self._order), task))
        self.waiting[task.lane] += 1

    def alone(self, task: Task) -> bool:
        """Say whether a call that is ready now would go next: nothing else waits, and it needs no model."""
        return not task.models and not any(self.waiting.values()) and not self._runs[task.run].paused

    def take(
        self, lane: LaneKind, resident: Collection[str] = (), busy: Set[str] = frozenset(), now: float = 0.0
    ) -> list[Task]:
        """Remove and return the calls that a free lane should make together; empty when there are none."""
        if not self.waiting[lane]:
            return []
        first = self._first(lane, resident, busy, now)
        if first is None:
            return []
        self._remove(first)
        batch = [first]
        if first.batch > 1:
            batch += self._alike(first)
        return batch

    def _first(self, lane: LaneKind, resident: Collection[str], busy: Set[str], now: float) -> Task | None:
        runs = [queue for queue in self._runs.values() if queue.groups and not queue.paused]
        if len(runs) > 1:
            runs.sort(key=lambda queue: (-queue.priority, queue.served))
        for queue in runs:
            heads = [
                heap[0][2]
                for (kind, _, models), heap in queue.groups.items()
                if kind == lane and not (busy and models & busy)
            ]
            if len(heads) < 2:
                if heads:
                    return heads[0]
                continue
            late = [task for task in heads if now - task.since > self.patience]
            ready = [task for task in heads if task.models.issubset(resident)]
            if late:
                return min(late, key=lambda task: task.since)
            return max(ready or heads, key=lambda task: task.rank)
        return None

    def _remove(self, task: Task) -> None:
        group = (task.lane, task.tool, task.models)
        groups = self._runs[task.run].groups
        heapq.heappop(groups[group])
        if not groups[group]:
            del groups[group]
        self.waiting[task.lane] -= 1

    def _alike(self, first: Task) -> list[Task]:
        """Remove and return the calls that go with `first`, the longest ways first, its own run's before others'."""
        group = (first.lane, first.tool, first.models)
        found: list[Task] = []
        runs = [first.run, *(run for run in self._runs if run != first.run and not self._runs[run].paused)]
        for run in runs:
            while len(found) < first.batch - 1 and self._runs[run].groups.get(group):
                task = self._runs[run].groups[group][0][2]
                self._remove(task)
                found.append(task)
        return found
