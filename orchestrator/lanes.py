"""The threads that make calls, shared by all runs of a process.

A lane that has made a call also decides, under the one lock of all runs, what follows from it, and goes on with the
next call itself: nothing waits for another thread to wake up. Lanes start when there is work and end when they have
been idle for a while.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from .pool import ModelPool
from .scheduler import LANES, PATIENCE_SECONDS, LaneKind, Scheduler, Task
from .turns import Ahead, next_uses

_IDLE_SECONDS = 2.0


class Job(Protocol):
    """What a task carries: one call of some run."""

    def start(self, thread: threading.Thread) -> None:
        """Note that a lane begins with the call; under the lock."""

    def make(self, batch: Sequence[Task]) -> Task | None:
        """Make the calls of a batch and let each one's run take in what it gave; outside the lock.

        Returns what `go_on` gave the lane to go on with, if it did.
        """


class Lanes:
    """`cpu` lanes for work on the host and `device` lanes, one per GPU, for tools that need a model there.

    `pool` holds the models that their tools use: those that are in memory go first.
    """

    def __init__(self, pool: ModelPool, cpu: int, device: int = 0, *, patience: float = PATIENCE_SECONDS) -> None:
        if cpu < 1 or device < 0:
            raise ValueError(f"{cpu} CPU lanes and {device} device lanes cannot run anything; give at least 1 and 0")
        self.lock = threading.RLock()
        """Held while anything is decided, in any run."""
        self.scheduler = Scheduler(patience)
        self.size: dict[LaneKind, int] = {"cpu": cpu, "device": device}
        self._pool = pool
        self._ahead: dict[str, tuple[float, Sequence[tuple[Collection[str], float]]]] = {}
        self._work = {kind: threading.Condition(self.lock) for kind in LANES}
        self._idle = dict.fromkeys(LANES, 0)
        self._busy: frozenset[str] = frozenset()
        self._threads: dict[threading.Thread, LaneKind] = {}

    def go_on(self, tasks: Sequence[Task]) -> Task | None:
        """Put the calls in line that follow from what the lane which asks has just made; hold the lock.

        When there is one, and nothing else waits anywhere, the lane can save itself the line: it is begun and returned.
        """
        me = threading.current_thread()
        if len(tasks) == 1 and tasks[0].lane == self._threads.get(me) and self.scheduler.alone(tasks[0]):
            tasks[0].job.start(me)
            return tasks[0]
        self.add(tasks)
        return None

    def add(self, tasks: Sequence[Task]) -> None:
        """Put calls in line and see that a lane takes them. Hold the lock."""
        for task in tasks:
            self.scheduler.add(task)
        # A lane that adds work looks for work itself next: it needs no help with one call.
        mine = self._threads.get(threading.current_thread())
        for kind in {task.lane for task in tasks}:
            self._wake(kind, self.scheduler.waiting[kind] - (kind == mine))

    def wake(self) -> None:
        """Let lanes look again for what they may do now: a pause is over. Hold the lock."""
        for kind in LANES:
            self._wake(kind, self.scheduler.waiting[kind])

    def leave(self, run: str) -> None:
        """Forget a run. Hold the lock."""
        self.scheduler.leave(run)
        if self._ahead.pop(run, None) is not None:
            self._foretell((), 0.0)

    def foresee(
        self, run: str, steps: Sequence[tuple[Collection[str], float]], now: Collection[str], seconds: float
    ) -> Mapping[str, float]:
        """Tell the pool what a run that begins a step will need, and when; hold the lock.

        `steps` are (leases, expected seconds) of its steps to come, the next one first, `now` the leases of the step
        that begins, and `seconds` what it will probably take. Returns lease → seconds until its next use in any run.
        """
        self._ahead[run] = (seconds, steps)
        return self._foretell(now, seconds)

    def _foretell(self, now: Collection[str], wait: float) -> Mapping[str, float]:
        served = self.scheduler.service
        runs = [Ahead(served(run) + seconds, steps) for run, (seconds, steps) in self._ahead.items()]
        uses = {**next_uses(runs, wait), **dict.fromkeys(now, 0.0)}
        self._pool.expect(uses)
        return uses

    def replace(self, thread: threading.Thread) -> None:
        """Put another lane in the place of one that is stuck; it ends should its call ever return. Hold the lock."""
        kind = self._threads.pop(thread, None)
        if kind:
            self._wake(kind, self.scheduler.waiting[kind])

    def _wake(self, kind: LaneKind, calls: int) -> None:
        if calls <= 0:
            return
        self._work[kind].notify(calls)
        alive = sum(own == kind for own in self._threads.values())
        for _ in range(min(calls - self._idle[kind], self.size[kind] - alive)):
            # A daemon: a call that never returns must not keep the process from ending.
            thread = threading.Thread(target=self._run, args=(kind,), name=f"diptych-{kind}", daemon=True)
            self._threads[thread] = kind
            thread.start()

    def _run(self, kind: LaneKind) -> None:
        me = threading.current_thread()
        while True:
            with self.lock:
                batch = self._next(kind) if me in self._threads else []
                if not batch:
                    self._threads.pop(me, None)
                    return
                exclusive = batch[0].exclusive
                if exclusive:
                    self._busy |= exclusive
                for task in batch:
                    task.job.start(me)
                self._wake(kind, self.scheduler.waiting[kind])
            following = batch[0].job.make(batch)
            if exclusive:
                with self.lock:
                    self._busy -= exclusive
            while following:
                following = following.job.make([following])
            del batch  # an idle lane must not keep the pictures of a run that is over

    def _next(self, kind: LaneKind) -> list[Task]:
        """Return the next batch, after a wait if need be; empty when nothing has come for a while."""
        batch = self._take(kind)
        while not batch:
            self._idle[kind] += 1
            told = self._work[kind].wait(_IDLE_SECONDS)
            self._idle[kind] -= 1
            batch = self._take(kind)
            if not told:
                break
        return batch

    def _take(self, kind: LaneKind) -> list[Task]:
        if not self.scheduler.waiting[kind]:
            return []
        return self.scheduler.take(kind, self._pool.resident(), self._busy, time.monotonic())
