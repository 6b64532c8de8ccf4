"""How large a plan may be, so that a stranger's file or a runaway model cannot keep the checks busy."""

from __future__ import annotations

import json
from collections.abc import Iterator

from ..tools.errors import Problem
from .plan import Plan, Step

MAX_STEPS = 500
MAX_CHECKS = 100
MAX_INPUTS = 100
MAX_OUTPUTS = 500
MAX_REFERENCES = 2_000
MAX_ARGUMENT = 10_000
"""Characters of one argument, written as JSON."""
MAX_NAME = 64
"""Characters of an id or a tool's name."""
MAX_REQUEST = 20_000
"""Characters of the request."""


def check_bounds(plan: Plan) -> Iterator[Problem]:
    """Yield a problem for each part of the plan that is too large; no text of that part is repeated in it."""
    sizes = (
        ("steps", len(plan.steps), MAX_STEPS),
        ("checks", len(plan.checks), MAX_CHECKS),
        ("inputs", len(plan.inputs), MAX_INPUTS),
        ("outputs", len(plan.outputs), MAX_OUTPUTS),
        ("characters of request", len(plan.request), MAX_REQUEST),
        ("references", sum(len(step.references) for step in plan.steps), MAX_REFERENCES),
    )
    for what, number, limit in sizes:
        if number > limit:
            yield Problem(f"the plan has {number} {what}; at most {limit} are allowed")
    names = [*plan.inputs, *plan.inputs.values(), *plan.outputs]
    for name in names:
        if len(name) > MAX_NAME + 1:
            yield Problem(f"the name '{name[:24]}…' has {len(name)} characters; at most {MAX_NAME} are allowed")
    for step in [*plan.steps, *plan.checked_steps()]:
        yield from _step_bounds(step)


def _step_bounds(step: Step) -> Iterator[Problem]:
    for what, name in (("id", step.id), ("tool", step.tool), ("for_each", step.for_each or "")):
        if len(name) > MAX_NAME:
            yield Problem(f"{what} has {len(name)} characters; at most {MAX_NAME} are allowed", step.id[:MAX_NAME])
    for argument, value in step.args.items():
        if isinstance(value, str) and len(value) <= MAX_NAME >= len(argument):
            continue  # as most are: a name, or a word
        length = max(len(argument), len(json.dumps(value, default=str)))
        if length > MAX_ARGUMENT or len(argument) > MAX_NAME:
            message = f"is {length} characters long; at most {MAX_ARGUMENT} are allowed"
            yield Problem(message, step.id[:MAX_NAME], argument[:MAX_NAME])
