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
    templates = _templates()  # (S, F, F)
    likeness = np.minimum(templates, seen).sum(axis=(1, 2)) / np.maximum(templates, seen).sum(axis=(1, 2))
    best = int(likeness.argmax())
    return SHAPES[best], float(likeness[best])


@cache
def _templates() -> Array:
    """Return float32 (shapes, F, F): 1 where a shape that fills the square covers a pixel."""
    plain = Background("plain", (255, 255, 255), (255, 255, 255), 0.0, 0)
    scenes = (
        Scene("single_object", plain, (Thing(shape, "black", COLORS["black"], (0.0, 0.0, 1.0, 1.0)),), ())
        for shape in SHAPES
    )
    return np.stack([render(scene, _FINE).masks[0].astype(np.float32) for scene in scenes])
