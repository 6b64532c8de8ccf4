"""What a planner can call to find things."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from ..model import Detector, Reader
from ..parameters import Position, Query
from ..tool import tool
from ..values import Detections, Image
from ..values.base import Array

Which = Literal[
    "largest",
    "smallest",
    "leftmost",
    "rightmost",
    "topmost",
    "bottommost",
    "top-left",
    "top-right",
    "bottom-left",
    "bottom-right",
    "central",
    "best",
]


@tool(family="detector", models={"detector": Detector})
def detect(image: Image, query: Query, *, detector: Detector) -> Detections:
    """Find every object that a phrase names: 'face', 'red car', 'text', 'qr code', 'main subject'."""
    return detector.detect(image, query)


@detect.batched
def detected(calls: Sequence[Mapping[str, Any]]) -> list[Detections]:
    """Detect the query of each call in its image."""
    detector: Detector = calls[0]["detector"]
    return detector.detect_many([call["image"] for call in calls], [call["query"] for call in calls])


@tool(family="detector", models={"detector": Detector}, planned=False)
def detect_closely(image: Image, query: Query, *, detector: Detector) -> Detections:
    """Find what a phrase names in enlarged parts of the image: slower than `detect`, for things that are small."""
    from .closer import closer_look

    return closer_look(detector, image, query)


@tool(family="detector", models={"reader": Reader})
def find_text(image: Image, words: Query, *, reader: Reader) -> Detections:
    """Find the written words `words` in the image, wherever they stand."""
    from .words import matching

    return matching(reader.read(image), words, image.size_wh)


@tool(family="detector", panel="plain")
def pick(boxes: Detections, which: Which, count: Annotated[int, Field(ge=1, le=100)] = 1) -> Detections:
    """Keep only some of the boxes: the largest, the leftmost, the two topmost, the one nearest a corner."""
    x0, y0, x1, y1 = boxes.xyxy.T
    x, y = x0 + x1, y0 + y1
    rank = {
        "largest": -(x1 - x0) * (y1 - y0),
        "smallest": (x1 - x0) * (y1 - y0),
        "leftmost": x,
        "rightmost": -x,
        "topmost": y,
        "bottommost": -y,
        "top-left": x + y,
        "top-right": y - x,
        "bottom-left": x - y,
        "bottom-right": -x - y,
        "central": _distance_to_middle(boxes),
        "best": -boxes.scores,
    }[which]
    return boxes.subset(np.argsort(rank, kind="stable")[:count])


@tool(family="detector", panel="plain")
def part(image: Image, place: Position, percent: Annotated[float, Field(gt=0, le=100)] = 50.0) -> Detections:
    """Frame a part of the image: its left half, its top third, a corner, the middle; `percent` of the image's sides."""
    width, height = (float(side) for side in image.size_wh)
    across = width if place in ("top", "bottom") else max(1.0, width * percent / 100)
    down = height if place in ("left", "right") else max(1.0, height * percent / 100)
    x0 = 0.0 if "left" in place else width - across if "right" in place else (width - across) / 2
    y0 = 0.0 if "top" in place else height - down if "bottom" in place else (height - down) / 2
    box = np.array([[x0, y0, x0 + across, y0 + down]], np.float32)
    return Detections(box, (place,), np.ones(1, np.float32), f"{percent:g} % of the image, {place}")


def _distance_to_middle(boxes: Detections) -> Array:
    """Return the distance (N,) of each box to the middle of the image, or of all the boxes when it is not known."""
    middles = (boxes.xyxy[:, :2] + boxes.xyxy[:, 2:]) / 2
    if boxes.masks is not None:
        height, width = boxes.masks.shape[1:]
        center = np.array([width / 2, height / 2])
    elif len(boxes):
        center = (boxes.xyxy[:, :2].min(axis=0) + boxes.xyxy[:, 2:].max(axis=0)) / 2
    else:
        center = np.zeros(2)
    return np.asarray(np.hypot(*(middles - center).T))
