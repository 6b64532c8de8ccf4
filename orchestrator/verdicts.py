"""What the checks of a run say: a score for the whole list, and for each failed one what went wrong where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from ..planners.plan import Plan, Step, referenced
from ..planners.structure import graph
from ..tools.catalogue import Catalogue
from ..tools.detectors.boxes import covered
from ..tools.measures.difference import changed
from ..tools.tool import Type
from ..tools.values import Detections, Image, Mask, Value, Verdict
from ..tools.values.base import Array
from .calls import Held
from .calls import Result as Output
from .result import Result

Kind = Literal[
    "missed",
    "still there",
    "leaked",
    "too many",
    "too few",
    "wrong color",
    "wrong place",
    "doubted",
    "not found",
    "other",
]
"""How a promise was broken:

* `missed`: something is there that the edit did not touch
* `still there`: something is there although the edit touched it
* `leaked`: something changed that should not have
* `too many`, `too few`: things were counted
* `wrong color`, `wrong place`: things are there, but not as they should be
* `doubted`: a second opinion disagrees; nobody can tell
* `not found`: a step had nothing to work on, and failed
"""


@dataclass(frozen=True)
class Finding:
    """A failed check, or a step that failed because nothing was found for it."""

    id: str
    """Of the check, or of the failed step."""
    step: Step
    """The check as a step, or the step that found nothing."""
    kind: Kind
    reason: str
    maker: str | None = None
    """The step that made the picture which the check looked at."""
    before: Image | None = None
    """What that step was given."""
    picture: Image | None = None
    """What it made: where `evidence` lies."""
    evidence: Detections | None = None

    @property
    def signature(self) -> tuple[str, ...]:
        """What makes two findings the same finding: one check, one picture, one thing seen there."""
        seen = (self.picture.digest if self.picture else "", self.evidence.digest if self.evidence else "")
        return (self.id, self.reason, *seen)

    def __str__(self) -> str:
        return f"{self.step.tool}: {self.reason}"


@dataclass(frozen=True)
class Checked:
    """A carried-out plan and its verdicts."""

    plan: Plan
    result: Result

    @cached_property
    def values(self) -> dict[str, Output]:
        """Results of steps and checks by name, as far as they are still held."""
        return {record.id: record.value for record in self.result.steps if record.value is not None}

    @cached_property
    def passed(self) -> tuple[bool | None, ...]:
        """Per check, in order; None where it could not be made."""
        return tuple(check["passed"] for check in self.result.checks)

    @cached_property
    def score(self) -> float:
        """In [0, 1]: 1 for each check that passed, at most a half for one that failed; 0 without a result."""
        if self.result.status != "done":
            return 0.0
        marks = [1.0 if check["passed"] else (check["score"] or 0.0) / 2 for check in self.result.checks]
        return float(np.mean(marks)) if marks else 1.0

    def evidence(self, check: str) -> Detections | None:
        verdict = self.values.get(check)
        return verdict.evidence if isinstance(verdict, Verdict) else None

    @cached_property
    def places(self) -> int:
        """How many things all failed checks point at."""
        failed = [f"check_{i}" for i, passed in enumerate(self.passed, 1) if passed is False]
        return sum(len(evidence) for check in failed if (evidence := self.evidence(check)) is not None)

    def lost(self, best: Checked) -> list[str]:
        """Return the checks that pass in `best`, but not here; both have the same checks."""
        pairs = zip(self.result.checks, self.passed, best.passed, strict=True)
        return [check["check"] for check, mine, theirs in pairs if theirs and not mine]

    def better(self, best: Checked) -> bool:
        """Say whether this is a step forward: a higher score, or as high and less to object to."""
        return self.score > best.score or (self.score == best.score and self.places < best.places)


def findings(trial: Checked, inputs: Mapping[str, Output], catalogue: Catalogue) -> list[Finding]:
    """Return what is wrong with a carried-out plan that a repair may mend, in the order of its checks."""
    values = {**inputs, **trial.values}
    failed = [
        _finding(step, verdict, trial.plan, values, catalogue)
        for step in trial.plan.checked_steps()
        if isinstance(verdict := values.get(step.id), Verdict) and not verdict.passed
    ]
    return [*_starved(trial, values, catalogue), *failed]


def _starved(trial: Checked, values: Mapping[str, Output], catalogue: Catalogue) -> list[Finding]:
    """Return the searches that found nothing and so made a step fail, where something was to be hidden.

    To look more closely then errs on the safe side. To crop to what was found at a second look, or to count it, does
    not: there the failure stands.
    """
    import networkx as nx

    steps = {step.id: step for step in trial.plan.steps}
    rest_on = graph(trial.plan)
    hides = {step.id for step in trial.plan.steps if catalogue[step.tool].hides}
    found: list[Finding] = []
    for record in trial.result.steps:
        if record.status != "failed" or record.id not in steps:
            continue
        for _, name in steps[record.id].references:
            value = values.get(name)
            nothing = name in steps and isinstance(value, Detections) and not len(value)
            below: set[str] = nx.descendants(rest_on, name) if nothing else set()
            if hides & below:
                found.append(Finding(name, steps[name], "not found", record.error or "", name))
    return list({finding.id: finding for finding in found}.values())


def _finding(check: Step, verdict: Verdict, plan: Plan, values: Mapping[str, Output], catalogue: Catalogue) -> Finding:
    maker = maker_of(check, plan, catalogue)
    step = next((step for step in plan.steps if step.id == maker), None)
    before = _picture(next((values.get(name) for name in _images(step, catalogue)), None)) if step else None
    picture = _picture(values.get(maker or ""))
    mask = values.get(referenced(step.args.get("mask")) or "") if step else None
    touched = _touched(mask, before, picture)
    kind = _kind(check, verdict.evidence, touched)
    return Finding(check.id, check, kind, verdict.reason, maker, before, picture, verdict.evidence)


def maker_of(check: Step, plan: Plan, catalogue: Catalogue) -> str | None:
    """Return the step that made what a check looks at: of several pictures, the one furthest down the graph."""
    steps = [step.id for step in plan.steps]
    looked_at = [name for name in _images(check, catalogue) if name in steps]
    order = {name: place for place, name in enumerate(_in_order(plan))}
    return max(looked_at, key=order.__getitem__, default=None)


def _in_order(plan: Plan) -> list[str]:
    import networkx as nx

    return list(nx.topological_sort(graph(plan)))


def _images(step: Step, catalogue: Catalogue) -> list[str]:
    """Return the names that a step's picture ports are connected to."""
    ports = catalogue[step.tool].ports
    return [name for port, name in step.references if port in ports and ports[port].type == Type("Image")]


