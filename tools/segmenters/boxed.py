"""What networks that cut out the objects in boxes ask of the boxes, and say of the outcome."""

from __future__ import annotations

from ..detectors.boxes import clipped
from ..errors import ToolError
from ..values import Detections, Image, Mask
from ..values.base import Array


def within(image: Image, boxes: Detections) -> Array:
    """Return the boxes (N, 4) as far as they lie in the image. Raises ToolError when none does."""
    xyxy = clipped(boxes.xyxy, image.size_wh)
    xyxy = xyxy[(xyxy[:, 2:] > xyxy[:, :2]).all(axis=1)]
    if not len(xyxy):
        width, height = image.size_wh
        raise ToolError(f"no box lies inside the image of {width}×{height}", hint="find the boxes in this image")
    return xyxy


def mask_of(selected: Array, boxes: Detections) -> Mask:
    """Return the pixels bool (H, W) that were cut out as a mask. Raises ToolError when there are none."""
    if not selected.any():
        raise ToolError(f"found no object in the boxes of {boxes.query or 'the objects'!r}", hint="use 'region'")
    return Mask(selected)
