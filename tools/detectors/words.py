"""Finding given words among lines that were read."""

from __future__ import annotations

import re
from difflib import SequenceMatcher

import numpy as np

from ..values import Detections
from ..values.base import Array
from .boxes import clipped, stacked
from .faces import filled

_ALIKE = 0.75
"""Least likeness of what was read to what is sought: one wrong letter in four."""


def matching(lines: Detections, words: str, size_wh: tuple[int, int]) -> Detections:
    """Return the part of each line that says `words`, whatever the case, with small reading errors allowed.

    A part's box is cut from its line's in proportion to the usual widths of the letters before and after it. A line
    that says the words twice gives two boxes.
    """
    sought = _plain(words)
    found = [
        (box, line[start:end], float(score) * likeness)
        for box, line, score in zip(lines.xyxy, lines.labels, lines.scores, strict=True)
        for start, end, likeness in _places(line, sought)
        for box in [_part(box, *_shares(line, start, end))]
    ]
    if not found:
        return Detections.empty(words)
    boxes = clipped(np.stack([box for box, _, _ in found]), size_wh)
    masks = stacked([filled(_corners(box), size_wh) for box in boxes])
    return Detections(boxes, tuple(text for _, text, _ in found), np.array([s for _, _, s in found]), words, masks)


def _places(line: str, sought: str) -> list[tuple[int, int, float]]:
    """Return (start, end, likeness) of the stretches of whole words of `line` that are like `sought`, left to right."""
    spans = [match.span() for match in re.finditer(r"\S+", line)]
    length = max(1, len(sought.split()))
    candidates = []
    for first in range(len(spans)):
        for last in range(first, min(len(spans), first + length + 1)):
            start, end = spans[first][0], spans[last][1]
            likeness = SequenceMatcher(None, _plain(line[start:end]).replace(" ", ""), sought.replace(" ", "")).ratio()
            candidates.append((likeness, start, end))
    inside = [(1.0, m.start(), m.end()) for m in re.finditer(re.escape(sought), line.lower())] if sought else []
    chosen: list[tuple[int, int, float]] = []
    for likeness, start, end in sorted([*inside, *candidates], key=lambda c: (-c[0], c[2] - c[1])):
        if likeness >= _ALIKE and all(end <= s or start >= e for s, e, _ in chosen):
            chosen.append((start, end, likeness))
    return sorted(chosen)


def _plain(text: str) -> str:
    return " ".join(re.sub(r"[^\w\s]", "", text.lower()).split())


def _shares(line: str, start: int, end: int) -> tuple[float, float]:
    """Return where characters `start` to `end` lie along a line, in [0, 1], by the widths of an ordinary typeface."""
    from PIL import ImageFont

    width = ImageFont.load_default(32).getlength
    whole = max(width(line), 1.0)
    return width(line[:start]) / whole, width(line[:end]) / whole


def _part(box: Array, start: float, end: float) -> Array:
    """Cut shares [start, end] of a line, along its longer side, with half a letter to spare."""
    x0, y0, x1, y1 = box
    if y1 - y0 > 1.5 * (x1 - x0):
        slack = (x1 - x0) * 0.25
        return np.array([x0, y0 + (y1 - y0) * start - slack, x1, y0 + (y1 - y0) * end + slack], np.float32)
    slack = (y1 - y0) * 0.25
    return np.array([x0 + (x1 - x0) * start - slack, y0, x0 + (x1 - x0) * end + slack, y1], np.float32)


def _corners(box: Array) -> Array:
    x0, y0, x1, y1 = box
    return np.array([[x0, y0], [x1 - 1, y0], [x1 - 1, y1 - 1], [x0, y1 - 1]], np.float32)
