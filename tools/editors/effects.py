"""Editors that change how selected pixels look; without a mask, all of them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ..model import Eraser
from ..parameters import Color, Percent
from ..tool import tool
from ..values import Image, Mask

Style = Literal["sketch", "cartoon", "sepia", "negative", "vintage", "posterize", "emboss", "edges", "oil"]
Direction = Literal["down", "up", "right", "left"]


@tool(family="editor")
def blur(image: Image, mask: Mask | None = None, strength: Percent = 50.0) -> Image:
    """Blur the selected pixels, or the whole image."""


@tool(family="editor")
def pixelate(image: Image, mask: Mask | None = None, blocks: Annotated[int, Field(ge=2, le=200)] = 8) -> Image:
    """Pixelate the selected pixels into a mosaic; `blocks` across the longer side of each region."""


@tool(family="editor")
def fill(image: Image, mask: Mask, color: Color, opacity: Percent = 100.0) -> Image:
    """Cover the selected pixels with one color."""


@tool(family="editor")
def gradient(image: Image, mask: Mask, start: Color, end: Color, direction: Direction = "down") -> Image:
    """Cover the selected pixels with a gradient between two colors."""


@tool(family="editor", models={"eraser": Eraser})
def erase(image: Image, mask: Mask, *, eraser: Eraser) -> Image:
    """Remove the selected objects and fill the hole with its surroundings."""


@tool(family="editor")
def recolor(image: Image, mask: Mask, color: Color) -> Image:
    """Give the selected object another color and keep its shading and texture."""


@tool(family="editor")
def grayscale(image: Image, mask: Mask | None = None) -> Image:
    """Make the selected pixels, or the whole image, black and white."""


@tool(family="editor")
def stylize(image: Image, style: Style, mask: Mask | None = None) -> Image:
    """Draw the selected pixels, or the whole image, in a style."""
