"""Scenes as descriptions: what stands where, drawn at random from a seed. Everything else is read off a description.

Lengths are shares of the picture's side, so that one scene can be drawn at any size. Objects never touch.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal, get_args

import numpy as np

from ..colors import RGB, rgb_to_lab
from ..detectors.places import OPPOSITE, SIDES, Side
from ..values.base import Array

Kind = Literal["single_object", "two_objects", "counting", "colors", "position", "color_attribution", "compound"]
"""The six tasks of GenEval (Ghosh et al., NeurIPS 2023, arXiv 2310.11513), and scenes of 5 to 8 atoms."""
Split = Literal["train", "test"]
Texture = Literal["plain", "gradient", "stripes", "dots", "grain"]

KINDS: tuple[Kind, ...] = get_args(Kind)
TEXTURES: tuple[Texture, ...] = get_args(Texture)
SHAPES = (
    "circle",
    "square",
    "triangle",
    "star",
    "ring",
    "cross",
    "heart",
    "diamond",
    "moon",
    "house",
    "tree",
    "flower",
)
COLORS: dict[str, RGB] = {
    "red": (215, 35, 40),
    "orange": (245, 135, 25),
    "yellow": (250, 220, 50),
    "green": (45, 160, 70),
    "blue": (40, 90, 220),
    "purple": (130, 55, 170),
    "pink": (250, 140, 190),
    "brown": (125, 75, 40),
    "black": (25, 25, 28),
    "white": (246, 246, 246),
}
"""The ten colors of GenEval; an object's own color is up to `_JITTER` away."""
MOST = 4
"""Most objects of one kind in a scene."""

_TINTS: tuple[RGB, ...] = (
    (128, 128, 128),
    (200, 200, 196),
    (172, 205, 232),
    (226, 208, 168),
    (186, 222, 196),
    (202, 192, 226),
    (92, 104, 122),
    (52, 60, 84),
    (112, 128, 100),
    (168, 150, 140),
)
"""Colors of backgrounds."""
_JITTER = 10
_CONTRAST = 26.0
"""Least distance in CIELAB between an object's color and its background's."""
_GAP = 0.03
_WEIGHTS = (8, 18, 18, 6, 18, 18, 14)
"""How often each kind is drawn when none is asked for."""


@dataclass(frozen=True)
class Background:
    """What is behind the objects."""

    texture: Texture
    first: RGB
    second: RGB
    """A neighbour of `first`, for the other end of the gradient and the texture."""
    angle: float
    """Direction of gradients and stripes, in radians."""
    seed: int


@dataclass(frozen=True)
class Thing:
    """One object."""

    shape: str
    color: str
    rgb: RGB
    xyxy: tuple[float, float, float, float]
    """The tight box: left, top, right, bottom as shares of the side."""

    @property
    def name(self) -> str:
        """Color and shape: 'red circle'."""
        return f"{self.color} {self.shape}"

    @property
    def center(self) -> tuple[float, float]:
        x0, y0, x1, y1 = self.xyxy
        return (x0 + x1) / 2, (y0 + y1) / 2


@dataclass(frozen=True)
class Group:
    """Objects of one shape and one color."""

    count: int
    color: str
    shape: str


@dataclass(frozen=True)
class Scene:
    """A picture in words."""

    kind: Kind
    background: Background
    things: tuple[Thing, ...]
    """In the order of `groups`."""
    groups: tuple[Group, ...]
    """No two of the same color and shape."""
    side: Side | None = None
    """Where the first group stands, as seen from the second; None where nothing is said about it."""

    @property
    def atoms(self) -> int:
        """How many single facts the full description has: shapes, colors, counts over one, and the relation."""
        return sum(2 + (group.count > 1) for group in self.groups) + (self.side is not None)

    def boxes(self, side: int) -> Array:
        """Return the boxes float32 (N, 4) in pixels, XYXY half-open, of the scene drawn `side` pixels wide."""
        return np.array([thing.xyxy for thing in self.things], np.float32).reshape(-1, 4) * side

    def matching(self, shape: str | None = None, color: str | None = None) -> list[int]:
        """Return the places in `things` of those with this shape and color; None is any."""
        return [
            place
            for place, thing in enumerate(self.things)
            if shape in (None, thing.shape) and color in (None, thing.color)
        ]


def draw_scene(seed: int, *, split: Split = "train", kind: Kind | None = None) -> Scene:
    """Return the scene of a seed: always the same one. The two splits share no scene.

    `kind` fixes the task; without one it is drawn too. Raises ValueError for an unknown split or kind.
    """
    if split not in get_args(Split) or kind not in (None, *KINDS):
        raise ValueError(f"no scenes of split {split!r} and kind {kind!r}; splits: train, test; kinds: {KINDS}")
    dice = random.Random(f"{split} {kind or 'any'} {seed}")
    task = kind or dice.choices(KINDS, _WEIGHTS)[0]
    while True:
        scene = _try(dice, task)
        if scene is not None:
            return scene


def scenes(count: int, *, split: Split = "train", kind: Kind | None = None, start: int = 0) -> Iterator[Scene]:
    """Give the scenes of `count` seeds from `start` on."""
    return (draw_scene(seed, split=split, kind=kind) for seed in range(start, start + count))


