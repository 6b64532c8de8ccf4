"""What a generator draws when it fails: things half-way between two shapes, edges melted by its autoencoder.

A detector that has only seen clean scenes takes such a thing for either shape. Here it learns that it is neither.
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
