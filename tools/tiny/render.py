"""Draws scenes: antialiased pixels, and the exact pixels of every object."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from ..colors import RGB
from ..values import Image
from ..values.base import Array
from .scenes import Background, Scene, Thing

_FINE = 4
"""Points per pixel and direction at which an edge is measured."""
_SHIFT = 4
"""Fraction bits of the coordinates that OpenCV gets."""


@dataclass(frozen=True)
class Picture:
    """A scene as pixels."""

    rgb: Array
    """uint8 (S, S, 3)."""
    masks: Array
    """bool (N, S, S): the pixels that an object covers by half or more; objects never share one."""
    boxes: Array
    """float32 (N, 4): XYXY in pixels, half-open, tight around the object as it was meant."""

    @property
    def image(self) -> Image:
        return Image(self.rgb)


def render(scene: Scene, side: int = 64) -> Picture:
    """Draw a scene `side` pixels wide and high: the same pixels every time. Raises ValueError below 32 pixels."""
    if side < 32:
        raise ValueError(f"a scene is drawn at 32 pixels or more, not {side}")
    canvas = _backdrop(scene.background, side)
    masks = np.zeros((len(scene.things), side, side), np.bool_)
    for place, thing in enumerate(scene.things):
        left, top, cover, inner = stamp(thing, side)
        height, width = cover.shape
        window = canvas[top : top + height, left : left + width]
        window += cover[..., None] * (np.array(thing.rgb, np.float32) - window)
        if inner is not None:
            window += inner[..., None] * (_inner_color(thing.rgb) - window)
        masks[place, top : top + height, left : left + width] = cover >= 0.5
    return Picture(np.rint(canvas).clip(0, 255).astype(np.uint8), masks, scene.boxes(side))


def stamp(thing: Thing, side: int) -> tuple[int, int, Array, Array | None]:
    """Return left, top, and the share float32 (h, w) of each pixel that the object and its inner part cover."""
    x0, y0, x1, y1 = (value * side for value in thing.xyxy)
    left, top = int(np.floor(x0)), int(np.floor(y0))
    size_wh = (int(np.ceil(x1)) - left, int(np.ceil(y1)) - top)
    frame = np.array([x1 - x0, y1 - y0]), np.array([x0 - left, y0 - top])
    outline, inner = contours(thing.shape)
    return left, top, _cover(outline, frame, size_wh), _cover(inner, frame, size_wh) if inner else None


def _cover(parts: tuple[Array, ...], frame: tuple[Array, Array], size_wh: tuple[int, int]) -> Array:
    """Return float32 (h, w) in [0, 1]: how much of each pixel lies in an odd number of the contours."""
    import cv2

    scale, offset = frame
    fine = np.zeros((size_wh[1] * _FINE, size_wh[0] * _FINE), np.uint8)
    # OpenCV puts whole numbers in the middle of a pixel, and fills the pixels on the contour too.
    points = [((part * scale + offset) * _FINE - 0.5) * (1 << _SHIFT) for part in parts]
    cv2.fillPoly(fine, [np.rint(part).astype(np.int32) for part in points], 255, shift=_SHIFT)
    cover: Array = cv2.resize(fine, size_wh, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    return cover


def _inner_color(rgb: RGB) -> Array:
    color = np.array(rgb, np.float32)
    return np.asarray(color * 0.62 if color.max() > 80 else color + 70)


def _backdrop(background: Background, side: int) -> Array:
    """Return the background float32 (S, S, 3) in [0, 255]."""
    first, second = (np.array(rgb, np.float32) for rgb in (background.first, background.second))
    if background.texture == "plain":
        return np.broadcast_to(first, (side, side, 3)).copy()
    return np.asarray(first + _pattern(background, side)[..., None] * (second - first))


def _pattern(background: Background, side: int) -> Array:
    """Return float32 (S, S) in [0, 1]: how much of the second color."""
    import cv2

    if background.texture == "grain":
        cells = np.random.default_rng(background.seed).random((16, 16), np.float32)
        return np.asarray(cv2.resize(cells, (side, side), interpolation=cv2.INTER_CUBIC)).clip(0, 1)
    x, y = _grid(side)
    along = x * np.float32(np.cos(background.angle)) + y * np.float32(np.sin(background.angle))
    if background.texture == "gradient":
        return np.clip(along / 1.4 + 0.5, 0, 1)
    if background.texture == "stripes":
        return 0.5 + 0.5 * np.sin(along * np.float32(2 * np.pi * 6))
    return np.asarray(0.5 + 0.5 * np.sin(x * np.float32(2 * np.pi * 7)) * np.sin(y * np.float32(2 * np.pi * 7)))


@cache
def _grid(side: int) -> tuple[Array, Array]:
    """Return x (1, S) and y (S, 1) of the pixels' centers, from -0.5 to 0.5."""
    line = (np.arange(side, dtype=np.float32) + 0.5) / side - 0.5
    return line[None, :], line[:, None]


