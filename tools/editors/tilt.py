"""How far a picture is tilted, measured from its straight lines and its lines of text."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..values import Image

LIMIT = 15.0
"""Largest tilt in degrees that is taken for an accident."""
_STEP = 0.1
_ANGLES = np.arange(-LIMIT, LIMIT + _STEP / 2, _STEP)  # (A,) degrees
_SIDE = 1000
"""Longer side in pixels at which tilt is measured."""


def measure_tilt(image: Image) -> float | None:
    """Return by how many degrees the picture is turned clockwise, in [-15, 15], or None when it has nothing level.

    Lines of text are tried first, by the sharpness of the rows of ink over angle (Postl, 1986), then long
    straight edges, horizontal and upright ones together, by the probabilistic Hough transform.
    """
    import cv2

    gray = cv2.cvtColor(np.ascontiguousarray(image.rgb), cv2.COLOR_RGB2GRAY)
    scale = _SIDE / max(gray.shape)
    if scale < 1:
        gray = cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    if min(gray.shape) < 32:
        return None
    text = _text_tilt(gray)
    return _line_tilt(gray) if text is None else text


def _text_tilt(gray: NDArray[np.uint8]) -> float | None:
    """Find the angle at which the rows of small dark marks are sharpest."""
    import cv2

    side = max(gray.shape)
    window = max(15, side // 25) | 1
    ink = cv2.adaptiveThreshold(gray, 1, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY_INV, window, 15)
    ys, xs = np.nonzero(_letters(ink))
    if len(ys) < 500:
        return None
    sharpness = np.array([_row_sharpness(xs, ys, angle) for angle in _ANGLES])  # (A,)
    best = int(sharpness.argmax())
    # Text measures 14 and 5 times its surroundings, photos without text stay under 4 and 2.3.
    off_peak = sharpness[np.abs(_ANGLES - _ANGLES[best]) > 3]
    clear = sharpness[best] > 5 * np.median(off_peak) and sharpness[best] > 2.5 * off_peak.max()
    return float(_ANGLES[best]) if clear and 0 < best < len(_ANGLES) - 1 else None


def _letters(ink: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Keep marks of the size of letters: neither specks nor pictures."""
    import cv2

    _, labels, stats, _ = cv2.connectedComponentsWithStats(ink, connectivity=8)
    width, height = stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT]
    side = max(ink.shape)
    keep = (height >= 4) & (height <= side // 12) & (width <= side // 6)
    keep[0] = False
    if keep.sum() < 40:
        return np.zeros_like(ink)
    return np.asarray(keep.astype(np.uint8)[labels])


def _row_sharpness(xs: NDArray[np.intp], ys: NDArray[np.intp], angle: float) -> float:
    """Return how strongly the amount of ink changes from row to row when rows run at `angle`."""
    slope = np.tan(np.radians(angle))
    rows = np.round(ys - xs * slope).astype(np.intp)
    profile = np.bincount(rows - rows.min()).astype(np.float64)
    return float(np.square(np.diff(profile)).sum())


def _line_tilt(gray: NDArray[np.uint8]) -> float | None:
    """Find the angle that most of the length of the straight edges agrees on."""
    import cv2

    edges = cv2.Canny(cv2.GaussianBlur(gray, (0, 0), 1.2), 50, 150)
    shortest = max(20, max(gray.shape) // 15)
    found = cv2.HoughLinesP(edges, 1, np.pi / 1800, shortest, minLineLength=shortest, maxLineGap=3)
    if found is None:
        return None
    dx, dy = (found[:, 0, 2] - found[:, 0, 0]).astype(float), (found[:, 0, 3] - found[:, 0, 1]).astype(float)
    length = np.hypot(dx, dy)
    angle = (np.degrees(np.arctan2(dy, dx)) + 45) % 90 - 45  # upright lines fold onto level ones
    votes, _ = np.histogram(angle, np.append(_ANGLES - _STEP / 2, LIMIT + _STEP / 2), weights=length**1.5)
    kernel = np.exp(-0.5 * (np.arange(-15, 16) / 5.0) ** 2)
    smooth = np.convolve(votes, kernel, mode="same")  # (A,)
    best = int(smooth.argmax())
    near = np.abs(angle - _ANGLES[best]) < 1.0
    agree = length[near].sum() / length.sum()
    if agree < 0.5 or length[near].sum() < max(gray.shape) * 0.8:
        return None
    return float(np.average(angle[near], weights=length[near] ** 1.5))
