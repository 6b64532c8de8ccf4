"""What a generator draws when it fails: things half-way between two shapes, bent outlines, melted edges.

A detector that has only seen clean scenes takes such a thing for a shape. Here it learns that it is none, and that what
is bent only a little is what it was.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from ..values.base import Array
from ..weights import locate
from .render import Picture, render, stamp
from .scenes import SHAPES, Scene, Thing

NEITHER = "neither"
"""The shape of a thing that is no shape."""
_HALFWAY = (0.35, 0.65)
"""From where to where between two shapes a thing counts as neither."""
_STILL = 0.048
"""How far, as a share of its size, the points of a thing may be moved against each other: from there on it is none.

It is the root mean square over its pixels of what no shifting, stretching or slanting explains.
"""
_BENT = (0.3, 3.0)
"""From how many to how many pixels the points of a bent picture are moved, in the root mean square."""
_SMOOTH = (2.5, 7.0)
"""Over how many pixels the movement changes."""
_NOISE = 0.25
"""Most noise on the autoencoder's cells, beside their own spread of about 1."""
_GENERATOR = "tiny:t2i"
"""Whose autoencoder melts the pictures."""


def with_chimera(scene: Scene, picture: Picture, dice: random.Random) -> tuple[Scene, Picture]:
    """Return the scene with one thing spoiled: of the same color, in the same place, but its shape is `NEITHER`."""
    place, side = dice.randrange(len(scene.things)), len(picture.rgb)
    thing = scene.things[place]
    things = (*scene.things[:place], *scene.things[place + 1 :])
    others = render(replace(scene, things=things), side)
    other = dice.choice([shape for shape in SHAPES if shape != thing.shape])
    left, top, cover = _between(thing, other, dice.uniform(*_HALFWAY), side)
    window = np.s_[top : top + cover.shape[0], left : left + cover.shape[1]]
    rgb = others.rgb.astype(np.float32)
    rgb[window] += cover[..., None] * (np.array(thing.rgb, np.float32) - rgb[window])
    mask = np.zeros((side, side), np.bool_)
    mask[window] = cover >= 0.5
    spoiled = replace(scene, things=(*scene.things[:place], replace(thing, shape=NEITHER), *scene.things[place + 1 :]))
    masks = np.insert(others.masks, place, mask, axis=0)
    return spoiled, Picture(np.rint(rgb).clip(0, 255).astype(np.uint8), masks, spoiled.boxes(side))


def bent(scene: Scene, picture: Picture, dice: random.Random) -> tuple[Scene, Picture]:
    """Return the scene with all outlines bent; a thing that has lost its own too far is `NEITHER`."""
    import cv2

    side = len(picture.rgb)
    draw = np.random.default_rng(dice.getrandbits(32))
    moved = [cv2.GaussianBlur(draw.normal(size=(side, side)), (0, 0), dice.uniform(*_SMOOTH)) for _ in range(2)]
    strength = dice.uniform(*_BENT)
    y, x = np.mgrid[0:side, 0:side]
    column, row = ((at + strength * by / by.std()).astype(np.float32) for at, by in zip((x, y), moved, strict=True))

    def pulled(plane: Array) -> Array:
        return np.asarray(cv2.remap(plane, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))

    masks = np.array([pulled(mask.astype(np.float32)) >= 0.5 for mask in picture.masks])
    things, boxes = list(scene.things), picture.boxes.copy()
    for place, (thing, mask) in enumerate(zip(scene.things, masks, strict=True)):
        boxes[place] = _around(mask) if mask.any() else boxes[place]
        shape = thing.shape if mask.any() and _bend(mask, (column, row)) < _STILL else NEITHER
        x0, y0, x1, y1 = map(float, boxes[place] / side)
        things[place] = replace(thing, shape=shape, xyxy=(x0, y0, x1, y1))
    return replace(scene, things=tuple(things)), Picture(pulled(picture.rgb), masks, boxes)


def _around(mask: Array) -> Array:
    """Return the tight box float32 (4,) of bool (H, W)."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], np.float32)


def _bend(mask: Array, maps: Sequence[Array]) -> float:
    """Return how far from affine the movement of the pixels bool (H, W) is, as a share of the thing's size."""
    y, x = np.nonzero(mask)
    straight = np.stack([x, y, np.ones_like(x)], axis=1).astype(np.float64)
    targets = np.stack([plane[mask] for plane in maps], axis=1)
    off = targets - straight @ np.linalg.lstsq(straight, targets, rcond=None)[0]
    x0, y0, x1, y1 = _around(mask)
    return float(np.sqrt(np.square(off).sum(axis=1).mean() / ((x1 - x0) * (y1 - y0))))


def _between(thing: Thing, other: str, share: float, side: int) -> tuple[int, int, Array]:
    """Return left, top and cover float32 (h, w) of what lies between two outlines, `share` of the way to the other."""
    left, top, one, _ = stamp(thing, side)
    _, _, two, _ = stamp(replace(thing, shape=other), side)
    depth = (1 - share) * _depth(one) + share * _depth(two)
    return left, top, np.clip(0.5 + depth, 0, 1).astype(np.float32)


def _depth(cover: Array) -> Array:
    """Return float32 (h, w): how many pixels deep inside (positive) or outside (negative) a shape each pixel is."""
    import cv2

    padded = np.pad((cover >= 0.5).astype(np.uint8), 1)
    inside, outside = (cv2.distanceTransform(part, cv2.DIST_L2, 5) for part in (padded, 1 - padded))
    return np.asarray((inside - outside)[1:-1, 1:-1])


def melted(pictures: Sequence[Picture], dice: random.Random, share: float) -> list[Picture]:
    """Return the pictures, so many of them as the generator's autoencoder gives them back, with some noise."""
    import torch

    chosen = [place for place in range(len(pictures)) if dice.random() < share]
    if not chosen:
        return list(pictures)
    cells = _coder().encode(np.stack([pictures[place].rgb for place in chosen]))
    strength = torch.tensor([dice.uniform(0, _NOISE) for _ in chosen])[:, None, None, None]
    noisy = cells.float() + strength * torch.randn(
        cells.shape, generator=torch.Generator().manual_seed(dice.getrandbits(32))
    )
    found = list(pictures)
    for place, image in zip(chosen, _coder().decode(noisy), strict=True):
        found[place] = replace(pictures[place], rgb=image.rgb)
    return found


@cache
def _coder() -> Any:
    from .generative.parts import Frozen

    folder = Path(locate(_GENERATOR))
    return Frozen.of(folder / "text_encoder", folder / "vae")
