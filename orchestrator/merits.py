"""Which tool, and which model, does a job best on this machine: by the checks that passed, not by what is said of it.

    a run with checks ──▶ each step that a check judges: did it pass, how long did it take? ──▶ merits.db
    the next plan     ──▶ of tools alike, and of the models that a profile offers: whichever passed most is bound

Nothing is known at first, and the order of the catalogue and of the profile stands: what comes first is taken to have
passed 8 of 10 checks before, what comes later 6 of 10, so that no tool falls for a failure or two, and each gets a try
when those before it keep failing. Of tools about as good the quickest is bound. The choice of a tool stands in the
plan, that of a model in the record of the run: what is replayed, resumed or mapped chooses nothing. Nothing of a
picture or a request is kept. `diptych merits --clear` forgets all of it, DIPTYCH_MERITS=off does without.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..planners.plan import Plan, Step
from ..tools.catalogue import Catalogue
from ..tools.detectors.routing import NONE, query_of, route
from ..tools.errors import UsageError
from ..tools.hub_cache import present
from ..tools.profiles import Binding, Profile
from ..tools.switches import is_on
from ..tools.tool import Tool
from .amending import with_step
from .calls import Result as Output
from .experience import Experience, Odds
from .keys import revision_of
from .result import Result
from .situation import Situation
from .verdicts import Checked, Finding, Kind, findings, maker_of

FILE = "merits.db"
SWITCH = "DIPTYCH_MERITS"
_GUESSED = 10.0
"""How many checks the order of the catalogue, or of the profile, weighs."""
_FIRST, _LATER = 0.8, 0.6
"""Share of them that what comes first, and what comes later, is taken to have passed."""
_AS_GOOD = 0.02
"""By how much the chance to pass may be lower where it is done in less time."""


@dataclass(frozen=True)
class Standing:
    """How those that could do one kind of work have fared, in their given order."""

    work: str
    odds: Mapping[str, Odds]

    @property
    def known(self) -> bool:
        """Whether any of them was judged yet."""
        return any(each.tries for each in self.odds.values())

    @property
    def best(self) -> str:
        """Which one to bind."""
        chances = {way: _chance(each, place) for place, (way, each) in enumerate(self.odds.items())}
        near = [way for way, chance in chances.items() if chance >= max(chances.values()) - _AS_GOOD]
        return min(near, key=lambda way: _seconds(self.odds[way]))

    def __str__(self) -> str:
        said = [f"{each.helped:g} of {each.tries:g} with {way}" for way, each in self.odds.items()]
        return f"{self.work}: checks passed here: {', '.join(said)}; {self.best} is preferred"


class Merits:
    """What is known of tools and models. A file that cannot be read leaves every choice as it was."""

    def __init__(self, experience: Experience) -> None:
        self._experience = experience

    def bound(self, profile: Profile) -> Profile:
        """Return the profile with the best model that is here for each capability, and with no other one on offer."""

        def pick(offered: Sequence[Binding]) -> Binding:
            here = _here(offered)
            ways = _ways_of(here, profile)
            best = self._standing(_kind_of_model(profile, offered[0].capability), ways).best
            return here[ways.index(best)]

        return profile.settled(pick)

    def preferred(self, plan: Plan, catalogue: Catalogue, profile: Profile) -> Plan:
        """Return the plan with the best of the tools alike in each step that one of its checks judges."""
        for step, standing in self._tools(plan, catalogue, profile):
            if standing.best != step.tool:
                plan = with_step(plan, step.model_copy(update={"tool": standing.best}))
        return plan

    def standings(self, plan: Plan, catalogue: Catalogue, profile: Profile) -> list[Standing]:
        """Return what is known of whatever could be chosen for a plan, for a person; nothing where nothing is."""
        used = {capability for step in plan.steps for capability in catalogue[step.tool].models}
        found = {standing.work: standing for _, standing in self._tools(plan, catalogue, profile)}
        for capability in used:
            here = _here(profile.bindings[capability].offered) if capability in profile.bindings else ()
            if len(here) > 1:
                standing = self._standing(_kind_of_model(profile, capability), _ways_of(here, profile))
                named = dict(zip(_names(here, profile), standing.odds.values(), strict=True))
                found[standing.work] = Standing(standing.work, named)
        return [standing for standing in found.values() if standing.known]

    def record(self, work: str, way: str, passed: bool, seconds: float) -> None:
        """Add one verdict about who did a kind of work. Raises UsageError when it cannot be written."""
        self._experience.record(work, way, passed, seconds)

    def everything(self) -> list[Standing]:
        """Return all that is known, also where there is no choice."""
        return [Standing(kind, self._experience.known(kind)) for kind in self._experience.kinds()]

    def clear(self) -> int:
        """Forget everything; return of how many tools and models something was known."""
        return self._experience.clear()

    def witness(self, catalogue: Catalogue, profile: Profile, inputs: Mapping[str, Output]) -> Witness:
        """Return what learns from one run, its repairs included."""
        return Witness(self, catalogue, profile, inputs)

    def _tools(self, plan: Plan, catalogue: Catalogue, profile: Profile) -> Iterator[tuple[Step, Standing]]:
        """Yield the steps that are judged and could be done by several tools, each with how those stand."""
        checks = plan.checked_steps()
        judged = {step.id for check in checks if check.tool in catalogue for step in _judged(check, plan, catalogue)}
        for step in plan.steps:
            alike = _alike(catalogue[step.tool], catalogue) if step.id in judged else ()
            if len(alike) > 1:
                ways = tuple(tool.id for tool in alike)
                yield step, self._standing(_kind_of_tool(profile, step, catalogue[step.tool]), ways)

    def _standing(self, kind: str, ways: tuple[str, ...]) -> Standing:
        try:
            known = self._experience.known(kind) if is_on(SWITCH) else {}
        except UsageError:  # whoever writes to the file next says so
            known = {}
        return Standing(kind, {way: known.get(way, Odds()) for way in ways})


class Witness:
    """Learns from the checks of one run. Each tool or model counts once for a step, however often it is repaired."""

    def __init__(self, merits: Merits, catalogue: Catalogue, profile: Profile, inputs: Mapping[str, Output]) -> None:
        self._merits, self._catalogue, self._profile, self._inputs = merits, catalogue, profile, inputs
        self._seen: set[tuple[str, str, str]] = set()

    def note(self, result: Result) -> None:
        """Take account of what was computed, as far as a check has judged it. Raises UsageError."""
        plan = result.plan
        if plan is None or not plan.checks or not is_on(SWITCH):
            return
        steps = {step.id: step for step in plan.steps if self._catalogue[step.tool].models}
        computed = {record.id: record for record in result.steps if record.status == "done" and record.id in steps}
        if not computed:
            return
        failed = self._blamed(Checked(plan, result))
        verdicts = zip(plan.checked_steps(), result.checks, strict=False)
        praised = {s.id for check, said in verdicts if said["passed"] for s in _judged(check, plan, self._catalogue)}
        for id, record in computed.items():
            for kind, way in self._ways(steps[id]) if id in failed | praised else ():
                if (id, kind, way) not in self._seen:
                    self._seen.add((id, kind, way))
                    self._merits.record(kind, way, id not in failed, record.seconds)

    def _blamed(self, trial: Checked) -> set[str]:
        if trial.result.status == "done" and all(passed is not False for passed in trial.passed):
            return set()  # before any value is loaded
        wrong = findings(trial, self._inputs, self._catalogue)
        return {step.id for each in wrong for step in Situation(trial.plan, each, self._catalogue).answerable}

    def _ways(self, step: Step) -> Iterator[tuple[str, str]]:
        """Yield (kind of work, who did it): for the tool, where others could, and for each of its models."""
        tool = self._catalogue[step.tool]
        if len(_alike(tool, self._catalogue)) > 1:
            yield _kind_of_tool(self._profile, step, tool), tool.id
        for capability in tool.models:
            binding = self._profile.bindings[capability]
            yield _kind_of_model(self._profile, capability), revision_of(binding, self._profile)


def choices(profile: Profile, bound: Profile) -> dict[str, str]:
    """Return capability → revision of what was bound where a profile offers several; for a record."""
    offering = [capability for capability, binding in profile.bindings.items() if binding.others]
    return {capability: revision_of(bound.bindings[capability], bound) for capability in offering}


def recorded(profile: Profile, models: Mapping[str, str]) -> Profile:
    """Return the profile with the models of a record, capability → revision, as far as it offers them."""

    def pick(offered: Sequence[Binding]) -> Binding:
        same = (each for each in offered if revision_of(each, profile) == models.get(each.capability))
        return next(same, offered[0])

    return profile.settled(pick)


def _judged(check: Step, plan: Plan, catalogue: Catalogue) -> list[Step]:
    """Return the steps whose fault it would be if a check did not pass."""
    maker = maker_of(check, plan, catalogue)
    kinds: tuple[Kind, ...] = ("leaked",) if "outside" in check.args else ("missed", "other")
    ways = [Situation(plan, Finding(check.id, check, kind, "", maker), catalogue) for kind in kinds]
    return [step for at in ways for step in at.answerable]


def _alike(tool: Tool, catalogue: Catalogue) -> list[Tool]:
    """Return the tools that are asked the very same and answer with the same model, those of planners first."""
    if not tool.models:
        return [tool]
    alike = [other for other in catalogue.values() if _signature(other) == _signature(tool)]
    return sorted(alike, key=lambda other: not other.planned)


def _signature(tool: Tool) -> tuple[object, ...]:
    return tool.family, tool.output, tool.hides, dict(tool.models), dict(tool.ports), dict(tool.params)


def _kind_of_tool(profile: Profile, step: Step, tool: Tool) -> str:
    """Return what is learned about: the profile, the capabilities, and of a search what sort of thing it is for."""
    query = query_of(step.args)
    found = route(query, None) if query else None
    sort = f" of {found.ability}" if found and found.ability != NONE else ""
    return f"{profile.name}, {' and '.join(tool.models)}{sort}"


def _kind_of_model(profile: Profile, capability: str) -> str:
    return f"{profile.name}, model as {capability}"


def _here(offered: Sequence[Binding]) -> list[Binding]:
    """Return the first of some models, and of the others those whose weights are on this machine."""
    first, *others = offered
    return [first, *(each for each in others if all(present(source, each.variant) for source in each.sources))]


def _ways_of(offered: Sequence[Binding], profile: Profile) -> tuple[str, ...]:
    return tuple(revision_of(each, profile) for each in offered)


def _names(offered: Sequence[Binding], profile: Profile) -> tuple[str, ...]:
    """Return what a person calls some models: by their adapters where that tells them apart."""
    adapters = tuple(each.adapter for each in offered)
    return adapters if len(set(adapters)) == len(adapters) else _ways_of(offered, profile)


def _chance(odds: Odds, place: int) -> float:
    return (odds.helped + _GUESSED * (_LATER if place else _FIRST)) / (odds.tries + _GUESSED)


def _seconds(odds: Odds) -> float:
    return odds.seconds / odds.tries if odds.tries else math.inf
