"""One request from its first event to its Result, whatever happens in between."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from ..planners.plan import Plan
from ..tools.catalogue import Catalogue, load_catalogue
from ..tools.errors import Cancelled, PlanError, Problem, Refusal, ToolError, UsageError
from ..tools.measures.calibration import calibration_of
from ..tools.profiles import Profile
from ..tools.profiles.choosing import choose_profile
from ..tools.weights import home as default_home
from .calls import Held
from .calls import Result as Output
from .engine import Engine, MakeExecutor, StepRecord, local
from .estimates import Estimates
from .experience import Experience
from .lanes import Lanes
from .log import Event, Log
from .merits import FILE as MERITS_FILE
from .merits import Merits, choices
from .planning import Limits, UnsupportedPlan
from .policy import DEFAULT_POLICY, Control, Policy
from .pool import ModelPool, device_budget_mb
from .provenance import Provenance, describe
from .refine import Bench, Replan, refine
from .result import Result, Status, answer_of, checks_of
from .resuming import BOUND, PART_OF, PROFILE_FILE, Left, describe_inputs
from .search import Repair, facts_of
from .store import Store

OnEvent = Callable[[Event], None]
Placing = Callable[[Plan], MakeExecutor]
"""A plan that is about to run → what makes its calls."""
WHY_PROFILE = "why this profile"
"""Fact of a run in the log."""
MOST_CPU_LANES = 8
"""Tools use several cores themselves; more lanes than this only hold more pictures in memory."""


def here(plan: Plan) -> MakeExecutor:
    """Make the calls in this process: a `Placing`."""
    return local


@dataclass(frozen=True)
class Options:
    """How to run, beside what."""

    profile: str | Profile = "auto"
    """`auto` is the best that can run here without a download: `choosing.choose_profile`."""
    on_event: OnEvent | None = None
    home: str | Path | None = None
    """Folder for kept results, log and measurements; default: $DIPTYCH_HOME or ~/.cache/diptych."""
    use_store: bool = True
    """False: compute everything, keep nothing."""
    control: Control = field(default_factory=Control)
    """Cancels, pauses and steers the run, from any thread."""
    policy: Policy = DEFAULT_POLICY
    catalogue: Catalogue | None = None
    """Default: every installed tool."""
    lanes: int | Lanes | None = None
    """CPU lanes of its own, or lanes to share with some other runs; default: those that all runs share."""
    executor: Placing = here
    """What makes the calls: this process, or the workers of a cluster (`remote.Workers.executor`)."""
    notes: Mapping[str, Any] = field(default_factory=dict)
    """Plain values for the log: what `resume` needs to know beside the plan and the inputs."""
    repair: Repair | None = None
    """What may be tried when a check fails; None: nothing, checks are reported."""
    replan: Replan | None = None
    """Asks the planner again, where it can answer to what was seen."""


@dataclass(frozen=True)
class Shelf:
    """What is kept under one home folder; open for as long as the process lives."""

    store: Store
    log: Log
    estimates: Estimates
    experience: Experience
    merits: Merits


def shelf(home: str | Path | None) -> Shelf:
    """Return what is kept under `home`. Raises UsageError when the folder cannot be used."""
    absolute = (Path(home).expanduser() if home else default_home()).absolute()

    with _opening:  # two threads must not open the same files twice
        return _shelf(absolute)


_opening = threading.Lock()


@cache
def _shelf(folder: Path) -> Shelf:
    estimates, experience = Estimates(folder / "estimates.db"), Experience(folder / "repairs.db")
    merits = Merits(Experience(folder / MERITS_FILE))
    return Shelf(Store(folder / "store"), Log(folder / "log.db"), estimates, experience, merits)


def pool(device: str = "cpu", estimates: Estimates | None = None) -> ModelPool:
    """Return the models of this process on a device: they stay loaded between runs.

    `estimates` is where it remembers what models take; the first that is given stays.
    """
    with _opening:
        if device not in _pools:
            _pools[device] = ModelPool(device_budget_mb(device), estimates=estimates)
        return _pools[device]


_pools: dict[str, ModelPool] = {}


@cache
def shared_lanes(device: str = "cpu") -> Lanes:
    """Return the lanes of this process for profiles on a device: all runs share them."""
    cpu = min(max(os.cpu_count() or 1, 1), MOST_CPU_LANES)
    return Lanes(pool(device), cpu, 0 if device == "cpu" else 1)


def limits_of(catalogue: Catalogue, profile: Profile) -> Limits:
    """Return what a plan has to fit on this machine."""
    return Limits(catalogue, profile, int(device_budget_mb("cpu")) if profile.device == "cpu" else None)


class Work:
    """A request over inputs; `files` are the paths they came from."""

    def __init__(self, options: Options, request: str, inputs: Mapping[str, Output], files: Mapping[str, str]) -> None:
        self._options = options
        self._inputs = inputs
        self._files = files
        self._catalogue = options.catalogue or load_catalogue()
        self._choice = choose_profile(options.profile)
        self._shelf = shelf(options.home)
        # The workers of a cluster have the models that they were made with.
        bind = self._shelf.merits.bound if options.executor is here else Profile.settled
        self._profile = bind(self._choice.profile)
        self._witness = self._shelf.merits.witness(self._catalogue, self._profile, inputs)
        self._request = request
        self._given: Plan | None = None
        self._notes: dict[str, None] = {}

    def carry_out(self, make: Callable[[Limits], Plan], plan: Plan | None = None) -> Result:
        """Make the plan and run it. Refusals, problems and failures become the Result; UsageError passes.

        `plan` is what `make` starts from, where there is one: noted at once, so that the run can be resumed with it.
        """
        # Of a part of a greater work, what it takes to resume it is not kept: see PART_OF.
        whole = PART_OF not in self._options.notes
        store = self._shelf.store if self._options.use_store and whole else None
        self._given = plan
        facts = {
            "profile": self._profile.name,
            **({PROFILE_FILE: self._profile.file} if self._profile.file else {}),
            **({BOUND: chosen} if (chosen := choices(self._choice.profile, self._profile)) else {}),
            WHY_PROFILE: self._choice.reason,
            "policy": asdict(self._options.policy),
            "repair": facts_of(self._options.repair),
            "inputs": describe_inputs(self._inputs, self._files, store),
            **({"plan": plan.document()} if plan else {}),
            **self._options.notes,
        }
        if store is not None:
            store.flush()  # first: an accepted run has its inputs
        event = self._shelf.log.start(self._request, facts)
        self._on_event(event)
        if self._choice.better:
            self._tell(event.run, "note", {"warning": str(self._choice)})
        return self._finish(event.run, lambda: self._attempt(event.run, make))

    def go_on(self, run: str, left: Left, make: Callable[[Limits], Plan]) -> Result:
        """Carry out an adopted run from where it was left; `make` gives its plan."""
        facts = {"suspects": dict(left.suspects), "given up": sorted(left.doomed)}
        self._on_event(self._shelf.log.append(run, "run resumed", None, facts))
        self._shelf.log.flush(run=run)
        return self._finish(run, lambda: self._attempt(run, make, left))

    def _finish(self, run: str, attempt: Callable[[], Result]) -> Result:
        start = time.perf_counter()
        result = Result("failed")
        try:
            result = attempt()
        finally:
            seconds = time.perf_counter() - start
            self._on_event(self._shelf.log.finish(run, result.status, {"seconds": seconds}))
        return replace(result, seconds=seconds, run_id=run, notes=tuple(self._notes))

    def _attempt(self, run: str, make: Callable[[Limits], Plan], left: Left | None = None) -> Result:
        try:
            plan = make(limits_of(self._catalogue, self._profile))
        except UnsupportedPlan as error:
            return Result("refused", str(error), plan=error.plan, problems=list(error.problems))
        except Refusal as error:
            return Result("refused", str(error), problems=[Problem(str(error), kind="unsupported")])
        except PlanError as error:
            return Result("failed", problems=list(error.problems))
        except ToolError as error:
            return Result("failed", problems=[Problem(f"the planner failed: {error}", kind="failed")])
        except Cancelled:
            return Result("cancelled")
        # Written only where it is not the plan that the run was started with: plans can be long.
        self._tell(run, "plan", {} if plan is self._given else {"plan": plan.document()})
        if plan is not self._given:
            self._shelf.log.flush(run=run)
        first = self._carried(run, plan, self._options.control, left)
        return self._repaired(run, first, left)

    def _carried(self, run: str, plan: Plan, control: Control, left: Left | None) -> Result:
        """Run a plan, and learn from what its checks say of the tools."""
        result = self._result(plan, self._run(run, plan, control, left))
        try:
            self._witness.note(result)
        except UsageError as error:  # the run has lost nothing
            self._tell(run, "note", {"warning": str(error)})
        return result

    def _repaired(self, run: str, first: Result, left: Left | None) -> Result:
        """Look at the checks of a result, and repair what they object to."""
        options = self._options
        if options.repair is None:
            return first
        bench = Bench(
            self._inputs,
            limits_of(self._catalogue, self._profile),
            self._shelf.experience,
            options.control,
            lambda plan, control: self._carried(run, plan, control, left),
            lambda kind, facts: self._tell(run, kind, facts),
            options.replan,
        )
        return refine(first, options.repair, bench)

    def _on_event(self, event: Event) -> None:
        if event.kind == "note" and "warning" in event.facts:
            self._notes[str(event.facts["warning"])] = None
        if self._options.on_event:
            self._options.on_event(event)

    def _tell(self, run: str, kind: str, facts: Mapping[str, Any]) -> None:
        self._on_event(self._shelf.log.append(run, kind, None, facts))

    def _run(self, run: str, plan: Plan, control: Control, left: Left | None) -> list[StepRecord]:
        kept, options, device = self._shelf, self._options, self._profile.device
        store = kept.store if options.use_store else None
        models = pool(device, kept.estimates)
        # After a death one step at a time, so that the next one, should it come, names its cause.
        own = 1 if left and left.suspects else options.lanes
        lanes = Lanes(models, own) if isinstance(own, int) else own or shared_lanes(device)
        engine = Engine(
            self._catalogue, self._profile, models, kept.log, kept.estimates, lanes, store, options.executor(plan)
        )
        inputs = {name: self._inputs[name] for name in plan.inputs if name in self._inputs}
        return engine.run(
            plan,
            inputs,
            run=run,
            on_event=self._on_event,
            policy=options.policy,
            control=control,
            careful=left is not None,
            doomed=left.doomed if left else {},
        )

    def _result(self, plan: Plan, records: Sequence[StepRecord]) -> Result:
        ids = {step.id for step in plan.steps}
        own = [record for record in records if record.id in ids]
        outputs = self._outputs(plan, records)
        problems = [
            Problem(record.error or "", record.id, kind="failed") for record in own if record.status == "failed"
        ]
        return Result(
            _status(own),
            answer_of(outputs),
            outputs,
            plan,
            checks_of(plan, records, calibration_of(self._profile)),
            problems,
            list(records),
            provenance=self._provenance(plan),
        )

    def _outputs(self, plan: Plan, records: Sequence[StepRecord]) -> dict[str, Output]:
        ended = {record.id: record for record in records}
        names = [output.removeprefix("$") for output in plan.outputs]
        values = {name: ended[name].value if name in ended else self._inputs.get(name) for name in names}
        return {name: value for name, value in values.items() if value is not None}

    def _provenance(self, plan: Plan) -> Provenance:
        digests = {name: ",".join(Held.of(self._inputs[name]).digests) for name in plan.inputs}
        files = {name: path for name, path in self._files.items() if name in digests}
        return describe(plan, self._profile, self._catalogue, digests, files)


def _status(records: Sequence[StepRecord]) -> Status:
    statuses = {record.status for record in records}
    if "cancelled" in statuses:
        return "cancelled"
    return "failed" if "failed" in statuses else "done"
