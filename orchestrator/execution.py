"""One run of one plan: decides what happens next. The engine's page says how the work is shared out.

The thread that calls `drive` waits, passes events on and looks after cancel, pause and timeouts. The lanes make calls;
each of them takes in what its call gave (`take_in`), which starts whatever can start now. All decisions are made
under the one lock of the lanes. One step goes this way:

    _begin ── its result is known ───────────────────────────────────────────────────▶ endings.done
       └──▶ lanes.add ──▶ started ──▶ about_to_make ──▶ (executor) ──▶ take_in ──▶ endings.end ──▶ _launch, the next

A step that follows alone from another one does not wait in line: the lane that has made the other goes on with it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping

from ..planners.plan import Plan, Step
from ..tools.errors import Cancelled, ToolError, UsageError
from ..tools.tool import Tool
from .calls import Binder, Call, Held, Result, conditions, truth
from .endings import Endings
from .engine import Engine, StepRecord
from .foresight import Foresight
from .holdings import Holdings
from .jobs import Job, Piece
from .lane import Failure, Outcome, measured_name
from .log import Event
from .policy import Control, Policy
from .remaking import Remaker
from .scheduler import LaneKind, Task
from .state import RunState
from .structure import Node
from .telling import Teller
from .under_way import UnderWay

_POLL_SECONDS = 0.05
_SLOW_SECONDS = 0.05
"""From here on the log says that a step runs before it does, so that one that kills the process is known by name. Of
quicker ones it says so only when they run while the run is looked after: their end says as much."""


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
        checks = plan.checked_steps()
        steps = {step.id: step for step in (*plan.steps, *checks) if step.id in nodes}
        self._steps, self._nodes = steps, nodes
        self._kept = {*inputs, *(output[1:] for output in plan.outputs), *(check.id for check in checks)}
        self._teller = Teller(engine, run)
        self.emit = self._teller.emit
        self.executor = engine.executor(engine, self._teller.of_models, self._teller.cost)
        values = self._values = Holdings(engine.store, lambda name: self._remaker.again(name))
        for name, result in inputs.items():
            values.put(name, Held.of(result))
        self._bind = Binder(engine.profile, values).bind
        asked = conditions(list(steps.values()))
        self._state = RunState(nodes, {name: truth(result) for name, result in inputs.items() if name in asked})
        self._endings = Endings(self._state, nodes, steps, values, self._kept, asked, self.emit)
        self._remaker = Remaker(
            engine.catalogue, nodes, steps, values, self._endings, self._bind, self.executor, self._teller, control
        )
        self._foresight = Foresight(engine, steps, self._state, inputs)
        self._tools = {step.tool: engine.catalogue[step.tool] for step in steps.values()}
        self._ways = {name: self._way(tool) for name, tool in self._tools.items()}
        self._under_way = UnderWay(run, engine.lanes, self._state, self._endings, control, policy)
        self._over = threading.Event()
        self._broken: BaseException | None = None

    def drive(self, on_event: Callable[[Event], None]) -> list[StepRecord]:
        """Run to the end and return the records in the order of the plan; `on_event` is called on this thread."""
        try:
            with self.control.interruptible(), self._teller.keeper:
                self._see_through(on_event)
        finally:
            self._values.close()
            self._under_way.jobs.clear()
        self._teller.pass_on(on_event)
        if self._broken is not None:
            raise self._broken
        return [self._endings.records[name] for name in self._nodes]

    def _see_through(self, on_event: Callable[[Event], None]) -> None:
        """Begin the run, look after it until it is over, and leave the lanes."""
        try:
            if self._engine.store is not None:
                self._engine.store.look_again()
            with self._lanes.lock:
                self._lanes.scheduler.enter(self._run, self._policy.priority)
                self.control.attach(self._look_after)
                self._endings.take(self._state.begin())
                self._under_way.steer()
                self._launch()
            while not self._over.wait(_POLL_SECONDS):
                self._teller.keeper.start()
                self._teller.pass_on(on_event)
                self._look_after()
            self._remaker.confirm(self._kept)
        except BaseException:
            self.control.cancel()  # whatever went wrong here, the lanes must not go on for nothing
            raise
        finally:
            with self._lanes.lock:
                self._lanes.leave(self._run)
            self.control.attach(lambda: None)

    # Deciding: all of it under the lock

    def _look_after(self) -> None:
        """Do what was asked of the control, give up on calls that take too long, and say what is still running."""
        with self._lanes.lock:
            self._under_way.steer()
            self._under_way.expire()
            for piece in self._under_way.pieces:
                self._announce(piece.job)
            self._launch()

    def _launch(self, add: Callable[[list[Task]], Task | None] | None = None) -> Task | None:
        """Settle or queue every ready step; return what `add` does, which puts calls in line."""
        while names := self._state.start_ready():
            for name in names:
                self._begin(self._steps[name])
        following = None
        if tasks := self._under_way.tasks:
            self._under_way.tasks = []
            following = (add or self._lanes.add)(tasks)
        if self._state.over:
            self._over.set()
        return following

    def _begin(self, step: Step) -> None:
        """End a step whose result is known; put the calls of any other in line."""
        try:
            if step.id in self._doomed:
                raise ToolError(self._doomed[step.id])
            calls = self._bind(step, self._tools[step.tool])
        except (ToolError, UsageError, Cancelled) as error:
            self._endings.end(Job(step, [], [], 0, error=str(error)))
            return
        results = [self._find(call) for call in calls]
        missing = [number for number, held in enumerate(results) if held is None]
        if not missing:
            self._endings.done(step, results, "cached")
            return
        job = self._under_way.jobs[step.id] = Job(step, calls, results, len(missing))
        for number in missing:
            self._under_way.tasks.append(self._task(Piece(self, job, number, calls[number])))

    def _find(self, call: Call) -> Held | None:
        store = self._engine.store
        try:
            stored = store.find(call.key) if store else None
        except UsageError as error:
            self._teller.warn(error)
            return None
        return Held(stored.digests, stored.many) if stored else None

    def _task(self, piece: Piece) -> Task:
        step = piece.job.step
        return Task(self._run, self._foresight.rank[step.id], *self._ways[step.tool], time.monotonic(), piece)

    def _way(self, tool: Tool) -> tuple[str, frozenset[str], frozenset[str], int, LaneKind]:
        """Return what a task of a tool asks of the scheduler: like calls, models, those for itself, batch, lane."""
        leases = self._engine.leases(tool)
        exclusive = frozenset(lease for lease, binding in leases.items() if not binding.model.concurrent)
        alike = tool.batch is not None and (self._policy.batch_generative or not tool.generative)
        # Where several lanes may use a model at once, each makes one call rather than one of them all.
        batch = tool.batch_size if alike and len(exclusive) == len(leases) else 1
        kind: LaneKind = "device" if tool.models and self._lanes.size["device"] else "cpu"
        return measured_name(tool.id, tool.version), frozenset(leases), exclusive, batch, kind

    def started(self, piece: Piece) -> None:
        """Note that a lane begins with a call; under the lock."""
        job = piece.job
        self._under_way.pieces.add(piece)
        job.active += 1
        if self._slow(job.step):
            self._announce(job)
        if self._foresight.bindings:
            uses = self._lanes.foresee(self._run, *self._foresight.ahead(job.step, self._state))
            self._foresight.prefetch(uses, self._teller.of_models)

    def about_to_make(self, piece: Piece) -> None:
        """Make it known for good that a step runs, where that may matter; on the lane, outside of the lock."""
        if self._slow(piece.job.step):
            self._teller.keeper.flush()

    def _slow(self, step: Step) -> bool:
        """Say whether a step is to be known before it runs."""
        return self._careful or self._foresight.expected(step.tool) > _SLOW_SECONDS

    def _announce(self, job: Job) -> None:
        if not job.announced:
            job.announced = True
            self.emit("step started", job.step.id, {"tool": job.step.tool})

    def take_in(self, piece: Piece, outcome: Outcome, seconds: float, *, alone: bool = False) -> Task | None:
        """Take in what one call gave, on the lane that made it; return what the lane goes on with, if that is known.

        `alone`: the call was no part of a batch, so that the lane has nothing else to take in.
        """
        try:
            if isinstance(outcome, Held) and not piece.expired:
                self._teller.keep(piece.call.key, outcome)
            with self._lanes.lock:
                self._under_way.pieces.discard(piece)
                self._lanes.scheduler.served(self._run, seconds)
                if self.control.cancelled.is_set():
                    self._under_way.steer()  # first: what waits for a step that gave up is then cancelled, not skipped
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
            job.missing -= 1
        elif isinstance(outcome, Failure):
            if outcome.retryable and piece.tries < self._policy.retries and not job.dead:
                piece.tries += 1
                self.emit("step retried", job.step.id, {"reason": outcome.message, "tries": piece.tries})
                self._under_way.tasks.append(self._task(piece))
                return
            job.error = job.error or outcome.message
            if outcome.trace:
                self.emit("note", job.step.id, {"traceback": outcome.trace})
        else:
            job.stopped = job.stopped or str(outcome)
        if job.dead:
            self._under_way.give_up(job)
        else:
            self._under_way.end_if_idle(job)
