"""What a planner can call to find things."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ..model import Detector, Reader
from ..parameters import Query
from ..tool import tool
from ..values import Detections, Image

Which = Literal["largest", "smallest", "leftmost", "rightmost", "topmost", "bottommost", "central", "best"]


@tool(family="detector", models={"detector": Detector})
def detect(image: Image, query: Query, *, detector: Detector) -> Detections:
    """Find every object that a phrase names: 'face', 'red car', 'text', 'qr code', 'main subject'."""


@tool(family="detector", models={"reader": Reader})
def find_text(image: Image, words: Query, *, reader: Reader) -> Detections:
    """Find the written words `words` in the image, wherever they stand."""


@tool(family="detector", panel="plain")
def pick(boxes: Detections, which: Which, count: Annotated[int, Field(ge=1, le=100)] = 1) -> Detections:
    """Keep only some of the boxes: the largest, the leftmost, the two topmost."""
