"""What a result does not say of itself: whether anybody has looked at it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..planners.plan import Plan
from ..tools.catalogue import load_catalogue

UNVERIFIED = "not verified: no check can say whether this is what was asked for"


def unverified(plan: Plan | None, checks: Sequence[Mapping[str, Any]]) -> str | None:
    """Return words for what a generative tool made of words and no check has judged; None for anything else.

    What a plain tool does to a picture is what the plan says. A check that an edit left the rest alone says nothing
    about the edit itself.
    """
    if plan is None or not plan.request:
        return None
    tools = (load_catalogue().get(step.tool) for step in plan.steps)
    if not any(tool is not None and tool.generative for tool in tools):
        return None
    judged = any(check["passed"] is not None and "outside" not in check["args"] for check in checks)
    return None if judged else UNVERIFIED
