"""One run of one plan: decides what happens next. The engine's page says how the work is shared out.

The thread that calls `drive` waits, passes events on and looks after cancel, pause and timeouts. The lanes make calls;
each of them takes in what its call gave (`take_in`), which starts whatever can start now. All decisions are made
under the one lock of the lanes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from ..planners.plan import Plan, Step
from ..tools.errors import Cancelled, ToolError, UsageError
from ..tools.tool import Tool
from ..tools.values import Value
from .calls import Binder, Call, Held, Result, conditions, truth
from .engine import Engine, Status, StepRecord
from .foresight import Foresight
from .holdings import Holdings, together
from .jobs import Job, Piece
from .lane import Failure, Outcome, measured_name
from .log import Event
from .policy import Control, Policy
from .scheduler import LaneKind, Task
from .state import Ending, Node, RunState
from .telling import Teller

_POLL_SECONDS = 0.05
_SLOW_SECONDS = 0.05
"""From here on the log says that a step runs before it does, so that one that kills the process is known by name."""


class Execution:
    """The run. `careful` makes the start of every step durable; `doomed` names steps that are not tried again."""

    def __init__(
        self,
        engine: Engine,
        plan: Plan,
        nodes: Mapping[str, Node],
        inputs: Mapping[str, Result],
        run: str,
        *,
        policy: Policy,
        control: Control,
        careful: bool = False,
        doomed: Mapping[str, str] | None = None,
    ) -> None:
        self.control = control
        self._engine, self._run, self._policy = engine, run, policy
        self._lanes, self._careful, self._doomed = engine.lanes, careful, doomed or {}
        self._steps = {step.id: step for step in (*plan.steps, *plan.checked_steps()) if step.id in nodes}
        self._nodes = nodes
        self._kept = {output.removeprefix("$") for output in plan.outputs} | set(inputs)
        self._kept |= {check.id for check in plan.checked_steps()}
        self._conditions = conditions(list(self._steps.values()))
        self.values = Holdings(engine.store, self._again)
        self._bind = Binder(engine.profile, self.values).bind
        for name, result in inputs.items():
            self.values.put(name, Held.of(result))
        truths = {name: truth(result) for name, result in inputs.items() if name in self._conditions}
        self._state = RunState(nodes, truths)
        self._foresight = Foresight(engine, self._steps, self._state, inputs)
        self._tools = {step.tool: engine.catalogue[step.tool] for step in self._steps.values()}
        self._ways = {name: self._way(tool) for name, tool in self._tools.items()}
        self._users = {name: self._state.graph.out_degree(name) for name in nodes}
        self._records: dict[str, StepRecord] = {}
        self._jobs: dict[str, Job] = {}
        self._running: set[Piece] = set()
        self._tasks: list[Task] = []
        self._over = threading.Event()
        self._broken: BaseException | None = None
        self._teller = Teller(engine, run)
        self.emit = self._teller.emit
        self.executor = engine.executor(engine, self._teller.of_models, self._teller.cost)

    def drive(self, on_event: Callable[[Event], None]) -> list[StepRecord]:
        """Run to the end and return the records in the order of the plan; `on_event` is called on this thread."""
        with self.control.interruptible(), self._teller.keeper:
            try:
                if self._engine.store is not None:
                    self._engine.store.look_again()
                self._begin_run()
                while not self._over.wait(_POLL_SECONDS):
                    self._teller.pass_on(on_event)
                    self._look_after()
                self._confirm()
            except BaseException:
                self.control.cancel()  # whatever went wrong here, the lanes must not go on for nothing
                raise
            finally:
                with self._lanes.lock:
                    self._lanes.leave(self._run)
                self.control.attach(lambda: None)
        self._teller.pass_on(on_event)
        self.values.close()
        self._jobs.clear()
        if self._broken is not None:
            raise self._broken
        return [self._records[name] for name in self._nodes]

    # Deciding: all of it under the lock

    def _begin_run(self) -> None:
        with self._lanes.lock:
            self._lanes.scheduler.enter(self._run, self._policy.priority)
            self.control.attach(self._look_after)
            self._take(self._state.begin())
            self._steer()
            self._launch()

    def _launch(self, add: Callable[[list[Task]], Task | None] | None = None) -> Task | None:
        """Settle or queue every ready step; return what `add` does, which puts calls in line."""
        while self._state.ready:
            for name in tuple(self._state.ready):
                self._state.start(name)
                self._begin(self._steps[name])
        following = None
        if self._tasks:
            tasks, self._tasks = self._tasks, []
            following = (add or self._lanes.add)(tasks)
        if self._state.over:
            self._over.set()
        return following

    def _begin(self, step: Step) -> None:
        reason = self._doomed.get(step.id)
        try:
            calls = [] if reason else self._bind(step, self._tools[step.tool])
        except (ToolError, UsageError, Cancelled) as error:
            reason = str(error)
        if reason:
            self._end(Job(step, [], [], error=reason))
            return
        job = Job(step, calls, [self._find(call) for call in calls])
        if job.complete:
            self._end(job)
            return
        self._jobs[step.id] = job
        self._tasks += [self._task(Piece(self, job, i)) for i, held in enumerate(job.results) if held is None]

    def _find(self, call: Call) -> Held | None:
        store = self._engine.store
        try:
            stored = store.find(call.key) if store else None
        except UsageError as error:
            self._teller.warn(error)
            return None
        return Held(stored.digests, stored.many) if stored else None

    def _task(self, piece: Piece) -> Task:
        rank = self._foresight.rank[piece.job.step.id]
        return Task(self._run, rank, *self._ways[piece.job.step.tool], time.monotonic(), piece)

    def _way(self, tool: Tool) -> tuple[str, frozenset[str], int, LaneKind]:
        """Return what a task of a tool asks of the scheduler: like calls, models, batch, kind of lane."""
        alike = tool.batch is not None and (self._policy.batch_generative or not tool.generative)
        kind: LaneKind = "device" if tool.models and self._lanes.size["device"] else "cpu"
        leases = frozenset(self._engine.leases(tool))
        return measured_name(tool.id, tool.version), leases, tool.batch_size if alike else 1, kind

    def started(self, piece: Piece) -> None:
        """Note that a lane begins with a call; under the lock."""
        job = piece.job
        self._running.add(piece)
        job.active += 1
        if not job.computed:
            job.computed = True
            self.emit("step started", job.step.id, {"tool": job.step.tool})
        if self._foresight.bindings:
            self._look_ahead(job.step)

    def _look_ahead(self, step: Step) -> None:
        """Tell the pool what comes after a step that begins, and let it bring the next model meanwhile."""
        engine, bindings = self._engine, self._foresight.bindings
        steps = self._foresight.ahead(self._state.ended, self._state.running)
        now = engine.leases(engine.catalogue[step.tool])
        uses = self._lanes.foresee(self._run, steps, now, self._foresight.expected(step.tool))
        pool, profile = engine.pool, engine.profile
        missing = {lease: wait for lease, wait in uses.items() if wait > 0 and lease in bindings}
        missing = {lease: wait for lease, wait in missing.items() if lease not in pool.resident()}
        if missing:
            binding = bindings[min(missing, key=missing.__getitem__)]
            pool.prefetch(binding, device=profile.device, dtype=profile.dtype, listener=self._teller.of_models)

    def about_to_make(self, piece: Piece) -> None:
        """Make it known for good that a step runs, where that may matter; on the lane, outside of the lock."""
        if self._careful or self._foresight.expected(piece.call.tool.id) > _SLOW_SECONDS:
            self._teller.keeper.flush()

    def take_in(self, piece: Piece, outcome: Outcome, seconds: float, *, alone: bool = False) -> Task | None:
        """Take in what one call gave, on the lane that made it; return what the lane goes on with, if that is known.

        `alone`: the call was no part of a batch, so that the lane has nothing else to take in.
        """
        try:
            if isinstance(outcome, Held) and not piece.expired:
                self._teller.keep(piece.call.key, outcome.result)
            with self._lanes.lock:
                self._running.discard(piece)
                self._lanes.scheduler.served(self._run, seconds)
                if self.control.cancelled.is_set():
                    self._steer()  # first: what waits for a step that gave up is then cancelled, not skipped
                if not piece.expired:
                    self._done(piece, outcome, seconds)
                    return self._launch(self._lanes.go_on if alone else self._lanes.add)
        except BaseException as error:  # a fault of the engine itself: the thread that drives raises it
            self._broken = error
            self._over.set()
        return None

    def _done(self, piece: Piece, outcome: Outcome, seconds: float) -> None:
        job = piece.job
        job.active -= 1
        job.seconds += seconds
        if isinstance(outcome, Held):
            job.results[piece.index] = outcome
        elif isinstance(outcome, Failure):
            if outcome.retryable and piece.tries < self._policy.retries and not job.dead:
                piece.tries += 1
                self.emit("step retried", job.step.id, {"reason": outcome.message, "tries": piece.tries})
                self._tasks.append(self._task(piece))
                return
            job.error = job.error or outcome.message
            if outcome.trace:
                self.emit("note", job.step.id, {"traceback": outcome.trace})
        else:
            job.stopped = job.stopped or str(outcome)
        if job.dead:
            self._unqueue(job)
        self._end_if_idle(job)

    def _end_if_idle(self, job: Job) -> None:
        if not job.active and (job.dead or job.complete):
            self._end(job)

    def _end(self, job: Job) -> None:
        """End a step whose calls are all in."""
        name = job.step.id
        self._jobs.pop(name, None)
        answer = None
        if job.error is None and job.complete:
            self.values.put(name, together([h for h in job.results if h], job.step.for_each is not None))
            try:
                answer = truth(self.values.value(name)) if name in self._conditions else None
            except (ToolError, UsageError, Cancelled) as error:
                job.error = str(error)
        if job.error is not None:
            self._record(name, "failed", job.seconds, job.error)
            self._take(self._state.fail(name, job.error))
        elif not job.complete:
            reason = job.stopped or "the run was cancelled"
            self._record(name, "cancelled", job.seconds, reason)
            self._take(self._state.stop(name, reason))
        else:
            self._record(name, "done" if job.computed else "cached", job.seconds)
            self._take(self._state.finish(name, answer))

    def _take(self, endings: list[Ending]) -> None:
        """Record steps that ended because others did, and let go of values that nobody waits for."""
        for ending in endings:
            name = ending.step
            source = self._nodes[name].through
            if ending.status == "passed through" and source:
                self.values.put(name, self.values.held(source))
            if name not in self._records:
                self._record(name, ending.status, error=ending.reason)
            for before in self._state.graph.predecessors(name):
                self._users[before] -= 1
                self._let_go(before)
            self._let_go(name)

    def _let_go(self, name: str) -> None:
        if not self._users[name] and name not in self._kept and name in self._state.ended:
            self.values.let_go(name)

    def _record(self, name: str, status: Status, seconds: float = 0.0, error: str | None = None) -> None:
        held = self.values.find(name) if error is None or status == "passed through" else None
        digests = held.digests if held else ()
        values = self.values
        tool = self._steps[name].tool
        self._records[name] = StepRecord(name, tool, status, seconds, digests, error, lambda: values.lasting(held))
        kind = "finished" if status in ("done", "cached") else status
        facts: dict[str, Any] = {"seconds": seconds, "cached": status == "cached", "digests": digests}
        self.emit(f"step {kind}", name, facts if error is None else {**facts, "reason": error})

    # Steering

    def _look_after(self) -> None:
        """Do what was asked of the control, and give up on calls that take too long."""
        with self._lanes.lock:
            self._steer()
            self._expire()
            self._launch()

    def _steer(self) -> None:
        if self._state.over:
            return
        if self.control.cancelled.is_set():
            if not self._state.cancelled:
                self._stop_waiting()
            return
        for name in self.control.stopped_steps & self._nodes.keys() - self._state.ended.keys():
            self._stop_step(name)
        self._lanes.scheduler.pause(self._run, self.control.paused)
        if self.control.priority is not None:
            self._lanes.scheduler.set_priority(self._run, self.control.priority)
        self._lanes.wake()

    def _stop_waiting(self) -> None:
        self._lanes.scheduler.clear(self._run)
        self._tasks.clear()
        self._take(self._state.cancel())
        for job in tuple(self._jobs.values()):
            job.stopped = "the run was cancelled"
            self._end_if_idle(job)

    def _stop_step(self, name: str) -> None:
        reason = f"step {name!r} was cancelled"
        if name not in self._jobs:
            self._take(self._state.drop(name, reason))
            return
        job = self._jobs[name]
        job.stopped = reason
        self._unqueue(job)
        self._end_if_idle(job)

    def _unqueue(self, job: Job) -> None:
        """Take back the calls of a step that no lane has begun with."""
        if len(job.calls) > job.active:
            self._tasks += [task for task in self._lanes.scheduler.clear(self._run) if task.job.job is not job]

    def _expire(self) -> None:
        """Fail steps that have been on a lane for too long; the lane is replaced should the call not give up."""
        limit, now = self._policy.step_timeout, time.monotonic()
        for piece in [piece for piece in self._running if limit and now - piece.since > limit]:
            piece.expired = True
            self._running.discard(piece)
            if piece.thread:
                self._lanes.replace(piece.thread)
            piece.job.active -= 1
            piece.job.seconds += now - piece.since
            piece.job.error = f"tool {piece.call.tool.id!r} took longer than {limit:g} s; give it more time"
            self._unqueue(piece.job)
            self._end_if_idle(piece.job)

    # What is known

    def _confirm(self) -> None:
        """Load what the run is for; a result that can be neither loaded nor made again fails its step."""
        for name in self._kept & self._records.keys():
            if self.values.find(name) is None or self._records[name].status == "failed":
                continue
            try:
                self.values.value(name)
            except (ToolError, UsageError, Cancelled) as error:
                self._record(name, "failed", self._records[name].seconds, str(error))

    def _again(self, name: str) -> tuple[Value, ...]:
        """Compute a lost result once more."""
        while name in self._records and self._records[name].status == "passed through":
            name = self._nodes[name].through or name
        if name not in self._steps:
            return _as_list(self.values.value(name))
        step = self._steps[name]
        calls = self._bind(step, self._tools[step.tool])
        results = [self._once_more(call) for call in calls]
        for call, result in zip(calls, results, strict=True):
            self._teller.keep(call.key, result)
        return tuple(value for result in results for value in _as_list(result))

    def _once_more(self, call: Call) -> Result:
        outcome = self.executor.attempt([call], lambda done, total: self._check_cancel())[0]
        if isinstance(outcome, Failure):
            raise ToolError(outcome.message)
        if isinstance(outcome, Cancelled):
            raise outcome
        return outcome.result

    def _check_cancel(self) -> None:
        if self.control.cancelled.is_set():
            raise Cancelled("the run was cancelled")


def _as_list(result: Result) -> tuple[Value, ...]:
    return result if isinstance(result, tuple) else (result,)
