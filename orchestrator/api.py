"""The public functions: a sentence and pictures in, a Result out. The command line is thin over these."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..planners.library import Library
from ..planners.plan import Plan
from ..planners.planner import Planner, Turn, as_text, input_names, load_planner
from ..planners.seeds import with_seeds
from ..tools.catalogue import Catalogue, load_catalogue
from ..tools.errors import PlanError, Problem, UsageError
from ..tools.profiles import Profile
from ..tools.profiles.choosing import choose_profile
from ..tools.values import Image
from .forecast import PreviewedStep, preview_plan
from .inputs import Given, file_names, plan_inputs, to_value
from .lanes import Lanes
from .log import Log, RunInfo
from .merits import recorded
from .planning import Limits, make_plan
from .policy import Control, Policy
from .result import Result
from .resuming import BOUND, PART_OF, Left, find_inputs, left_by
from .search import DEFAULT_REPAIR, Repair
from .work import OnEvent, Options, Placing, Work, here, limits_of, shelf

if TYPE_CHECKING:
    from PIL.Image import Image as PILImage

MAX_REQUEST = 4000
"""Characters of a request; a longer one is no sentence about a picture."""


def run(
    request: str,
    *images: Image | PILImage | str | Path,
    planner: str | Planner = "embedded",
    profile: str | Profile = "auto",
    on_event: OnEvent | None = None,
    home: str | Path | None = None,
    use_store: bool = True,
    control: Control | None = None,
    policy: Policy | None = None,
    catalogue: Catalogue | None = None,
    lanes: int | Lanes | None = None,
    executor: Placing = here,
    repair: Repair | None = DEFAULT_REPAIR,
    notes: Mapping[str, Any] | None = None,
    history: Sequence[Turn] = (),
) -> Result:
    """Do what a sentence asks with some pictures, look at the result, and repair it until its checks pass.

    The pictures are PIL images, paths or Images; they become the inputs photo, photo2, … Refusals and failures
    come back as a Result. `repair` bounds what is tried when a check fails; None reports the checks and repairs
    nothing. `notes` are plain values that are kept with the run in the log. `history` is told to the planner: what was
    asked before in the same session (see `Session`).
    Raises UsageError when the call itself is wrong: an empty request, an unreadable file, an unknown profile or
    planner.
    """
    kept = {**(notes or {}), **({"planner": planner} if isinstance(planner, str) else {})}
    words = _checked(request)
    given = dict(zip(input_names(len(images)), images, strict=True))
    inputs = {name: as_picture(image, name) for name, image in given.items()}
    chosen = load_planner(planner) if isinstance(planner, str) else planner
    pictures = list(inputs.values())
    options = Options(
        profile=profile,
        on_event=on_event,
        home=home,
        use_store=use_store,
        control=control or Control(),
        policy=policy or Policy(),
        catalogue=catalogue,
        lanes=lanes,
        executor=executor,
        notes=kept,
        repair=repair,
        replan=_replanning(words, pictures, chosen, catalogue or load_catalogue(), history),
    )
    work = Work(options, words, inputs, file_names(given))
    result = work.carry_out(lambda limits: _planned(words, pictures, chosen, limits, home, history))
    if use_store and not history:  # what only has a meaning after something else is no example
        _remember(words, result, home)
    return result


def _planned(
    request: str,
    images: Sequence[Image],
    planner: Planner,
    limits: Limits,
    home: str | Path | None,
    history: Sequence[Turn] = (),
) -> Plan:
    """Return a planner's plan, with the tools that have done best here where several do the same."""
    made = make_plan(request, images, planner, limits, history)
    return shelf(home).merits.preferred(made, limits.catalogue, limits.profile)


def _remember(request: str, result: Result, home: str | Path | None) -> None:
    """Keep a plan that ran and passed its checks in the local library."""
    if result.status == "done" and result.plan and all(check["passed"] for check in result.checks):
        Library(home).add(request, result.plan)


def ask(question: str, *images: Image | PILImage | str | Path, **options: object) -> Result:
    """Answer a question about some pictures: `run` under the name that fits; read `answer` of the Result."""
    return run(question, *images, **options)  # type: ignore[arg-type]


def plan(
    request: str,
    *images: Image | PILImage | str | Path,
    planner: str | Planner = "embedded",
    profile: str | Profile = "auto",
    catalogue: Catalogue | None = None,
) -> Plan:
    """Return the checked plan for a request; nothing runs. Raises Refusal, PlanError and UsageError."""
    words = _checked(request)
    pictures = [as_picture(image, name) for name, image in zip(input_names(len(images)), images, strict=True)]
    chosen = load_planner(planner) if isinstance(planner, str) else planner
    limits = limits_of(catalogue or load_catalogue(), choose_profile(profile).profile)
    return _planned(words, pictures, chosen, limits, None)


