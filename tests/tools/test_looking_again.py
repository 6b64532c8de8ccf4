"""Checks of what an edit should have hidden, and the closer look, with a detector of squares that has limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import numpy as np
import pytest

from diptych.tools.captioners.rapid_ocr import RapidOcr
from diptych.tools.detectors.closer import closer_look
from diptych.tools.detectors.detect import detect_closely
from diptych.tools.editors.compose import regions
from diptych.tools.editors.effects import fill
from diptych.tools.measures.checks import absent, unreadable
from diptych.tools.measures.measure import evidence
from diptych.tools.model import Detector
from diptych.tools.segmenters.segment import region
from diptych.tools.values import Detections, Image, Mask, Verdict
from tests.requests.pictures import SIGN, picture


class Squares(Detector):
    """Finds white squares, of a least side in pixels, with or without their exact pixels."""

    def __init__(self, least: int = 1, masks: bool = False) -> None:
        self.least, self.masks = least, masks

    @classmethod
    def load(cls, source: str | Mapping[str, str], *, device: str = "cpu", dtype: str = "float32") -> Self:
        return cls()

    def detect(self, image: Image, query: str) -> Detections:
        white = image.rgb.min(axis=2) > 128
        boxes = [box for box in regions(Mask(white)) if box[2] - box[0] >= self.least] if white.any() else []
        masks = np.zeros((len(boxes), *white.shape), bool)
        for mask, (x0, y0, x1, y1) in zip(masks, boxes, strict=True):
            mask[y0:y1, x0:x1] = True
        scores = np.linspace(0.9, 0.6, len(boxes))
        return Detections(
            np.array(boxes), (query,) * len(boxes), scores, query, masks if self.masks and len(boxes) else None
        )


def white(*boxes: tuple[int, int, int, int], size: tuple[int, int] = (300, 200)) -> Image:
    """Return a black picture with white boxes."""
    pixels = np.zeros((size[1], size[0], 3), np.uint8)
    for x0, y0, x1, y1 in boxes:
        pixels[y0:y1, x0:x1] = 255
    return Image(pixels)


LEFT, RIGHT = (20, 50, 40, 70), (200, 50, 220, 70)
BOTH = white(LEFT, RIGHT)


def half(of: Image) -> Mask:
    """Select the left half."""
    selected = np.zeros(of.rgb.shape[:2], bool)
    selected[:, : of.size_wh[0] // 2] = True
    return Mask(selected)


@pytest.mark.parametrize("masks", [False, True])
def test_absent_inside(masks: bool) -> None:
    detector = Squares(masks=masks)
    assert absent(BOTH, "square", half(BOTH), detector=detector).evidence.xyxy.tolist() == [list(LEFT)]  # type: ignore[union-attr]
    assert absent(white(RIGHT), "square", half(BOTH), detector=detector).passed


def test_absent_but_for_what_was_edited() -> None:
    gray = Image(np.where(BOTH.pixels == 255, 200, BOTH.pixels).astype(np.uint8))
    edited = fill(BOTH, region(BOTH, Detections(np.array([LEFT]), ("a",), np.ones(1))), "gray", opacity=20)
    assert not absent(edited, "square", detector=Squares()).passed
    verdict = absent(edited, "square", before=BOTH, detector=Squares())
    assert not verdict.passed and verdict.evidence and verdict.evidence.xyxy.tolist() == [list(RIGHT)]
    assert verdict.reason == "found 1 'square' (score 0.60) beside 1 that the edit has changed"
    assert absent(gray, "square", before=BOTH, detector=Squares()).passed


@pytest.mark.parametrize(
    ("before", "there"),
    [
        (white((30, 30, 270, 180)), False),
        (white((30, 30, 100, 180), (100, 95, 140, 97), (140, 90, 160, 110)), True),
    ],
    ids=["part of a large one", "seen as one with its neighbor"],
)
def test_what_only_the_edit_makes_look_so_does_not_count(before: Image, there: bool) -> None:
    pixels = np.zeros_like(before.pixels)
    pixels[90:110, 140:160] = 255
    found = Squares().detect(after := Image(pixels), "square")
    assert len(found) == 1 and Squares().detect(before, "square").xyxy[0].tolist() != found.xyxy[0].tolist()
    verdict = absent(after, "square", before=before, detector=Squares())
    assert verdict.passed != there
    if not there:
        assert verdict.reason == "found no 'square' beside 1 that the image before does not show"


def test_words_that_may_not_be_read() -> None:
    reader, sign = RapidOcr.load(), picture("sign")
    seen = unreadable(sign, reader=reader)
    assert not seen.passed and seen.evidence and set(seen.evidence.labels) == set(SIGN)
    assert not unreadable(sign, "no parking", reader=reader).passed
    assert unreadable(sign, "closed on mondays", reader=reader).passed
    top = fill(sign, Mask(np.indices(sign.rgb.shape[:2])[0] < 300), "white")
    assert unreadable(top, SIGN[0], reader=reader).passed and not unreadable(top, reader=reader).passed
    below = Mask(np.indices(sign.rgb.shape[:2])[0] >= 300)
    assert not unreadable(top, inside=below, reader=reader).passed
    assert unreadable(top, inside=Mask(~below.selected), reader=reader).passed


def test_evidence_of_a_verdict() -> None:
    boxes = Detections(np.array([LEFT]), ("a",), np.ones(1))
    assert evidence(Verdict(False, 0, "so", boxes)) is boxes
    assert len(evidence(Verdict(True, 1, "so"))) == 0


@pytest.mark.parametrize("masks", [False, True])
def test_a_closer_look_sees_what_is_small(masks: bool) -> None:
    image, detector = white(LEFT, RIGHT, (140, 90, 160, 110)), Squares(30, masks)
    assert not len(detector.detect(image, "square"))
    found = closer_look(detector, image, "square")
    assert sorted(found.xyxy.round().tolist()) == [list(LEFT), [140, 90, 160, 110], list(RIGHT)], "each once"
    if masks:
        assert found.masks is not None and found.masks.shape == (3, 200, 300)
        for box, mask in zip(found.xyxy.round().astype(int).tolist(), found.masks, strict=True):
            assert Mask(mask).bounds() == tuple(box)


def test_a_closer_look_keeps_what_is_large_whole() -> None:
    image = white((30, 20, 270, 180))
    assert detect_closely(image, "square", detector=Squares()).xyxy.tolist() == [[30, 20, 270, 180]]


@pytest.mark.parametrize("size", [(1, 1), (2, 300), (5, 3)])
def test_a_closer_look_at_next_to_nothing(size: tuple[int, int]) -> None:
    assert len(closer_look(Squares(), white(size=size), "square")) == 0
