"""One run of one plan: decides what happens next. The engine's page says how the work is shared out.

Everything here happens on the thread that called `drive`, except `value` and `_again` (lanes load their inputs)
and `_save` and `_remember` (the I/O lane). The lanes answer by putting a function into the message queue.
"""

from __future__ import annotations

import heapq
import itertools
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ..planners.plan import Plan, Step
from ..tools.errors import Cancelled, ToolError, UsageError
from ..tools.progress import Hook
from ..tools.values import Value
from .calls import Call, Held, Result, bind, conditions, truth
from .engine import Engine, Status, StepRecord
from .estimates import megapixels
from .lane import Cost, Failure, Lane, Outcome, measured_name
from .log import Event
from .state import Ending, Node, RunState, remaining_path

PROGRESS_SECONDS = 0.1
"""Progress of one step is reported at most this often."""
_POLL_SECONDS = 0.1
_UNKNOWN_SECONDS = 1.0
"""What a step that was never measured counts for in the longest way."""


@dataclass(eq=False)
class _Job:
    """One step while it runs: its calls, and what they gave so far."""

    step: Step
    calls: list[Call]
    results: list[Held | None]
    active: int = 0
    to_store: int = 0
    """Computed results that the I/O lane has not laid down yet."""
    seconds: float = 0.0
    computed: bool = False
    error: str | None = None
    stopped: bool = False
    told: float = 0.0

    @property
    def dead(self) -> bool:
        return self.stopped or self.error is not None


