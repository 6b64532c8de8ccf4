"""Scenes set out calmly: the objects of a scene moved to places that follow from its words.

A model of a few million weights and an hour of two cores learns what the words decide, if little else varies. So
objects stand in reading order, around places of a coarse grid, and sizes and places are whole steps of `_STEP`.
"""

from __future__ import annotations

import random
from dataclasses import replace

from ..scenes import KINDS, Kind, Scene, Split, Texture, Thing, draw_scene
from ..sentences import OPENINGS, describe, random_caption

Point = tuple[float, float]

_STEP = 4 / 64
_SIZES = {1: (6, 7, 8), 2: (5, 6), 3: (5,), 4: (5,)}
"""Sides of objects, in steps, in a scene of so many."""
_SMALLEST = 4
"""Side of objects in scenes of five or six."""
MOST = 6
"""Most objects in a calm scene."""
_WEIGHTS = {
    "single_object": 10,
    "colors": 14,
    "two_objects": 16,
    "counting": 20,
    "position": 20,
    "color_attribution": 14,
    "compound": 6,
}


def calm_scene(seed: int, *, split: Split = "train", kind: Kind | None = None) -> Scene:
    """Return the scene of a seed, always the same, with its objects on their places."""
    dice = random.Random(f"calm {split} {kind or 'any'} {seed}")
    while True:
        task = kind or dice.choices(KINDS, [_WEIGHTS[name] for name in KINDS])[0]
        scene = draw_scene(dice.getrandbits(40), split=split, kind=task)
        spots = places(scene)
        if spots is not None:
            return _set_out(scene, spots, dice)


def calm_caption(scene: Scene, dice: random.Random) -> str:
    """Return words for a calm scene, which name the groups in the order in which they stand."""
    if scene.side is not None:
        return random_caption(scene, dice)
    distinct = len({group.shape for group in scene.groups}) == len(scene.groups)
    joint = dice.choice((" and ", " and ", ", ", " next to ")) if len(scene.groups) == 2 else " and "
    opening = dice.choice(OPENINGS) if dice.random() < 0.6 else ""
    return opening + describe(scene.groups, None, color=not distinct or dice.random() < 0.85, joint=joint)


def places(scene: Scene) -> list[Point] | None:
    """Return the middle of each object's place, or None for a scene too full to be set out."""
    counts = [group.count for group in scene.groups]
    total = sum(counts)
    if scene.side is None:
        return _reading_order(total)
    if len(counts) > 2 and total > 4:
        return None
    return _related(scene, counts[0], counts[1], sum(counts[2:]))


def _reading_order(total: int) -> list[Point] | None:
    match total:
        case 1:
            return [(0.5, 0.5)]
        case 2:
            return [(0.25, 0.5), (0.75, 0.5)]
        case 3:
            return [(0.25, 0.25), (0.75, 0.25), (0.5, 0.75)]
        case 4:
            return [(0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (0.75, 0.75)]
        case 5 | 6:
            return [(x, y) for y in (0.28, 0.72) for x in (0.19, 0.5, 0.81)][:total]
        case _:
            return None


def _related(scene: Scene, first: int, second: int, rest: int) -> list[Point] | None:
    """Return places for two groups on the two sides of a line, and the rest beside them."""
    if max(first, second, rest) > 3:
        return None
    near, far = (0.25, 0.75) if scene.side in ("left of", "above") else (0.75, 0.25)
    lines = (0.5,) if rest == 0 else (0.25,)
    pairs = [(near, across) for across in _spread(first, lines)]
    pairs += [(far, across) for across in _spread(second, lines)]
    pairs += [(along, 0.75) for along in _spread(rest, (0.5,))]
    return pairs if scene.side in ("left of", "right of") else [(across, along) for along, across in pairs]


def _spread(count: int, single: tuple[float, ...]) -> tuple[float, ...]:
    return {0: (), 1: single, 2: (0.25, 0.75), 3: (0.19, 0.5, 0.81)}[count]


def _set_out(scene: Scene, spots: list[Point], dice: random.Random) -> Scene:
    total = len(spots)
    steps = dice.choice(_SIZES.get(total, (_SMALLEST,)))
    wander = _wander(total, steps)
    things = tuple(_moved(thing, spot, steps, wander, dice) for thing, spot in zip(scene.things, spots, strict=True))
    texture: Texture = dice.choice(("plain", "gradient"))
    return replace(scene, things=things, background=replace(scene.background, texture=texture))


def _wander(total: int, steps: int) -> int:
    """Return by how many steps an object may stand off its place, so that none touch."""
    return 2 if total == 1 else max(0, 6 - steps) if total <= 4 else 0


def _moved(thing: Thing, spot: Point, steps: int, wander: int, dice: random.Random) -> Thing:
    size = steps * _STEP
    x, y = (round((middle - size / 2) / _STEP) + dice.randint(-wander, wander) for middle in spot)
    most = round(1 / _STEP) - steps
    x, y = min(max(x, 0), most), min(max(y, 0), most)
    return replace(thing, xyxy=(x * _STEP, y * _STEP, x * _STEP + size, y * _STEP + size))
