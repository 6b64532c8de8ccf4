"""Boxes to pixels without weights: GrabCut (Rother, Kolmogorov, Blake, SIGGRAPH 2004) from OpenCV."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Self

import numpy as np

from ..editors.compose import Box, widened
from ..model import Segmenter
from ..values import Detections, Image, Mask
from ..values.base import Array
from .tidy import tidy

_SIDE = 320
"""Longer side of the crop GrabCut works on: larger gives no better shapes and takes far longer."""
_MARGIN = 0.3
"""Background around a box that is looked at, as a share of its longer side."""
_ROUNDS = 5
_SMALLEST = 12
"""Boxes narrower than this, in pixels, are selected whole: there is nothing to model."""
_PLAUSIBLE = (0.08, 0.98)
"""Share of its box that an object fills; outside of this the colors did not tell it from its background."""


class GrabCut(Segmenter):
    """Two color models per box, object and background, and the cheapest cut between them."""

    memory_mb: ClassVar[int] = 0
    concurrent: ClassVar[bool] = True

    @classmethod
    def load(cls, source: str | Mapping[str, str], *, device: str = "cpu", dtype: str = "float32") -> Self:
        """Return the adapter; there are no weights."""
        return cls()

    def segment(self, image: Image, boxes: Detections) -> Mask:
        """Return the union of the objects in the boxes; an object that its colors do not tell apart is an ellipse."""
        width, height = image.size_wh
        selected = np.zeros((height, width), np.bool_)
        for xyxy in boxes.xyxy:
            box = _whole(xyxy, image.size_wh)
            if box is None:
                continue
            x0, y0, x1, y1 = box
            selected[y0:y1, x0:x1] |= _object(image.rgb, box)
        return Mask(selected)


def _whole(xyxy: Array, size_wh: tuple[int, int]) -> Box | None:
    """Round a box outwards to whole pixels inside the image; None when nothing is left of it."""
    x0, y0 = (max(0, int(np.floor(v))) for v in xyxy[:2])
    x1, y1 = (min(side, int(np.ceil(v))) for v, side in zip(xyxy[2:], size_wh, strict=True))
    return (x0, y0, x1, y1) if x0 < x1 and y0 < y1 else None


def _object(rgb: Array, box: Box) -> Array:
    """Return bool (h, w): the object inside `box` of the colors uint8 (H, W, 3)."""
    import cv2

    width, height = box[2] - box[0], box[3] - box[1]
    if min(width, height) < _SMALLEST:
        return np.ones((height, width), np.bool_)
    wide = widened(box, int(_MARGIN * max(width, height)) + 2, (rgb.shape[1], rgb.shape[0]))
    crop = rgb[wide[1] : wide[3], wide[0] : wide[2]]
    scale = min(1.0, _SIDE / max(crop.shape[:2]))
    small = cv2.resize(crop, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    inner = [round((box[i] - wide[i % 2]) * scale) for i in range(4)]
    cut = _cut(small, inner)
    soft = cv2.resize(cut, (crop.shape[1], crop.shape[0]), interpolation=cv2.INTER_CUBIC)
    soft = soft[box[1] - wide[1] : box[3] - wide[1], box[0] - wide[0] : box[2] - wide[0]]
    found = tidy(soft > 0.5, 0.004)
    if _PLAUSIBLE[0] <= found.mean() <= _PLAUSIBLE[1]:
        return found
    return _ellipse(height, width)


def _cut(rgb: Array, inner: list[int]) -> Array:
    """Run GrabCut on uint8 (h, w, 3) with the box `inner`; return float32 (h, w), 1 on the object, edges softened."""
    import cv2

    x0, y0, x1, y1 = inner
    labels = np.full(rgb.shape[:2], cv2.GC_BGD, np.uint8)
    labels[y0:y1, x0:x1] = cv2.GC_PR_FGD
    if not (labels == cv2.GC_BGD).any():
        # The box is the whole picture: take a thin frame of it for background, the models need both.
        labels[[0, -1], :], labels[:, [0, -1]] = cv2.GC_BGD, cv2.GC_BGD
    cv2.setRNGSeed(0)
    models = np.zeros((1, 65), np.float64), np.zeros((1, 65), np.float64)
    cv2.grabCut(np.ascontiguousarray(rgb[..., ::-1]), labels, None, *models, _ROUNDS, cv2.GC_INIT_WITH_MASK)
    object_ = np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.float32)
    soft: Array = cv2.GaussianBlur(object_, (0, 0), 0.8)
    return soft


def _ellipse(height: int, width: int) -> Array:
    """Return bool (height, width): the ellipse that touches all four sides."""
    across = (np.arange(width) + 0.5) / width * 2 - 1
    down = (np.arange(height) + 0.5) / height * 2 - 1
    inside: Array = across[None, :] ** 2 + down[:, None] ** 2 <= 1
    return inside
