"""Ask a planner for a plan of every item of a set, compare, count.

Failures count as zero: an answer that is no valid plan after the repair turns, a plan where a refusal is right, a
refusal where a plan is right. A figure is the mean over the items that it can be told of, and beside it stands how
many of these were planned, refused (or asked back) and failed.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

import numpy as np

from ...tools.catalogue import Catalogue
from ...tools.errors import DiptychError, PlanError, Problem, Refusal
from ...tools.values import Image
from ..plan import Plan
from ..planner import Planner
from ..usage import counted
from ..validate import validate
from .items import Item, Wanted
from .scores import f1, facts_of
from .sets import Set

REPAIRS = 2
"""How often a planner sees the problems of its plan, as when it is used (orchestrator/planning.py)."""
T = TypeVar("T")
FIGURES = ("valid", "exact", "job", "node_f1", "edge_f1", "argument_f1")


@dataclass(frozen=True)
class Row:
    """What came of one item."""

    id: str
    kind: str
    request: str
    wanted: str
    """In words or shorthand."""
    expected: str
    """`plan`, `refuse`, `ask`, or empty where either may be right."""
    answer: str
    """`plan`, `refuse`, `ask` or `failed`."""
    given: dict[str, Any] | str
    """The plan, the words of a refusal, or the problems of the last answer."""
    scores: dict[str, float] = field(default_factory=dict)
    """Figure → value in [0, 1]; figures that cannot be told of this item are not in it."""
    repairs: int | None = None
    """Answers of the model beyond the first; None where the planner has no model that counts."""
    seconds: float = 0.0
    prompt_tokens: int = 0
    answer_tokens: int = 0
    first_token: float = 0.0
    """Seconds until the model began its first answer; 0, as the next two, where it does not tell."""
    reading: float = 0.0
    """Seconds in which the model read, over all its answers."""
    writing: float = 0.0
    """Seconds in which it wrote. What is left of `seconds` went into grammars, retrieval and checks."""

    def document(self) -> dict[str, Any]:
        """Return the row as plain values."""
        return asdict(self)


@dataclass(frozen=True)
class Figure:
    """One figure, and the coverage that stands beside it."""

    name: str
    value: float | None
    items: int
    planned: int
    refused: int
    failed: int


def evaluate(planner: Planner, chosen: Set, limit: int | None = None) -> Iterator[Row]:
    """Yield a row per item, as soon as it is known.

    With a limit, so many items are taken, evenly over the set. Raises UsageError and ToolError when the very first
    item cannot be asked (a missing key, weights, or endpoint); later ones count as failures.
    """
    for number, item in enumerate(sampled(chosen.items, limit)):
        yield _row(planner, item, chosen.catalogue, first=number == 0)


def sampled(items: Sequence[T], limit: int | None) -> Sequence[T]:
    """Return at most `limit` items, evenly over their order."""
    if limit is None or limit >= len(items):
        return items
    return [items[number * len(items) // limit] for number in range(limit)]


def summarize(rows: Sequence[Row]) -> list[Figure]:
    """Return every figure that the rows can tell."""
    found = [_figure(name, [row for row in rows if name in row.scores]) for name in FIGURES]
    judged = [row for row in rows if row.expected]
    declined = [row for row in judged if row.answer in ("refuse", "ask")]
    due = [row for row in judged if row.expected in ("refuse", "ask")]
    right = sum(row.expected in ("refuse", "ask") for row in declined)
    if due or declined:
        found.append(_counted("refusal precision", declined, right))
        found.append(_counted("refusal recall", due, right))
    return [figure for figure in found if figure.items]


def by_kind(rows: Sequence[Row], name: str) -> list[Figure]:
    """Return one figure per kind of request."""
    kinds = dict.fromkeys(row.kind for row in rows)
    figures = [_figure(name, [row for row in rows if row.kind == kind and name in row.scores], kind) for kind in kinds]
    return sorted((figure for figure in figures if figure.items), key=lambda figure: figure.name)


def costs(rows: Sequence[Row]) -> dict[str, float]:
    """Return what a request costs, as far as it is known: seconds, in all and per stage, repairs, tokens.

    Seconds are medians beside the 90th percentile of all; what is neither reading nor writing is `other`.
    """
    seconds = [row.seconds for row in rows]
    counts = [row for row in rows if row.repairs is not None]
    found = {"median seconds": float(np.median(seconds)), "p90 seconds": float(np.percentile(seconds, 90))}
    timed = [row for row in rows if row.first_token]
    if timed:
        found["first token seconds"] = float(np.median([row.first_token for row in timed]))
        found["reading seconds"] = float(np.median([row.reading for row in timed]))
        found["writing seconds"] = float(np.median([row.writing for row in timed]))
        found["other seconds"] = float(np.median([row.seconds - row.reading - row.writing for row in timed]))
    if counts:
        found["repairs a request"] = float(np.mean([row.repairs or 0 for row in counts]))
    told = [row for row in counts if row.prompt_tokens]
    if told:
        found["prompt tokens"] = float(np.mean([row.prompt_tokens for row in told]))
        found["answer tokens"] = float(np.mean([row.answer_tokens for row in told]))
    return found


def _row(planner: Planner, item: Item, catalogue: Catalogue, *, first: bool) -> Row:
    started = time.monotonic()
    with counted() as usage:
        answer, given, plan = _ask(planner, item, catalogue, first=first)
    seconds = time.monotonic() - started
    return Row(
        id=item.id,
        kind=item.kind,
        request=item.request,
        wanted=item.wanted.note,
        expected=item.wanted.answer or "",
        answer=answer,
        given=given,
        scores=score(item.wanted, answer, plan, catalogue),
        repairs=usage.answers - 1 if usage.answers else None,
        seconds=round(seconds, 3),
        prompt_tokens=usage.prompt_tokens,
        answer_tokens=usage.answer_tokens,
        first_token=round(usage.first_token, 3),
        reading=round(usage.reading, 3),
        writing=round(usage.writing, 3),
    )


def _ask(
    planner: Planner, item: Item, catalogue: Catalogue, *, first: bool
) -> tuple[str, dict[str, Any] | str, Plan | None]:
    """Return (sort of answer, what it says, the plan if there is a valid one)."""
    problems: Sequence[Problem] = ()
    for _ in range(1 + REPAIRS):
        try:
            plan = planner.plan(item.request, _blank(len(item.inputs)), catalogue, problems=problems)
        except PlanError as error:
            problems = error.problems
            continue
        except Refusal as refusal:
            return ("ask" if refusal.question else "refuse"), str(refusal), None
        except DiptychError as error:
            if first:
                raise
            return "failed", str(error), None
        problems = validate(plan, catalogue)
        if not problems:
            return "plan", plan.document(), plan
    return "failed", "\n".join(map(str, problems)), None


def score(wanted: Wanted, answer: str, plan: Plan | None, catalogue: Catalogue) -> dict[str, float]:
    """Return every figure that can be told of an answer; all are zero where the answer is of the wrong sort."""
    found: dict[str, float | None] = {"valid": float(answer != "failed")}
    if wanted.answer in ("refuse", "ask"):
        found["exact"] = float(answer == wanted.answer)
    given = facts_of(plan, catalogue) if plan else None
    if wanted.plan:
        right = facts_of(wanted.plan, catalogue)
        found["exact"] = float(given is not None and given.trees == right.trees)
        found["node_f1"] = f1(right.nodes, given.nodes if given else ())
        found["edge_f1"] = f1(right.edges, given.edges if given else ())
        found["argument_f1"] = f1(right.arguments, given.arguments if given else ())
    if wanted.tools is not None:
        found["node_f1"] = f1(set(wanted.tools), set(given.nodes) if given else ())
    if wanted.arguments is not None:
        found["argument_f1"] = f1(wanted.arguments, given.arguments if given else ())
    if wanted.does:
        done = wanted.declined if answer in ("refuse", "ask") else plan is not None and wanted.does(plan)
        found["job"] = float(done)
    return {name: value for name, value in found.items() if value is not None}


def _blank(count: int) -> list[Image]:
    return [Image(np.full((480, 640, 3), 127, np.uint8)) for _ in range(count)]


def _figure(name: str, rows: Sequence[Row], title: str = "") -> Figure:
    return _counted(title or name, rows, math.fsum(row.scores[name] for row in rows))


def _counted(name: str, rows: Sequence[Row], total: float) -> Figure:
    answers = [row.answer for row in rows]
    planned, failed = answers.count("plan"), answers.count("failed")
    value = total / len(rows) if rows else None
    return Figure(name, value, len(rows), planned, len(rows) - planned - failed, failed)
