"""Settles what was drawn into a hole to the colors around it, so that no edge shows where the two meet.

A model that draws into a hole also draws its surroundings again, a shade off. By how much is known all around the hole;
inside it the difference is spread smoothly and taken away (the membrane of Pérez et al., Poisson Image Editing, 2003,
spread by pull and push: Gortler et al., The Lumigraph, 1996). Where the two differ by more than a shade, at what is
left of an old object's edge, say, nothing is learnt.
"""

from __future__ import annotations

import numpy as np

from ..values.base import Array

_SHADE = 40
"""Levels of 255 up to which a difference is one of shade."""
_RING = 0.03
"""Width of what is compared around the hole, as a share of the longer side; at least two pixels."""
_SIDE = 512
"""Pixels of the longer side at which the difference, which is smooth, is worked out."""


def settled(drawn: Array, around: Array, hole: Array) -> Array:
    """Return what was drawn, uint8 (H, W, 3), settled inside the hole, bool (H, W); outside it nothing is said.

    `around` is the picture with the hole, of the same shape; its colors in the hole do not matter.
    """
    import cv2

    height, width = hole.shape
    scale = min(1.0, _SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    new, old = (cv2.resize(each, size, interpolation=cv2.INTER_AREA).astype(np.float32) for each in (drawn, around))
    inside = cv2.resize(hole.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0
    off = old - new
    known = _ring(inside) & (np.abs(off).max(axis=-1) <= _SHADE)
    if not known.any():
        return drawn
    shade = cv2.resize(_spread(off, known), (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(np.rint(drawn + shade).clip(0, 255).astype(np.uint8))


def _ring(inside: Array) -> Array:
    """Return bool (H, W): what lies just outside."""
    import cv2

    reach = max(2, round(_RING * max(inside.shape)))
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    return np.asarray(cv2.dilate(inside.astype(np.uint8), disk).astype(np.bool_) & ~inside)


def _spread(values: Array, known: Array) -> Array:
    """Return float32 (H, W, C): the values where they are known, and between them what grows from them smoothly."""
    import cv2

    weight = known.astype(np.float32)
    levels = [(values * weight[..., None], weight)]
    while max(levels[-1][1].shape) > 1:
        height, width = levels[-1][1].shape
        half = (-(-width // 2), -(-height // 2))
        levels.append(
            (
                cv2.resize(levels[-1][0], half, interpolation=cv2.INTER_AREA),
                cv2.resize(levels[-1][1], half, interpolation=cv2.INTER_AREA),
            )
        )
    total, weight = levels[-1]
    found: Array = total.reshape(*weight.shape, -1) / max(float(weight.max()), 1e-6)
    for total, weight in reversed(levels[:-1]):
        coarse = cv2.resize(found, weight.shape[::-1], interpolation=cv2.INTER_LINEAR).reshape(total.shape)
        found = total + (1 - weight[..., None]) * coarse
    return found
