"""Areas of a color: connected pieces of the pixels that have it."""

from __future__ import annotations

import numpy as np

from ..colors import rgb_to_lab
from ..segmenters.hues import band_of
from ..values import Detections, Image
from ..values.base import Array
from .boxes import stacked

_LEAST = 0.001
"""Share of the image below which a piece is noise."""
_MOST = 50
"""How many pieces are told apart; the largest come first."""
_ROWS = 256
"""Rows that are compared at once: Lab takes sixteen times the memory of RGB."""


def detect_areas(image: Image, color: str, query: str) -> Detections:
    """Return the pieces of a color with exact masks, largest first; a score is the share of the largest piece.

    Gaps of half a percent of the shorter side do not part a piece. Raises ValueError for an unknown color.
    """
    import cv2

    selected = _selected(image, color)
    gap = max(3, round(min(image.size_wh) / 200)) | 1
    closed = cv2.morphologyEx(selected, cv2.MORPH_CLOSE, np.ones((gap, gap), np.uint8))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(closed)
    areas = stats[1:, cv2.CC_STAT_AREA]
    largest = [int(i) for i in np.argsort(-areas, kind="stable")[:_MOST]]
    order = [i for i in largest if areas[i] >= max(1, _LEAST * selected.size)]
    if not order:
        return Detections.empty(query)
    x, y, width, height = stats[1:][order, :4].T.astype(np.float32)
    masks = stacked([(labels == index + 1) & (selected > 0) for index in order])
    boxes = np.stack([x, y, x + width, y + height], axis=1)
    return Detections(boxes, (f"{color} area",) * len(order), areas[order] / areas[order[0]], query, masks)


def _selected(image: Image, color: str) -> Array:
    """Return uint8 (H, W), 1 where a visible pixel has the color."""
    band = band_of(color)
    rows = range(0, image.size_wh[1], _ROWS)
    inside = np.concatenate([band.contains(rgb_to_lab(image.rgb[row : row + _ROWS])) for row in rows])
    if image.alpha is not None:
        inside &= image.alpha > 0
    return np.asarray(inside, np.uint8)
