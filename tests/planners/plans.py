"""Short ways to write plans in tests."""

from __future__ import annotations

from typing import Any

from diptych.planners.plan import Check, Plan, Step
from diptych.tools.catalogue import load_catalogue

CATALOGUE = load_catalogue()


def step(id: str, tool: str, *, for_each: str | None = None, when: str | None = None, **args: Any) -> Step:
    """A step with its arguments as keywords."""
    return Step(id=id, tool=tool, args=args, for_each=for_each, when=when)


def check(tool: str, **args: Any) -> Check:
    """A check with its arguments as keywords."""
    return Check.model_validate({"check": tool, **args})


def plan(*steps: Step, outputs: list[str] | None = None, checks: tuple[Check, ...] = (), **inputs: str) -> Plan:
    """A plan over one photo whose output is the last step, unless said otherwise."""
    chosen = outputs if outputs is not None else [f"${steps[-1].id}"]
    return Plan(inputs=inputs or {"photo": "Image"}, steps=list(steps), outputs=chosen, checks=list(checks))


DOG_TO_CAT = plan(
    step("dog", "detect", image="$photo", query="dog"),
    step("area", "segment", image="$photo", boxes="$dog"),
    step("cat", "inpaint", image="$photo", mask="$area", prompt="a cat"),
    checks=(
        check("shows", image="$cat", query="cat", count=1),
        check("preserved", before="$photo", after="$cat", outside="$area"),
    ),
)
"""The plan of the README."""
