"""Mask algebra."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from ..errors import ToolError
from ..tool import tool
from ..values import Mask
from ..values.base import Array


@tool(family="segmenter", panel="plain")
def invert(mask: Mask) -> Mask:
    """Select everything that `mask` does not: the background of a subject."""
    return Mask(~mask.selected)


@tool(family="segmenter", panel="plain", widens=True)
def grow(mask: Mask, percent: Annotated[float, Field(ge=-50, le=50)] = 1.0) -> Mask:
    """Widen the selection on all sides, in percent of the image's shorter side; negative shrinks it."""
    if percent == 0:
        return mask
    radius = max(1.0, abs(percent) / 100 * min(mask.size_wh))
    if percent > 0:
        return Mask(_widen(mask.selected, radius))
    return Mask(~_widen(~mask.selected, radius))


@tool(family="segmenter", panel="plain", widens=True)
def union(a: Mask, b: Mask) -> Mask:
    """Select what either mask selects."""
    _same_size(a, b)
    return Mask(a.selected | b.selected)


@tool(family="segmenter", panel="plain")
def subtract(a: Mask, b: Mask) -> Mask:
    """Select what `a` selects and `b` does not."""
    _same_size(a, b)
    return Mask(a.selected & ~b.selected)


@tool(family="segmenter", panel="plain")
def intersect(a: Mask, b: Mask) -> Mask:
    """Select only what both masks select."""
    _same_size(a, b)
    return Mask(a.selected & b.selected)


def _same_size(a: Mask, b: Mask) -> None:
    if a.size_wh != b.size_wh:
        (width, height), (other_width, other_height) = a.size_wh, b.size_wh
        raise ToolError(
            f"mask 'a' is {width}×{height}, but mask 'b' is {other_width}×{other_height}",
            hint="make both masks from the same image",
        )


def _widen(selected: Array, radius: float) -> Array:
    """Add to bool (H, W) every pixel within `radius` of a selected one.

    One exact Euclidean distance transform, so that the time does not depend on the radius. What lies beyond
    the edge of the image counts as not selected here, and by inversion as not *un*selected when shrinking: a
    shape that the edge cuts off stays at the edge.
    """
    import cv2

    if not selected.any():
        return selected
    distance = cv2.distanceTransform((~selected).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    near: Array = distance <= radius
    return near
