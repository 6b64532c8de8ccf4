"""Editors that change size, shape or orientation."""

from __future__ import annotations

from math import ceil, cos, floor, radians, sin
from typing import Annotated, Literal

import numpy as np
from PIL import Image as PIL
from pydantic import Field

from ..colors import parse_color
from ..errors import ToolError
from ..parameters import Color, Percent
from ..tool import tool
from ..values import Detections, Image
from .tilt import measure_tilt

Pixels = Annotated[int | None, Field(ge=1, le=20000, description="pixels")]
Ratio = Annotated[str, Field(pattern=r"^\d{1,5}:\d{1,5}$", description="width:height, like 16:9")]
Box = tuple[int, int, int, int]
"""Half-open x0, y0, x1, y1 in pixels, inside the image."""

MAX_PIXELS = 64_000_000
"""Largest result of any editor here, so that a slip of the hand cannot fill the memory."""
_LEVEL = 0.2
"""A tilt of fewer degrees than this is left alone: turning costs sharpness."""


@tool(family="editor", reshapes=True)
def crop(image: Image, boxes: Detections, margin: Percent = 0.0) -> Image:
    """Cut the image down to the boxes, with a margin in percent of their size."""
    return _cut(image, _clamped(image, _union(boxes), margin, boxes.query))


@tool(family="editor", reshapes=True)
def crop_each(image: Image, boxes: Detections, margin: Percent = 0.0) -> list[Image]:
    """Cut out one image per box, in reading order."""
    return [_cut(image, _clamped(image, boxes.xyxy[i], margin, boxes.query)) for i in reading_order(boxes)]


@tool(family="editor", reshapes=True)
def crop_ratio(image: Image, ratio: Ratio, boxes: Detections | None = None) -> Image:
    """Cut the image to an aspect ratio, around the boxes where given, else around the center."""
    across, down = _sides(ratio)
    width, height = image.size_wh
    new_w = max(1, min(width, round(height * across / down)))
    new_h = max(1, min(height, round(width * down / across)))
    x0, y0, x1, y1 = (0, 0, width, height) if boxes is None else _union(boxes)
    left = min(max(round((x0 + x1 - new_w) / 2), 0), width - new_w)
    top = min(max(round((y0 + y1 - new_h) / 2), 0), height - new_h)
    return _cut(image, (left, top, left + new_w, top + new_h))


@tool(family="editor", reshapes=True)
def resize(
    image: Image,
    width: Pixels = None,
    height: Pixels = None,
    percent: Annotated[float | None, Field(gt=0, le=1000)] = None,
) -> Image:
    """Change the size, by width, height or percent; the missing side keeps the proportions."""
    size = _wanted_size(image.size_wh, width, height, percent)
    _check_size(size, "resize")
    return image if size == image.size_wh else Image(np.asarray(image.to_pil().resize(size, PIL.Resampling.LANCZOS)))


@tool(family="editor", reshapes=True)
def rotate(image: Image, degrees: Annotated[float, Field(ge=-360, le=360)]) -> Image:
    """Turn the image clockwise; the canvas grows so that nothing is lost.

    Quarter turns move pixels without changing them; any other angle leaves transparent corners.
    """
    if degrees % 90 == 0:
        return Image(np.rot90(image.pixels, k=-round(degrees / 90)))
    (width, height), angle = image.size_wh, radians(degrees)
    size = (
        ceil(abs(width * cos(angle)) + abs(height * sin(angle)) - 1e-6),
        ceil(abs(width * sin(angle)) + abs(height * cos(angle)) - 1e-6),
    )
    _check_size(size, "rotate")
    # A clear rim of two pixels lets the resampling smooth the edges instead of cutting them into stairs.
    padded = PIL.new("RGBA", (width + 4, height + 4), (0, 0, 0, 0))
    padded.paste(image.to_pil().convert("RGBA"), (2, 2))
    turned = padded.rotate(-degrees, PIL.Resampling.BICUBIC, expand=True)
    left, top = (turned.width - size[0]) // 2, (turned.height - size[1]) // 2
    return Image(np.asarray(turned.crop((left, top, left + size[0], top + size[1]))))


@tool(family="editor", reshapes=True)
def flip(image: Image, direction: Literal["horizontal", "vertical"]) -> Image:
    """Mirror the image left to right (horizontal) or upside down (vertical)."""
    return Image(image.pixels[:, ::-1] if direction == "horizontal" else image.pixels[::-1])


@tool(family="editor", reshapes=True)
def straighten(image: Image) -> Image:
    """Level a tilted photo or scanned page.

    Tilts up to 15 degrees are mended and the empty corners cut off; a picture without level or upright lines
    comes back as it is.
    """
    tilt = measure_tilt(image)
    if tilt is None or abs(tilt) < _LEVEL:
        return image
    turned = image.to_pil().rotate(tilt, PIL.Resampling.BICUBIC)  # PIL turns counterclockwise
    width, height = image.size_wh
    new_w, new_h = _inscribed(width, height, radians(abs(tilt)))
    left, top = (width - new_w) // 2, (height - new_h) // 2
    return Image(np.asarray(turned.crop((left, top, left + new_w, top + new_h))))


