"""Editors that change size, shape or orientation."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ..parameters import Color, Percent
from ..tool import tool
from ..values import Detections, Image

Pixels = Annotated[int | None, Field(ge=1, le=20000, description="pixels")]
Ratio = Annotated[str, Field(pattern=r"^\d{1,3}:\d{1,3}$", description="width:height, like 16:9")]


@tool(family="editor")
def crop(image: Image, boxes: Detections, margin: Percent = 0.0) -> Image:
    """Cut the image down to the boxes, with a margin in percent of their size."""


@tool(family="editor")
def crop_each(image: Image, boxes: Detections, margin: Percent = 0.0) -> list[Image]:
    """Cut out one image per box, in reading order."""


@tool(family="editor")
def crop_ratio(image: Image, ratio: Ratio, boxes: Detections | None = None) -> Image:
    """Cut the image to an aspect ratio, around the boxes where given, else around the center."""


@tool(family="editor")
def resize(
    image: Image,
    width: Pixels = None,
    height: Pixels = None,
    percent: Annotated[float | None, Field(gt=0, le=1000)] = None,
) -> Image:
    """Change the size, by width, height or percent; the missing side keeps the proportions."""


@tool(family="editor")
def rotate(image: Image, degrees: Annotated[float, Field(ge=-360, le=360)]) -> Image:
    """Turn the image clockwise; the canvas grows so that nothing is lost."""


@tool(family="editor")
def flip(image: Image, direction: Literal["horizontal", "vertical"]) -> Image:
    """Mirror the image left to right (horizontal) or upside down (vertical)."""


@tool(family="editor")
def straighten(image: Image) -> Image:
    """Level a tilted photo or scanned page."""


@tool(family="editor")
def border(image: Image, color: Color, percent: Annotated[float, Field(gt=0, le=50)] = 4.0) -> Image:
    """Put a border around the image, in percent of its shorter side."""
