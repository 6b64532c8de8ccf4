"""Remove things without weights: thin marks by diffusion, everything else by patches of the same picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Self

import numpy as np

from ..errors import ToolError
from ..model import Eraser
from ..values import Image, Mask
from ..values.base import Array
from .compose import Box, edit_inside, regions, same_size, widened
from .patch_match import Match, fill_hole

_SIDE = 288
"""Longer side of the surroundings on which patches are matched, in pixels."""
_AROUND = 1.0
"""Surroundings on each side of a hole, as a share of its longer side."""
_LEAST_AROUND = 32
_THIN, _NARROW = 4.0, 14.0
"""Inner radius of a hole, in pixels of a picture of 1000 pixels: up to the first, diffusion always does better than
patches; up to the second, where the surroundings are flat (words on paper)."""
_FLAT = 3.0
"""Roughness in gray levels up to which surroundings are flat."""
_ONE_COLOR, _MOST_OF_RIM = 14, 0.9
"""Levels by which pixels of one color differ, and the share of a rim that has to be of it."""
_ROWS = 256
"""Rows written at a time: bounds the memory that a large hole takes."""


class PatchFill(Eraser):
    """Telea diffusion for strokes and scratches, multi-scale PatchMatch for holes."""

    memory_mb: ClassVar[int] = 0

    @classmethod
    def load(cls, source: str | Mapping[str, str], *, device: str = "cpu", dtype: str = "float32") -> Self:
        """Return the adapter; there are no weights."""
        return cls()

    def erase(self, image: Image, mask: Mask) -> Image:
        """Fill the selected pixels with what their surroundings suggest; every other pixel stays as it is.

        Raises ToolError when the mask leaves nothing to fill from.
        """
        same_size(image, mask)
        if mask.selected.all():
            raise ToolError("the mask selects the whole image", hint="select only what is to be removed")
        pixels, left = np.array(image.pixels), np.array(mask.selected)
        for box in regions(mask):
            around = widened(box, _margin(box), image.size_wh)
            if not _suits_diffusion(_part(pixels, around), _part(left, around), max(image.size_wh) / 1000):
                _fill_from_patches(pixels, left, box, around)
        return _diffuse(Image(pixels), Mask(left))


def _part(selected: Array, box: Box) -> Array:
    return selected[box[1] : box[3], box[0] : box[2]]


def _margin(box: Box) -> int:
    return max(_LEAST_AROUND, int(_AROUND * max(box[2] - box[0], box[3] - box[1])))


def _suits_diffusion(pixels: Array, hole: Array, unit: float) -> bool:
    """Say whether a hole is thin, narrow on a flat ground, or lies within one color (words on a sign).

    `unit` scales the limits to large pictures.
    """
    import cv2

    if _one_color_around(pixels, hole, unit):
        return True
    inside = np.pad(hole, 1).astype(np.uint8)
    radius = float(cv2.distanceTransform(inside, cv2.DIST_L2, 3).max()) / max(1.0, unit)
    if radius <= _THIN or radius > _NARROW:
        return radius <= _THIN
    gray = cv2.cvtColor(np.ascontiguousarray(pixels[..., :3]), cv2.COLOR_RGB2GRAY).astype(np.float32)
    known = (~hole).astype(np.float32)
    mean = cv2.GaussianBlur(gray * known, (0, 0), 2) / np.maximum(cv2.GaussianBlur(known, (0, 0), 2), 1e-3)
    ring = cv2.dilate(hole.astype(np.uint8), np.ones((9, 9), np.uint8)).astype(bool) & ~hole
    return bool(ring.any()) and float(np.percentile(np.abs(gray - mean)[ring], 40)) <= _FLAT


def _one_color_around(pixels: Array, hole: Array, unit: float) -> bool:
    """Say whether nearly all of the rim of a hole has one color: then nothing but that color belongs inside."""
    import cv2

    width = 2 * max(1, round(2 * unit)) + 1
    rim = cv2.dilate(hole.astype(np.uint8), np.ones((width, width), np.uint8)).astype(bool) & ~hole
    if not rim.any():
        return False
    colors = pixels[..., :3][rim].astype(np.int16)  # (N, 3)
    difference = np.abs(colors - np.median(colors, axis=0)).max(axis=1)
    return float(np.mean(difference <= _ONE_COLOR)) >= _MOST_OF_RIM


def _diffuse(image: Image, mask: Mask) -> Image:
    """Fill by fast marching (Telea, "An Image Inpainting Technique Based on the Fast Marching Method", 2004)."""
    import cv2

    def change(rgb: Array, box: Box) -> Array:
        hole = np.ascontiguousarray(_part(mask.selected, box)).astype(np.uint8)
        result: Array = cv2.inpaint(np.ascontiguousarray(rgb), hole, 4, cv2.INPAINT_TELEA)
        return result

    return edit_inside(image, mask, change, margin=16)


def _fill_from_patches(pixels: Array, left: Array, box: Box, around: Box) -> None:
    """Fill the holes of `left` in `box` from what is known in `around`, and take them off `left`, both in place.

    Where no whole patch is known, nothing happens.
    """
    import cv2

    rgb, hole = np.ascontiguousarray(_part(pixels, around)[..., :3]), np.ascontiguousarray(_part(left, around))
    scale = min(1.0, _SIDE / max(hole.shape))
    size = (max(1, round(hole.shape[1] * scale)), max(1, round(hole.shape[0] * scale)))
    covered = cv2.resize(hole.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0
    match = fill_hole(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), covered)
    if match is None:
        return
    filled = np.rint(match.rgb).clip(0, 255).astype(np.uint8) if scale == 1 else _transfer(rgb, hole, match)
    own = np.zeros(hole.shape, np.bool_)
    window = np.s_[box[1] - around[1] : box[3] - around[1], box[0] - around[0] : box[2] - around[0]]
    own[window] = hole[window]
    _part(pixels, around)[..., :3][own] = filled[own]
    _part(left, around)[own] = False


def _transfer(rgb: Array, hole: Array, match: Match) -> Array:
    """Return uint8 (H, W, 3): the hole filled with full-resolution pixels from where the small match found them.

    Each pixel is the mean of the sources that the nine small patches nearest to it name, weighted by distance:
    the same pixel where neighbors agree, a soft seam where they do not.
    """
    filled = rgb.copy()
    for start in range(0, len(hole), _ROWS):
        at = np.argwhere(hole[start : start + _ROWS]) + np.array([start, 0])  # (N, 2)
        if len(at):
            filled[at[:, 0], at[:, 1]] = _colors(rgb, hole, match, at)
    return filled


def _colors(rgb: Array, hole: Array, match: Match, at: Array) -> Array:
    """Return uint8 (N, 3): the colors for the hole pixels at (y, x) `at`."""
    small = np.array(match.source.shape[:2])
    ratio = np.array(hole.shape) / small
    place = (at + 0.5) / ratio - 0.5  # (N, 2) in small pixels
    total, weights = np.zeros((len(at), 3), np.float32), np.zeros((len(at), 1), np.float32)
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            center = np.rint(place).astype(int) + np.array([dy, dx])
            distance = np.square(center - place).sum(axis=1)
            center = np.clip(center, 0, small - 1)
            offset = (match.source[center[:, 0], center[:, 1]] - center) * ratio
            seen = np.clip(np.rint(at + offset).astype(int), 0, np.array(hole.shape) - 1)
            known = ~hole[seen[:, 0], seen[:, 1]]
            weight = (np.exp(-2 * distance) * known + 1e-9 * known).astype(np.float32)[:, None]
            total += rgb[seen[:, 0], seen[:, 1]] * weight
            weights += weight
    nearest = np.clip(np.rint(place).astype(int), 0, small - 1)
    blurred = match.rgb[nearest[:, 0], nearest[:, 1]]
    colors = np.where(weights > 0, total / np.maximum(weights, 1e-12), blurred)
    return np.rint(colors).clip(0, 255).astype(np.uint8)
