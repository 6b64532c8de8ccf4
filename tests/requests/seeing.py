"""How the checks look at a picture: the product's discriminative tools, and a few measures in plain numpy."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diptych.tools.captioners.rapid_ocr import RapidOcr
from diptych.tools.colors import parse_color, rgb_to_lab
from diptych.tools.detectors.photo import PhotoDetector
from diptych.tools.profiles import load_profile
from diptych.tools.segmenters.isnet import IsNet
from diptych.tools.segmenters.masks import grow
from diptych.tools.segmenters.segment import color_range
from diptych.tools.values import Detections, Image, Mask

Array = NDArray[Any]
Selection = Callable[[Image], Mask]
"""Finds in the unedited picture which pixels a check is about."""


@cache
def detector() -> PhotoDetector:
    """Return the detector of the embedded profile, once per process."""
    return PhotoDetector.load(load_profile("embedded").bindings["detector"].source)


@cache
def reader() -> RapidOcr:
    """Return the text reader, once per process."""
    return RapidOcr.load()


@cache
def matter() -> IsNet:
    """Return the subject segmenter, once per process."""
    return IsNet.load(load_profile("embedded").bindings["matter"].source)


@cache
def seen(image: Image, query: str) -> Detections:
    """Return what the detector finds; each picture is looked at once per query."""
    return detector().detect(image, query)


@cache
def written(image: Image) -> Detections:
    """Return the lines of text that the reader finds."""
    return reader().read(image)


def things(query: str, margin: float = 0.0) -> Selection:
    """Select the boxes of what the detector finds, wider on each side by `margin` of their size."""

    def select(image: Image) -> Mask:
        found = written(image) if query == "text" else seen(image, query)
        assert len(found), f"the test is wrong: no {query!r} in its input"
        return boxed(image, found, margin)

    return select


def shape(query: str, percent: float = 0.0) -> Selection:
    """Select the exact pixels of what is found, or of the `subject`, grown by percent of the shorter side."""

    def select(image: Image) -> Mask:
        if query == "subject":
            return _grown(matter().subject(image), percent)
        masks = seen(image, query).masks
        assert masks is not None and len(masks), f"the test is wrong: no {query!r} in its input"
        return _grown(Mask(np.asarray(masks.any(axis=0))), percent)

    return select


def colored(color: str, percent: float = 0.0) -> Selection:
    """Select the pixels of a color, grown by percent of the shorter side."""
    return lambda image: _grown(color_range(image, color), percent)


def without(first: Selection, second: Selection) -> Selection:
    """Select what the first selects and the second does not."""
    return lambda image: Mask(first(image).selected & ~second(image).selected)


def _grown(mask: Mask, percent: float) -> Mask:
    wider: Mask = grow(mask, percent)
    return wider


def either(first: Selection, second: Selection) -> Selection:
    """Select what one or the other selects."""
    return lambda image: Mask(first(image).selected | second(image).selected)


def inverse(select: Selection) -> Selection:
    """Select everything else."""
    return lambda image: Mask(~select(image).selected)


def lower_third(image: Image) -> Mask:
    """Select the bottom third, where words may be written."""
    selected = np.zeros(image.rgb.shape[:2], bool)
    selected[len(selected) * 2 // 3 :] = True
    return Mask(selected)


def boxed(image: Image, boxes: Detections, margin: float) -> Mask:
    """Select rectangles, wider on each side by `margin` of their size."""
    width, height = image.size_wh
    selected = np.zeros((height, width), bool)
    for x0, y0, x1, y1 in boxes.xyxy.tolist():
        dx, dy = (x1 - x0) * margin, (y1 - y0) * margin
        selected[max(0, int(y0 - dy)) : int(np.ceil(y1 + dy)), max(0, int(x0 - dx)) : int(np.ceil(x1 + dx))] = True
    return Mask(selected)


def near_color(image: Image, color: str, distance: float = 18.0) -> Array:
    """Return bool (H, W): the pixels within a distance in CIE Lab of a color."""
    lab = rgb_to_lab(image.rgb) - rgb_to_lab(parse_color(color))
    return np.asarray(np.sqrt(np.square(lab).sum(axis=2)) < distance)


def chroma(image: Image) -> Array:
    """Return float (H, W): how far each pixel is from gray, in CIE Lab."""
    return np.asarray(np.hypot(*np.moveaxis(rgb_to_lab(image.rgb)[..., 1:], 2, 0)))


def luma(image: Image) -> NDArray[np.float32]:
    """Return float32 (H, W) brightness in [0, 255]."""
    return np.asarray(image.rgb.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32))


def detail(image: Image) -> NDArray[np.float32]:
    """Return float32 (H, W): the size of the Laplacian, large where there are edges and grain."""
    gray = np.pad(luma(image), 1, mode="edge")
    middle = gray[1:-1, 1:-1]
    laplacian = gray[:-2, 1:-1] + gray[2:, 1:-1] + gray[1:-1, :-2] + gray[1:-1, 2:] - 4 * middle
    return np.asarray(np.abs(laplacian))


def grain(image: Image) -> float:
    """Return the standard deviation of the noise, from the median size of the diagonal detail (Donoho, 1994)."""
    gray = luma(image)
    diagonal = gray[:-1, :-1] - gray[:-1, 1:] - gray[1:, :-1] + gray[1:, 1:]
    return float(np.median(np.abs(diagonal)) / 0.6745 / 2)


def place_of(part: Image, whole: Image) -> tuple[float, tuple[float, float]]:
    """Return (correlation, middle) of the best place of one picture in another, tried at all sizes.

    The middle is (x, y) in shares of the whole. Both are compared as small color pictures.
    """
    import cv2

    width = 320
    height = max(1, round(width * whole.size_wh[1] / whole.size_wh[0]))
    scene = cv2.resize(np.ascontiguousarray(whole.rgb), (width, height), interpolation=cv2.INTER_AREA)
    best = (-1.0, (0.5, 0.5))
    for w in range(36, width + 1, 3):
        h = round(w * part.size_wh[1] / part.size_wh[0])
        if h > height:
            break
        small = cv2.resize(np.ascontiguousarray(part.rgb), (w, h), interpolation=cv2.INTER_AREA)
        _, score, _, (x, y) = cv2.minMaxLoc(cv2.matchTemplate(scene, small, cv2.TM_CCOEFF_NORMED))
        best = max(best, (float(score), ((x + w / 2) / width, (y + h / 2) / height)))
    return best
