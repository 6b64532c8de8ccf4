"""Haze removal with the dark channel prior (He, Sun and Tang, CVPR 2009)."""

from __future__ import annotations

import numpy as np

from ..values.base import Array
from .tones import gray_levels, in_strips

_SIDE = 600
"""Longer side in pixels at which haze is estimated; it varies slowly."""
_REMOVED = 0.85
"""Share of the haze that is removed: a trace of it keeps distances readable (omega in the paper)."""
_THINNEST = 0.35
"""Least transmission that is believed; below it only noise would be amplified."""


def without_haze(rgb: Array) -> Array:
    """Return uint8 (H, W, 3) with the airlight subtracted where the dark channel shows haze."""
    import cv2

    height, width = rgb.shape[:2]
    scale = min(1.0, _SIDE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA).reshape(size[1], size[0], 3)
    air = _airlight(small)
    dark = _dark_channel(small.astype(np.float32) / air)
    slope, offset = _guide(gray_levels(small).astype(np.float32) / 255, 1 - _REMOVED * dark)

    def clear(strip: Array, y: int) -> Array:
        rows = np.s_[y : y + len(strip)]
        guide = gray_levels(rgb[rows]).astype(np.float32) / 255
        through = _enlarged(slope, rgb.shape, y, len(strip)) * guide + _enlarged(offset, rgb.shape, y, len(strip))
        through = through.clip(_THINNEST, 1)[..., None]  # (h, W, 1)
        result: Array = (strip - air) / through + air
        return result

    return in_strips(rgb, clear)


def _dark_channel(rgb: Array) -> Array:
    """Return float32 (h, w): the least channel in the least pixel of a patch around each pixel."""
    import cv2

    patch = max(3, max(rgb.shape[:2]) // 40) | 1
    result: Array = cv2.erode(np.ascontiguousarray(rgb.min(axis=2)), np.ones((patch, patch), np.uint8))
    return result


def _airlight(rgb: Array) -> Array:
    """Return float32 (3,): the color of the haze, from the brightest of the haziest 0.1 % of pixels."""
    dark = _dark_channel(rgb.astype(np.float32)).ravel()
    count = max(1, dark.size // 1000)
    haziest = rgb.reshape(-1, 3)[np.argpartition(dark, -count)[-count:]].astype(np.float32)
    brightest = haziest[np.argsort(haziest.sum(axis=1), kind="stable")[-max(1, count // 5) :]]
    air: Array = np.maximum(brightest.mean(axis=0), 60.0)
    return air


def _guide(guide: Array, target: Array) -> tuple[Array, Array]:
    """Fit target ≈ slope · guide + offset around each pixel (guided filter, He, Sun and Tang, ECCV 2010)."""
    import cv2

    window = (max(3, max(guide.shape) // 12) | 1,) * 2

    def mean(x: Array) -> Array:
        return np.asarray(cv2.blur(x, window, borderType=cv2.BORDER_REFLECT))

    mean_g, mean_t = mean(guide), mean(target)
    slope = (mean(guide * target) - mean_g * mean_t) / (mean(guide * guide) - mean_g**2 + 1e-3)
    return mean(slope), mean(mean_t - slope * mean_g)


def _enlarged(small: Array, shape: tuple[int, ...], y: int, rows: int) -> Array:
    """Return rows y … y+rows of `small` (h, w) enlarged bilinearly to `shape`, without making the rest."""
    import cv2

    height, width = shape[:2]
    centers_y = (np.arange(y, y + rows, dtype=np.float32) + 0.5) * (small.shape[0] / height) - 0.5
    centers_x = (np.arange(width, dtype=np.float32) + 0.5) * (small.shape[1] / width) - 0.5
    map_x, map_y = np.meshgrid(centers_x, centers_y)
    return np.asarray(cv2.remap(small, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))