def _touched(mask: Output | None, before: Image | None, picture: Image | None) -> Array | None:
    """Return bool (H, W): where a step was to edit, or where it did; None when that cannot be known."""
    if picture is None:
        return None
    if isinstance(mask, Mask) and mask.size_wh == picture.size_wh:
        return mask.selected
    return None if before is None or before.size_wh != picture.size_wh else changed(before, picture)


def _kind(check: Step, evidence: Detections | None, touched: Array | None) -> Kind:
    if "outside" in check.args:
        return "leaked"
    if check.args.get("count") is not None and evidence is not None:
        return "too many" if len(evidence) > check.args["count"] else "too few"
    told: Kind | None = next((kind for name, kind in _TOLD.items() if name in check.args), None)
    if told is not None:
        return told if evidence is not None and len(evidence) else "other"
    if evidence is None or not len(evidence):
        return "too few" if evidence is not None else "other"
    if touched is None:
        return "still there"
    return "still there" if covered(evidence, touched).max(initial=0) >= 0.5 else "missed"


_TOLD: dict[str, Kind] = {"color": "wrong color", "side": "wrong place", "least": "doubted"}
"""Argument of a check → how things are that do not keep it."""


def _picture(value: Output | None) -> Image | None:
    return value if isinstance(value, Image) else None


def digests_of(check: Step, values: Mapping[str, Output]) -> tuple[str, ...]:
    """Return the content that a check looked at."""
    results: list[Output | Value] = [values[name] for _, name in check.references if name in values]
    return tuple(digest for result in results for digest in Held.of(result).digests)
