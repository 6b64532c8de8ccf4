"""What an editor by instruction learns from: a calm scene, a sentence about one of its objects, the scene after it."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from ..scenes import COLORS, SHAPES, Group, Scene, Split, Thing
from ..sentences import phrase
from .holes import apart
from .layouts import calm_scene


@dataclass(frozen=True)
class Turn:
    """One edit."""

    before: Scene
    instruction: str
    after: Scene


def draw_turn(seed: int, *, split: Split = "train") -> Turn:
    """Return the edit of a seed: always the same one. It is about an object that its name tells from all others."""
    dice = random.Random(f"turn {split} {seed}")
    while True:
        scene = calm_scene(dice.getrandbits(40), split=split)
        places = [p for p, thing in enumerate(scene.things) if len(scene.matching(thing.shape, thing.color)) == 1]
        if places:
            place = dice.choice(places)
            new, instruction = dice.choice(_TURNS)(scene, scene.things[place], dice)
            if new is None or not scene.matching(new.shape, new.color):
                return Turn(scene, instruction, _with(scene, place, new))


def _with(scene: Scene, place: int, new: Thing | None) -> Scene:
    """Return the scene with another thing in one place, or with none; what was said of it no longer holds."""
    things = (*scene.things[:place], *((new,) if new else ()), *scene.things[place + 1 :])
    return replace(scene, things=things, groups=(), side=None)


def _named(scene: Scene, thing: Thing, dice: random.Random) -> str:
    """Return 'the red circle', or 'the circle' where there is but one."""
    alone = len(scene.matching(thing.shape)) == 1
    return f"the {thing.shape if alone and dice.random() < 0.5 else thing.name}"


def _another_color(scene: Scene, thing: Thing, dice: random.Random) -> str:
    background = scene.background.first
    return dice.choice([c for c, rgb in COLORS.items() if c != thing.color and apart(rgb, background)])


def _recolored(scene: Scene, thing: Thing, dice: random.Random) -> tuple[Thing | None, str]:
    color = _another_color(scene, thing, dice)
    words = dice.choice(("make {} {}", "turn {} {}", "change the color of {} to {}"))
    return replace(thing, color=color, rgb=COLORS[color]), words.format(_named(scene, thing, dice), color)


def _reshaped(scene: Scene, thing: Thing, dice: random.Random) -> tuple[Thing | None, str]:
    color, shape = _another_color(scene, thing, dice), dice.choice([s for s in SHAPES if s != thing.shape])
    words = dice.choice(("replace {} with {}", "turn {} into {}", "change {} to {}"))
    new = replace(thing, shape=shape, color=color, rgb=COLORS[color])
    return new, words.format(_named(scene, thing, dice), phrase(Group(1, color, shape)))


def _removed(scene: Scene, thing: Thing, dice: random.Random) -> tuple[Thing | None, str]:
    return None, f"remove {_named(scene, thing, dice)}"


_TURNS: tuple[Callable[[Scene, Thing, random.Random], tuple[Thing | None, str]], ...] = (
    _recolored,
    _recolored,
    _reshaped,
    _reshaped,
    _removed,
)
