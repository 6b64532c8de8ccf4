"""What a planner can call to select pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from ..colors import rgb_to_lab
from ..errors import ToolError
from ..model import Matter, Segmenter
from ..parameters import Color
from ..tool import tool
from ..values import Detections, Image, Mask
from ..values.base import Array
from .hues import band_of
from .tidy import tidy

_SPECK = 0.00005
"""Share of the image below which a part or a hole of a color is noise."""
_ROWS = 512
"""Rows converted to Lab at a time: bounds the memory that a large photo takes."""


@tool(family="segmenter", models={"segmenter": Segmenter})
def segment(image: Image, boxes: Detections, *, segmenter: Segmenter) -> Mask:
    """Select the exact pixels of the objects inside `boxes`."""
    return _segmented([image], [boxes], segmenter)[0]


@segment.batched
def _(calls: Sequence[Mapping[str, Any]]) -> list[Mask]:
    return _segmented([call["image"] for call in calls], [call["boxes"] for call in calls], calls[0]["segmenter"])


def _segmented(images: Sequence[Image], boxes: Sequence[Detections], segmenter: Segmenter) -> list[Mask]:
    """Take the masks that boxes carry; for the others, ask the segmenter about all images together."""
    for image, each in zip(images, boxes, strict=True):
        _some(each)
        if each.masks is not None:
            _fits(image, each.masks)
    asked = {place: _without_pixels(each) for place, each in enumerate(boxes)}
    asked = {place: each for place, each in asked.items() if len(each)}
    found = segmenter.segment_many([images[place] for place in asked], list(asked.values())) if asked else []
    selected = dict(zip(asked, found, strict=True))
    return [
        selected[place] if each.masks is None else _joined(each.masks, selected.get(place))
        for place, each in enumerate(boxes)
    ]


def _without_pixels(boxes: Detections) -> Detections:
    return boxes if boxes.masks is None else boxes.subset(np.flatnonzero(~boxes.masks.any(axis=(1, 2))))


def _joined(masks: Array, more: Mask | None) -> Mask:
    selected: Array = np.any(masks, axis=0)
    return Mask(selected if more is None else selected | more.selected)


@tool(family="segmenter", models={"matter": Matter})
def subject(image: Image, *, matter: Matter) -> Mask:
    """Select the main subject in front of its background, whatever it is."""
    return matter.subject(image)


@tool(family="segmenter", panel="plain")
def region(image: Image, boxes: Detections, shape: Literal["box", "ellipse"] = "box") -> Mask:
    """Select everything inside the boxes, as rectangles or ellipses."""
    _some(boxes)
    width, height = image.size_wh
    selected = np.zeros((height, width), np.bool_)
    for x0, y0, x1, y1 in boxes.xyxy.astype(float):
        left, top = max(0, int(np.floor(x0))), max(0, int(np.floor(y0)))
        right, bottom = min(width, int(np.ceil(x1))), min(height, int(np.ceil(y1)))
        if left >= right or top >= bottom:
            continue
        window = selected[top:bottom, left:right]
        window |= True if shape == "box" else _ellipse((x0, y0, x1, y1), (left, top, right, bottom))
    if not selected.any():
        raise ToolError(
            f"nothing to select: no box lies inside the image of {width}×{height}",
            hint="find the boxes in the same image, after any crop, resize or rotation",
        )
    return Mask(selected)


@tool(family="segmenter", panel="plain")
def color_range(image: Image, color: Color) -> Mask:
    """Select all pixels of a color, whatever they belong to."""
    band = band_of(color)
    rows = range(0, image.rgb.shape[0], _ROWS)
    selected = np.concatenate([band.contains(rgb_to_lab(image.rgb[row : row + _ROWS])) for row in rows])
    if image.alpha is not None:
        selected &= image.alpha > 0
    if not selected.all():
        selected = tidy(selected, _SPECK)
    if not selected.any():
        raise ToolError(f"nothing in the image is {color!r}", hint="'dominant_colors' says which colors there are")
    return Mask(selected)


def _some(boxes: Detections) -> None:
    if not len(boxes):
        raise ToolError(
            f"nothing to segment: found no {boxes.query or 'object'!r}",
            hint="name something that can be seen in the image",
        )


def _fits(image: Image, masks: Array) -> None:
    width, height = image.size_wh
    if masks.shape[1:] != (height, width):
        raise ToolError(
            f"the image is {width}×{height}, but the boxes carry masks of {masks.shape[2]}×{masks.shape[1]}",
            hint="find the boxes in the same image, after any crop, resize or rotation",
        )


def _ellipse(xyxy: tuple[float, float, float, float], window: tuple[int, int, int, int]) -> Array:
    """Return bool (h, w): the pixels of `window` whose centers lie inside the ellipse of the box `xyxy`."""
    (x0, y0, x1, y1), (left, top, right, bottom) = xyxy, window
    across = (np.arange(left, right) + 0.5 - (x0 + x1) / 2) / max((x1 - x0) / 2, 0.5)
    down = (np.arange(top, bottom) + 0.5 - (y0 + y1) / 2) / max((y1 - y0) / 2, 0.5)
    inside: Array = across[None, :] ** 2 + down[:, None] ** 2 <= 1
    return inside
