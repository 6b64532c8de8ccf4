"""Fill a hole from the rest of the picture, patch by patch.

The hole is filled coarse to fine. On each level two steps alternate: every patch that touches the hole looks for
its nearest neighbor among the patches that are fully known, and every hole pixel becomes the weighted mean of
what the neighbors of its patches show there (Wexler, Shechtman, Irani, "Space-Time Completion of Video", PAMI
2007). The search is PatchMatch (Barnes et al., SIGGRAPH 2009): good neighbors are handed to adjacent patches,
random ones are tried at shrinking distances; here for all patches at once, in numpy, from a fixed seed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..values.base import Array

RADIUS = 3
"""Patches are 2 · RADIUS + 1 pixels wide."""
_COARSEST = 24
"""Shorter side of the coarsest level, in pixels."""
_ROUNDS = (12, 3)
"""Search-and-vote rounds on the coarsest and on the finest level."""
_TRUST = 1.3
"""Factor by which a patch counts less per pixel that it lies deeper in the hole (Newson et al., SIAM 2014)."""
_STEPS = ((0, 1), (1, 0), (0, -1), (-1, 0))
_PATCH = [(dy, dx) for dy in range(-RADIUS, RADIUS + 1) for dx in range(-RADIUS, RADIUS + 1)]


@dataclass(frozen=True)
class Match:
    """Where each pixel of a filled picture comes from."""

    rgb: Array
    """float32 (h, w, 3) in [0, 255], the hole filled."""
    source: Array
    """int32 (h, w, 2): y, x of the best known patch for the patch around each pixel; itself where known."""


def fill_hole(rgb: Array, hole: Array) -> Match | None:
    """Fill the pixels of bool (h, w) `hole` in uint8 (h, w, 3) `rgb`; None where no whole patch is known."""
    levels = [(rgb.astype(np.float32), hole)]
    while min(levels[-1][1].shape) >= 2 * _COARSEST:
        levels.append(_halved(*levels[-1]))
    while levels and not _known_centers(levels[-1][1]).any():
        levels.pop()
    if not levels:
        return None
    random = np.random.default_rng(0)
    match: Match | None = None
    for depth in range(len(levels) - 1, -1, -1):
        picture, missing = levels[depth]
        if match is None:
            match = Match(_membrane(picture, missing), _nearest_sources(missing))
        else:
            match = _finer(match, picture, missing)
        rounds = _ROUNDS[1] + round((_ROUNDS[0] - _ROUNDS[1]) * depth / max(1, len(levels) - 1))
        for turn in range(rounds):
            last = depth == 0 and turn == rounds - 1
            match = _round(match, picture, missing, random, sharp=last)
    return match


def _round(match: Match, picture: Array, hole: Array, random: np.random.Generator, *, sharp: bool) -> Match:
    """Search better neighbors for all patches that touch the hole, then let them vote."""
    source, cost = _search(match, hole, random)
    return Match(_merged(picture, _vote(match.rgb, source, cost, hole, sharp), hole), source)


def _search(match: Match, hole: Array, random: np.random.Generator) -> tuple[Array, Array]:
    """Return (source int32 (h, w, 2), cost float32 (h, w)) after propagation and random search."""
    valid = _known_centers(hole)
    height, width = hole.shape
    targets = np.argwhere(_touching(hole))  # (N, 2)
    padded = np.pad(match.rgb, ((RADIUS, RADIUS), (RADIUS, RADIUS), (0, 0)), mode="edge")
    wanted = _patches(padded, targets)  # (N, P)
    source = match.source.copy()
    best = source[targets[:, 0], targets[:, 1]]  # (N, 2)
    cost = _distance(wanted, padded, best, valid)  # (N,)

    def offer(candidates: Array) -> None:
        candidates = np.clip(candidates, 0, (height - 1, width - 1)).astype(np.int32)
        new = _distance(wanted, padded, candidates, valid)
        better = new < cost
        cost[better], best[better] = new[better], candidates[better]
        source[targets[:, 0], targets[:, 1]] = best

    for step in _STEPS:
        beside = np.clip(targets + step, 0, (height - 1, width - 1))
        offer(source[beside[:, 0], beside[:, 1]] - step)
    reach = float(max(height, width))
    while reach >= 1:
        offer(best + random.uniform(-reach, reach, best.shape).round())
        reach /= 2.5
    costs = np.zeros(hole.shape, np.float32)
    costs[targets[:, 0], targets[:, 1]] = cost
    return source, costs


def _distance(wanted: Array, padded: Array, centers: Array, valid: Array) -> Array:
    """Return float32 (N,): mean squared difference to the patches at `centers`, infinite where one is not known."""
    result = np.full(len(centers), np.inf, np.float32)
    usable = np.flatnonzero(valid[centers[:, 0], centers[:, 1]])
    difference = wanted[usable] - _patches(padded, centers[usable])
    result[usable] = np.einsum("np,np->n", difference, difference) / wanted.shape[1]
    return result


def _patches(padded: Array, centers: Array) -> Array:
    """Return float32 (N, P): the patches around (y, x) `centers` of a picture padded by RADIUS, P = side² · 3."""
    side = 2 * RADIUS + 1
    flat = padded.reshape(-1, 3)
    inside = (np.arange(side)[:, None] * padded.shape[1] + np.arange(side)[None, :]).reshape(-1)
    index = (centers[:, 0] * padded.shape[1] + centers[:, 1])[:, None] + inside  # (N, side²)
    patches: Array = flat[index].reshape(len(centers), 3 * side * side)
    return patches


def _vote(rgb: Array, source: Array, cost: Array, hole: Array, sharp: bool) -> Array:
    """Return float32 (h, w, 3): in the hole, the mean of what the neighbors of the patches around show there.

    Patches vote by how well they match, and the less the deeper they lie in the hole, so that what is known
    grows inwards; `sharp` lets only those near the pixel vote, which keeps the texture.
    """
    import cv2

    height, width = hole.shape
    at = np.argwhere(hole)  # (N, 2)
    trust = _TRUST ** -cv2.distanceTransform(hole.astype(np.uint8), cv2.DIST_L2, 5)
    spread = max(1.0, float(np.percentile(cost[hole], 75)))
    total = np.zeros((len(at), 3), np.float32)
    weights = np.zeros((len(at), 1), np.float32)
    for dy, dx in _PATCH:
        y, x = at[:, 0] - dy, at[:, 1] - dx
        inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
        y, x = y.clip(0, height - 1), x.clip(0, width - 1)
        seen = source[y, x] + (dy, dx)
        weight = trust[y, x] * np.exp(-cost[y, x] / (2 * spread)) * inside + 1e-9
        if sharp:
            weight = weight * np.float32(np.exp(-(dy * dy + dx * dx) / 1.5))
        total += rgb[seen[:, 0].clip(0, height - 1), seen[:, 1].clip(0, width - 1)] * weight[:, None]
        weights += weight[:, None]
    result = rgb.copy()
    result[hole] = total / weights
    return result


def _finer(coarse: Match, picture: Array, hole: Array) -> Match:
    """Carry a match over to the next finer level: the same sources, twice as large, vote there."""
    height, width = hole.shape
    y, x = np.mgrid[:height, :width]
    half_y = (y // 2).clip(0, coarse.source.shape[0] - 1)
    half_x = (x // 2).clip(0, coarse.source.shape[1] - 1)
    doubled = coarse.source[half_y, half_x] * 2 + np.stack([y - half_y * 2, x - half_x * 2], axis=-1)
    source = np.clip(doubled, 0, (height - 1, width - 1)).astype(np.int32)
    valid = _known_centers(hole)
    lost = _touching(hole) & ~valid[source[..., 0], source[..., 1]]
    source[lost] = _nearest_sources(hole)[lost]
    cost = np.ones(hole.shape, np.float32)
    return Match(_vote(picture, source, cost, hole, sharp=False), source)


def _membrane(picture: Array, hole: Array) -> Array:
    """Return float32 (h, w, 3): the hole filled as smoothly as its rim allows; a start that suggests no structure."""
    import cv2

    known = picture[~hole].mean(axis=0)
    filled = _merged(picture, known, hole)
    for _ in range(4 * max(hole.shape)):
        filled = _merged(picture, cv2.blur(filled, (3, 3)), hole)
    return filled


def _nearest_sources(hole: Array) -> Array:
    """Return int32 (h, w, 2): the nearest known patch center for every pixel; itself where that is known."""
    import cv2

    known = _known_centers(hole)
    _, labels = cv2.distanceTransformWithLabels(
        (~known).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    centers = np.zeros((int(labels.max()) + 1, 2), np.int32)
    centers[labels[known]] = np.argwhere(known)
    nearest: Array = centers[labels]
    return nearest


def _touching(hole: Array) -> Array:
    """Return bool (h, w): the centers of patches that contain a hole pixel."""
    import cv2

    side = 2 * RADIUS + 1
    touched: Array = cv2.dilate(hole.astype(np.uint8), np.ones((side, side), np.uint8)).astype(bool)
    return touched


def _known_centers(hole: Array) -> Array:
    """Return bool (h, w): the centers of patches that lie inside the picture and contain no hole pixel."""
    known: Array = ~_touching(hole)
    known[:RADIUS], known[-RADIUS:], known[:, :RADIUS], known[:, -RADIUS:] = False, False, False, False
    return known


def _halved(rgb: Array, hole: Array) -> tuple[Array, Array]:
    """Return picture and hole at half the size; a pixel with any hole in it is hole."""
    height, width = -(-hole.shape[0] // 2), -(-hole.shape[1] // 2)
    extra = ((0, height * 2 - hole.shape[0]), (0, width * 2 - hole.shape[1]))
    missing = np.pad(hole, extra, mode="edge").reshape(height, 2, width, 2)
    colors = np.pad(rgb, (*extra, (0, 0)), mode="edge").reshape(height, 2, width, 2, 3)
    known = (~missing)[..., None].astype(np.float32)
    mean = (colors * known).sum(axis=(1, 3)) / np.maximum(known.sum(axis=(1, 3)), 1)
    covered: Array = np.any(missing, axis=(1, 3))
    return mean.astype(np.float32), covered


def _merged(picture: Array, filled: Array, hole: Array) -> Array:
    """Return float32 (h, w, 3): `filled` in the hole, `picture` elsewhere."""
    merged: Array = np.where(hole[..., None], filled, picture).astype(np.float32)
    return merged
