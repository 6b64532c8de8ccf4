"""Finds drawn shapes by rule: what differs from a smooth background, compared with the outline of every shape.

It needs no weights, so it can judge a text-to-image model that shares nothing with it. It is made for pictures of the
calm kind, a plain or gradient background and objects that do not touch; elsewhere it sees parts or nothing.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from ..colors import rgb_to_lab
from ..values import Detections, Image
from ..values.base import Array
from .render import render
from .scenes import COLORS, SHAPES, Background, Scene, Thing

_FOREIGN = 16.0
"""CIELAB distance from the background at which a pixel belongs to an object."""
_SMALLEST = 0.006
"""Least area of an object, as a share of the picture."""
_FINE = 32
"""Side at which outlines are compared."""
_MARGIN = 6
_ROUND = 2.0
"""Blur, in points, that rounds an outline's corners."""
_ROUNDS = 6


def find_shapes(image: Image, least: float = 0.6) -> Detections:
    """Return every object with its shape as label, its pixels as mask, and as score how well the outline fits (IoU).

    What fits no shape at `least` is left out.
    """
    import cv2

    rgb = image.rgb
    foreign = np.linalg.norm(rgb_to_lab(rgb) - rgb_to_lab(_background(rgb)), axis=-1) > _FOREIGN
    count, places, stats, _ = cv2.connectedComponentsWithStats(foreign.astype(np.uint8), connectivity=4)
    boxes, labels, scores, masks = [], [], [], []
    for place in range(1, count):
        x, y, width, height, area = (int(value) for value in stats[place])
        if area < _SMALLEST * foreign.size:
            continue
        mask = places == place
        shape, score = _named(mask[y : y + height, x : x + width])
        if score >= least:
            boxes.append((x, y, x + width, y + height))
            labels.append(shape)
            scores.append(score)
            masks.append(mask)
    if not boxes:
        return Detections.empty("shapes")
    fits = np.array(scores, np.float32)
    return Detections(np.array(boxes, np.float32), tuple(labels), fits, "shapes", np.stack(masks))


def _background(rgb: Array) -> Array:
    """Return uint8 (H, W, 3): a plane through each channel, fitted to the pixels nearest to it again and again."""
    height, width = rgb.shape[:2]
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    terms = np.stack([np.ones_like(x), x, y], axis=-1).reshape(-1, 3)
    values = rgb.reshape(-1, 3).astype(np.float64)
    plane = np.zeros((3, 3))
    plane[0] = np.median(np.concatenate([values[: 2 * width], values[-2 * width :]]), axis=0)
    for _ in range(_ROUNDS):
        off = np.abs(values - terms @ plane).max(axis=1)
        near = off <= max(float(np.quantile(off, 0.5)), 4.0)
        plane = np.linalg.lstsq(terms[near], values[near], rcond=None)[0]
    return (terms @ plane).reshape(rgb.shape).clip(0, 255).astype(np.uint8)


def _named(mask: Array) -> tuple[str, float]:
    """Return the shape whose outline is most like a cut-out mask (h, w), and their IoU."""
    import cv2

    height, width = mask.shape
    if max(height, width) > 1.6 * min(height, width):
        return "", 0.0
    seen = cv2.resize(mask.astype(np.float32), (_FINE, _FINE), interpolation=cv2.INTER_AREA)
    templates = _templates()  # (S, V, F, F)
    likeness = np.minimum(templates, seen).sum(axis=(2, 3)) / np.maximum(templates, seen).sum(axis=(2, 3))
    best = int(likeness.max(axis=1).argmax())
    return SHAPES[best], float(likeness[best].max())


@cache
def _templates() -> Array:
    """Return float32 (shapes, variants, F, F): the share of a pixel that a shape, filling the square, covers.

    A shape counts as itself also where blur has made it thinner, fuller or round at its corners.
    """
    plain = Background("plain", (255, 255, 255), (255, 255, 255), 0.0, 0)
    scenes = (
        Scene("single_object", plain, (Thing(shape, "black", COLORS["black"], (0.0, 0.0, 1.0, 1.0)),), ())
        for shape in SHAPES
    )
    return np.stack([_variants(render(scene, _FINE).masks[0]) for scene in scenes])


def _variants(outline: Array) -> Array:
    """Return float32 (V, F, F): an outline (F, F) as drawn, thinner, fuller by one and two points, and rounded."""
    import cv2

    drawn = np.pad(outline, _MARGIN).astype(np.float32)
    fuller = [cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)) for size in (3, 5)]
    forms = [drawn, cv2.erode(drawn, np.ones((2, 2))), *(cv2.dilate(drawn, each) for each in fuller)]
    forms.append((cv2.GaussianBlur(drawn, (0, 0), _ROUND) > 0.5).astype(np.float32))
    return np.stack([_filling(form > 0.5) for form in forms])


def _filling(form: Array) -> Array:
    """Return float32 (F, F): the form scaled to fill the square."""
    import cv2

    rows, columns = np.flatnonzero(form.any(axis=1)), np.flatnonzero(form.any(axis=0))
    tight = form[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].astype(np.float32)
    return np.asarray(cv2.resize(tight, (_FINE, _FINE), interpolation=cv2.INTER_AREA))
