"""Faces: BlazeFace at several scales, each candidate confirmed and outlined by the 468-point face mesh.

Method and networks: Bazarevsky et al. 2019 (BlazeFace), Kartynnik et al. 2019 (face mesh), as in MediaPipe.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..values import Detections, Image
from ..values.base import Array
from .boxes import Crop, View, clipped, distinct, stacked, views
from .lite import Candidates, Network, anchors, decode

OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
"""Points of the mesh around the face, in order."""
LEFT_EYE = (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466)
RIGHT_EYE = (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246)
MOUTH = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185)
NOSE = (168, 193, 245, 188, 174, 217, 126, 142, 129, 98, 97, 2, 326, 327, 358, 371, 355, 437, 399, 412, 465, 417)

PARTS: dict[str, tuple[tuple[int, ...], ...]] = {
    "face": (OVAL,),
    "eye": (LEFT_EYE, RIGHT_EYE),
    "mouth": (MOUTH,),
    "nose": (NOSE,),
}
"""Part → the outlines, in points of the mesh."""

_SHORT_LAYERS = ((8, 2), (16, 6))
_FULL_LAYERS = ((4, 1),)
_LEVELS = 4
"""Scales: a face of a fortieth of the longer side is still fifteen pixels wide in its view."""
_CANDIDATE = 0.5
_CONFIRMED = 0.5
_SURE = 0.65
"""Least product of detector and mesh; on the test photos faces reach 0.71 and more, other things 0.61."""
_SAME = 0.3
"""Overlap above which two boxes are the same face."""


@dataclass(frozen=True)
class Face:
    """One face: its mesh and how sure the networks are."""

    points: Array
    """float32 (468, 2): pixels of the image."""
    score: float

    def box(self, outline: Sequence[int] = OVAL) -> Array:
        """Return the box (4,) around an outline."""
        points = self.points[list(outline)]
        return np.concatenate([points.min(axis=0), points.max(axis=0)])


class FaceExpert:
    """Finds faces of any size and outlines them and their parts."""

    def __init__(self, folder: Path) -> None:
        self._short = Network(folder / "short_range.tflite")
        self._full = Network(folder / "full_range.tflite")
        self._mesh = Network(folder / "landmarks.tflite")

    def faces(self, image: Image) -> list[Face]:
        """Return every face, surest first."""
        found = [face for crop, score in self._candidates(image.rgb) if (face := self._confirm(image.rgb, crop, score))]
        if not found:
            return []
        boxes = np.stack([face.box() for face in found])
        scores = np.array([face.score for face in found])
        return [found[i] for i in distinct(boxes, scores, _SAME, of_smaller=True)]

    def detect(self, image: Image, part: str, query: str) -> Detections:
        """Return the faces, or a part of each (`PARTS` names them), with exact masks."""
        faces = self.faces(image)
        shapes = [(face, outline) for face in faces for outline in PARTS[part]]
        if not shapes:
            return Detections.empty(query)
        xyxy = clipped(np.stack([face.box(outline) for face, outline in shapes]), image.size_wh)
        masks = stacked([filled(face.points[list(outline)], image.size_wh) for face, outline in shapes])
        scores = np.array([face.score for face, _ in shapes])
        return Detections(xyxy, (part,) * len(shapes), scores, query, masks)

    def _candidates(self, rgb: Array) -> list[tuple[Crop, float]]:
        boxes, eyes, scores = [], [], []
        for view in views(rgb, self._full.side, _LEVELS):
            for seen in self._look(view):
                boxes.append(view.to_image(seen.xyxy.reshape(-1, 2, 2)).reshape(-1, 4))
                eyes.append(view.to_image(seen.points[:, :2]))
                scores.append(seen.scores)
        xyxy, pairs, sure = np.concatenate(boxes), np.concatenate(eyes), np.concatenate(scores)
        return [(_upright(xyxy[i], pairs[i]), float(sure[i])) for i in distinct(xyxy, sure, _SAME)]

    def _look(self, view: View) -> list[Candidates]:
        import cv2

        full = self._full(view.pixels / 127.5 - 1)
        small = cv2.resize(view.pixels, (self._short.side, self._short.side), interpolation=cv2.INTER_AREA)
        short = self._short(small / 127.5 - 1)
        return [
            decode(full, anchors(self._full.side, _FULL_LAYERS), self._full.side, _CANDIDATE),
            decode(short, anchors(self._short.side, _SHORT_LAYERS), self._short.side, _CANDIDATE),
        ]

    def _confirm(self, rgb: Array, crop: Crop, score: float) -> Face | None:
        """Lay the mesh over a candidate, twice so that the second crop is centered; None when it is no face."""
        for _ in range(2):
            outputs = self._mesh(crop.take(rgb, self._mesh.side) / 255)
            mesh, flag = sorted((output.reshape(-1) for output in outputs), key=len, reverse=True)
            sure = float(1 / (1 + np.exp(-flag[0])))
            if sure < _CONFIRMED:
                return None
            points = crop.to_image(mesh.reshape(-1, 3)[:, :2], self._mesh.side)
            eyes = np.stack([points[list(RIGHT_EYE)].mean(axis=0), points[list(LEFT_EYE)].mean(axis=0)])
            crop = _upright(np.concatenate([points.min(axis=0), points.max(axis=0)]), eyes)
        return Face(points, score * sure) if score * sure >= _SURE else None


def _upright(box: Array, eyes: Array) -> Crop:
    """Return the square in which the eyes (2, 2) are level, half as large again as the box."""
    across = eyes[1] - eyes[0]
    middle = (box[:2] + box[2:]) / 2
    side = float(max(box[2] - box[0], box[3] - box[1], 1)) * 1.5
    return Crop((float(middle[0]), float(middle[1])), side, float(np.arctan2(across[1], across[0])))


def filled(points: Array, size_wh: tuple[int, int]) -> Array:
    """Return the bool (H, W) inside of a polygon (N, 2)."""
    import cv2

    plane = np.zeros((size_wh[1], size_wh[0]), np.uint8)
    cv2.fillPoly(plane, [np.round(points).astype(np.int32)], 1)
    return plane.astype(bool)
