"""What the detectors by phrase share: from a network's boxes to detections in the image's own pixels."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..hub import checked
from ..values import Detections
from .boxes import clipped, distinct

ONE_OBJECT = 0.8
"""Intersection over union from which on two boxes are one object seen twice."""


def detections(
    boxes: Any,
    scores: Any,
    query: str,
    *,
    square_wh: tuple[int, int],
    size_wh: tuple[int, int],
    threshold: float,
    same: float = ONE_OBJECT,
) -> Detections:
    """Return the boxes whose score is at least `threshold`, each object once, labelled with `query`.

    `boxes` is a float tensor (N, 4): center x, center y, width, height as shares of `square_wh`, the frame that
    the network saw; `scores` (N,) in [0, 1]. Boxes are cut at the image's edges. Raises ToolError for NaN.
    """
    cxcywh = checked(boxes, "the detector").float().cpu().numpy()
    certainty = checked(scores, "the detector").float().cpu().numpy()
    corners = np.concatenate([cxcywh[:, :2] - cxcywh[:, 2:] / 2, cxcywh[:, :2] + cxcywh[:, 2:] / 2], axis=1)
    xyxy = clipped(corners * np.tile(np.asarray(square_wh, np.float32), 2), size_wh)
    visible = (xyxy[:, 2:] > xyxy[:, :2]).all(axis=1) & (certainty >= threshold)
    xyxy, certainty = xyxy[visible], certainty[visible]
    kept = distinct(xyxy, certainty, same)
    return Detections(xyxy[kept], (query,) * len(kept), certainty[kept], query)
