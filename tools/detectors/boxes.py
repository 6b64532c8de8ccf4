"""Boxes and squares: overlap, choice among duplicates, and views of an image at several scales."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ..values import Detections
from ..values.base import Array


def overlap(box: Array, others: Array, *, of_smaller: bool = False) -> Array:
    """Return intersection over union of `box` (4,) with each of `others` (N, 4), float32 (N,) in [0, 1].

    With `of_smaller` the intersection is divided by the smaller box instead: 1 when one lies inside the other.
    """
    low = np.maximum(box[:2], others[:, :2])
    high = np.minimum(box[2:], others[:, 2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=1)
    mine, theirs = np.prod(box[2:] - box[:2]), np.prod(others[:, 2:] - others[:, :2], axis=1)
    whole = np.minimum(mine, theirs) if of_smaller else mine + theirs - shared
    return np.asarray(shared / np.maximum(whole, 1e-9), np.float32)


def distinct(xyxy: Array, scores: Array, limit: float, *, of_smaller: bool = False) -> list[int]:
    """Return the indices of the best of each group of overlapping boxes, best first (non-maximum suppression)."""
    kept: list[int] = []
    for index in np.argsort(-scores, kind="stable"):
        if not kept or overlap(xyxy[index], xyxy[kept], of_smaller=of_smaller).max() < limit:
            kept.append(int(index))
    return kept


def clipped(xyxy: Array, size_wh: tuple[int, int]) -> Array:
    """Return boxes (N, 4) cut off at the image's edges."""
    return np.clip(xyxy, 0, np.tile(np.asarray(size_wh, np.float32), 2))


def covered(boxes: Detections, selected: Array) -> Array:
    """Return float (N,) in [0, 1]: which share of each thing, its exact mask where there is one, is in bool (H, W)."""
    shares = np.zeros(len(boxes))
    for index, (x0, y0, x1, y1) in enumerate(boxes.xyxy):
        window = np.s_[max(0, int(y0)) : int(np.ceil(y1)), max(0, int(x0)) : int(np.ceil(x1))]
        part = selected[window]
        if boxes.masks is not None and boxes.masks[index][window].any():
            part = part[boxes.masks[index][window]]
        shares[index] = part.mean() if part.size else 0.0
    return shares


@dataclass(frozen=True)
class View:
    """A square of an image, scaled to a network's input."""

    pixels: Array
    """uint8 (S, S, 3); black beyond the image."""
    corner: tuple[float, float]
    """(x, y) of its top left corner in the image, in pixels."""
    side: float
    """Its side in the image, in pixels."""

    def to_image(self, points: Array) -> Array:
        """Map (..., 2) points in [0, 1] of the square to pixels of the image."""
        return np.asarray(points * self.side + np.asarray(self.corner, np.float32), np.float32)


def views(rgb: Array, side: int, levels: int) -> Iterator[View]:
    """Yield the whole image, then overlapping squares at twice the scale, four times, and so on.

    `levels` bounds the number of scales; no scale enlarges the image, save the first for an image smaller
    than the input. Squares overlap by a third, so that what one cuts, another holds.
    """
    import cv2

    height, width = rgb.shape[:2]
    for level in range(levels):
        scale = side * 2**level / max(height, width)
        if level and scale > 1.5:
            return
        size = max(1, round(width * scale)), max(1, round(height * scale))
        small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
        for y in _starts(size[1], side):
            for x in _starts(size[0], side):
                pixels = np.zeros((side, side, 3), np.uint8)
                part = small[y : y + side, x : x + side]
                pixels[: part.shape[0], : part.shape[1]] = part
                yield View(pixels, (x / scale, y / scale), side / scale)


def _starts(length: int, side: int) -> list[int]:
    """Return where squares of `side` begin so that they cover `length` with an overlap of at least a third."""
    if length <= side:
        return [0]
    count = -(-(length - side) // (side * 2 // 3)) + 1
    return [round(i * (length - side) / (count - 1)) for i in range(count)]


@dataclass(frozen=True)
class Crop:
    """A rotated square of an image, for a network that wants its object upright and centered."""

    center: tuple[float, float]
    side: float
    angle: float
    """Radians, clockwise on the screen."""

    def matrix(self, pixels: int) -> Array:
        """Return the affine map (2, 3) from the image to the crop of `pixels` × `pixels`."""
        scale = pixels / self.side
        cos, sin = np.cos(self.angle) * scale, np.sin(self.angle) * scale
        x, y = self.center
        half = pixels / 2
        return np.array([[cos, sin, half - cos * x - sin * y], [-sin, cos, half + sin * x - cos * y]], np.float32)

    def take(self, rgb: Array, pixels: int) -> Array:
        """Return the crop as uint8 (pixels, pixels, 3); black beyond the image."""
        import cv2

        if self.side > 2 * pixels:  # Shrink first: the warp below samples single pixels and would alias.
            step = int(self.side // pixels)
            x, y, reach = *self.center, self.side
            x0, y0 = max(0, int(x - reach)), max(0, int(y - reach))
            part = rgb[y0 : int(y + reach) + 1, x0 : int(x + reach) + 1]
            size = max(1, part.shape[1] // step), max(1, part.shape[0] // step)
            ratio = np.array([size[0] / part.shape[1], size[1] / part.shape[0]])
            small = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
            middle = ((x - x0) * ratio[0], (y - y0) * ratio[1])
            return Crop(middle, self.side * float(ratio.mean()), self.angle).take(small, pixels)
        return cv2.warpAffine(rgb, self.matrix(pixels), (pixels, pixels), flags=cv2.INTER_LINEAR)  # type: ignore[no-any-return]

    def to_image(self, points: Array, pixels: int) -> Array:
        """Map (..., 2) points of the crop, in its pixels, to pixels of the image."""
        import cv2

        back = cv2.invertAffineTransform(self.matrix(pixels))
        return np.asarray(points @ back[:, :2].T + back[:, 2], np.float32)

    def spread(self, plane: Array, size_wh: tuple[int, int]) -> Array:
        """Lay a float plane (pixels, pixels) of the crop back onto the image; 0 elsewhere."""
        import cv2

        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        return cv2.warpAffine(plane, self.matrix(plane.shape[0]), size_wh, flags=flags)  # type: ignore[no-any-return]


MOST_MASK_BYTES = 400 * 2**20
"""Memory that the masks of one answer may take; a page of a hundred lines at 12 megapixels would need 1.2 GB."""


def stacked(masks: Sequence[Array]) -> Array | None:
    """Return bool (N, H, W), or None when that would take more than `MOST_MASK_BYTES`: the boxes must do then."""
    return np.stack(masks) if sum(mask.nbytes for mask in masks) <= MOST_MASK_BYTES else None