def _try(dice: random.Random, kind: Kind) -> Scene | None:
    groups, side = _plan(dice, kind)
    background = _background(dice, {group.color for group in groups})
    if background is None:
        return None
    boxes = _place(dice, [group.count for group in groups], side)
    if boxes is None:
        return None
    members = [group for group in groups for _ in range(group.count)]
    things = tuple(
        Thing(group.shape, group.color, _shade(dice, COLORS[group.color]), box)
        for group, box in zip(members, boxes, strict=True)
    )
    return Scene(kind, background, things, groups, side)


def _plan(dice: random.Random, kind: Kind) -> tuple[tuple[Group, ...], Side | None]:
    """Choose what a scene holds."""
    one, many = [1], list(range(2, MOST + 1))
    match kind:
        case "single_object" | "colors":
            return _groups(dice, one), None
        case "two_objects" | "color_attribution":
            return _groups(dice, one * 2), None
        case "counting":
            return _groups(dice, [dice.choice(many)]), None
        case "position":
            return _groups(dice, one * 2), dice.choice(SIDES)
        case "compound":
            counts, related = dice.choice(_COMPOUND)
            chosen = [dice.choice((2, 2, 3)) if several else 1 for several in counts]
            return _groups(dice, chosen), dice.choice(SIDES) if related else None


_COMPOUND: tuple[tuple[tuple[bool, ...], bool], ...] = (
    ((False, False), True),
    ((True, False), False),
    ((True, False), True),
    ((False, True), True),
    ((True, True), False),
    ((True, True), True),
    ((False, False, False), False),
    ((False, False, False), True),
    ((True, False, False), False),
    ((True, False, False), True),
    ((True, True, False), False),
    ((False, False, False, False), False),
)
"""Which groups hold several objects, and whether a relation is said: 5 to 8 atoms."""


def _groups(dice: random.Random, counts: Sequence[int]) -> tuple[Group, ...]:
    """Choose a color and a shape for each count; one time in six, two groups share a shape or a color."""
    colors, shapes = dice.sample(list(COLORS), len(counts)), dice.sample(SHAPES, len(counts))
    if len(counts) > 1 and dice.random() < 1 / 6:
        alike = shapes if dice.random() < 0.5 else colors
        alike[1] = alike[0]
    return tuple(Group(*facts) for facts in zip(counts, colors, shapes, strict=True))


def _background(dice: random.Random, colors: set[str]) -> Background | None:
    tints = [tint for tint in _TINTS if all(tint in _distinct_tints(color) for color in colors)]
    if not tints:
        return None
    first = _shade(dice, dice.choice(tints))
    factor = dice.choice((0.86, 0.92, 1.08, 1.14))
    red, green, blue = (min(255, round(value * factor)) for value in first)
    return Background(
        dice.choice(TEXTURES), first, (red, green, blue), dice.uniform(0, 2 * np.pi), dice.getrandbits(32)
    )


@cache
def _distinct_tints(color: str) -> frozenset[RGB]:
    """Return the tints on which a color stands out."""
    lab = rgb_to_lab(np.array([COLORS[color], *_TINTS], np.uint8))
    distances = np.linalg.norm(lab[1:] - lab[0], axis=1)
    return frozenset(tint for tint, distance in zip(_TINTS, distances, strict=True) if distance >= _CONTRAST)


def _shade(dice: random.Random, rgb: RGB) -> RGB:
    red, green, blue = (max(0, min(255, value + dice.randint(-_JITTER, _JITTER))) for value in rgb)
    return red, green, blue


Box = tuple[float, float, float, float]
_SIZES: dict[int, tuple[float, float]] = {1: (0.30, 0.55), 2: (0.24, 0.42), 3: (0.22, 0.34), 4: (0.20, 0.30)}
"""Least and greatest side of an object in a scene of so many; more than four are drawn as small as they must be."""
_TRIES = 40


def _place(dice: random.Random, counts: Sequence[int], side: Side | None) -> list[Box] | None:
    """Return a square for each object so that none touch and the relation holds for all of its two groups."""
    total = sum(counts)
    low, high = _SIZES.get(total, (0.17, 0.24))
    boxes: list[Box] = []
    for place in range(total):
        for _ in range(_TRIES):
            box = _square(dice, dice.uniform(low, high))
            related = side is None or not counts[0] <= place < counts[0] + counts[1]
            if all(_apart(box, other) for other in boxes) and (
                related or all(stands(box, other, OPPOSITE[side]) for other in boxes[: counts[0]])  # type: ignore[index]
            ):
                boxes.append(box)
                break
        else:
            return None
    return boxes


def _square(dice: random.Random, size: float) -> Box:
    x, y = dice.uniform(_GAP, 1 - _GAP - size), dice.uniform(_GAP, 1 - _GAP - size)
    return x, y, x + size, y + size


def _apart(one: Box, other: Box) -> bool:
    return (
        one[0] >= other[2] + _GAP or other[0] >= one[2] + _GAP or one[1] >= other[3] + _GAP or other[1] >= one[3] + _GAP
    )


def stands(one: Box, other: Box, side: Side) -> bool:
    """Say whether the box `one` clearly stands on this side of `other`: apart along it, and nearer it than 40°."""
    right = (one[0] + one[2] - other[0] - other[2]) / 2
    down = (one[1] + one[3] - other[1] - other[3]) / 2
    along, across = (right, down) if side in ("left of", "right of") else (down, right)
    if side in ("left of", "above"):
        along = -along
    reach = (one[2] - one[0] + other[2] - other[0]) / 2
    return along >= reach and abs(across) <= 0.84 * along
