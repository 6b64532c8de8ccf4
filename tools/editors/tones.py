"""Tone arithmetic that several editors share: pixel by pixel, in strips, without turning hues."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..colors import LUMA
from ..values.base import Array

_STRIP = 1_000_000
"""Pixels worked on at once, so that the float copies of a large photo stay small."""
_TOE = 4.0
"""Luma up to which a pixel's own color is hardly trusted when it is made brighter."""


def in_strips(rgb: Array, change: Callable[[Array, int], Array]) -> Array:
    """Return uint8 (H, W, 3): `change(strip, y)` of float32 (h, W, 3) strips in [0, 255] whose first row is y."""
    result = np.empty_like(rgb, order="C")
    rows = max(1, _STRIP // rgb.shape[1])
    for y in range(0, len(rgb), rows):
        changed = change(rgb[y : y + rows].astype(np.float32), y)
        result[y : y + rows] = np.rint(changed).clip(0, 255)
    return result


def luma(rgb: Array) -> Array:
    """Return Rec. 601 luma, float32 (…), of float32 (…, 3) colors."""
    result: Array = rgb @ LUMA
    return result


def gray_levels(rgb: Array) -> Array:
    """Return Rec. 601 luma as uint8 (H, W) of uint8 (H, W, 3)."""
    import cv2

    gray: Array = cv2.cvtColor(np.ascontiguousarray(rgb), cv2.COLOR_RGB2GRAY)
    return gray


def fit(rgb: Array) -> Array:
    """Bring float32 (…, 3) colors into [0, 255] by mixing in gray of their own luma, which keeps the hue."""
    gray = luma(rgb).clip(0, 255)[..., None]  # (..., 1)
    excess = rgb - gray
    high, low = excess.max(axis=-1, keepdims=True), excess.min(axis=-1, keepdims=True)
    room = np.minimum((255 - gray) / np.maximum(high, 1e-3), gray / np.maximum(-low, 1e-3))
    fitted: Array = gray + excess * np.minimum(room, 1)
    return fitted


def with_tones(rgb: Array, curve: Array) -> Array:
    """Move the luma of float32 (…, 3) colors along `curve`, float32 (256,) in [0, 255]; hue and saturation stay."""
    before = luma(rgb)
    after = np.interp(before, np.arange(256), curve).astype(np.float32)
    return scaled(rgb, before, after)


def scaled(rgb: Array, before: Array, after: Array) -> Array:
    """Scale colors (…, 3) so that luma `before` (…) becomes `after` (…), inside [0, 255] and in the same hue."""
    gain = (after + _TOE) / (before + _TOE)  # nearer to 1 in black pixels, whose color is mostly noise
    return fit(rgb * gain[..., None] + (after - before * gain)[..., None])
