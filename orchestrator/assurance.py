"""What a result does not say of itself: whether anybody has looked at it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..planners.plan import Plan

UNVERIFIED = "not verified: no check can say whether this is what was asked for"


def unverified(plan: Plan | None, checks: Sequence[Mapping[str, Any]]) -> str | None:
    """Return words for a picture that was asked for in words and that no check has judged; None for any other.

    A check that an edit left the rest alone says nothing about the edit itself.
    """
    if plan is None or not plan.request:
        return None
    judged = any(check["passed"] is not None and "outside" not in check["args"] for check in checks)
    return None if judged else UNVERIFIED
