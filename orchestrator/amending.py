"""Small changes of a plan, each of which gives a new plan: another argument, a step on top of another one.

A repair is a plan like any other: it is validated, its unchanged steps are found by their keys, and it can be replayed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import count
from typing import Any

from ..planners.plan import Check, Plan, Step, referenced

_LONGEST = 56
"""Characters of a step's id before its number; a whole id has at most 64."""


def fresh(plan: Plan, stem: str, taken: Collection[str] = ()) -> str:
    """Return an id that nothing in the plan has: `stem`, or `stem_2`, `stem_3`, …"""
    used = {*plan.inputs, *(step.id for step in plan.steps), *(check.id for check in plan.checked_steps()), *taken}
    names = (stem[:_LONGEST] if number == 1 else f"{stem[:_LONGEST]}_{number}" for number in count(1))
    return next(name for name in names if name not in used)


def with_step(plan: Plan, changed: Step) -> Plan:
    """Return the plan with another step under the same id."""
    return plan.model_copy(update={"steps": [changed if step.id == changed.id else step for step in plan.steps]})


def with_args(step: Step, **args: Any) -> Step:
    """Return the step with some arguments changed or added."""
    return step.model_copy(update={"args": {**step.args, **args}})


def on_top(plan: Plan, below: str, steps: Sequence[Step]) -> Plan:
    """Return the plan with `steps` after the step `below`; whoever took its result takes that of the last of them."""
    new = f"${steps[-1].id}"
    own = {step.id for step in steps}
    place = next(index for index, step in enumerate(plan.steps) if step.id == below) + 1
    longer = plan.model_copy(update={"steps": [*plan.steps[:place], *steps, *plan.steps[place:]]})
    return _redirected(longer, f"${below}", new, lambda step: step.id not in own)


def masked_by(plan: Plan, maker: str, old: str, new: str) -> Plan:
    """Return the plan in which the checks of what `maker` made take the mask `new` for `old` (references)."""
    checks = [
        _check(check, {k: new if v == old else v for k, v in check.args.items()})
        if f"${maker}" in check.args.values()
        else check
        for check in plan.checks
    ]
    return plan.model_copy(update={"checks": checks})


def without(plan: Plan, unwanted: Collection[str], instead: str) -> Plan:
    """Return the plan without some steps; whoever took the result of one of them takes that of the step `instead`."""
    kept = plan.model_copy(update={"steps": [step for step in plan.steps if step.id not in unwanted]})
    for id in unwanted:
        kept = _redirected(kept, f"${id}", f"${instead}", lambda step: True)
    return kept


def _redirected(plan: Plan, old: str, new: str, wanted: Callable[[Step], bool]) -> Plan:
    """Return the plan with every reference to `old` changed: in the wanted steps, the checks and the outputs."""
    steps = [_step(step, old, new) if wanted(step) else step for step in plan.steps]
    checks = [_check(check, {k: _swapped(v, old, new) for k, v in check.args.items()}) for check in plan.checks]
    outputs = [new if output == old else output for output in plan.outputs]
    return plan.model_copy(update={"steps": steps, "checks": checks, "outputs": outputs})


def _step(step: Step, old: str, new: str) -> Step:
    if old.removeprefix("$") not in {name for _, name in step.references}:
        return step
    when = step.when and (new.join(step.when.rsplit(old, 1)) if step.when.endswith(old) else step.when)
    args = {key: _swapped(value, old, new) for key, value in step.args.items()}
    return step.model_copy(update={"args": args, "when": when})


def _swapped(value: Any, old: str, new: str) -> Any:
    if isinstance(value, list):
        return [_swapped(item, old, new) for item in value]
    return new if referenced(value) and value == old else value


def _check(check: Check, args: Mapping[str, Any]) -> Check:
    return check if args == check.args else Check.model_validate({"check": check.check, **args})


def changed_steps(old: Plan, new: Plan) -> set[str]:
    """Return the steps and checks of `new` that are not in `old` as they are, and all that rest on them."""
    known = {step.id: step for step in (*old.steps, *old.checked_steps())}
    steps = [*new.steps, *new.checked_steps()]
    changed = {step.id for step in steps if known.get(step.id) != step}
    while True:
        further = {step.id for step in steps if changed & {name for _, name in step.references}} - changed
        if not further:
            return changed
        changed |= further
