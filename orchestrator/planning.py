"""From a request to a plan that can run: plan, validate, hand the problems back, at most twice."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from ..planners.plan import Check, Plan, Step, referenced
from ..planners.planner import Planner
from ..planners.seeds import with_seeds
from ..planners.validate import output_types, validate
from ..tools.catalogue import Catalogue
from ..tools.errors import PlanError, Problem, Refusal
from ..tools.profiles import Profile
from ..tools.tool import Type
from ..tools.values import Image

REPAIRS = 2
"""How often a planner sees the problems of its plan before it has failed."""
RESHAPING = frozenset(
    {"collage", "crop", "crop_each", "crop_ratio", "resize", "rotate", "flip", "straighten", "border", "outpaint"}
)
"""Tools after which a pixel no longer lies where it lay."""
MASK_IS_NOT_THE_EDIT = frozenset({"composite", "cut_out", "paste", "outline"})
"""Editors whose mask says something else than "change only this": what to keep, what to take, where to draw a line."""


class UnsupportedPlan(Refusal):
    """A sound plan that the profile cannot run; `problems` says which step needs what, and who can."""

    def __init__(self, problems: Sequence[Problem], plan: Plan) -> None:
        self.problems = tuple(problems)
        self.plan = plan
        super().__init__("\n".join(map(str, problems)), missing=[problem.message for problem in problems])


@dataclass(frozen=True)
class Limits:
    """What a plan has to fit."""

    catalogue: Catalogue
    profile: Profile
    memory_mb: int | None = None

    def check(self, plan: Plan) -> list[Problem]:
        """Return the problems that the planner may mend.

        Raises UnsupportedPlan when nothing is wrong but what the profile cannot do.
        """
        problems = validate(plan, self.catalogue, self.profile, memory_mb=self.memory_mb)
        mendable = [problem for problem in problems if problem.kind != "unsupported"]
        if problems and not mendable:
            raise UnsupportedPlan(problems, plan)
        return mendable


def make_plan(request: str, images: Sequence[Image], planner: Planner, limits: Limits) -> Plan:
    """Return a valid plan with seeds and implied checks.

    Raises Refusal when it cannot be done here, and PlanError with what is still wrong after the last repair.
    """
    problems: Sequence[Problem] = ()
    for _ in range(1 + REPAIRS):
        try:
            plan = planner.plan(request, images, limits.catalogue, problems=problems)
        except PlanError as error:
            problems = error.problems
            continue
        problems = limits.check(plan)
        if not problems:
            return completed(plan, limits.catalogue)
    raise PlanError(problems)


def completed(plan: Plan, catalogue: Catalogue) -> Plan:
    """Return the plan with every seed drawn and the checks that its edits imply."""
    seeded = with_seeds(plan, catalogue, random.Random())
    return seeded.model_copy(update={"checks": [*plan.checks, *implied_checks(plan, catalogue)]})


def implied_checks(plan: Plan, catalogue: Catalogue) -> list[Check]:
    """Return a `preserved` check per edit with a mask whose result reaches an output in place.

    "In place" means that no tool in between moves pixels (`RESHAPING`). Checks that the plan already has are
    left out, as are steps over lists.
    """
    if "preserved" not in catalogue:
        return []
    types = output_types(plan, catalogue)
    in_place = _reaching(plan)
    return [
        check
        for step in plan.steps
        if step.id in in_place and (check := _preserved(step, catalogue)) and check not in plan.checks
        if all(types.get(name) == Type(kind) for name, kind in _needed(check))
    ]


def _preserved(step: Step, catalogue: Catalogue) -> Check | None:
    tool = catalogue[step.tool]
    masked = tool.family == "editor" and {"image", "mask"} <= tool.ports.keys() and step.for_each is None
    if not masked or step.tool in MASK_IS_NOT_THE_EDIT or not referenced(step.args.get("mask")):
        return None
    facts = {"before": step.args["image"], "after": f"${step.id}", "outside": step.args["mask"]}
    return Check.model_validate({"check": "preserved", **facts})


def _needed(check: Check) -> list[tuple[str, str]]:
    names = {key: referenced(value) or "" for key, value in check.args.items()}
    return [(names["before"], "Image"), (names["after"], "Image"), (names["outside"], "Mask")]


def _reaching(plan: Plan) -> set[str]:
    """Return the steps whose result comes to an output without being reshaped."""
    steps = {step.id: step for step in plan.steps}
    queue = [output.removeprefix("$") for output in plan.outputs]
    seen: set[str] = set()
    while queue:
        name = queue.pop()
        if name in seen or name not in steps:
            continue
        seen.add(name)
        if steps[name].tool not in RESHAPING:
            queue += [source for _, source in steps[name].references()]
    return seen
