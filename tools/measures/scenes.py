"""What a picture made from a description promises, beyond that things are there: their colors and their places."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..colors import rgb_to_lab
from ..detectors.boxes import clipped, overlap
from ..detectors.places import Side, free_square, relations
from ..detectors.rivals import detect_among, detected_among
from ..errors import ToolError
from ..model import Detector
from ..parameters import Among, Color, Query
from ..segmenters.hues import BASIC, band_of
from ..tool import tool
from ..values import Detections, Image, Mask, Verdict
from ..values.base import Array
from .checks import placed_in
from .evidence import found

_RING = 0.06
"""Width of what is taken for the surroundings of a box, as a share of its longer side; at least two pixels."""
_UNLIKE = 18.0
"""Distance in CIELAB from the surroundings at which a pixel belongs to the thing in a box."""
_MOSTLY = 0.25
"""Least share of a thing's pixels that its color covers."""
_TIE = 0.15
"""By how much another color may cover more: a dark red is red and brown."""
_ANYTHING = "object"
"""What a detector is asked for when it is to find whatever there is."""
_SAME = 0.5
"""Overlap, as a share of the smaller box, at which two boxes are about one thing."""
_MARGIN = 0.08
"""How far beyond the box of a thing it is drawn over, as a share of the box."""


@tool(family="measure", models={"detector": Detector})
def colored(
    image: Image, query: Query, color: Color, among: Among = None, inside: Mask | None = None, *, detector: Detector
) -> Verdict:
    """Check that all things which the phrase names, said without a color, have the color; with `inside` those there."""
    return _colored(placed_in(inside, image, detect_among(detector, image, query, among)), image, query, color)


@colored.batched
def _(calls: Sequence[Mapping[str, Any]]) -> list[Verdict]:
    pairs = zip(detected_among(calls), calls, strict=True)
    return [
        _colored(placed_in(call.get("inside"), call["image"], seen), call["image"], call["query"], call["color"])
        for seen, call in pairs
    ]


def _colored(boxes: Detections, image: Image, query: str, color: str) -> Verdict:
    if not len(boxes):
        return Verdict(False, 0.0, found(boxes, query), boxes)
    named = [_color_of(image, boxes, place, color) for place in range(len(boxes))]
    wrong = [place for place, name in enumerate(named) if name != color]
    seen = ", ".join(dict.fromkeys(named[place] for place in wrong))
    reason = f"{len(boxes) - len(wrong)} of {len(boxes)} {query!r} are {color}" + (f", others {seen}" if wrong else "")
    return Verdict(not wrong, 1 - len(wrong) / len(boxes), reason, boxes.subset(wrong or range(len(boxes))))


def _color_of(image: Image, boxes: Detections, place: int, asked: str) -> str:
    """Return the color word that says best what a thing's pixels are; `asked` is one of those to choose."""
    pixels = _pixels(image, boxes, place)
    shares = {word: float(band.contains(pixels).mean()) for word, band in {**BASIC, asked: band_of(asked)}.items()}
    best = max(shares, key=shares.__getitem__)
    return asked if shares[asked] >= max(_MOSTLY, shares[best] - _TIE) else best


def _pixels(image: Image, boxes: Detections, place: int) -> Array:
    """Return the pixels of a thing in CIELAB, float32 (P, 3): of its box those unlike the surroundings, if any are."""
    width, height = image.size_wh
    x0, y0 = np.floor(boxes.xyxy[place, :2]).astype(int).clip(0, (width - 1, height - 1))
    x1, y1 = np.ceil(boxes.xyxy[place, 2:]).astype(int).clip((x0 + 1, y0 + 1), (width, height))
    ring = max(2, round(_RING * int(max(x1 - x0, y1 - y0))))
    left, top = max(0, x0 - ring), max(0, y0 - ring)
    window = np.s_[top : y1 + ring, left : x1 + ring]
    lab = rgb_to_lab(image.rgb[window])
    inner = np.zeros(lab.shape[:2], np.bool_)
    inner[y0 - top : y1 - top, x0 - left : x1 - left] = True
    if boxes.masks is not None:
        return np.asarray(lab[boxes.masks[place][window]])
    inside, around = lab[inner], lab[~inner]
    unlike = inside[np.linalg.norm(inside - np.median(around, axis=0), axis=1) > _UNLIKE] if len(around) else inside
    return np.asarray(unlike if len(unlike) else inside)


@tool(family="measure", models={"detector": Detector}, version=2)
def placed(image: Image, query: Query, side: Side, of: Query, among: Among = None, *, detector: Detector) -> Verdict:
    """Check that what one phrase names stands left of, right of, above or below what the other names."""
    known = [query, of, *(among or ())]
    things, others = (detect_among(detector, image, phrase, known) for phrase in (query, of))
    for boxes, phrase in ((things, query), (others, of)):
        if not len(boxes):
            return Verdict(False, 0.0, found(boxes, phrase), boxes)
    right = [all(side in relations(box, other) for other in others.xyxy) for box in things.xyxy]
    wrong = [place for place, holds in enumerate(right) if not holds]
    reason = f"{len(things) - len(wrong)} of {len(things)} {query!r} {side} {of!r}"
    return Verdict(not wrong, 1 - len(wrong) / len(things), reason, things.subset(wrong or range(len(things))))


@tool(family="segmenter", panel="plain", planned=False)
def room(image: Image, taken: list[Detections], of: Detections | None = None, side: Side | None = None) -> Mask:
    """Select a free place for another thing, away from those taken; with `of` and `side`, on that side of them."""
    boxes = np.concatenate([each.xyxy for each in taken])
    square = free_square(image.size_wh, boxes, None if of is None else of.xyxy, side)
    if square is None:
        raise ToolError(f"there is no room for another thing{_where(of, side)}", hint="draw the picture anew")
    return _selected(image, square)


@tool(family="segmenter", panel="discriminative", models={"detector": Detector}, planned=False)
def unasked(
    image: Image,
    asked: list[Detections],
    of: Detections | None = None,
    side: Side | None = None,
    *,
    detector: Detector,
) -> Mask:
    """Select the largest thing that is none of those asked for; with `of` and `side`, one on that side of them."""
    things = detector.detect(image, _ANYTHING)
    known = np.concatenate([each.xyxy for each in asked])
    others = [box for box in things.xyxy if not len(known) or overlap(box, known, of_smaller=True).max() < _SAME]
    if of is not None and side is not None:
        others = [box for box in others if all(side in relations(box, each) for each in of.xyxy)]
    if not others:
        raise ToolError(f"nothing is there that was not asked for{_where(of, side)}", hint="draw the picture anew")
    largest = max(others, key=lambda box: float(np.prod(box[2:] - box[:2])))
    margin = _MARGIN * (largest[2:] - largest[:2])
    return _selected(
        image, clipped(np.concatenate([largest[:2] - margin, largest[2:] + margin])[None], image.size_wh)[0]
    )


def _where(of: Detections | None, side: Side | None) -> str:
    return f" {side} {of.query or 'it'!r}" if of is not None and side else ""


def _selected(image: Image, box: Array) -> Mask:
    x0, y0, x1, y1 = np.round(box).astype(int)
    selected = np.zeros(image.rgb.shape[:2], np.bool_)
    selected[y0:y1, x0:x1] = True
    return Mask(selected)
