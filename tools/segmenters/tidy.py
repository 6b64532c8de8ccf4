"""Clean up a raw selection."""

from __future__ import annotations

import numpy as np

from ..values.base import Array


def tidy(selected: Array, share: float) -> Array:
    """Drop specks from bool (H, W) and close holes that are smaller than `share` of the image, in [0, 1].

    A lone speck that is all there is goes too, so the result may be empty.
    """
    least = max(2.0, share * selected.size)
    filled = ~_without_small(~selected, least)
    return _without_small(filled, least)


def largest_part(selected: Array) -> float:
    """Return the share of the image, in [0, 1], that the largest connected part of bool (H, W) covers."""
    import cv2

    _, _, stats, _ = cv2.connectedComponentsWithStats(selected.astype(np.uint8), connectivity=8)
    return float(stats[1:, cv2.CC_STAT_AREA].max(initial=0)) / selected.size


def _without_small(selected: Array, least: float) -> Array:
    """Return bool (H, W) without the 4-connected parts of fewer than `least` pixels."""
    import cv2

    _, labels, stats, _ = cv2.connectedComponentsWithStats(selected.astype(np.uint8), connectivity=4)
    keep = stats[:, cv2.CC_STAT_AREA] >= least
    keep[0] = False
    kept: Array = keep[labels]
    return kept
