"""Findings put into words."""

from __future__ import annotations

from ..values import Detections


def found(boxes: Detections, query: str = "") -> str:
    """Say what was found and how surely: `found 2 'face' (scores 0.93, 0.88)`."""
    name = repr(boxes.query or query or "object")
    if not len(boxes):
        return f"found no {name}"
    scores = ", ".join(f"{score:.2f}" for score in boxes.scores[:5])
    rest = ", …" if len(boxes) > 5 else ""
    return f"found {len(boxes)} {name} (score{'s' if len(boxes) > 1 else ''} {scores}{rest})"