class Execution:
    """The run; `held` and `value` make it the source that calls take their inputs from."""

    def __init__(
        self,
        engine: Engine,
        plan: Plan,
        nodes: Mapping[str, Node],
        inputs: Mapping[str, Result],
        run: str,
        on_event: Callable[[Event], None],
        cancel: threading.Event,
    ) -> None:
        self._engine, self._run, self._on_event, self._cancel = engine, run, on_event, cancel
        self._steps = {step.id: step for step in (*plan.steps, *plan.checked_steps()) if step.id in nodes}
        self._nodes = nodes
        self._store = engine.store
        self._records: dict[str, StepRecord] = {}
        self._held = {name: Held.of(result) for name, result in inputs.items()}
        self._kept = {output.removeprefix("$") for output in plan.outputs} | set(inputs)
        self._kept |= {check.id for check in plan.checked_steps()}
        self._stored: set[str] = set()
        self._conditions = conditions(list(self._steps.values()))
        truths = {name: truth(result) for name, result in inputs.items() if name in self._conditions}
        self._state = RunState(nodes, truths)
        self._rank = remaining_path(self._state.graph, self._costs(inputs))
        self._tasks: list[tuple[float, int, _Job, int]] = []
        self._order = itertools.count()
        self._active = 0
        self._messages: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._healing = threading.RLock()
        self._lane = Lane(engine.profile, engine.pool, self._tell_of_models, self._note_cost)

    def drive(self) -> list[StepRecord]:
        """Run to the end and return the records in the order of the plan."""
        with (
            _interruptible(self._cancel),
            ThreadPoolExecutor(1, "diptych-io") as self._io,
            ThreadPoolExecutor(self._engine.lanes, "diptych-lane") as self._cpu,
        ):
            try:
                self._take(self._state.begin())
                while not self._state.over:
                    self._launch()
                    if not self._state.over:
                        self._wait()
            except BaseException:
                self._cancel.set()  # whatever went wrong here, the lanes must not go on for nothing
                raise
        while not self._messages.empty():
            self._messages.get()()
        return [self._records[name] for name in self._nodes]

    # What is known

    def held(self, name: str) -> Held:
        """Return the content of an input or finished step."""
        return self._held[name]

    def value(self, name: str) -> Result:
        """Return a value; one that was let go and cannot be loaded (a damaged blob) is computed again."""
        held = self._held[name]
        values = held.values
        if values is None:
            with self._healing:
                values = held.values = held.values or self._loaded(held) or self._again(name, held)
        return values if held.many else values[0]

    def _loaded(self, held: Held) -> tuple[Value, ...] | None:
        if self._store is None:
            return None
        values = [self._store.value(digest) for digest in held.digests]
        found = tuple(value for value in values if value is not None)
        return found if len(found) == len(values) else None

    def _together(self, parts: list[Held], many: bool) -> Held:
        """Return the result of a step from those of its calls."""
        if not many:
            return parts[0]
        if any(part.values is not None for part in parts):
            # Fresh items may not be stored yet: hold all of them, so that none is looked for in vain.
            for part in parts:
                part.values = part.values or self._loaded(part)
        held = [part.values for part in parts if part.values is not None]
        values = tuple(value for items in held for value in items) if len(held) == len(parts) else None
        return Held(tuple(digest for part in parts for digest in part.digests), True, values)

    def _again(self, name: str, held: Held) -> tuple[Value, ...]:
        """Compute a lost result once more. Raises ToolError when it does not come out the same."""
        while name in self._records and self._records[name].status == "passed through":
            name = self._nodes[name].through or name
        if name not in self._steps:
            return tuple(self._as_list(self.value(name)))
        step = self._steps[name]
        calls = bind(step, self._engine.catalogue[step.tool], self._engine.profile, self)
        results = [self._once_more(call) for call in calls]
        values = tuple(value for result in results for value in self._as_list(result))
        if tuple(value.digest for value in values) != held.digests:
            raise ToolError(
                f"the kept result of step {name!r} was lost, and {step.tool!r} gave another one when it ran again",
                hint="run the plan once more",
                retryable=True,
            )
        for call, result in zip(calls, results, strict=True):
            self._keep(call.key, result)
        return values

    def _once_more(self, call: Call) -> Result:
        outcome = self._lane.attempt(call, self, lambda done, total: self._check_cancel())
        if isinstance(outcome, Failure):
            raise ToolError(outcome.message)
        if isinstance(outcome, Cancelled):
            raise outcome
        return outcome.result

    @staticmethod
    def _as_list(result: Result) -> tuple[Value, ...]:
        return result if isinstance(result, tuple) else (result,)

    def _costs(self, inputs: Mapping[str, Result]) -> dict[str, float]:
        """Return the expected seconds of each step, taking the size of the inputs for that of everything."""
        size = megapixels(inputs)
        tools = {step.tool: self._engine.catalogue[step.tool] for step in self._steps.values()}
        known = {
            id: self._engine.estimates.predict(measured_name(id, tool.version), size) for id, tool in tools.items()
        }
        seconds = {id: estimate.seconds if estimate else _UNKNOWN_SECONDS for id, estimate in known.items()}
        return {name: seconds[step.tool] for name, step in self._steps.items()}

    # Starting

    def _launch(self) -> None:
        """Settle or queue every ready step, and give the free lanes work."""
        while self._state.ready and not self._cancel.is_set():
            for name in sorted(self._state.ready, key=lambda name: -self._rank[name]):
                self._state.start(name)
                self._begin(self._steps[name])
        while self._tasks and self._active < self._engine.lanes:
            _, _, job, index = heapq.heappop(self._tasks)
            if not job.dead:
                self._send(job, index)

    def _begin(self, step: Step) -> None:
        try:
            calls = bind(step, self._engine.catalogue[step.tool], self._engine.profile, self)
        except (ToolError, UsageError, Cancelled) as error:
            self._end(_Job(step, [], [], error=str(error)))
            return
        job = _Job(step, calls, [self._find(call) for call in calls])
        missing = [index for index, held in enumerate(job.results) if held is None]
        for index in missing:
            heapq.heappush(self._tasks, (-self._rank[step.id], next(self._order), job, index))
        if missing:
            self._emit("step queued", step.id, {"calls": len(missing)})
        else:
            self._stored.add(step.id)
            self._end(job)

    def _find(self, call: Call) -> Held | None:
        try:
            stored = self._store.find(call.key) if self._store else None
        except UsageError as error:
            self._without_store(error)
            return None
        return Held(stored.digests, stored.many) if stored else None

    def _send(self, job: _Job, index: int) -> None:
        if not job.computed:
            self._emit("step started", job.step.id, {"tool": job.step.tool})
        job.computed = True
        job.active += 1
        self._active += 1
        self._cpu.submit(self._work, job, index)

    def _work(self, job: _Job, index: int) -> None:
        """Make one call on a lane; exactly one outcome comes back."""
        start = time.perf_counter()
        outcome = self._lane.attempt(job.calls[index], self, self._hook(job))
        seconds = time.perf_counter() - start
        self._messages.put(lambda: self._done(job, index, outcome, seconds))

    # Waiting and ending

    def _wait(self) -> None:
        """Handle the next thing that happened, or notice that the run was cancelled."""
        try:
            message = self._messages.get(timeout=_POLL_SECONDS)
        except queue.Empty:
            message = None
        # First of all: the message may be of a step that gave up, and its dependents are then cancelled, not skipped.
        if self._cancel.is_set() and not self._state.cancelled:
            self._stop_waiting()
        if message:
            message()

    def _stop_waiting(self) -> None:
        queued = {job for _, _, job, _ in self._tasks if not job.dead}
        self._tasks.clear()
        self._take(self._state.cancel())
        for job in queued:
            job.stopped = True
            if not job.active:
                self._end(job)

    def _done(self, job: _Job, index: int, outcome: Outcome, seconds: float) -> None:
        """Take in what one call gave."""
        self._active -= 1
        job.active -= 1
        job.seconds += seconds
        if isinstance(outcome, Held):
            job.results[index] = outcome
            job.to_store += 1
            self._io.submit(self._save, job, job.calls[index].key, outcome.result)
        elif isinstance(outcome, Failure):
            job.error = job.error or outcome.message
            if outcome.trace:
                self._emit("note", job.step.id, {"traceback": outcome.trace})
        else:
            job.stopped = True
        if job.active == 0 and (job.dead or None not in job.results):
            self._end(job)

    def _end(self, job: _Job) -> None:
        """End a step whose calls are all in."""
        name = job.step.id
        answer = None
        if job.error is None and None not in job.results:
            self._held[name] = self._together([held for held in job.results if held], job.step.for_each is not None)
            try:
                if name in self._kept | self._conditions:
                    answer = truth(self.value(name))
            except (ToolError, UsageError, Cancelled) as error:
                job.error = str(error)
        if job.error is not None:
            self._held.pop(name, None)
            self._record(name, "failed", job.seconds, job.error)
            self._take(self._state.fail(name, job.error))
        elif None in job.results:
            self._record(name, "cancelled", job.seconds, "the run was cancelled")
            self._take(self._state.stop(name))
        else:
            self._record(name, "done" if job.computed else "cached", job.seconds)
            self._take(self._state.finish(name, answer))

    def _take(self, endings: list[Ending]) -> None:
        """Record steps that ended because others did, and let go of values that nobody waits for."""
        for ending in endings:
            name = ending.step
            source = self._nodes[name].through
            if ending.status == "passed through" and source:
                self._held[name] = self._held[source]
            if name not in self._records:
                self._record(name, ending.status, error=ending.reason)
            for before in (name, *self._state.graph.predecessors(name)):
                self._let_go(before)

    def _record(self, name: str, status: Status, seconds: float = 0.0, error: str | None = None) -> None:
        held = self._held.get(name)
        digests = held.digests if held else ()
        self._records[name] = StepRecord(
            name, self._steps[name].tool, status, seconds, digests, error, lambda: self._lasting(held)
        )
        kind = "finished" if status in ("done", "cached") else status
        facts: dict[str, Any] = {"seconds": seconds, "cached": status == "cached", "digests": digests}
        self._emit(f"step {kind}", name, facts if error is None else {**facts, "reason": error})

    def _lasting(self, held: Held | None) -> Result | None:
        """Return the value of a record, as long as it is held or kept."""
        values = (held.values or self._loaded(held)) if held else None
        if held is None or values is None:
            return None
        return values if held.many else values[0]

    def _let_go(self, name: str) -> None:
        """Drop the pixels of a finished step that no waiting step needs: the store has them."""
        if name not in self._stored or name in self._kept or name not in self._state.ended or self._store is None:
            return
        if all(after in self._state.ended for after in self._state.graph.successors(name)):
            self._held[name].values = None

    # Telling and keeping

    def _emit(self, kind: str, step: str | None = None, facts: Mapping[str, Any] | None = None) -> None:
        try:
            event = self._engine.log.append(self._run, kind, step, facts)
        except UsageError:  # a log that cannot be written must not stop the run
            event = Event(self._run, 0, time.time(), kind, step, dict(facts or {}))
        self._on_event(event)

    def _tell_of_models(self, kind: str, facts: dict[str, object]) -> None:
        self._messages.put(lambda: self._emit(kind, None, facts))

    def _hook(self, job: _Job) -> Hook:
        def hook(done: int, total: int) -> None:
            self._check_cancel()
            now = time.monotonic()
            if total and (now - job.told >= PROGRESS_SECONDS or done == total):
                job.told = now
                self._messages.put(lambda: self._emit("step progress", job.step.id, {"done": done, "total": total}))

        return hook

    def _check_cancel(self) -> None:
        if self._cancel.is_set():
            raise Cancelled("the run was cancelled")

    def _save(self, job: _Job, key: str, result: Result) -> None:
        if self._keep(key, result):
            self._messages.put(lambda: self._saved(job))

    def _saved(self, job: _Job) -> None:
        job.to_store -= 1
        if not job.to_store:
            self._stored.add(job.step.id)
            self._let_go(job.step.id)

    def _keep(self, key: str, result: Result) -> bool:
        store = self._store
        if store is None:
            return False
        try:
            store.put(key, result)
        except UsageError as error:
            failure = error
            self._messages.put(lambda: self._without_store(failure))
            return False
        return True

    def _without_store(self, error: UsageError) -> None:
        """Go on without keeping results: the run is worth more than its cache."""
        if self._store is not None:
            self._store = None
            self._emit("note", None, {"warning": str(error)})

    def _note_cost(self, cost: Cost) -> None:
        self._io.submit(self._remember, cost)

    def _remember(self, cost: Cost) -> None:
        try:
            self._engine.estimates.record(cost.tool, cost.megapixels, cost.seconds, cost.memory_mb)
        except UsageError as error:
            failure = error
            self._messages.put(lambda: self._emit("note", None, {"warning": str(failure)}))


@contextmanager
def _interruptible(cancel: threading.Event) -> Iterator[None]:
    """Let the first Ctrl-C cancel the run in good order; the second one ends the program."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGINT)

    def stop(number: int, frame: Any) -> None:
        cancel.set()
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
