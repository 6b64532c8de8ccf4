"""Is a repair a step forward? Rolled back is whatever breaks a promise that was kept, or gains nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from ..tools.values import Image
from .calls import Result as Output
from .search import Outcome
from .situation import Candidate
from .verdicts import Checked, Finding, digests_of


class Judge:
    """Compares what repairs gave with the best so far, and remembers what was seen on the way."""

    def __init__(self, first: Checked, wrong: list[Finding], inputs: Mapping[str, Output]) -> None:
        self.unreliable: set[str] = set()
        """Checks that said now this, now that of the same content."""
        self.given_up: set[tuple[str, str]] = set()
        """(check, way of repair) that gave a picture which had been seen before."""
        self.clashes: Counter[tuple[str, str]] = Counter()
        """(check that a repair was for, check that it broke) → how often."""
        self._inputs = inputs
        self._pictures = {finding.picture.digest for finding in wrong if finding.picture}
        self._verdicts: dict[tuple[str, ...], bool] = {}
        self._note_verdicts(first)

    def judge(
        self, trial: Checked, best: Checked, finding: Finding, candidate: Candidate, picture: Image | None
    ) -> tuple[Outcome, str]:
        """Return what becomes of a repair of `finding`, and why; `picture` is what the check saw this time."""
        if any(record.status == "cancelled" for record in trial.result.steps):
            return "stopped", "it did not come to its end in time"
        if trial.result.status != "done":
            return "failed", str(next(iter(trial.result.problems), "it did not come to its end"))
        if candidate.rung == "replan":
            return _judge_new(trial, best)
        self._note_verdicts(trial)
        lost = trial.lost(best)
        if lost and not (candidate.in_all and trial.better(best)):
            self.clashes[finding.step.tool, lost[0]] += 1
            return "rolled back", f"{lost[0]!r} passed before and does not now"
        same = picture is not None and picture.digest in self._pictures
        if same:
            self.given_up.add((finding.id, candidate.way))
        if picture is not None:
            self._pictures.add(picture.digest)
        if trial.better(best):
            passes = sum(map(bool, trial.passed)) > sum(map(bool, best.passed))
            return "kept", "it passes now" if passes or not trial.passed else "less is left than before"
        return "rolled back", "it gave the same picture as before" if same else _still(trial, finding)

    def _note_verdicts(self, trial: Checked) -> None:
        """Remember what every check said of what, and which one has said otherwise before."""
        values = {**self._inputs, **trial.values}
        for check, passed in zip(trial.plan.checked_steps(), trial.passed, strict=False):
            plain = {key: value for key, value in check.args.items() if not str(value).startswith("$")}
            seen = (check.tool, repr(sorted(plain.items())), *digests_of(check, values))
            if passed is not None and self._verdicts.setdefault(seen, passed) != passed:
                self.unreliable.add(check.id)


def _judge_new(trial: Checked, best: Checked) -> tuple[Outcome, str]:
    """A plan of its own has checks of its own: it must promise as much, and keep all of it."""
    before = Counter(check.check for check in best.plan.checks)
    missing = before - Counter(check.check for check in trial.plan.checks)
    if missing:
        return "rolled back", f"the new plan no longer promises {next(iter(missing))!r}"
    failed = [check["check"] for check in trial.result.checks if check["passed"] is not True]
    return ("rolled back", f"{failed[0]!r} does not pass") if failed else ("kept", "every check passes")


def _still(trial: Checked, finding: Finding) -> str:
    checks = {f"check_{number}": check for number, check in enumerate(trial.result.checks, 1)}
    reason = checks[finding.id]["reason"] if finding.id in checks else finding.reason
    return f"{finding.step.tool!r} says: {reason}"
