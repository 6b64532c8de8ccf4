"""Emoji as vector shapes, drawn large and scaled down so that their edges are smooth."""

from __future__ import annotations

from collections.abc import Callable
from math import cos, pi, sin

from PIL import Image as PIL
from PIL import ImageDraw

Pen = ImageDraw.ImageDraw
Points = list[tuple[float, float]]

_YELLOW, _RIM, _INK = (255, 204, 50, 255), (232, 160, 20, 255), (88, 52, 14, 255)
_RED, _WHITE, _BLACK = (226, 44, 64, 255), (255, 255, 255, 255), (18, 18, 20, 255)
_OVERSAMPLING = 4
_LARGEST = 2048
"""Side in pixels up to which a sticker is drawn; a larger one is enlarged from it."""


def draw_sticker(kind: str, side: int) -> PIL.Image:
    """Return a square RGBA picture of `side` pixels; kinds are the keys of `STICKERS`."""
    work = min(side * _OVERSAMPLING, _LARGEST)
    canvas = PIL.new("RGBA", (work, work), (0, 0, 0, 0))
    STICKERS[kind](ImageDraw.Draw(canvas), float(work))
    return canvas.resize((side, side), PIL.Resampling.LANCZOS)


def _disc(pen: Pen, s: float, x: float, y: float, rx: float, ry: float, color: tuple[int, ...]) -> None:
    """Fill an ellipse; all lengths as shares of the side `s`."""
    pen.ellipse(((x - rx) * s, (y - ry) * s, (x + rx) * s, (y + ry) * s), fill=color)


def _arc(pen: Pen, s: float, box: tuple[float, float, float, float], start: float, end: float, width: float) -> None:
    """Draw a thick arc with round ends, angles in degrees clockwise from three o'clock."""
    x0, y0, x1, y1 = (value * s for value in box)
    pen.arc((x0, y0, x1, y1), start, end, fill=_INK, width=round(width * s))
    rx, ry, half = (x1 - x0) / 2 - width * s / 2, (y1 - y0) / 2 - width * s / 2, width * s / 2
    for angle in (start * pi / 180, end * pi / 180):
        x, y = (x0 + x1) / 2 + rx * cos(angle), (y0 + y1) / 2 + ry * sin(angle)
        pen.ellipse((x - half, y - half, x + half, y + half), fill=_INK)


def _face(pen: Pen, s: float) -> None:
    _disc(pen, s, 0.5, 0.5, 0.495, 0.495, _RIM)
    _disc(pen, s, 0.5, 0.5, 0.465, 0.465, _YELLOW)


def _eye(pen: Pen, s: float, x: float) -> None:
    _disc(pen, s, x, 0.38, 0.055, 0.085, _INK)


def _smile(pen: Pen, s: float) -> None:
    _face(pen, s)
    _eye(pen, s, 0.34)
    _eye(pen, s, 0.66)
    _arc(pen, s, (0.22, 0.2, 0.78, 0.8), 25, 155, 0.055)


def _mouth(pen: Pen, s: float) -> None:
    """An open, laughing mouth with teeth."""
    box = (0.22 * s, 0.3 * s, 0.78 * s, 0.86 * s)
    pen.chord(box, 0, 180, fill=_INK)
    pen.chord(box, 4, 176, fill=_INK)
    pen.rounded_rectangle((0.27 * s, 0.58 * s, 0.73 * s, 0.66 * s), 0.03 * s, fill=_WHITE)


def _laugh(pen: Pen, s: float) -> None:
    _face(pen, s)
    for x in (0.32, 0.68):
        _arc(pen, s, (x - 0.11, 0.3, x + 0.11, 0.52), 195, 345, 0.05)
    _mouth(pen, s)


def _wink(pen: Pen, s: float) -> None:
    _face(pen, s)
    _eye(pen, s, 0.34)
    _arc(pen, s, (0.55, 0.32, 0.77, 0.5), 200, 340, 0.05)
    _arc(pen, s, (0.22, 0.2, 0.78, 0.8), 25, 155, 0.055)


def _tongue(pen: Pen, s: float) -> None:
    _face(pen, s)
    _eye(pen, s, 0.34)
    _eye(pen, s, 0.66)
    pen.rounded_rectangle((0.39 * s, 0.62 * s, 0.61 * s, 0.87 * s), 0.11 * s, fill=_RED)
    pen.rounded_rectangle((0.492 * s, 0.64 * s, 0.508 * s, 0.78 * s), 0.008 * s, fill=(170, 24, 46, 255))
    pen.rounded_rectangle((0.24 * s, 0.595 * s, 0.76 * s, 0.65 * s), 0.027 * s, fill=_INK)


def _sunglasses(pen: Pen, s: float) -> None:
    _face(pen, s)
    pen.rectangle((0.04 * s, 0.31 * s, 0.96 * s, 0.35 * s), fill=_BLACK)
    for x0, x1 in ((0.13, 0.47), (0.53, 0.87)):
        pen.rounded_rectangle((x0 * s, 0.3 * s, x1 * s, 0.53 * s), 0.09 * s, fill=_BLACK)
        pen.line(
            ((x0 + 0.06) * s, 0.46 * s, (x0 + 0.14) * s, 0.35 * s), fill=(110, 114, 124, 255), width=round(0.025 * s)
        )
    pen.rectangle((0.4 * s, 0.3 * s, 0.6 * s, 0.36 * s), fill=_BLACK)
    _arc(pen, s, (0.26, 0.28, 0.74, 0.78), 30, 150, 0.05)


def _heart(pen: Pen, s: float) -> None:
    steps = [2 * pi * i / 240 for i in range(240)]
    points: Points = [
        (
            (0.5 + 0.0285 * 16 * sin(t) ** 3) * s,
            (0.47 - 0.0285 * (13 * cos(t) - 5 * cos(2 * t) - 2 * cos(3 * t) - cos(4 * t))) * s,
        )
        for t in steps
    ]
    pen.polygon(points, fill=_RED)


def _star(pen: Pen, s: float) -> None:
    def points(outer: float) -> Points:
        radii = [outer, outer * 0.45] * 5
        return [((0.5 + r * sin(pi * i / 5)) * s, (0.53 - r * cos(pi * i / 5)) * s) for i, r in enumerate(radii)]

    pen.polygon(points(0.52), fill=_RIM)
    pen.polygon(points(0.46), fill=_YELLOW)


STICKERS: dict[str, Callable[[Pen, float], None]] = {
    "smile": _smile,
    "laugh": _laugh,
    "wink": _wink,
    "tongue": _tongue,
    "sunglasses": _sunglasses,
    "heart": _heart,
    "star": _star,
}
"""Every square sticker by the name that a planner writes."""
