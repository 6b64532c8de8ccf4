"""Editors that draw, write, and put images together."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ..parameters import Color, Percent, Position
from ..tool import tool
from ..values import Detections, Image, Mask

Sticker = Literal["smile", "laugh", "wink", "tongue", "sunglasses", "heart", "star", "black bar"]


@tool(family="editor")
def draw_boxes(image: Image, boxes: Detections, color: Color = "red", labels: bool = False) -> Image:
    """Draw a rectangle around each box, with its label where asked."""


@tool(family="editor")
def outline(image: Image, mask: Mask, color: Color = "red") -> Image:
    """Draw a line around the selected shape."""


@tool(family="editor")
def sticker(image: Image, boxes: Detections, kind: Sticker) -> Image:
    """Put an emoji or a black bar over each box."""


@tool(family="editor")
def write(
    image: Image,
    text: Annotated[str, Field(min_length=1, max_length=500)],
    position: Position = "bottom",
    color: Color = "white",
    size: Annotated[float, Field(gt=0, le=50, description="percent of the height")] = 6.0,
) -> Image:
    """Write words on the image."""


@tool(family="editor")
def paste(
    image: Image,
    patch: Image,
    mask: Mask | None = None,
    position: Position = "center",
    scale: Percent = 33.0,
    blend: Literal["plain", "seamless"] = "plain",
) -> Image:
    """Put another image, or the masked part of it, onto this one; `scale` in percent of the image's width."""


@tool(family="editor")
def composite(image: Image, mask: Mask, background: Image) -> Image:
    """Keep the selected pixels and put another image behind them."""


@tool(family="editor")
def collage(images: list[Image], layout: Literal["row", "column", "grid"] = "row") -> Image:
    """Put several images side by side, below each other, or in a grid."""
