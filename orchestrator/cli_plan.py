"""What the command `plan` does: make or read a plan, check it, show what it will cost. Nothing runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..planners.draw import to_svg
from ..planners.external import load_external
from ..planners.plan import Plan
from ..planners.planner import input_names
from ..planners.workflow import save_workflow
from ..tools.catalogue import Catalogue, load_catalogue
from ..tools.errors import UsageError
from ..tools.images import atomic_write, check_place
from . import api
from .cli_console import DONE, Surface
from .cli_profile import offer_better
from .cli_progress import fetch_missing
from .cli_show import plan_table
from .cli_work import Job, check_plan, check_profile, check_settings, plan_document, workflow_plan
from .forecast import PreviewedStep
from .work import shelf


def show(
    job: Job, surface: Surface, *, svg: Path | None = None, save: Path | None = None, tools: Path | None = None
) -> int:
    """Print the plan with its forecast; draw it and save it where that is asked.

    With the catalogue file `tools` it is a plan of these; nothing is known of what they cost.
    """
    if tools and job.workflow:
        raise UsageError("--catalogue makes a plan for a request; a --workflow is one already: leave one of them out")
    catalogue = load_external(tools) if tools else load_catalogue()
    check_profile(job.profile)
    check_settings(job)
    if svg:
        if svg.suffix.lower() != ".svg":
            raise UsageError(f"--svg {str(svg)!r}: the drawing is an SVG; use a name that ends in .svg")
        check_place(svg)
    choice = offer_better(job.profile, surface)
    if choice.better and not tools:
        surface.note(str(choice))
    plan, inputs = _plan(job, surface, catalogue)
    forecast = [] if tools else _forecast(job, plan, inputs)
    if svg:
        with atomic_write(svg) as stream:
            stream.write(to_svg(plan, catalogue).encode())
        surface.note(f"drawing: {svg}")
    if save:
        save_workflow(plan, save)
        surface.note(f"workflow: {save}")
    standings = [str(each) for each in shelf(None).merits.standings(plan, catalogue, choice.profile)]
    surface.show(plan_table(plan, catalogue, forecast))
    for line in standings:
        surface.say(line)
    steps = [entry._asdict() for entry in forecast]
    surface.emit({**plan_document(plan), "seconds": surface.seconds, "steps": steps, "choices": standings})
    return DONE


def _plan(job: Job, surface: Surface, catalogue: Catalogue) -> tuple[Plan, dict[str, Any]]:
    if job.workflow:
        plan, inputs = workflow_plan(job)
        check_plan(plan, job.profile)
        return plan, inputs
    fetch_missing(surface, job.profile, planner=job.planner)
    plan = api.plan(job.request, *job.images, planner=job.planner, profile=job.profile, catalogue=catalogue)
    return plan, dict(zip(input_names(len(job.images)), job.images, strict=True))


def _forecast(job: Job, plan: Plan, inputs: dict[str, Any]) -> list[PreviewedStep]:
    """Forecast the costs where every input is given; a workflow may be looked at without any."""
    if set(inputs) != set(plan.inputs):
        return []
    return api.preview(plan, inputs, profile=job.profile)
