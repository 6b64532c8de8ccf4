"""Where boxes stand to each other, and where there is room for another one."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

from ..values.base import Array

Side = Literal["left of", "right of", "above", "below"]
SIDES: tuple[Side, ...] = get_args(Side)
OPPOSITE: dict[Side, Side] = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}

_SLACK = 0.1
"""Share of both things' sizes by which middles must differ before they count as apart."""
_CLEAR = 0.5
"""Least share of the distance that lies along a relation: within 60° of its axis."""
_SIZES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4)
"""How large a new thing may be, beside the usual one: the largest that has room."""
_USUAL = 0.35
"""Side of a thing where there is none yet to compare with, as a share of the image's shorter side."""
_GAP = 0.03
"""Least distance between things, and from the edge, as a share of the shorter side."""
_GRID = 33


def relations(one: Array, other: Array) -> set[Side]:
    """Return the sides of box `other` (4,) on which box `one` (4,) stands: none, one, or two on a diagonal.

    The rule is that of GenEval (Ghosh et al., NeurIPS 2023, arXiv 2310.11513).
    """
    return {side for side in SIDES if _stands(one[None], other, side)[0]}


def _stands(boxes: Array, other: Array, side: Side) -> Array:
    """Return bool (N,): which of `boxes` (N, 4) stand on that side of box `other` (4,)."""
    offset = (boxes[:, :2] + boxes[:, 2:] - other[:2] - other[2:]) / 2
    sizes = (boxes[:, 2:] - boxes[:, :2]) + (other[2:] - other[:2])
    clear = np.maximum(np.abs(offset) - _SLACK * sizes, 0) * np.sign(offset)
    along = clear / np.maximum(np.linalg.norm(offset, axis=1, keepdims=True), 1e-6)
    axis, sign = {"left of": (0, -1), "right of": (0, 1), "above": (1, -1), "below": (1, 1)}[side]
    return np.asarray(sign * along[:, axis] > _CLEAR)


def free_square(
    size_wh: tuple[int, int], taken: Array, of: Array | None = None, side: Side | None = None
) -> Array | None:
    """Return a box (4,) that touches none of `taken` (N, 4), as large as they mostly are where there is room for it.

    With `of` (M, 4) and `side` it stands on that side of each of them. Of the places there are it is the one that
    leaves most room around. None where there is no place.
    """
    shorter = min(size_wh)
    usual = float(np.median(np.sqrt(np.prod(taken[:, 2:] - taken[:, :2], axis=1)))) if len(taken) else _USUAL * shorter
    for share in _SIZES:
        boxes = _squares(size_wh, share * usual, _GAP * shorter)
        room = _distance(boxes, taken, size_wh)
        fits = room >= _GAP * shorter
        if of is not None and side is not None:
            for other in of:
                fits &= _stands(boxes, other, side)
        if fits.any():
            return np.asarray(boxes[np.where(fits, room, -1).argmax()])
    return None


def _squares(size_wh: tuple[int, int], length: float, gap: float) -> Array:
    """Return squares (P, 4) of that side length on a grid that keeps clear of the edges."""
    half = length / 2
    spans = [np.linspace(half + gap, full - half - gap, _GRID) for full in size_wh if full - length > 2 * gap]
    if len(spans) < 2:
        return np.zeros((0, 4), np.float32)
    x, y = (axis.ravel() for axis in np.meshgrid(*spans))
    return np.stack([x - half, y - half, x + half, y + half], axis=1).astype(np.float32)


def _distance(boxes: Array, taken: Array, size_wh: tuple[int, int]) -> Array:
    """Return the distance (P,) of each box to the nearest of `taken` or, half as dear, to the edge; negative inside."""
    edge = np.min([boxes[:, 0], boxes[:, 1], size_wh[0] - boxes[:, 2], size_wh[1] - boxes[:, 3]], axis=0)
    nearest = np.full(len(boxes), np.inf) if not len(taken) else np.min([_apart(boxes, box) for box in taken], axis=0)
    return np.asarray(np.minimum(nearest, np.maximum(2 * edge, 0)))


def _apart(boxes: Array, other: Array) -> Array:
    """Return how far each box (P, 4) is from box `other` (4,) along the axis on which they are further apart."""
    before, after = other[None, :2] - boxes[:, 2:], boxes[:, :2] - other[None, 2:]
    return np.asarray(np.maximum(before, after).max(axis=1))
