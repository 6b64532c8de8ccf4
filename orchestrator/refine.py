"""The loop: look at what the checks say, repair, run what changed, look again; the best result so far is kept.

    findings ──▶ candidates of the ladder, what helped before first ──▶ the amended plan runs over the same store
       ▲                                                                       │
       └── kept: more passes, or less is left to object to ◀── checks ─────────┤
           rolled back: a check that passed fails, or nothing is gained ◀──────┘

It ends when every check passes, when nothing is left to try, when the budget is used up, or when somebody stops it;
why is part of the result. A run whose checks all pass comes back as it is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..planners.plan import Plan
from ..tools.catalogue import Catalogue
from ..tools.errors import DiptychError, Problem, UsageError
from ..tools.measures.difference import changed
from ..tools.values import Image
from .amending import changed_steps
from .calls import Result as Output
from .experience import Experience
from .judging import Judge
from .planning import Limits, completed
from .policy import Control
from .prospects import Prospects
from .result import Result
from .rungs import LADDER
from .search import Attempt, Outcome, Repair, Search
from .situation import Candidate, Situation
from .verdicts import Checked, Finding, findings, maker_of

Carry = Callable[[Plan, Control], Result]
"""Runs an amended plan over the inputs, the store and the log of the run."""
Tell = Callable[[str, Mapping[str, Any]], None]
Replan = Callable[[Sequence[Problem]], Plan]
"""Asks the planner for another plan, with what was seen; raises PlanError and Refusal."""


@dataclass(frozen=True)
class Bench:
    """What a repair works with."""

    inputs: Mapping[str, Output]
    limits: Limits
    experience: Experience
    control: Control
    carry: Carry
    tell: Tell = lambda kind, facts: None
    replan: Replan | None = None
    """None: the planner cannot answer to problems, or there is none."""


def refine(first: Result, repair: Repair, bench: Bench) -> Result:
    """Return the best result that a budget allows, with the search that led to it.

    It is `first` itself, without a search, when nothing is wrong that a repair could mend.
    """
    if first.plan is None or first.status not in ("done", "failed"):
        return first
    if first.status == "done" and all(check["passed"] is not False for check in first.checks):
        return first  # before any value is loaded
    climb = Climb(Checked(first.plan, first), repair, bench)
    if not climb.wrong():
        return first
    with bench.control.interruptible():
        stopped = climb.to_the_end()
    best = climb.best
    search = Search(stopped, climb.first.score, best.score, tuple(climb.attempts))
    facts = {"stopped": stopped, "tries": len(climb.attempts), "first_score": search.first_score, "score": best.score}
    bench.tell("repairs ended", facts)
    return replace(best.result, search=search)


class Climb:
    """One search: the best so far, what was tried, what was seen."""

    def __init__(self, first: Checked, repair: Repair, bench: Bench) -> None:
        self.first = self.best = first
        self.attempts: list[Attempt] = []
        self._repair, self._bench = repair, bench
        self._start = time.monotonic()
        self._tried = {first.plan.to_json()}
        self._calls = self._plans = 0
        self._calls_lack = self._approved = False
        self._learns = repair.learn
        self._prospects = Prospects(first)
        self._judge = Judge(first, findings(first, bench.inputs, bench.limits.catalogue), bench.inputs)

    def wrong(self) -> list[Finding]:
        """Return what is wrong with the best so far, as far as checks can be relied on."""
        found = findings(self.best, self._bench.inputs, self._bench.limits.catalogue)
        return [finding for finding in found if finding.id not in self._judge.unreliable]

    def to_the_end(self) -> str:
        """Repair until there is a reason to stop; return the reason."""
        while True:
            wrong = self.wrong()
            if not wrong:
                return self._no_more() if self._judge.unreliable else "every check passes"
            if self._approved:
                return "the person was content"
            if self._bench.control.cancelled.is_set():
                return "it was stopped"
            spent = self._spent()
            if spent:
                return spent
            chosen = next(self._candidates(wrong), None)
            if chosen is None:
                return self._no_more()
            self._try(*chosen)

    def _spent(self) -> str | None:
        repair = self._repair
        if len(self.attempts) >= repair.tries:
            return f"the budget of {repair.tries} tries is used up"
        if self._left() <= 0:
            return f"the budget of {repair.seconds:g} s is used up"
        return None

    def _left(self) -> float:
        return self._repair.seconds - (time.monotonic() - self._start)

    def _no_more(self) -> str:
        if self._judge.unreliable:
            names = ", ".join(sorted(repr(self._name(check)) for check in self._judge.unreliable))
            return f"check {names} says now this, now that of the same picture; it is not relied on"
        if self._calls_lack:
            return f"the budget of {self._repair.generator_calls} generator calls is used up"
        if self._judge.clashes:
            (mended, broken), _ = self._judge.clashes.most_common(1)[0]
            return f"nothing is left to try: what helps {mended!r} breaks {broken!r}"
        return "nothing is left to try"

    def _name(self, check: str) -> str:
        return next((step.tool for step in self.best.plan.checked_steps() if step.id == check), check)

    # What to try

    def _candidates(self, wrong: Sequence[Finding]) -> Iterator[tuple[Finding, Candidate]]:
        """Yield what has not been tried yet, the most promising first; what is merely doubted waits for all else."""
        for doubted in (False, True):
            some = [finding for finding in wrong if (finding.kind == "doubted") == doubted]
            yield from self._mending(some)
        yield from self._replanned(wrong)

    def _mending(self, wrong: Sequence[Finding]) -> Iterator[tuple[Finding, Candidate]]:
        ladders = [(finding, candidate) for finding in wrong for candidate in self._ladder(finding)]
        left = min(self._repair.tries - len(self.attempts), self._repair.generator_calls - self._calls)
        for finding, candidate in self._prospects.ordered(ladders, self.best, self._generator_calls, left):
            if (finding.id, candidate.way) not in self._judge.given_up and self._possible(candidate.plan):
                yield finding, candidate

    def _ladder(self, finding: Finding) -> list[Candidate]:
        situation = Situation(self.best.plan, finding, self._bench.limits.catalogue)
        rungs = [LADDER[rung] for rung in self._repair.rungs if rung in LADDER]
        return self._ranked(finding, [candidate for rung in rungs for candidate in rung(situation)])

    def _ranked(self, finding: Finding, ladder: list[Candidate]) -> list[Candidate]:
        if not self._learns:
            return ladder
        try:
            return self._bench.experience.ranked(self._topic(finding), ladder, lambda each: each.way)
        except UsageError as error:
            self._learn_no_more(error)
            return ladder

    def _learn(self, finding: Finding, candidate: Candidate, helped: bool, seconds: float) -> None:
        if not self._learns:
            return
        try:
            self._bench.experience.record(self._topic(finding), candidate.way, helped, seconds)
        except UsageError as error:
            self._learn_no_more(error)

    def _learn_no_more(self, error: UsageError) -> None:
        """A file that cannot be used costs the run nothing but the order of its repairs."""
        self._learns = False
        self._bench.tell("note", {"warning": str(error)})

    def _possible(self, plan: Plan) -> bool:
        """Say whether a plan is new, valid here, and within what is left of the budget."""
        if plan.to_json() in self._tried:
            return False
        calls = self._generator_calls(plan)
        if calls and self._calls + calls > self._repair.generator_calls:
            self._calls_lack = True
            return False
        try:
            possible = not self._bench.limits.check(plan)
        except DiptychError:
            possible = False
        if not possible:
            self._tried.add(plan.to_json())
        return possible

    def _generator_calls(self, plan: Plan) -> int:
        """Return how many calls of generative tools a plan needs at most: some may depend on what a check sees."""
        changed = changed_steps(self.best.plan, plan)
        tools = [self._bench.limits.catalogue.get(step.tool) for step in plan.steps if step.id in changed]
        return sum(tool is not None and tool.generative for tool in tools)

    def _replanned(self, wrong: Sequence[Finding]) -> Iterator[tuple[Finding, Candidate]]:
        replan, allowed = self._bench.replan, self._plans < self._repair.planner_calls
        if replan is None or not allowed or "replan" not in self._repair.rungs:
            return
        self._plans += 1
        problems = [
            Problem(f"the result does not hold up: {finding}; change the steps that made it", finding.maker)
            for finding in wrong
        ]
        try:
            plan = completed(replan(problems), self._bench.limits)
        except DiptychError:
            return
        if self._possible(plan):
            yield wrong[0], Candidate("replan", "replan", "another plan by the planner, which was told this", plan)

    def _topic(self, finding: Finding) -> str:
        """Return what is learned about: a check, how it failed, and the tool whose work it was."""
        steps = {step.id: step.tool for step in self.best.plan.steps}
        return f"{finding.step.tool}: {finding.kind}, {steps.get(finding.maker or '', 'input')}"

    # One try

    def _try(self, finding: Finding, candidate: Candidate) -> None:
        bench, begun = self._bench, time.monotonic()
        self._tried.add(candidate.plan.to_json())
        about = {"rung": candidate.rung, "change": candidate.change, "finding": str(finding)}
        bench.tell("repair started", {**about, "plan": candidate.plan.document()})
        try:
            result = bench.carry(candidate.plan, bench.control.within(self._left()))
        except DiptychError as error:
            result = Result("failed", plan=candidate.plan, problems=[Problem(str(error), kind="failed")])
        trial = Checked(candidate.plan, result)
        drawn = _drawn(result, bench.limits.catalogue)
        self._calls += drawn
        picture = self._looked_at(trial, finding)
        outcome, reason = self._judge.judge(trial, self.best, finding, candidate, picture)
        seconds = time.monotonic() - begun
        attempt = Attempt(
            candidate.rung,
            candidate.change,
            str(finding),
            outcome,
            reason,
            trial.score,
            *_work(result, self.best.result),
            _changed_share(finding.picture, picture),
            seconds,
            drawn,
            finding.evidence,
            finding.picture or finding.before,
            picture,
            candidate.plan,
        )
        if outcome != "stopped":
            self._learn(finding, candidate, outcome == "kept", seconds)
        self._prospects.note(candidate, trial, outcome == "kept")
        outcome, reason = self._reviewed(attempt)
        self.attempts.append(replace(attempt, outcome=outcome, reason=reason))
        if outcome == "kept":
            self.best = trial
        bench.tell("repair ended", {**about, "outcome": outcome, "reason": reason, "score": trial.score})

    def _reviewed(self, attempt: Attempt) -> tuple[Outcome, str]:
        """Return what becomes of a repair that came to its end, and why, after a person has had the last word."""
        review = self._bench.control.review
        said = review(attempt) if review and attempt.outcome in ("kept", "rolled back") else None
        self._approved = said == "done"
        if said is None:
            return attempt.outcome, attempt.reason
        return ("rolled back", "the person took it back") if said == "drop" else ("kept", "the person kept it")

    def _looked_at(self, trial: Checked, finding: Finding) -> Image | None:
        """Return the picture that the same check looked at after the repair."""
        check = next((step for step in trial.plan.checked_steps() if step.id == finding.id), None)
        maker = maker_of(check, trial.plan, self._bench.limits.catalogue) if check else None
        value = trial.values.get(maker or "")
        value = value if value is not None else next(iter(trial.result.pictures), None)
        return value if isinstance(value, Image) else None


def _work(result: Result, before: Result) -> tuple[int, int, int]:
    """Return how many steps and checks were computed, how many of those a second time, and how many there were."""
    known = {record.id for record in before.steps}
    ran = [record.id for record in result.steps if record.status == "done"]
    return len(ran), len(known.intersection(ran)), len(known)


def _drawn(result: Result, catalogue: Catalogue) -> int:
    """Return how many calls of generative tools were made."""
    return sum(record.status == "done" and catalogue[record.tool].generative for record in result.steps)


def _changed_share(before: Image | None, after: Image | None) -> float | None:
    if before is None or after is None or before.size_wh != after.size_wh:
        return None
    return float(changed(before, after).mean())
