"""One plan out of two: what a session has done so far, and an edit of what came of that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import networkx as nx

from ..planners.plan import Check, Plan, Step, referenced
from ..planners.planner import input_names
from ..planners.validate import graph, output_types
from ..tools.catalogue import Catalogue
from ..tools.tool import Type
from .amending import fresh


def chained(before: Plan, pictures: Sequence[str], turn: Plan) -> tuple[Plan, dict[str, str]]:
    """Return (the plan that does `before` and then `turn`, name in `turn` → name in it).

    `pictures` are the names in `before` of what `turn` calls photo, photo2, …. The outputs are those of `turn`.
    """
    names = dict(zip(input_names(len(pictures)), pictures, strict=True))
    checks = {f"check_{number}" for number in range(1, len(before.checks) + len(turn.checks) + 1)}
    for step in turn.steps:
        names[step.id] = fresh(before, step.id, {*checks, *names.values()})
    both = before.model_copy(
        update={
            "request": "; then ".join(filter(None, (before.request, turn.request))),
            "steps": [*before.steps, *(_step(step, names) for step in turn.steps)],
            "checks": [*before.checks, *(_check(check, names) for check in turn.checks)],
            "outputs": [_named(output, names) for output in turn.outputs],
        }
    )
    return both, names


def pruned(plan: Plan) -> Plan:
    """Return the plan without the steps and inputs that its outputs do not rest on, and without checks of those."""
    needs = graph(plan)
    ends = {output.removeprefix("$") for output in plan.outputs}
    kept = ends.union(*(nx.ancestors(needs, name) for name in ends))
    # A mask that was only made to check what is kept is wanted as well.
    for step in plan.checked_steps():
        asked = {name for _, name in step.references}
        if asked & kept - plan.inputs.keys():
            kept |= asked.union(*(nx.ancestors(needs, name) for name in asked))
    checks = [
        check
        for check, step in zip(plan.checks, plan.checked_steps(), strict=True)
        if {name for _, name in step.references} <= kept
    ]
    steps = [step for step in plan.steps if step.id in kept]
    inputs = {name: kind for name, kind in plan.inputs.items() if name in kept}
    return plan.model_copy(update={"steps": steps, "checks": checks, "inputs": inputs})


def pictures_of(plan: Plan, catalogue: Catalogue) -> list[str] | None:
    """Return the names of the pictures that a valid plan puts out; None where some are in a list, or are masks.

    Those have no name by which a later step could take them as pictures.
    """
    types = output_types(plan, catalogue)
    given = {name: types.get(name) for name in (output.removeprefix("$") for output in plan.outputs)}
    if any(kind in (Type("Image", many=True), Type("Mask"), Type("Mask", many=True)) for kind in given.values()):
        return None
    return [name for name, kind in given.items() if kind == Type("Image")]


def only_pictures(plan: Plan, names: Sequence[str]) -> Plan:
    """Return the plan with the pictures of these names as its outputs."""
    return plan.model_copy(update={"outputs": [f"${name}" for name in names]})


def _step(step: Step, names: Mapping[str, str]) -> Step:
    args = {key: _named(value, names) for key, value in step.args.items()}
    head, dollar, name = (step.when or "").rpartition("$")
    when = f"{head}${names[name]}" if dollar else None
    return step.model_copy(update={"id": names[step.id], "args": args, "when": when})


def _check(check: Check, names: Mapping[str, str]) -> Check:
    return Check.model_validate(
        {"check": check.check, **{key: _named(value, names) for key, value in check.args.items()}}
    )


def _named(value: Any, names: Mapping[str, str]) -> Any:
    """Return a value with its references renamed."""
    if isinstance(value, list):
        return [_named(item, names) for item in value]
    name = referenced(value)
    return f"${names[name]}" if name is not None else value
