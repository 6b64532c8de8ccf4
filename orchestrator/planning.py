"""From a request to a plan that can run: plan, validate, hand the problems back, at most twice."""

from __future__ import annotations

import random
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from ..planners.checklist import Checklist
from ..planners.plan import Plan
from ..planners.planner import Planner, Turn
from ..planners.seeds import with_seeds
from ..planners.validate import validate
from ..tools.catalogue import Catalogue
from ..tools.errors import PlanError, Problem, Refusal
from ..tools.measures.calibration import calibration_of
from ..tools.profiles import Profile
from ..tools.values import Image
from .implied import implied_checks
from .promises import Read, described_checks, refuse_contradictions

REPAIRS = 2
"""How often a planner sees the problems of its plan before it has failed."""


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
        if _sound.holds(plan, self):
            return []
        problems = validate(plan, self.catalogue, self.profile, memory_mb=self.memory_mb)
        if not problems:
            _sound.add(plan, self)
        mendable = [problem for problem in problems if problem.kind != "unsupported"]
        if problems and not mendable:
            raise UnsupportedPlan(problems, plan)
        return mendable


class _Sound:
    """The plans that were found to be sound last: one that runs again, over other pictures, is not checked again."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._found: OrderedDict[str, Limits] = OrderedDict()

    def holds(self, plan: Plan, limits: Limits) -> bool:
        """Say whether this very plan was sound within these limits; what it says counts, not which object it is."""
        known = self._found.get(plan.to_json())
        return known is not None and known.catalogue is limits.catalogue and known == limits

    def add(self, plan: Plan, limits: Limits) -> None:
        """Remember a plan."""
        self._found[plan.to_json()] = limits
        while len(self._found) > self._most:
            self._found.pop(next(iter(self._found)), None)


_sound = _Sound(64)


def make_plan(
    request: str, images: Sequence[Image], planner: Planner, limits: Limits, history: Sequence[Turn] = ()
) -> Plan:
    """Return a valid plan with seeds and implied checks; `history` is what came before in the same session.

    Raises Refusal when it cannot be done here, and PlanError with what is still wrong after the last repair.
    """
    problems: Sequence[Problem] = ()
    for _ in range(1 + REPAIRS):
        try:
            plan = planner.plan(request, images, limits.catalogue.planned, history, problems)
        except PlanError as error:
            problems = error.problems
            continue
        problems = limits.check(plan)
        if not problems:
            refuse_contradictions(plan, limits.catalogue, read_description)
            return completed(plan, limits)
    raise PlanError(problems)


def completed(plan: Plan, limits: Limits, read: Read | None = None) -> Plan:
    """Return the plan with every seed drawn and the checks that its edits and descriptions imply.

    A check that the profile cannot make is left out: nobody has asked for it. `read` reads descriptions; the embedded
    model does where none is given.
    """
    seeded = with_seeds(plan, limits.catalogue, random.Random())
    described = described_checks(plan, limits.catalogue, read or read_description, calibration_of(limits.profile))
    implied = [*implied_checks(plan, limits.catalogue), *described]
    for check in implied:
        longer = seeded.model_copy(update={"checks": [*seeded.checks, check]})
        if not validate(longer, limits.catalogue, limits.profile):
            seeded = longer
    return seeded


def read_description(prompt: str) -> Checklist:
    """Return what words promise of a picture, as the embedded model reads them. Raises PlanError when it cannot."""
    from ..planners.checklist_reader import read_prompt

    return read_prompt(prompt)