def run_plan(
    plan: Plan,
    inputs: Mapping[str, Given],
    *,
    profile: str | Profile = "auto",
    on_event: OnEvent | None = None,
    home: str | Path | None = None,
    use_store: bool = True,
    control: Control | None = None,
    policy: Policy | None = None,
    catalogue: Catalogue | None = None,
    lanes: int | Lanes | None = None,
    executor: Placing = here,
    repair: Repair | None = None,
    notes: Mapping[str, Any] | None = None,
) -> Result:
    """Run a plan over its inputs. A plan that is not valid comes back as a failed or refused Result.

    It is run as it is; with a `repair`, the plan of the Result is the one that its checks liked best.
    Raises UsageError when an input is missing, unknown or unreadable.
    """
    options = Options(
        profile=profile,
        on_event=on_event,
        home=home,
        use_store=use_store,
        control=control or Control(),
        policy=policy or Policy(),
        catalogue=catalogue,
        lanes=lanes,
        executor=executor,
        notes=notes or {},
        repair=repair,
    )
    work = Work(options, plan.request, plan_inputs(plan, inputs), file_names(inputs))
    return work.carry_out(lambda limits: _checked_plan(plan, limits), plan)


def resume(
    *, home: str | Path | None = None, on_event: OnEvent | None = None, catalogue: Catalogue | None = None
) -> list[Result]:
    """Go on with every run that a dead process left unfinished, the oldest first; return their Results.

    Finished steps are not made again. A step that was running at two deaths fails by name. A run whose inputs are
    gone or changed comes back as failed. Two processes that resume at once share the runs between them.
    """
    log = shelf(home).log
    adopted = [run for run in log.abandoned() if log.adopt(run)]
    results = [_gone_on_with(run, home, on_event, catalogue) for run in adopted]
    return [result for result in results if result is not None]


def _gone_on_with(
    run: RunInfo, home: str | Path | None, on_event: OnEvent | None, catalogue: Catalogue | None
) -> Result | None:
    """Go on with one adopted run; None when another command sees to what it was for."""
    kept = shelf(home)
    left = left_by(kept.log.replay(run.id))
    if PART_OF in left.facts:
        kept.log.finish(run.id, "cancelled", {"reason": f"{left.facts[PART_OF]} begins it anew"})
        return None
    try:
        inputs = find_inputs(left.facts.get("inputs", {}), kept.store)
        profile = recorded(choose_profile(left.profile).profile, left.facts.get(BOUND, {}))
        make = _maker(run.request, left, home, [value for value in inputs.values() if isinstance(value, Image)])
    except UsageError as error:
        kept.log.finish(run.id, "failed", {"reason": str(error)})
        return Result("failed", problems=[Problem(str(error), kind="failed")], run_id=run.id)
    options = Options(profile, on_event, home, policy=left.policy, catalogue=catalogue, repair=left.repair)
    files = {name: facts["file"] for name, facts in left.facts.get("inputs", {}).items() if "file" in facts}
    work = Work(options, run.request, inputs, files)
    return work.go_on(run.id, left, make)


def _maker(request: str, left: Left, home: str | Path | None, images: list[Image]) -> Callable[[Limits], Plan]:
    """Return what gives the plan of an abandoned run: the one that it had, or its planner."""
    plan = left.plan
    if plan is not None:
        return lambda limits: _checked_plan(plan, limits)
    planner = load_planner(left.facts.get("planner", "embedded"))
    return lambda limits: _planned(request, images, planner, limits, home)


def preview(
    plan: Plan,
    inputs: Mapping[str, Given],
    *,
    profile: str | Profile = "auto",
    home: str | Path | None = None,
    catalogue: Catalogue | None = None,
) -> list[PreviewedStep]:
    """Say, without running anything, which steps of a valid plan are known already and what the others will cost."""
    kept = shelf(home)
    chosen = kept.merits.bound(choose_profile(profile).profile)
    values = plan_inputs(plan, inputs)
    return preview_plan(plan, values, catalogue or load_catalogue(), chosen, kept.store, kept.estimates)


def history(home: str | Path | None = None) -> Log:
    """Return the log of all runs."""
    return shelf(home).log


def _replanning(
    request: str, images: Sequence[Image], planner: Planner, catalogue: Catalogue, history: Sequence[Turn]
) -> Callable[[Sequence[Problem]], Plan] | None:
    """Return what asks a planner once more, told what was seen; None for one that does not read that."""
    if not getattr(planner, "reads_problems", True):
        return None
    return lambda problems: planner.plan(request, images, catalogue.planned, history, problems)


def _checked_plan(plan: Plan, limits: Limits) -> Plan:
    problems = limits.check(plan)
    if problems:
        raise PlanError(problems)
    return with_seeds(plan, limits.catalogue, random.Random())


def _checked(request: str) -> str:
    words = as_text(request).strip()
    if not words:
        raise UsageError("the request is empty; say in a sentence what should be done")
    if len(words) > MAX_REQUEST:
        raise UsageError(f"the request has {len(words):,} characters; at most {MAX_REQUEST:,} are read")
    return words


def as_picture(given: Given, name: str) -> Image:
    """Return a picture that was handed in. Raises UsageError that names the input."""
    value = to_value(given, "Image", name)
    assert isinstance(value, Image)
    return value
