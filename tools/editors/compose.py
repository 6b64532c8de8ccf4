"""What every editor with a mask shares: it changes no pixel outside the mask, and no alpha anywhere."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..errors import ToolError
from ..values import Image, Mask
from ..values.base import Array

Box = tuple[int, int, int, int]
"""Half-open (x0, y0, x1, y1) in pixels."""

_CELLS = 512
"""Cells across the longer side when regions are told apart: parts nearer than one cell belong together."""


def same_size(image: Image, mask: Mask) -> None:
    """Raise ToolError with both sizes unless `mask` was made for an image of this size."""
    if image.size_wh != mask.size_wh:
        (width, height), (mask_width, mask_height) = image.size_wh, mask.size_wh
        raise ToolError(
            f"the image is {width}×{height}, but the mask is {mask_width}×{mask_height}",
            hint="make the mask from the same image, after any crop, resize or rotation",
        )


def selection(image: Image, mask: Mask | None) -> Array:
    """Return the pixels to change, bool (H, W): those of `mask`, or all without one. Raises ToolError on size."""
    if mask is None:
        width, height = image.size_wh
        return np.ones((height, width), np.bool_)
    same_size(image, mask)
    return mask.selected


def apply_inside(image: Image, rgb: Array, mask: Mask | None, feather: float = 0.0) -> Image:
    """Return `image` with the colors `rgb` (uint8 (H, W, 3)) inside `mask`, everywhere without one.

    Outside the mask the pixels stay the same to the byte, and alpha stays as it is. `feather` in pixels fades
    the change in from the edge of the mask inwards; an edge that is the image's own does not fade.
    """
    if mask is None:
        return image.with_rgb(rgb)
    return edit_inside(image, mask, lambda _, box: rgb[box[1] : box[3], box[0] : box[2]], feather=feather)


def edit_inside(
    image: Image, mask: Mask, change: Callable[[Array, Box], Array], *, margin: int = 0, feather: float = 0.0
) -> Image:
    """Apply `change` inside `mask`, computing only the mask's bounding box.

    `change` gets the colors around the mask, uint8 (h, w, 3), `margin` pixels wider than its bounding box where
    the image has them, and the box they come from; it returns new ones of the same shape. Prefer this to
    `apply_inside` where a float copy of a large photo would cost memory. With an empty mask nothing is called.
    """
    same_size(image, mask)
    bounds = mask.bounds()
    if bounds is None:
        return image
    box = widened(bounds, margin, image.size_wh)
    window = np.s_[box[1] : box[3], box[0] : box[2]]
    pixels = np.array(image.pixels)
    before, selected = image.rgb[window], mask.selected[window]
    after = change(before, box)
    if feather > 0:
        after = _mix(before, after, _weights(mask, box, feather))
    pixels[window][..., :3][selected] = after[selected]
    return Image(pixels)


def widened(box: Box, margin: int, size_wh: tuple[int, int]) -> Box:
    """Return `box` with `margin` pixels added on each side, cut at the edges of the image."""
    x0, y0, x1, y1 = box
    return max(x0 - margin, 0), max(y0 - margin, 0), min(x1 + margin, size_wh[0]), min(y1 + margin, size_wh[1])


def regions(mask: Mask) -> list[Box]:
    """Return one tight box per connected part of the selection, the largest box first.

    Every selected pixel lies in a box. Parts that are nearer to each other than about 1/512 of the image's
    longer side count as one, so that the crumbs at the edge of a shape do not become regions of their own.
    """
    import cv2

    height, width = mask.selected.shape
    cell = max(1, max(height, width) // _CELLS)
    padded = np.pad(mask.selected, ((0, -height % cell), (0, -width % cell)))
    cells = padded.reshape(len(padded) // cell, cell, -1, cell).any(axis=(1, 3))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(cells.astype(np.uint8), connectivity=8)
    found: list[Box] = []
    for label, (x, y, w, h, _) in list(enumerate(stats))[1:]:
        own = (labels[y : y + h, x : x + w] == label).repeat(cell, axis=0).repeat(cell, axis=1)
        part = Mask(padded[y * cell : (y + h) * cell, x * cell : (x + w) * cell] & own).bounds()
        if part:
            left, top = int(x) * cell, int(y) * cell
            found.append((part[0] + left, part[1] + top, part[2] + left, part[3] + top))
    return sorted(found, key=lambda b: (-(b[2] - b[0]) * (b[3] - b[1]), b[1], b[0]))


def _weights(mask: Mask, box: Box, feather: float) -> Array:
    """Return float32 (h, w) in [0, 1]: 0 outside the mask, rising to 1 `feather` pixels inside it."""
    import cv2

    wide = widened(box, 1, mask.size_wh)
    inside = mask.selected[wide[1] : wide[3], wide[0] : wide[2]].astype(np.uint8)
    if inside.all():
        return np.ones((box[3] - box[1], box[2] - box[0]), np.float32)
    depth: Array = cv2.distanceTransform(inside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    depth = depth[box[1] - wide[1] : box[3] - wide[1], box[0] - wide[0] : box[2] - wide[0]]
    weights: Array = np.minimum(depth / np.float32(feather + 1), 1)
    return weights


def _mix(before: Array, after: Array, weights: Array) -> Array:
    """Blend uint8 (h, w, 3) colors by float32 (h, w) weights of `after`."""
    mixed = before + (after.astype(np.float32) - before) * weights[..., None]
    return np.rint(mixed).clip(0, 255).astype(np.uint8)