@cache
def contours(shape: str) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
    """Return the outline and the inner part of a shape: contours float64 (P, 2) in a unit square that it fills.

    A point lies inside when an odd number of contours go around it. Raises KeyError for an unknown shape.
    """
    outline, inner = _SHAPES[shape]()
    every = np.concatenate(outline)
    low, high = every.min(axis=0), every.max(axis=0)
    return tuple((part - low) / (high - low) for part in outline), tuple((part - low) / (high - low) for part in inner)


Parts = tuple[list[Array], list[Array]]


def _arc(radius: float, start: float = 0.0, end: float = 1.0, center: tuple[float, float] = (0, 0)) -> Array:
    """Return points on a circle, from one share of a turn to another."""
    turn = 2 * np.pi * np.linspace(start, end, 49)
    return np.asarray(np.stack([np.cos(turn), np.sin(turn)], axis=1) * radius + np.array(center))


def _corners(*points: tuple[float, float]) -> Array:
    return np.array(points, np.float64)


def _star() -> Parts:
    turn = 2 * np.pi * np.arange(10) / 10 - np.pi / 2
    radius = np.where(np.arange(10) % 2, 0.42, 1.0)
    return [np.stack([np.cos(turn) * radius, np.sin(turn) * radius], axis=1)], []


def _heart() -> Parts:
    t = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    y = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
    return [np.stack([16 * np.sin(t) ** 3, -y], axis=1)], []


def _moon() -> Parts:
    """A crescent: most of a circle, and back along the rim of another."""
    outer = _arc(1.0, 0.16, 0.84)
    reach = float(outer[0, 1])
    center = float(outer[0, 0]) + 0.06
    turn = np.linspace(-1, 1, 49)
    inner = np.stack([center - 0.72 * (1 - turn**2), turn * reach], axis=1)
    return [np.concatenate([outer, inner])], []


def _flower() -> Parts:
    turn = np.linspace(0, 2 * np.pi, 96, endpoint=False)
    radius = 0.72 + 0.28 * np.cos(6 * turn)
    return [np.stack([np.cos(turn) * radius, np.sin(turn) * radius], axis=1)], [_arc(0.28)]


def _house() -> Parts:
    walls = _corners((0.5, 0), (1, 0.45), (0.86, 0.45), (0.86, 1), (0.14, 1), (0.14, 0.45), (0, 0.45))
    return [walls], [_corners((0.4, 0.65), (0.62, 0.65), (0.62, 1), (0.4, 1))]


def _tree() -> Parts:
    right = [(0.5, 0.0), (0.86, 0.42), (0.7, 0.42), (1.0, 0.78), (0.6, 0.78), (0.6, 1.0)]
    left = [(1 - x, y) for x, y in reversed(right[1:])]
    return [_corners(*right, *left)], [_corners((0.4, 0.78), (0.6, 0.78), (0.6, 1), (0.4, 1))]


def _cross() -> Parts:
    a, b = 0.33, 0.67
    return [
        _corners((a, 0), (b, 0), (b, a), (1, a), (1, b), (b, b), (b, 1), (a, 1), (a, b), (0, b), (0, a), (a, a))
    ], []


_SHAPES = {
    "circle": lambda: ([_arc(1.0)], []),
    "square": lambda: ([_corners((0, 0), (1, 0), (1, 1), (0, 1))], []),
    "triangle": lambda: ([_corners((0.5, 0), (1, 1), (0, 1))], []),
    "star": _star,
    "ring": lambda: ([_arc(1.0), _arc(0.55)], []),
    "cross": _cross,
    "heart": _heart,
    "diamond": lambda: ([_corners((0.5, 0), (1, 0.5), (0.5, 1), (0, 0.5))], []),
    "moon": _moon,
    "house": _house,
    "tree": _tree,
    "flower": _flower,
}
