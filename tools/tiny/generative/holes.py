"""What an inpainter learns from: a picture with one object, the same with a hole there, and the object's name.

Holes are cut as the adapter of `inpaint` cuts them: a square around the mask, a rim around its pixels. The mask is the
outline of another object, since an edit mostly puts one thing in another's place.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

import numpy as np

from ...editors.diffusion_inpaint import hole_around, surroundings
from ...hub import resized
from ...values.base import Array
from ..render import render
from ..scenes import COLORS, SHAPES, Group, Scene, Split, Thing, draw_scene
from ..sentences import OPENINGS, phrase
from .denoiser import PIXELS

_EMPTY = 0.08
"""Share of the holes behind which there is nothing."""
NOTHING = "background"
"""What is asked for there."""
_SMALLEST = 0.7
"""Least size of the new object, as a share of the old one's."""


@dataclass(frozen=True)
class Hole:
    """A place in a scene, what stood there, and what is to be put there."""

    scene: Scene
    """With what is to be there, or without anything."""
    mask: Array
    """bool (64, 64): the pixels of what stood there."""
    wanted: Thing | None

    def words(self, dice: random.Random) -> str:
        """Return the request."""
        if self.wanted is None:
            return NOTHING
        opening = dice.choice(OPENINGS) if dice.random() < 0.3 else ""
        return opening + phrase(Group(1, self.wanted.color, self.wanted.shape), color=dice.random() < 0.9)

    def views(self) -> tuple[Array, Array]:
        """Return what the model is to draw, uint8 (64, 64, 3), and its hole, bool (64, 64)."""
        rows, columns = np.flatnonzero(self.mask.any(axis=1)), np.flatnonzero(self.mask.any(axis=0))
        bounds = int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
        x0, y0, x1, y1 = surroundings(bounds, (PIXELS, PIXELS), PIXELS)
        crop = np.ascontiguousarray(render(self.scene, PIXELS).rgb[y0:y1, x0:x1])
        return resized(crop, (PIXELS, PIXELS)), hole_around(self.mask[y0:y1, x0:x1], (PIXELS, PIXELS))


def draw_hole(seed: int, *, split: Split = "train") -> Hole:
    """Return the hole of a seed: always the same one."""
    dice = random.Random(f"hole {split} {seed}")
    scene = draw_scene(dice.getrandbits(40), split=split)
    place = dice.randrange(len(scene.things))
    old = scene.things[place]
    mask = render(replace(scene, things=(replace(old, shape=dice.choice(SHAPES)),)), PIXELS).masks[0]
    others = scene.things[:place] + scene.things[place + 1 :]
    if dice.random() < _EMPTY:
        return Hole(replace(scene, things=others), mask, None)
    wanted = _replacement(old, scene, dice)
    return Hole(replace(scene, things=(*others, wanted)), mask, wanted)


def _replacement(old: Thing, scene: Scene, dice: random.Random) -> Thing:
    """Return another object in the place of `old`, in a color that stands out from the background."""
    x0, y0, x1, y1 = old.xyxy
    size = (x1 - x0) * dice.uniform(_SMALLEST, 1.0)
    left, top = (x0 + x1 - size) / 2, (y0 + y1 - size) / 2
    colors = [name for name, rgb in COLORS.items() if apart(rgb, scene.background.first)]
    color = dice.choice(colors)
    return Thing(dice.choice(SHAPES), color, COLORS[color], (left, top, left + size, top + size))


def apart(one: tuple[int, int, int], other: tuple[int, int, int]) -> bool:
    """Say whether an object of one color stands out from a background of the other."""
    from ...colors import rgb_to_lab

    lab = rgb_to_lab(np.array([one, other]))
    return float(np.linalg.norm(lab[0] - lab[1])) > 26
