"""What a planner can call to measure."""

from __future__ import annotations

from ..tool import tool
from ..values import Detections, Image, Mask, Number, Verdict


@tool(family="measure", panel="plain")
def count(boxes: Detections) -> Number:
    """Count what was found."""


@tool(family="measure", panel="plain")
def exists(boxes: Detections) -> Verdict:
    """Say whether anything was found: for `when`, and for yes-or-no questions."""


@tool(family="measure", panel="plain")
def area(mask: Mask) -> Number:
    """Measure which share of the image is selected, in percent."""


@tool(family="measure", panel="plain")
def compare(before: Image, after: Image, inside: Mask | None = None) -> Number:
    """Measure how much two images of the same size differ, in percent of the pixels."""
