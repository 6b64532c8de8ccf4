"""Measure a planner on the held-out split: requests worded in ways, and about things, that training never saw."""

from __future__ import annotations

import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from ...tools.catalogue import Catalogue
from ...tools.errors import PlanError, Refusal
from ..evaluation.scores import f1, facts_of
from ..notation import read_steps
from ..plan import Plan
from ..validate import validate
from .clauses import Example
from .compose import Composer

HELD_OUT_SEED = 2026
Answer = Callable[[str, Sequence[str]], str]
"""(request, input names) → the shorthand that the model wrote."""


@dataclass
class Score:
    """What was counted; an answer that does not parse counts as zero everywhere."""

    examples: int = 0
    valid: int = 0
    exact: int = 0
    tools: list[float] = field(default_factory=list)
    """F1 of the tools' names, one per example."""
    refusals: Counter[str] = field(default_factory=Counter)
    """`right`, `missed` (should have refused), `false` (should not have)."""
    by_kind: dict[str, list[bool]] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    mistakes: list[dict[str, str]] = field(default_factory=list)

    def summary(self) -> dict[str, Any]:
        """Return the figures as plain values."""
        return {
            "examples": self.examples,
            "valid": self.valid / self.examples,
            "exact": self.exact / self.examples,
            "node_f1": statistics.fmean(self.tools),
            "refusals": dict(self.refusals),
            "median_seconds": statistics.median(self.seconds),
            "exact_by_kind": {k: f"{sum(v)}/{len(v)}" for k, v in sorted(self.by_kind.items())},
        }


def held_out(catalogue: Catalogue, count: int) -> list[Example]:
    """Return the first `count` examples of the test split; always the same."""
    return list(islice(Composer(catalogue, HELD_OUT_SEED, test=True), count))


def measure(answer: Answer, examples: Iterable[Example], catalogue: Catalogue) -> Score:
    """Ask for a plan of every example and compare it with the right one."""
    score = Score()
    for example in examples:
        started = time.monotonic()
        text = answer(example.request, example.inputs)
        score.seconds.append(time.monotonic() - started)
        wanted, given = outcome(example.answer, example, catalogue), outcome(text, example, catalogue)
        exact = wanted.trees == given.trees and wanted.refused == given.refused
        score.examples += 1
        score.valid += given.valid
        score.exact += exact
        score.tools.append(float(exact) if wanted.refused else f1(wanted.tools, given.tools) or 0.0)
        if wanted.refused or given.refused:
            score.refusals["right" if exact else "missed" if wanted.refused else "false"] += 1
        for kind in dict.fromkeys(example.kinds):
            score.by_kind.setdefault(kind, []).append(exact)
        if not exact:
            score.mistakes.append({"request": example.request, "wanted": example.answer, "given": text})
    return score


@dataclass(frozen=True)
class Outcome:
    """What an answer says, free of the order in which it says it."""

    valid: bool
    refused: str
    """`refuse`, `ask`, or empty."""
    trees: tuple[str, ...] = ()
    """One nested call per output."""
    tools: tuple[str, ...] = ()


def outcome(text: str, example: Example, catalogue: Catalogue) -> Outcome:
    """Return the meaning of an answer; anything that does not parse or validate is not valid."""
    try:
        steps, outputs = read_steps(text, example.inputs, catalogue)
        plan = Plan(inputs=dict.fromkeys(example.inputs, "Image"), steps=steps, outputs=outputs)
    except Refusal as refusal:
        return Outcome(True, "ask" if refusal.question else "refuse")
    except PlanError:
        return Outcome(False, "")
    if validate(plan, catalogue):
        return Outcome(False, "", tools=tuple(step.tool for step in steps))
    facts = facts_of(plan, catalogue)
    return Outcome(True, "", facts.trees, facts.nodes)
