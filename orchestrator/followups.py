"""The last edit once more, but otherwise: less of it, more of it, on the other one. Pure: a plan in, a plan out.

What may be meant in two ways, or has nothing to change, is a Refusal that says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..planners.plan import Plan, Step, referenced
from ..tools.catalogue import Catalogue
from ..tools.errors import Refusal
from ..tools.tool import Param
from ..tools.values import Detections
from .amending import fresh, with_args, with_step

LESS, MORE = 0.625, 1.6
"""What an amount is multiplied by; one undoes the other."""
PICK = "pick"
"""The tool that chooses among boxes."""
FoundBy = Callable[[str], Any]
"""Id of a step of the last run → its result; None where it is not known any more."""


@dataclass(frozen=True)
class Amended:
    """Another plan for the same request, and what is different in words."""

    plan: Plan
    change: str


def scaled(plan: Plan, catalogue: Catalogue, factor: float) -> Amended:
    """Return the plan with the amounts of its one edit that has any multiplied, within their declared ranges.

    An amount is a number parameter of an editor with a value, for which nothing is nothing: its range begins at or
    below zero. (`blocks` of a mosaic, of which more is less, is none.) Those that the plan gives go before those that
    it leaves at their defaults.
    """
    word = "less" if factor < 1 else "more"
    found = {step.id: amounts for step in plan.steps if (amounts := dict(amounts_of(step, catalogue)))}
    if len(found) > 1:
        given = {id: {n: v for n, v in amounts.items() if n in plan.step(id).args} for id, amounts in found.items()}
        found = {id: amounts for id, amounts in given.items() if amounts} or found
    if not found:
        tools = " and ".join(repr(step.tool) for step in plan.steps if catalogue[step.tool].family == "editor")
        raise Refusal(f"{tools or 'the last request'} has no amount that could be {word}; say what to change")
    if len(found) > 1:
        edits = " or ".join(f"{plan.step(id).tool!r}" for id in found)
        question = f"{word} of {edits}? Undo, and say it with a number"
        raise Refusal(question, question=question)
    ((id, amounts),) = found.items()
    step = plan.step(id)
    params = catalogue[step.tool].params
    new = {name: _within(params[name], value * factor) for name, value in amounts.items()}
    if new == amounts:
        ends = ", ".join(f"{name} {value:g}" for name, value in amounts.items())
        raise Refusal(f"{step.tool!r} cannot do {word}: {ends} is the end of its range")
    change = ", ".join(f"{name} {amounts[name]:g} → {new[name]:g}" for name in amounts)
    return Amended(with_step(plan, with_args(step, **new)), f"{step.tool}: {change}")


def other(plan: Plan, found_by: FoundBy) -> Amended:
    """Return the plan with the next of the boxes, from left to right, where it picks one of several.

    The next one is picked by its place, the rightmost of so many leftmost, so that the plan can be replayed.
    """
    picks = [step for step in plan.steps if step.tool == PICK]
    fed = {referenced(step.args["boxes"]) for step in picks}
    last = next((step for step in picks if step.id not in fed), None)
    if last is None or last.args.get("count", 1) != 1 or len(picks) - len(fed & {step.id for step in picks}) != 1:
        raise Refusal(_no_pick(plan, found_by, len(picks)))
    first = _leftmost_before(plan, last)
    source = referenced((first or last).args["boxes"]) or ""
    boxes, chosen = found_by(source), found_by(last.id)
    if not isinstance(boxes, Detections) or not isinstance(chosen, Detections) or not len(chosen):
        raise Refusal("what was found is not known any more; say which one is meant")
    if len(boxes) == 1:
        raise Refusal(f"only one {boxes.query!r} was found; there is no other")
    order = np.argsort(boxes.xyxy[:, 0] + boxes.xyxy[:, 2], kind="stable")
    at = next(place for place, box in enumerate(order) if np.array_equal(boxes.xyxy[box], chosen.xyxy[0]))
    place = (at + 1) % len(boxes)
    change = f"{boxes.query}: number {place + 1} of {len(boxes)} from the left"
    return Amended(_picking(plan, first, last, f"${source}", place + 1), change)


def drawn_anew(plan: Plan, catalogue: Catalogue) -> Plan:
    """Return the plan without its seeds, so that a run draws others."""
    steps = [
        step.model_copy(update={"args": {k: v for k, v in step.args.items() if k != "seed"}})
        if catalogue[step.tool].generative
        else step
        for step in plan.steps
    ]
    return plan.model_copy(update={"steps": steps})


def amounts_of(step: Step, catalogue: Catalogue) -> Iterator[tuple[str, float]]:
    """Yield (parameter, value) for each amount of a step that is not zero: see `scaled`."""
    tool = catalogue[step.tool]
    for name, param in tool.params.items() if tool.family == "editor" else ():
        value = step.args.get(name, param.default)
        plain = isinstance(value, (int, float)) and not isinstance(value, bool)
        if plain and value and _is_amount(param):
            yield name, float(value)


def _is_amount(param: Param) -> bool:
    lowest = param.schema.get("minimum", param.schema.get("exclusiveMinimum"))
    optional = not param.required and param.default is None
    return param.schema.get("type") == "number" and lowest is not None and lowest <= 0 and not optional


def _within(param: Param, value: float) -> float:
    low, high = param.schema.get("minimum"), param.schema.get("maximum")
    value = value if low is None else max(value, low)
    return round(value if high is None else min(value, high), 4)


def _leftmost_before(plan: Plan, pick: Step) -> Step | None:
    """Return the step that picks the leftmost ones for `pick` to take the rightmost of, as `_picking` writes them."""
    name = referenced(pick.args["boxes"])
    step = next((step for step in plan.steps if step.id == name and step.tool == PICK), None)
    ours = step is not None and (step.args.get("which"), pick.args.get("which")) == ("leftmost", "rightmost")
    return step if ours else None


def _picking(plan: Plan, first: Step | None, last: Step, source: str, count: int) -> Plan:
    """Return the plan in which `last` picks the rightmost of the `count` leftmost boxes of `source`."""
    id = first.id if first else fresh(plan, f"{last.id}_leftmost")
    leftmost = Step(id=id, tool=PICK, args={"boxes": source, "which": "leftmost", "count": count})
    rightmost = with_args(last, boxes=f"${id}", which="rightmost")
    steps: list[Step] = []
    for step in plan.steps:
        if step.id == last.id:
            steps += [leftmost, rightmost]
        elif first is None or step.id != first.id:
            steps.append(step)
    return plan.model_copy(update={"steps": steps})


def _no_pick(plan: Plan, found_by: FoundBy, picks: int) -> str:
    """Say why there is no other one."""
    if picks > 1:
        return "the last request picked more than one thing; say which one is meant"
    found = [value for step in plan.steps if isinstance(value := found_by(step.id), Detections)]
    several = next((boxes for boxes in found if len(boxes) > 1), None)
    if several is not None:
        return f"all {len(several)} of {several.query!r} were taken; say which one is meant, for example the left one"
    return "the last request did not choose one thing among several; say what is meant"
