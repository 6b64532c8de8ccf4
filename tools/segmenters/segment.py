"""What a planner can call to select pixels."""

from __future__ import annotations

from typing import Literal

from ..model import Matter, Segmenter
from ..parameters import Color
from ..tool import tool
from ..values import Detections, Image, Mask


@tool(family="segmenter", models={"segmenter": Segmenter})
def segment(image: Image, boxes: Detections, *, segmenter: Segmenter) -> Mask:
    """Select the exact pixels of the objects inside `boxes`."""


@tool(family="segmenter", models={"matter": Matter})
def subject(image: Image, *, matter: Matter) -> Mask:
    """Select the main subject in front of its background, whatever it is."""


@tool(family="segmenter", panel="plain")
def region(image: Image, boxes: Detections, shape: Literal["box", "ellipse"] = "box") -> Mask:
    """Select everything inside the boxes, as rectangles or ellipses."""


@tool(family="segmenter", panel="plain")
def color_range(image: Image, color: Color) -> Mask:
    """Select all pixels of a color, whatever they belong to."""
