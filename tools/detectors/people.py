"""People: BlazePose candidates, and one for each face, confirmed and cut out by the pose network's own mask.

Method and networks: Bazarevsky et al. 2020 (BlazePose), as in MediaPipe.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..values import Detections, Image
from ..values.base import Array
from .boxes import Crop, distinct, stacked, views
from .faces import Face
from .lite import Network, anchors, decode

_LAYERS = ((8, 2), (16, 2), (32, 6))
_LEVELS = 3
_CANDIDATE = 0.5
_PRESENT = 0.5
"""Least presence that the landmark network must give."""
_SURE, _SURE_WITH_FACE = 0.83, 0.6
"""Least product of detector and presence; measured on the test photos, where other things reach 0.79."""
_SAME = 0.6
"""Share of the smaller mask inside another above which both are the same person."""
_PART = 0.1
"""Share of the largest piece of a mask below which another piece is a stain."""


@dataclass(frozen=True)
class Person:
    """One person."""

    mask: Array
    """bool (H, W) of the image."""
    box: Array
    """float32 (4,): around the mask."""
    score: float

    def holds(self, face: Face) -> bool:
        """Whether the middle of a face lies on this person."""
        x, y = (int(v) for v in face.points.mean(axis=0))
        height, width = self.mask.shape
        return 0 <= x < width and 0 <= y < height and bool(self.mask[y, x])


class PeopleExpert:
    """Finds whole visible people."""

    def __init__(self, folder: Path) -> None:
        self._detector = Network(folder / "detection.tflite")
        self._landmarks = Network(folder / "landmarks.tflite")

    def detect(self, image: Image, faces: Sequence[Face], query: str) -> Detections:
        """Return one detection per person with a mask; `faces` lends certainty and adds whom the poses miss."""
        seen = [p for crop, score in self._candidates(image.rgb) if (p := self._confirm(image, crop, score))]
        chosen: list[Person] = []
        for person in sorted(seen, key=lambda p: -p.score):
            least = _SURE_WITH_FACE if any(map(person.holds, faces)) else _SURE
            if person.score >= least and _is_new(person, chosen):
                chosen.append(person)
        claimed = [next((f for f in faces if person.holds(f)), None) for person in chosen]
        for face in (f for f in faces if not any(f is c for c in claimed)):
            around = self._confirm(image, _around(face), face.score)
            if around and _is_new(around, chosen):
                chosen.append(around)
        if not chosen:
            return Detections.empty(query)
        xyxy, scores = np.stack([p.box for p in chosen]), np.array([p.score for p in chosen])
        return Detections(xyxy, ("person",) * len(chosen), scores, query, stacked([p.mask for p in chosen]))

    def _candidates(self, rgb: Array) -> list[tuple[Crop, float]]:
        centers = anchors(self._detector.side, _LAYERS)
        points, scores = [], []
        for view in views(rgb, self._detector.side, _LEVELS):
            seen = decode(self._detector(view.pixels / 127.5 - 1), centers, self._detector.side, _CANDIDATE)
            points.append(view.to_image(seen.points))
            scores.append(seen.scores)
        sure = np.concatenate(scores)
        crops = [_along(pair[0], pair[1]) for pair in np.concatenate(points)]
        if not crops:
            return []
        middles, halves = np.array([c.center for c in crops]), np.array([[c.side / 2] for c in crops])
        reach = np.concatenate([middles - halves, middles + halves], axis=1)
        return [(crops[i], float(sure[i])) for i in distinct(reach, sure, 0.5)]

    def _confirm(self, image: Image, crop: Crop, score: float) -> Person | None:
        outputs = self._landmarks(crop.take(image.rgb, self._landmarks.side) / 255)
        by_size = {output.size: output for output in outputs}
        presence = float(by_size[1].reshape(-1)[0])
        if presence < _PRESENT:
            return None
        logits = by_size[self._landmarks.side**2].reshape(self._landmarks.side, -1)
        mask = _main_pieces(crop.spread(np.clip(logits, -8, 8) + 8, image.size_wh) > 8)
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        if not len(rows):
            return None
        box = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], np.float32)
        return Person(mask, box, score * presence)


def _along(hips: Array, top: Array) -> Crop:
    """Return the square around a body, upright, from the middle of the hips and a point above the head."""
    across, up = top - hips
    side = 2 * float(np.hypot(across, up)) * 1.25
    return Crop((float(hips[0]), float(hips[1])), max(side, 1.0), float(np.arctan2(across, -up)))


def _around(face: Face) -> Crop:
    """Guess the body below a face: the hips lie about three and a half faces under its middle."""
    x0, y0, x1, y1 = face.box()
    size = max(x1 - x0, y1 - y0)
    hips = np.array([(x0 + x1) / 2, (y0 + y1) / 2 + 3.5 * size])
    return _along(hips, hips - np.array([0, 4.5 * size]))


def _is_new(person: Person, others: Sequence[Person]) -> bool:
    sizes = [(int((person.mask & other.mask).sum()), int(min(person.mask.sum(), other.mask.sum()))) for other in others]
    return all(shared < _SAME * smaller for shared, smaller in sizes)


def _main_pieces(mask: Array) -> Array:
    """Drop the pieces of a mask that are small beside its largest."""
    import cv2

    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    areas = stats[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0
    kept = areas >= max(1, _PART * areas.max(initial=0))
    return np.asarray(kept[labels]) if count > 1 else mask
