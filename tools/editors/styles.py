"""Picture styles: each takes and returns uint8 (h, w, 3) and the scale of its strokes in pixels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..values.base import Array
from .tones import gray_levels, in_strips, luma

_SEPIA = np.array([[0.393, 0.769, 0.189], [0.349, 0.686, 0.168], [0.272, 0.534, 0.131]], np.float32)
_LEVELS = 5
_WORK = 2_000_000
"""Most pixels on which the slow painterly filters run; the result is brought back to full size."""


def sketch(rgb: Array, unit: float) -> Array:
    """Draw in pencil: gray divided by its own blurred copy (color dodge), with darkened strokes."""
    import cv2

    gray = cv2.GaussianBlur(gray_levels(rgb), (0, 0), max(0.6, unit * 0.4))
    soft = cv2.GaussianBlur(gray, (0, 0), max(2.0, unit * 4))
    dodge = cv2.divide(cv2.add(gray, 24), cv2.add(soft, 24), scale=255)  # 24: no blots in black areas
    tone = (255 * (np.arange(256) / 255) ** 2.2).astype(np.uint8)
    pencil = cv2.addWeighted(cv2.LUT(dodge, tone), 0.88, gray, 0.12, 0)
    return np.dstack([pencil] * 3)


def cartoon(rgb: Array, unit: float) -> Array:
    """Flatten colors with repeated bilateral filtering and draw dark outlines."""
    import cv2

    def paint(small: Array) -> Array:
        flat = small
        for _ in range(4):
            flat = cv2.bilateralFilter(flat, 9, 40, 7)
        hsv = cv2.cvtColor(flat, cv2.COLOR_RGB2HSV)
        hsv[..., 1] = np.minimum(hsv[..., 1] * 1.25, 255)
        hsv[..., 2] = cv2.LUT(hsv[..., 2], _soft_steps(8))
        return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB))

    painted = _at_work_size(rgb, paint)
    gray = cv2.GaussianBlur(gray_levels(rgb), (0, 0), max(0.8, unit))
    wide = cv2.GaussianBlur(gray, (0, 0), max(1.3, unit * 1.6))
    ink = (wide.astype(np.int16) - gray).clip(0, 255)  # difference of Gaussians: dark side of an edge
    keep = 1 - ((ink - 2) / 6.0).clip(0, 0.85).astype(np.float32)
    return np.asarray(np.rint(painted * keep[..., None]).astype(np.uint8))


def sepia(rgb: Array, unit: float) -> Array:
    """Tone brown like an old print."""
    return in_strips(rgb, lambda strip, _: strip @ _SEPIA.T)


def negative(rgb: Array, unit: float) -> Array:
    """Invert every color."""
    return np.asarray(255 - rgb)


def vintage(rgb: Array, unit: float) -> Array:
    """Fade like a film print of the seventies: lifted blacks, yellow lights, blue shadows, less color."""
    lights, darks = np.array([255, 240, 205], np.float32), np.array([38, 30, 52], np.float32)

    def fade(strip: Array, _: int) -> Array:
        gray = luma(strip)[..., None]
        muted = gray + (strip - gray) * 0.65
        result: Array = darks + (lights - darks) * muted / 255
        return result

    return in_strips(rgb, fade)


def posterize(rgb: Array, unit: float) -> Array:
    """Keep five levels per channel, after a little smoothing so that areas stay whole."""
    import cv2

    smooth = cv2.bilateralFilter(np.ascontiguousarray(rgb), 5, 30, 5)
    steps = np.rint(np.arange(256) / 255 * (_LEVELS - 1)) * (255 / (_LEVELS - 1))
    return np.asarray(cv2.LUT(smooth, np.rint(steps).astype(np.uint8)))


def emboss(rgb: Array, unit: float) -> Array:
    """Show relief, lit from the top left, on gray."""
    import cv2

    gray = cv2.GaussianBlur(gray_levels(rgb), (0, 0), max(0.6, unit * 0.6)).astype(np.float32)
    step = max(1, round(unit))
    padded = cv2.copyMakeBorder(gray, step, step, step, step, cv2.BORDER_REPLICATE)
    slope = padded[2 * step :, 2 * step :] - padded[: -2 * step, : -2 * step]
    return np.dstack([np.rint(128 + 1.6 * slope).clip(0, 255).astype(np.uint8)] * 3)


def edges(rgb: Array, unit: float) -> Array:
    """Draw white contours on black: the strength of the Sobel gradient."""
    import cv2

    gray = cv2.GaussianBlur(gray_levels(rgb), (0, 0), max(0.8, unit * 0.7))
    across, down = (cv2.Sobel(gray, cv2.CV_32F, x, 1 - x) for x in (1, 0))
    strength = cv2.magnitude(across, down)
    top = max(float(np.percentile(strength, 99)), 1.0)
    line = np.rint(255 * (strength / top).clip(0, 1) ** 0.8).astype(np.uint8)
    return np.dstack([line] * 3)


def oil(rgb: Array, unit: float) -> Array:
    """Paint with round strokes: each pixel takes the mean color of the commonest brightness around it."""
    import cv2

    bins = 10

    def paint(small: Array) -> Array:
        radius = max(2, round(min(small.shape[:2]) / 150))
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1,) * 2).astype(np.float32)
        level = (gray_levels(small).astype(np.int32) * bins // 256).astype(np.uint8)
        best = np.zeros(level.shape, np.float32)
        result = np.array(small)
        for k in range(bins):
            inside = (level == k).astype(np.float32)
            votes = cv2.filter2D(inside, -1, kernel)
            total = cv2.filter2D(small * inside[..., None], -1, kernel).reshape(small.shape)
            wins = votes > best
            best[wins] = votes[wins]
            result[wins] = np.rint(total[wins] / votes[wins][:, None]).clip(0, 255)
        return result

    return _at_work_size(rgb, paint)


STYLES: dict[str, Callable[[Array, float], Array]] = {
    "sketch": sketch,
    "cartoon": cartoon,
    "sepia": sepia,
    "negative": negative,
    "vintage": vintage,
    "posterize": posterize,
    "emboss": emboss,
    "edges": edges,
    "oil": oil,
}
"""Every style by the name that a planner writes."""


def _at_work_size(rgb: Array, paint: Callable[[Array], Array]) -> Array:
    """Run a slow filter on at most `_WORK` pixels."""
    import cv2

    height, width = rgb.shape[:2]
    scale = (_WORK / (height * width)) ** 0.5
    if scale >= 1:
        return paint(np.ascontiguousarray(rgb))
    small = cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(paint(small), (width, height), interpolation=cv2.INTER_CUBIC))


def _soft_steps(count: int) -> Array:
    """Return a uint8 (256,) table that gathers brightness around `count` levels without hard contours."""
    x = np.arange(256) / 255 * count
    whole = np.floor(x)
    part = x - whole
    return np.rint((whole + part**2 * (3 - 2 * part)) / count * 255).astype(np.uint8)
