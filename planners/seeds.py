"""Seeds are parameters: drawn when a plan is made, written into it, and so replayed with it."""

from __future__ import annotations

import random

from ..tools.catalogue import Catalogue
from .plan import Plan, Step


def with_seeds(plan: Plan, catalogue: Catalogue, draw: random.Random) -> Plan:
    """Return the plan with a seed in [0, 2**32) for every generative step that has none; others stay as they are."""
    steps = [_seeded(step, catalogue, draw) for step in plan.steps]
    changed = any(new is not old for new, old in zip(steps, plan.steps, strict=True))
    return plan.model_copy(update={"steps": steps}) if changed else plan


def _seeded(step: Step, catalogue: Catalogue, draw: random.Random) -> Step:
    tool = catalogue.get(step.tool)
    if tool is None or not tool.generative or "seed" not in tool.params or step.args.get("seed") is not None:
        return step
    return step.model_copy(update={"args": {**step.args, "seed": draw.randrange(2**32)}})
