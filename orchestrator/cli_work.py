"""What the commands `run` and `ask` do once their arguments are read, and what `plan` and `replay` share with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..planners.plan import Plan
from ..planners.planner import input_names
from ..planners.workflow import load_workflow
from ..tools.catalogue import load_catalogue
from ..tools.errors import PlanError, UsageError
from ..tools.images import check_place, check_writable, load_image
from ..tools.profiles import profile_names
from ..tools.profiles.choosing import choose_profile
from ..tools.values import Mask
from . import api
from .cli_console import DONE, FAILED, INTERRUPTED, REFUSED, Surface, did_you_mean
from .cli_place import Place, place_of
from .cli_progress import StepBars, fetch_missing
from .engine import StepRecord
from .inputs import plan_inputs
from .policy import DEFAULT_POLICY, Policy
from .provenance import write_image
from .result import Result, output_paths, pictures_in
from .search import DEFAULT_REPAIR, Repair
from .setting import Setting, with_settings
from .work import limits_of

EXIT = {"done": DONE, "refused": REFUSED, "failed": FAILED, "cancelled": INTERRUPTED}
"""Status of a result → exit code."""


PLACE, METADATA = "out", "metadata"
"""Notes in the log: the file that the picture goes to, and whether the plan goes into it."""


@dataclass(frozen=True)
class Job:
    """What the options of a command say."""

    request: str = ""
    images: Sequence[Path] = ()
    out: Path | None = None
    profile: str = "auto"
    planner: str = "embedded"
    workflow: Path | None = None
    inputs: Mapping[str, Any] = field(default_factory=dict)
    """Input of a workflow → file, words, number, or several of them."""
    report: Path | None = None
    metadata: bool = True
    cache: bool = True
    on: str = "local"
    """Where the calls are made: here, or on the workers of a Ray cluster."""
    repair: Repair | None = None
    """What may be tried when a check of the result fails."""
    policy: Policy = DEFAULT_POLICY
    settings: Sequence[Setting] = ()
    """Arguments of the plan that are changed for this call."""
    must: str = ""
    """What the picture must show, in words, beyond what the request promises; empty: nothing more."""


def parse_inputs(given: Sequence[str]) -> dict[str, Any]:
    """Read `NAME=FILE` options; a name that is given again makes a list. Raises UsageError."""
    found: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name or not value:
            raise UsageError(f"--input {text!r} is not NAME=FILE; write for example --input photo=other.jpg")
        before = found.get(name, ())
        found[name] = value if name not in found else [*(before if isinstance(before, list) else [before]), value]
    return found


def repair_of(wanted: bool, seconds: float | None) -> Repair | None:
    """Return what `--repair`, `--no-repair` and `--budget` say. Raises UsageError."""
    if not wanted and seconds is not None:
        raise UsageError("--budget is the time for repairs, and --no-repair allows none; leave one of them out")
    if not wanted or seconds is None:
        return DEFAULT_REPAIR if wanted else None
    return replace(DEFAULT_REPAIR, seconds=seconds)


def check_profile(name: str) -> str:
    """Return the name of a profile. Raises UsageError with the nearest name."""
    known = ["auto", *profile_names()]
    if name not in known and not name.endswith((".yaml", ".yml")):
        hint = did_you_mean(name, known)
        raise UsageError(f"unknown profile {name!r}{hint}; known: {', '.join(known)}, or the path of a YAML file")
    return name


def run(job: Job, surface: Surface, *, keep_pictures: bool = True) -> int:
    """Plan and run; save the pictures, print the answer, write the report."""
    _check_before(job)
    out = job.out or default_out(_first_picture(job))
    if keep_pictures:
        check_writable(out)
    with place_of(job.on, job.profile, surface) as place:
        job = replace(job, profile=place.profile)
        notes = {**place.notes, **(_notes(out, job.metadata) if keep_pictures else {})}
        if job.must:
            _check_wish(job, surface)
        result, inputs = _carry_out(job, surface, notes, place)
        if job.must and result.status == "done":
            result = _corrected(job, result, inputs, surface, place.options)
    paths = save_outputs(result, out, metadata=job.metadata) if keep_pictures else []
    if job.report:
        _report(job, result, inputs, surface)
    tell(result, paths, surface)
    return EXIT[result.status]


def workflow_plan(job: Job) -> tuple[Plan, dict[str, Any]]:
    """Return the plan of a workflow file, with what is set in it, and its inputs: the named ones, then the images."""
    assert job.workflow is not None
    plan = with_settings(load_workflow(job.workflow), job.settings, load_catalogue())
    inputs = dict(job.inputs)
    for name in inputs:
        if name not in plan.inputs:
            known = ", ".join(plan.inputs) or "none"
            raise UsageError(f"the plan has no input {name!r}{did_you_mean(name, plan.inputs)}; it has: {known}")
    free = [name for name in plan.inputs if name not in inputs]
    if len(job.images) > len(free):
        raise UsageError(f"{len(job.images)} images are given, but the plan takes only {len(free)} more")
    inputs.update(zip(free, job.images, strict=False))
    return plan, {name: _typed(value, plan.inputs[name], name) for name, value in inputs.items()}


def check_plan(plan: Plan, profile: str) -> None:
    """Raise PlanError or Refusal, with every problem, when a plan cannot run with a profile."""
    problems = limits_of(load_catalogue(), choose_profile(profile).profile).check(plan)
    if problems:
        raise PlanError(problems)


def save_outputs(result: Result, out: Path, *, metadata: bool = True) -> list[Path]:
    """Write every picture and mask among the outputs: `out`, or `out-1`, `out-2`, … for several."""
    pictures = pictures_in(result.outputs)
    if not pictures or result.status == "cancelled":
        return []
    paths = output_paths(out, len(pictures))
    for picture, path in zip(pictures, paths, strict=True):
        write_image(picture, path, result.provenance if metadata else None)
    return paths


def _notes(out: Path, metadata: bool) -> dict[str, Any]:
    """Return what the log has to know so that `resume` can write the picture of a run that was killed."""
    return {PLACE: str(out.absolute()), METADATA: metadata}


def _carry_out(job: Job, surface: Surface, notes: Mapping[str, Any], place: Place) -> tuple[Result, dict[str, Any]]:
    if job.workflow:
        plan, inputs = workflow_plan(job)
        place.permit_downloads(surface, plan)
        fetch_missing(surface, job.profile, plan=plan)
        with StepBars(surface) as bars:
            result = api.run_plan(
                plan,
                inputs,
                profile=job.profile,
                on_event=bars.take,
                use_store=job.cache,
                policy=job.policy,
                repair=job.repair,
                notes=notes,
                **place.options,
            )
        return result, inputs
    place.permit_downloads(surface)
    fetch_missing(surface, job.profile, planner=job.planner)
    with StepBars(surface) as bars:
        result = api.run(
            job.request,
            *job.images,
            planner=job.planner,
            profile=job.profile,
            on_event=bars.take,
            use_store=job.cache,
            policy=job.policy,
            repair=job.repair,
            notes=notes,
            **place.options,
        )
    return result, dict(zip(input_names(len(job.images)), job.images, strict=True))


def _check_wish(job: Job, surface: Surface) -> None:
    """Raise UsageError, before anything is made, when what must be there cannot be looked for."""
    from .stepping_in import wish

    fetch_missing(surface, job.profile, planner="embedded")
    wish(job.must)


def _corrected(
    job: Job, result: Result, inputs: Mapping[str, Any], surface: Surface, place: Mapping[str, Any]
) -> Result:
    """Look for what a person says must be there as well, and repair what is not."""
    from .stepping_in import correct

    options = {"profile": job.profile, "use_store": job.cache, "policy": job.policy, "repair": job.repair, **place}
    with StepBars(surface) as bars:
        return correct(result, job.must, inputs, on_event=bars.take, **options)


def _check_before(job: Job) -> None:
    """Find what is wrong with the call before any work is done."""
    check_profile(job.profile)
    if job.report:
        if job.report.suffix.lower() not in (".html", ".htm"):
            raise UsageError(f"--report {str(job.report)!r}: the report is a web page; use a name that ends in .html")
        check_place(job.report)
    if job.inputs and not job.workflow:
        raise UsageError("--input names an input of a plan; it goes with --workflow FILE")
    check_settings(job)


def check_settings(job: Job) -> None:
    """Raise UsageError where there is no plan yet in which something could be set."""
    if job.settings and not job.workflow:
        raise UsageError(f"{job.settings[0]} changes a step of a plan; it goes with --workflow FILE")


def _first_picture(job: Job) -> Path | None:
    named = [value for value in job.inputs.values() if isinstance(value, str) and Path(value).is_file()]
    return next(iter([*job.images, *map(Path, named)]), None)


def default_out(first: Path | None) -> Path:
    """Return where a picture goes when nobody says: into the current folder."""
    return Path(f"{first.stem if first else 'picture'}-diptych.png")


def _typed(value: Any, kind: str, name: str) -> Any:
    """Turn the words of `--input` into what the type of the input wants; files of pictures stay paths."""
    if kind.startswith("List["):
        return [_typed(item, kind[5:-1], name) for item in (value if isinstance(value, list) else [value])]
    if isinstance(value, list):
        raise UsageError(f"input {name!r} is one {kind}, but {len(value)} are given; give it once")
    if kind == "Mask":
        return Mask(load_image(value).rgb.mean(axis=2) > 127)
    if kind == "Number":
        try:
            return float(value)
        except ValueError:
            raise UsageError(f"input {name!r} is a number, not {value!r}") from None
    return value


def _report(job: Job, result: Result, inputs: Mapping[str, Any], surface: Surface) -> None:
    from .report import write_report

    assert job.report is not None
    values = plan_inputs(result.plan, inputs) if result.plan else {}
    write_report(job.report, result, values, request=job.request, profile=job.profile, planner=job.planner)
    surface.note(f"report: {job.report}")


def tell(result: Result, paths: Sequence[Path], surface: Surface) -> None:
    """Print how a run ended: the answer, the paths, the checks that did not pass, what went wrong."""
    surface.told = True
    document = result.to_json()
    surface.emit({**document, "outputs": [str(path) for path in paths], "seconds": surface.seconds})
    if surface.json:
        return
    if result.answer and result.status == "done":
        surface.say(result.answer)
    for path in paths:
        surface.say(str(path))
    for line in _repairs(result):
        surface.note(line)
    for check in result.checks:
        if check["passed"] is not True:
            known = f" ({check['errs']})" if check["errs"] else ""
            surface.warn(f"check {check['check']!r} did not pass: {check['reason']}{known}")
    for line in (*result.notes, *filter(None, [result.unverified])):
        surface.note(line)
    for line in _troubles(result):
        surface.warn(line)


def _repairs(result: Result) -> list[str]:
    """Say what was repaired, and why it went no further."""
    if result.search is None:
        return []
    lines = [f"repaired: {attempt.finding}; {attempt.change}" for attempt in result.search.kept]
    tried = len(result.search.attempts)
    return [*lines, f"repairs: {len(lines)} of {tried} tries kept; {result.search.stopped}"]


def _troubles(result: Result) -> list[str]:
    if result.status == "done":
        return []
    if result.status == "cancelled":
        return ["stopped; nothing was written, finished steps are kept for the next run"]
    failed: list[StepRecord] = [step for step in result.steps if step.status == "failed"]
    lines = [str(problem) for problem in result.problems]
    lines = lines or [f"step {step.id!r}: {step.error}" for step in failed]
    return lines or [result.answer or f"the run ended as {result.status}"]


def plan_document(plan: Plan) -> dict[str, Any]:
    """Return the object of --json for a plan that was not run."""
    return {
        "status": "done",
        "answer": None,
        "outputs": [],
        "plan": plan.document(),
        "checks": [],
        "problems": [],
    }
