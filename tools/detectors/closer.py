"""A closer look: the same detector over enlarged parts of the image, for what is too small for it at first sight."""

from __future__ import annotations

import numpy as np

from ..model import Detector
from ..values import Detections, Image
from ..values.base import Array
from .boxes import distinct, stacked

_PART = 0.6
"""Side of a part as a share of the image's: two by two of them overlap by a third."""
_SIDE = 1000
"""Longer side, in pixels, that a part is enlarged to."""
_LARGEST = 2.0
"""More than this many times shows a detector nothing but blur."""
_EDGE = 0.01
"""How near to the edge of a part, as a share of the image, a thing is taken to be cut off."""
_SAME = 0.3


def closer_look(detector: Detector, image: Image, query: str) -> Detections:
    """Return what the detector finds in the image, and besides in its four overlapping quarters, enlarged.

    It costs about five times what `detect` does. What the edge of a quarter cuts off is left to the others; of what
    two looks show, the first counts.
    """
    width, height = image.size_wh
    across, down = int(np.ceil(width * _PART)), int(np.ceil(height * _PART))
    corners = [(x, y) for y in dict.fromkeys((0, height - down)) for x in dict.fromkeys((0, width - across))]
    looks = [detector.detect(image, query)]
    for corner in corners:
        looks.append(
            _whole(_placed(_seen(detector, image, query, corner, (across, down)), corner, image), corner, image)
        )
    xyxy = np.concatenate([look.xyxy for look in looks])
    labels = tuple(label for look in looks for label in look.labels)
    masks = [mask for look in looks for mask in (look.masks if look.masks is not None else [])]
    exact = stacked(masks) if masks and len(masks) == len(labels) else None
    new = distinct(xyxy, -np.arange(len(xyxy), dtype=np.float32), _SAME, of_smaller=True)
    scores = np.concatenate([look.scores for look in looks])
    return _subset(xyxy, labels, scores, query, exact, new)


def look_around(detector: Detector, image: Image, query: str, box: Array) -> Detections:
    """Return what the detector finds in a part of the image, enlarged: a box (4,) and as much on each side of it."""
    size, whole = box[2:] - box[:2], np.array(image.size_wh)
    x0, y0 = map(int, np.clip(np.floor(box[:2] - size), 0, whole - 1))
    x1, y1 = map(int, np.clip(np.ceil(box[2:] + size), (x0 + 1, y0 + 1), whole))
    return _placed(_seen(detector, image, query, (x0, y0), (x1 - x0, y1 - y0)), (x0, y0), image)


def _subset(
    xyxy: Array, labels: tuple[str, ...], scores: Array, query: str, masks: Array | None, chosen: list[int]
) -> Detections:
    """Return some of the things; they are chosen before Detections sorts them by score."""
    exact = None if masks is None else masks[chosen]
    return Detections(xyxy[chosen], tuple(labels[i] for i in chosen), scores[chosen], query, exact)


def _whole(seen: Detections, corner: tuple[int, int], image: Image) -> Detections:
    """Return what the edges of a quarter, those inside the image, do not cut off."""
    width, height = image.size_wh
    near = _EDGE * np.array([width, height])
    low = np.array(corner) + np.where(np.array(corner) > 0, near, -np.inf)
    high = np.array(corner) + np.ceil(np.array([width, height]) * _PART)
    high = np.where(high < np.array([width, height]), high - near, np.inf)
    inside = (seen.xyxy[:, :2] >= low).all(axis=1) & (seen.xyxy[:, 2:] <= high).all(axis=1)
    return seen.subset(np.flatnonzero(inside))


def _seen(
    detector: Detector, image: Image, query: str, corner: tuple[int, int], size_wh: tuple[int, int]
) -> Detections:
    """Detect in one part, enlarged; boxes and masks in pixels of the part."""
    import cv2

    (x, y), (across, down) = corner, size_wh
    part = np.ascontiguousarray(image.rgb[y : y + down, x : x + across])
    scale = min(max(_SIDE / max(part.shape[:2]), 1.0), _LARGEST)
    large = part if scale == 1 else cv2.resize(part, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    seen = detector.detect(Image(large), query)
    masks = None if seen.masks is None else [_shrunk(mask, part.shape[1::-1]) for mask in seen.masks]
    exact = stacked(masks) if masks else None
    return Detections(seen.xyxy / np.float32(scale), seen.labels, seen.scores, query, exact)


def _shrunk(mask: Array, size_wh: tuple[int, ...]) -> Array:
    import cv2

    if mask.shape == size_wh[::-1]:
        return mask
    small: Array = cv2.resize(mask.astype(np.float32), size_wh, interpolation=cv2.INTER_AREA) >= 0.5
    return small


def _placed(seen: Detections, corner: tuple[int, int], image: Image) -> Detections:
    """Move what was seen in a part to where it lies in the image."""
    xyxy = seen.xyxy + np.array([*corner, *corner], np.float32)
    if seen.masks is None:
        return Detections(xyxy, seen.labels, seen.scores, seen.query)
    (x, y), (width, height) = corner, image.size_wh
    down, across = seen.masks.shape[1:]
    right, below = width - x - across, height - y - down
    return Detections(xyxy, seen.labels, seen.scores, seen.query, np.pad(seen.masks, [(0, 0), (y, below), (x, right)]))
