"""What a planner can call to measure."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ..editors.compose import selection
from ..tool import tool
from ..values import Detections, Image, Mask, Number, Verdict
from .difference import changed, percent
from .evidence import found


@tool(family="measure", panel="plain")
def count(boxes: Detections) -> Number:
    """Count what was found."""
    return Number(len(boxes), boxes.query)


@tool(family="measure", panel="plain")
def exists(boxes: Detections, at_least: Annotated[int, Field(ge=1, le=1000)] = 1) -> Verdict:
    """Say whether anything was found, or so many: for `when`, and for yes-or-no questions."""
    best = float(boxes.scores[0]) if len(boxes) else 1.0
    wanted = f"; asked for at least {at_least}" if at_least > 1 else ""
    return Verdict(len(boxes) >= at_least, best, found(boxes) + wanted, boxes)


@tool(family="measure", panel="plain", planned=False)
def evidence(verdict: Verdict) -> Detections:
    """Take the boxes that a check rests on: what it found, and where."""
    return Detections.empty() if verdict.evidence is None else verdict.evidence


@tool(family="measure", panel="plain")
def area(mask: Mask) -> Number:
    """Measure which share of the image is selected, in percent."""
    return Number(100 * mask.share, "%")


@tool(family="measure", panel="plain")
def compare(before: Image, after: Image, inside: Mask | None = None) -> Number:
    """Measure how much two images of the same size differ, in percent of the pixels."""
    differs = changed(before, after)
    if inside is None:
        return Number(percent(int(differs.sum()), differs.size), "%")
    chosen = selection(before, inside)
    return Number(percent(int((differs & chosen).sum()), int(chosen.sum())), "%")
