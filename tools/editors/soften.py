"""Blur and mosaic that see only the selected pixels."""

from __future__ import annotations

from math import sqrt

import numpy as np

from ..values import Image, Mask
from ..values.base import Array
from .compose import Box, regions

_NEAR, _FAR = 0.15, 0.025
"""Blur at strength 50 as a share of a region's side: for a small region (it hides a face), for the whole image."""
_LONG = 4.0
"""A region is at most this many times as long as wide for its side: hides the letters of a line of text."""


def blurred(image: Image, mask: Mask, strength: float) -> Array:
    """Return colors uint8 (H, W, 3), blurred inside each region of `mask` by its own size.

    Normalized convolution (Knutsson and Westin, 1993): only selected pixels count, so that no color of a subject
    leaks into the background around it, nor the other way round.
    """
    result = np.array(image.rgb)
    for box in reversed(regions(mask)):  # large regions last: they hold the crumbs inside them
        sigma = _sigma(box, image.size_wh) * strength / 50
        x0, y0, x1, y1 = box
        if sigma > 0.2:
            result[y0:y1, x0:x1] = _normalized(image.rgb[y0:y1, x0:x1], mask.selected[y0:y1, x0:x1], sigma)
    return result


def mosaic(image: Image, mask: Mask, blocks: int) -> Array:
    """Return colors uint8 (H, W, 3), one color per block: the mean of its selected pixels."""
    import cv2

    result = np.array(image.rgb)
    for x0, y0, x1, y1 in reversed(regions(mask)):
        cell = max(1.0, max(x1 - x0, y1 - y0) / blocks)
        count = max(1, round((x1 - x0) / cell)), max(1, round((y1 - y0) / cell))
        small = _mean(image.rgb[y0:y1, x0:x1], mask.selected[y0:y1, x0:x1], count, 0)
        result[y0:y1, x0:x1] = cv2.resize(small, (x1 - x0, y1 - y0), interpolation=cv2.INTER_NEAREST)
    return result


def _sigma(box: Box, size_wh: tuple[int, int]) -> float:
    """Return the Gaussian's sigma in pixels at strength 50 for a region: large where it has to hide something."""
    width, height = box[2] - box[0], box[3] - box[1]
    short, long = min(width, height), max(width, height)
    side = sqrt(short * min(long, _LONG * short))
    share = width * height / (size_wh[0] * size_wh[1])
    part = min(max((share - 0.4) / 0.4, 0.0), 1.0)
    return side * (_NEAR + (_FAR - _NEAR) * part)


def _normalized(rgb: Array, selected: Array, sigma: float) -> Array:
    """Blur uint8 (h, w, 3) by sigma pixels; done on a smaller copy where the blur is so wide that it is the same."""
    import cv2

    height, width = selected.shape
    factor = max(1, int(sigma // 3))
    small = max(1, round(width / factor)), max(1, round(height / factor))
    return np.ascontiguousarray(
        cv2.resize(_mean(rgb, selected, small, sigma / factor), (width, height), interpolation=cv2.INTER_LINEAR)
    )


def _mean(rgb: Array, selected: Array, size_wh: tuple[int, int], sigma: float) -> Array:
    """Return uint8 (h, w, 3) of `size_wh`: the local mean over the selected pixels, widened by a Gaussian."""
    import cv2

    weight = selected.astype(np.float32)
    small = cv2.resize(weight, size_wh, interpolation=cv2.INTER_AREA)  # (h, w)
    total = [
        cv2.resize(rgb[..., channel] * weight, size_wh, interpolation=cv2.INTER_AREA)
        for channel in range(3)  # one at a time: a float copy of all three is large
    ]
    colors = np.dstack(total)  # (h, w, 3)
    if sigma > 0:
        small = cv2.GaussianBlur(small, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
        colors = cv2.GaussianBlur(colors, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    mean = colors.reshape(*small.shape, 3) / np.maximum(small, 1e-6)[..., None]
    return np.asarray(np.rint(mean).clip(0, 255).astype(np.uint8))
