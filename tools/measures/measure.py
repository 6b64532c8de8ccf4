"""What a planner can call to measure."""

from __future__ import annotations

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
def exists(boxes: Detections) -> Verdict:
    """Say whether anything was found: for `when`, and for yes-or-no questions."""
    best = float(boxes.scores[0]) if len(boxes) else 1.0
    return Verdict(len(boxes) > 0, best, found(boxes), boxes)


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
