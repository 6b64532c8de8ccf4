"""What a plan can promise about its result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from ..detectors.boxes import covered, overlap
from ..detectors.closer import look_around
from ..detectors.detect import detected
from ..detectors.rivals import detect_among, detected_among
from ..detectors.words import matching
from ..editors.compose import regions, selection
from ..model import Detector, Reader
from ..parameters import Among, Query
from ..tool import tool
from ..values import Detections, Image, Mask, Verdict
from ..values.base import Array
from .difference import changed, percent
from .evidence import found
from .likeness import best_match, likeness

_READABLE = 0.8
"""Share of the letters that must be right for words to count as read."""
_LEGIBLE = 0.8
"""Certainty of a reader from which on words are legible; a pattern is now and then read as a letter or two."""
_MOST = 0.5
"""Share of a thing above which it counts as lying inside, or as changed."""
_SAME = 0.3
"""Intersection over union from which on two looks show the same thing; of one person they may differ by half."""
_SHOWN = 20
"""Changed places that a verdict lists at most, the largest first."""


@tool(family="measure", models={"detector": Detector})
def shows(
    image: Image,
    query: Query,
    count: Annotated[int | None, Field(ge=1, le=100)] = None,
    among: Among = None,
    inside: Mask | None = None,
    *,
    detector: Detector,
) -> Verdict:
    """Check that the image shows what the phrase names, `count` times where given; with `inside` only there."""
    return _shown(placed_in(inside, image, detect_among(detector, image, query, among)), query, count)


@shows.batched
def _(calls: Sequence[Mapping[str, Any]]) -> list[Verdict]:
    pairs = zip(detected_among(calls), calls, strict=True)
    return [
        _shown(placed_in(call.get("inside"), call["image"], boxes), call["query"], call.get("count"))
        for boxes, call in pairs
    ]


def _shown(boxes: Detections, query: str, count: int | None) -> Verdict:
    seen = len(boxes)
    best = float(boxes.scores[0]) if seen else 0.0
    if count is None:
        return Verdict(seen > 0, best, found(boxes, query), boxes)
    score = best if seen == count else min(seen, count) / max(seen, count)
    return Verdict(seen == count, score, f"{found(boxes, query)}, {count} expected", boxes)


@tool(family="measure", models={"detector": Detector}, version=3)
def absent(
    image: Image, query: Query, inside: Mask | None = None, before: Image | None = None, *, detector: Detector
) -> Verdict:
    """Check that nothing in the image is what the phrase names.

    With `inside` only what lies there counts. With `before`, the image before an edit, only what the edit left as it
    was and the image before shows as well counts: someone blurred is still a person, a pattern beside a mosaic is none.
    """
    return _missing(detector.detect(image, query), image, query, inside, before, detector)


@absent.batched
def _(calls: Sequence[Mapping[str, Any]]) -> list[Verdict]:
    return [
        _missing(boxes, call["image"], call["query"], call.get("inside"), call.get("before"), call["detector"])
        for boxes, call in zip(detected(calls), calls, strict=True)
    ]


def _missing(
    boxes: Detections, image: Image, query: str, inside: Mask | None, before: Image | None, detector: Detector
) -> Verdict:
    boxes = lying_in(inside, image, boxes)
    untouched = left = boxes
    if before is not None:
        untouched = boxes.subset(np.flatnonzero(covered(boxes, changed(before, image)) < _MOST))
        left = _shown_by(before, untouched, query, detector)
    best = float(left.scores[0]) if len(left) else 0.0
    edited, new = len(boxes) - len(untouched), len(untouched) - len(left)
    beside = [f"{edited} that the edit has changed"] * bool(edited)
    beside += [f"{new} that the image before does not show"] * bool(new)
    reason = found(left, query) + (f" beside {' and '.join(beside)}" if beside else "")
    return Verdict(not len(left), 1 - best, reason, left)


def lying_in(inside: Mask | None, image: Image, boxes: Detections) -> Detections:
    """Return the things that lie in the selection; all of them where there is none."""
    if inside is None:
        return boxes
    return boxes.subset(np.flatnonzero(covered(boxes, selection(image, inside)) >= _MOST))


def placed_in(place: Mask | None, image: Image, boxes: Detections) -> Detections:
    """Return the things that lie in the selection or hold most of a part of it; all of them where there is none.

    What was drawn into the outline of another thing has a box that reaches beyond that outline.
    """
    if place is None:
        return boxes
    selected = selection(image, place)
    inside = covered(boxes, selected) >= _MOST
    for left, top, right, bottom in regions(place):
        size = selected[top:bottom, left:right].sum()
        for index, (x0, y0, x1, y1) in enumerate(np.rint(boxes.xyxy).astype(int)):
            held = selected[max(y0, top) : min(y1, bottom), max(x0, left) : min(x1, right)]
            inside[index] |= held.sum() >= _MOST * size
    return boxes.subset(np.flatnonzero(inside))


def _shown_by(before: Image, things: Detections, query: str, detector: Detector) -> Detections:
    """Return those of the things that the detector sees in another image as well, there at a closer look if need be."""
    if not len(things):
        return things
    whole = detector.detect(before, query)
    return things.subset(
        [
            index
            for index, box in enumerate(things.xyxy)
            if _among(box, whole) or _among(box, look_around(detector, before, query, box))
        ]
    )


def _among(box: Array, others: Detections) -> bool:
    return len(others) > 0 and float(overlap(box, others.xyxy).max()) >= _SAME


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


@tool(family="measure", models={"reader": Reader})
def unreadable(image: Image, words: Query | None = None, inside: Mask | None = None, *, reader: Reader) -> Verdict:
    """Check that the words, or any words at all, cannot be read in the image; with `inside` only there."""
    lines = reader.read(image)
    if words is None:
        words_read = [sum(map(str.isalnum, label)) > 1 for label in lines.labels]  # a lone letter may be any stain
        lines = lines.subset(np.flatnonzero((lines.scores >= _LEGIBLE) & np.array(words_read, np.bool_)))
    else:
        lines = matching(lines, words, image.size_wh)
    if inside is not None:
        lines = lines.subset(np.flatnonzero(covered(lines, selection(image, inside)) >= _MOST))
    best = float(lines.scores[0]) if len(lines) else 0.0
    unread = "no text was read" if words is None else f"{words!r} was not read"
    reason = f"read {', '.join(map(repr, lines.labels[:5]))}" if len(lines) else unread
    return Verdict(not len(lines), 1 - best, reason, lines)


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
