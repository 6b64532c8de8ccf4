"""Text lines by PP-OCR (RapidOCR), with the networks that come inside its wheel."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np

from ..detectors.boxes import clipped, stacked
from ..detectors.faces import filled
from ..errors import ToolError
from ..model import Reader
from ..values import Detections, Image
from ..values.base import Array

_MOST_SIDE = 1920
"""Longer side, in pixels, at which lines are looked for; more costs memory and finds little."""
_LONE = 0.9
"""Least certainty of a line of a single character."""
_LONE_SHARE = 0.5
_MARGIN = 0.12
"""By how much of its height an outline is widened, so that what covers it hides all ink."""


class RapidOcr(Reader):
    """Finds lines of text and reads them, Latin and Chinese script."""

    memory_mb: ClassVar[int] = 400

    def __init__(self, engine: Any) -> None:
        self._engine = engine

    @classmethod
    def load(cls, source: str | Mapping[str, str] = "", *, device: str = "cpu", dtype: str = "float32") -> Self:
        """Open the networks of the installed package; `source` is not used. Raises ToolError without the package."""
        try:
            from rapidocr import RapidOCR
        except ImportError as error:
            raise ToolError("the text reader needs the package 'rapidocr'", hint="pip install rapidocr") from error
        engine = RapidOCR(
            params={
                "Global.log_level": "critical",
                "Global.max_side_len": _MOST_SIDE,
                "EngineConfig.onnxruntime.intra_op_num_threads": 2,
            }
        )
        logging.getLogger("RapidOCR").setLevel(logging.CRITICAL)
        return cls(engine)

    def read(self, image: Image) -> Detections:
        """Return one detection per line, labels holding the words.

        Scores are the reader's certainty, so that the order of the detections is not the order of reading:
        `reading_order` gives that. Masks are the lines' outlines, widened to cover all ink.
        """
        result = self._engine(np.ascontiguousarray(_opaque(image)[..., ::-1]))
        seen = [] if result.boxes is None else list(zip(result.boxes, result.txts, result.scores, strict=True))
        seen = [line for line in seen if _says_something(line[1], line[2], _share(line[0], image))]
        if not seen:
            return Detections.empty("text")
        outlines = [_widened(np.asarray(outline, np.float32)) for outline, _, _ in seen]
        boxes = np.stack([np.concatenate([o.min(axis=0), o.max(axis=0)]) for o in outlines])
        masks = stacked([filled(outline, image.size_wh) for outline in outlines])
        texts, scores = tuple(text for _, text, _ in seen), np.array([score for _, _, score in seen])
        return Detections(clipped(boxes, image.size_wh), texts, scores, "text", masks)


def reading_order(lines: Detections) -> list[int]:
    """Return the indices of text lines from top to bottom, and from left to right within a row.

    Lines are of one row when their middles lie within half the height of the row's first line.
    """
    rows: list[list[int]] = []
    middles = (lines.xyxy[:, 1] + lines.xyxy[:, 3]) / 2
    heights = lines.xyxy[:, 3] - lines.xyxy[:, 1]
    for index in np.argsort(middles, kind="stable"):
        if rows and middles[index] - middles[rows[-1][0]] < heights[rows[-1][0]] / 2:
            rows[-1].append(int(index))
        else:
            rows.append([int(index)])
    return [index for row in rows for index in sorted(row, key=lambda i: float(lines.xyxy[i, 0]))]


def _says_something(text: str, score: float, share: float) -> bool:
    """Whether a line holds letters or digits; a lone one must be sure and not fill the image: a ring looks like it."""
    marks = sum(character.isalnum() for character in text)
    return marks > 1 or (marks == 1 and score > _LONE and share < _LONE_SHARE)


def _share(outline: Array, image: Image) -> float:
    """Return the share of the image inside the box around an outline (4, 2)."""
    across, down = np.ptp(np.asarray(outline), axis=0)
    return float(across * down) / (image.size_wh[0] * image.size_wh[1])


def _opaque(image: Image) -> Array:
    """Lay a transparent image on white: what cannot be seen is not read."""
    if image.alpha is None:
        return image.rgb
    share = image.alpha[..., None].astype(np.float32) / 255
    return np.asarray(image.rgb * share + 255 * (1 - share), np.uint8)


def _widened(outline: Array) -> Array:
    """Move the corners (4, 2), clockwise from the top left, outward by a share of the line's height."""
    along = outline[1] - outline[0]
    down = outline[3] - outline[0]
    height = float(np.hypot(*down))
    step = _MARGIN * height + 1
    right = along / max(float(np.hypot(*along)), 1e-6) * step
    below = down / max(height, 1e-6) * step
    return np.asarray(outline + np.stack([-right - below, right - below, right + below, below - right]))