@tool(family="editor", reshapes=True)
def border(image: Image, color: Color, percent: Annotated[float, Field(gt=0, le=50)] = 4.0) -> Image:
    """Put a border around the image, in percent of its shorter side."""
    width, height = image.size_wh
    thick = max(1, round(min(width, height) * percent / 100))
    return _on_canvas(image, (width + 2 * thick, height + 2 * thick), color, "border")


@tool(family="editor", reshapes=True)
def pad(image: Image, ratio: Ratio, color: Color = "white") -> Image:
    """Bring the image to an aspect ratio with bars of a color, so that nothing is cut away."""
    across, down = _sides(ratio)
    width, height = image.size_wh
    return _on_canvas(
        image, (max(width, round(height * across / down)), max(height, round(width * down / across))), color, "pad"
    )


def _sides(ratio: str) -> tuple[int, int]:
    across, down = map(int, ratio.split(":"))
    if not across or not down:
        raise ToolError(f"ratio {ratio!r} has a side of zero", hint="give two numbers from 1 up, such as 16:9")
    return across, down


def _on_canvas(image: Image, size_wh: tuple[int, int], color: str, why: str) -> Image:
    """Return the image in the middle of a canvas of a color that is at least as large."""
    _check_size(size_wh, why)
    (width, height), channels = image.size_wh, image.pixels.shape[2]
    canvas = np.empty((size_wh[1], size_wh[0], channels), np.uint8)
    canvas[:] = (*parse_color(color), 255)[:channels]
    left, top = (size_wh[0] - width) // 2, (size_wh[1] - height) // 2
    canvas[top : top + height, left : left + width] = image.pixels
    return Image(canvas)


def reading_order(boxes: Detections) -> list[int]:
    """Return indices of the boxes row by row, left to right; boxes whose centers overlap in height share a row."""
    rows: list[list[int]] = []
    for i in np.argsort(boxes.xyxy[:, 1] + boxes.xyxy[:, 3], kind="stable"):
        middle = (boxes.xyxy[i, 1] + boxes.xyxy[i, 3]) / 2
        if rows and middle < boxes.xyxy[rows[-1][0], 3]:
            rows[-1].append(int(i))
        else:
            rows.append([int(i)])
    return [i for row in rows for i in sorted(row, key=lambda i: boxes.xyxy[i, 0])]


def _union(boxes: Detections) -> tuple[float, float, float, float]:
    if not len(boxes):
        thing = f"no {boxes.query!r} was found" if boxes.query else "no box was found"
        raise ToolError(f"{thing}, so there is nothing to crop to", hint="ask for something that is in the image")
    low, high = boxes.xyxy[:, :2].min(axis=0), boxes.xyxy[:, 2:].max(axis=0)
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def _clamped(image: Image, xyxy: tuple[float, float, float, float], margin: float, query: str) -> Box:
    """Widen a box by `margin` percent of its size, round it outwards and keep it inside the image."""
    x0, y0, x1, y1 = (float(value) for value in xyxy)
    dx, dy = (x1 - x0) * margin / 100, (y1 - y0) * margin / 100
    width, height = image.size_wh
    left, top = max(0, floor(x0 - dx)), max(0, floor(y0 - dy))
    right, bottom = min(width, ceil(x1 + dx)), min(height, ceil(y1 + dy))
    if right <= left or bottom <= top:
        raise ToolError(
            f"the box of {query or 'an object'!r} ({x0:.0f}, {y0:.0f}, {x1:.0f}, {y1:.0f}) lies outside the image "
            f"of {width}×{height}",
            hint="take boxes from the same image",
        )
    return left, top, right, bottom


def _cut(image: Image, box: Box) -> Image:
    x0, y0, x1, y1 = box
    return Image(image.pixels[y0:y1, x0:x1].copy())  # a view would keep the whole picture in memory


def _wanted_size(
    size_wh: tuple[int, int], width: int | None, height: int | None, percent: float | None
) -> tuple[int, int]:
    old_w, old_h = size_wh
    if percent is not None:
        if width or height:
            raise ToolError("resize got both percent and a side", hint="give percent, or width and height")
        return max(1, round(old_w * percent / 100)), max(1, round(old_h * percent / 100))
    if width is None and height is None:
        raise ToolError("resize got no size", hint="give width, height or percent")
    new_w = width or max(1, round(old_w * (height or 1) / old_h))
    new_h = height or max(1, round(old_h * (width or 1) / old_w))
    return new_w, new_h


def _check_size(size_wh: tuple[int, int], name: str) -> None:
    width, height = size_wh
    if width * height > MAX_PIXELS:
        raise ToolError(
            f"{name} would make {width}×{height} = {width * height / 1e6:.0f} megapixels; "
            f"the most is {MAX_PIXELS / 1e6:.0f}",
            hint="ask for a smaller size",
        )


def _inscribed(width: int, height: int, angle: float) -> tuple[int, int]:
    """Return (width, height) of the largest upright rectangle inside one that is turned by `angle` in [0, π/4]."""
    long, short = max(width, height), min(width, height)
    s, c = sin(angle), cos(angle)
    if short <= 2 * s * c * long:  # two corners touch the long sides
        half = short / 2
        inner_w, inner_h = (half / s, half / c) if width >= height else (half / c, half / s)
    else:
        cos2 = c * c - s * s
        inner_w, inner_h = (width * c - height * s) / cos2, (height * c - width * s) / cos2
    return max(1, floor(inner_w) - 2), max(1, floor(inner_h) - 2)  # resampling blurs the outermost pixels
