"""Editors that change how selected pixels look; without a mask, all of them."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from ..colors import parse_color
from ..model import Eraser
from ..parameters import Color, Percent
from ..tool import tool
from ..values import Image, Mask
from ..values.base import Array
from .compose import Box, apply_inside, edit_inside, same_size, selection
from .recoloring import Recoloring
from .soften import blurred, mosaic
from .styles import STYLES
from .tones import gray_levels, in_strips

Style = Literal["sketch", "cartoon", "sepia", "negative", "vintage", "posterize", "emboss", "edges", "oil"]
Direction = Literal["down", "up", "right", "left"]

_SAMPLE = 200_000
"""Most pixels from which `recolor` learns an object's own color."""


@tool(family="editor", hides="obscures")
def blur(image: Image, mask: Mask | None = None, strength: Percent = 50.0) -> Image:
    """Blur the selected pixels, or the whole image."""
    where = Mask(selection(image, mask))
    return apply_inside(image, blurred(image, where, strength), mask, feather=_soft_edge(image))


@tool(family="editor", hides="obscures")
def pixelate(image: Image, mask: Mask | None = None, blocks: Annotated[int, Field(ge=2, le=200)] = 8) -> Image:
    """Pixelate the selected pixels into a mosaic; `blocks` across the longer side of each region."""
    return apply_inside(image, mosaic(image, Mask(selection(image, mask)), blocks), mask)


@tool(family="editor", hides="obscures")
def fill(image: Image, mask: Mask, color: Color, opacity: Percent = 100.0) -> Image:
    """Cover the selected pixels with one color."""
    paint = np.array(parse_color(color), np.float32)
    share = np.float32(opacity / 100)
    return edit_inside(image, mask, lambda rgb, _: in_strips(rgb, lambda strip, _: strip + (paint - strip) * share))


@tool(family="editor")
def gradient(image: Image, mask: Mask, start: Color, end: Color, direction: Direction = "down") -> Image:
    """Cover the selected pixels with a gradient between two colors."""
    first, last = (np.array(parse_color(color), np.float32) for color in (start, end))

    def paint(rgb: Array, _: Box) -> Array:
        height, width = rgb.shape[:2]
        length = height if direction in ("down", "up") else width
        ramp = np.linspace(0, 1, length, dtype=np.float32) if length > 1 else np.zeros(1, np.float32)
        ramp = ramp if direction in ("down", "right") else ramp[::-1]
        colors = np.rint(first + (last - first) * ramp[:, None]).astype(np.uint8)  # (length, 3)
        line = colors[:, None] if direction in ("down", "up") else colors[None]
        return np.broadcast_to(line, rgb.shape)

    return edit_inside(image, mask, paint)


@tool(family="editor", models={"eraser": Eraser}, hides="removes")
def erase(image: Image, mask: Mask, *, eraser: Eraser) -> Image:
    """Remove the selected objects and fill the hole with its surroundings."""
    same_size(image, mask)
    return eraser.erase(image, mask)


@tool(family="editor")
def recolor(image: Image, mask: Mask, color: Color) -> Image:
    """Give the selected object another color and keep its shading and texture."""
    chosen = image.rgb[selection(image, mask)]
    if not len(chosen):
        return image
    change = Recoloring(chosen[:: max(1, len(chosen) // _SAMPLE)], parse_color(color))
    return edit_inside(
        image, mask, lambda rgb, _: in_strips(rgb, lambda strip, _: change(strip)), feather=_soft_edge(image)
    )


@tool(family="editor")
def grayscale(image: Image, mask: Mask | None = None) -> Image:
    """Make the selected pixels, or the whole image, black and white."""
    where = Mask(selection(image, mask))
    return edit_inside(image, where, lambda rgb, _: np.dstack([gray_levels(rgb)] * 3))


@tool(family="editor")
def stylize(image: Image, style: Style, mask: Mask | None = None) -> Image:
    """Draw the selected pixels, or the whole image, in a style."""
    unit = max(0.5, min(image.size_wh) / 700)
    where = Mask(selection(image, mask))
    return edit_inside(image, where, lambda rgb, _: STYLES[style](rgb, unit), margin=round(12 * unit))


def _soft_edge(image: Image) -> float:
    """Return the width in pixels over which a change fades in at the edge of a mask."""
    return min(image.size_wh) / 600
