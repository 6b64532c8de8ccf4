"""What a plan can promise about its result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from ..editors.compose import regions, selection
from ..model import Detector, Reader
from ..parameters import Query
from ..tool import tool
from ..values import Detections, Image, Mask, Verdict
from ..values.base import Array
from .difference import changed, percent
from .evidence import found
from .likeness import best_match, likeness

_READABLE = 0.8
"""Share of the letters that must be right for words to count as read."""
_SHOWN = 20
"""Changed places that a verdict lists at most, the largest first."""


@tool(family="measure", models={"detector": Detector})
def shows(
    image: Image, query: Query, count: Annotated[int | None, Field(ge=1, le=100)] = None, *, detector: Detector
) -> Verdict:
    """Check that the image shows what the phrase names, `count` times where given."""
    return _shown(detector.detect(image, query), query, count)


@shows.batched
def _(calls: Sequence[Mapping[str, Any]]) -> list[Verdict]:
    pairs = zip(_detected(calls), calls, strict=True)
    return [_shown(boxes, call["query"], call.get("count")) for boxes, call in pairs]


def _shown(boxes: Detections, query: str, count: int | None) -> Verdict:
    seen = len(boxes)
    best = float(boxes.scores[0]) if seen else 0.0
    if count is None:
        return Verdict(seen > 0, best, found(boxes, query), boxes)
    score = best if seen == count else min(seen, count) / max(seen, count)
    return Verdict(seen == count, score, f"{found(boxes, query)}, {count} expected", boxes)


@tool(family="measure", models={"detector": Detector})
def absent(image: Image, query: Query, *, detector: Detector) -> Verdict:
    """Check that nothing in the image is what the phrase names."""
    return _missing(detector.detect(image, query), query)


@absent.batched
def _(calls: Sequence[Mapping[str, Any]]) -> list[Verdict]:
    return [_missing(boxes, call["query"]) for boxes, call in zip(_detected(calls), calls, strict=True)]


def _missing(boxes: Detections, query: str) -> Verdict:
    best = float(boxes.scores[0]) if len(boxes) else 0.0
    return Verdict(not len(boxes), 1 - best, found(boxes, query), boxes)


def _detected(calls: Sequence[Mapping[str, Any]]) -> list[Detections]:
    """Detect the query of each call in its image."""
    detector: Detector = calls[0]["detector"]
    return detector.detect_many([call["image"] for call in calls], [call["query"] for call in calls])


@tool(family="measure", models={"reader": Reader})
def reads(image: Image, words: Query, *, reader: Reader) -> Verdict:
    """Check that the words can be read in the image."""
    lines = reader.read(image)
    if not len(lines):
        return Verdict(False, 0.0, f"no text was read, {words!r} expected", lines)
    score, text = best_match(words, lines.labels)
    alike = [i for i, line in enumerate(lines.labels) if likeness(words, line) >= _READABLE]
    evidence = lines.subset(alike) if alike else lines
    return Verdict(score >= _READABLE, score, f"read {text!r}, {score:.0%} like {words!r}", evidence)


@tool(family="measure", panel="plain")
def preserved(before: Image, after: Image, outside: Mask) -> Verdict:
    """Check that no pixel outside the mask has changed."""
    kept = ~selection(before, outside)
    touched = changed(before, after) & kept
    number, whole = int(touched.sum()), int(kept.sum())
    share = percent(number, whole)
    reason = f"{number} of {whole} pixels outside the mask changed ({share:.3g} %)"
    return Verdict(number == 0, 1 - share / 100, reason, _places(touched))


def _places(touched: Array) -> Detections:
    """Return the boxes around the touched pixels of bool (H, W)."""
    boxes = regions(Mask(touched))[:_SHOWN]
    return Detections(np.array(boxes, np.float32), ("changed",) * len(boxes), np.ones(len(boxes)), "changed")
