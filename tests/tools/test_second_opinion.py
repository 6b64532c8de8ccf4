"""Whose a thing is when two phrases find it, and what a second opinion says of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from diptych.tools.detectors.rivals import detect_among, unrivalled
from diptych.tools.measures.calibration import Calibration, Rates, calibration_of
from diptych.tools.measures.checks import shows
from diptych.tools.measures.scenes import colored, placed
from diptych.tools.measures.second_opinion import resembles
from diptych.tools.model import Detector, Matcher
from diptych.tools.profiles import load_profile
from diptych.tools.values import Detections, Image

LEFT, RIGHT = (2.0, 2.0, 22.0, 22.0), (34.0, 2.0, 54.0, 22.0)
RED, BLUE = (200, 20, 20), (20, 20, 200)


def picture(corner: int = 0) -> Image:
    """A red square on the left, a blue one on the right."""
    rgb = np.full((24, 56, 3), 200, np.uint8)
    rgb[2:22, 2:22], rgb[2:22, 34:54] = RED, BLUE
    rgb[0, 0] = corner  # another digest: looks are kept by the picture
    return Image(rgb)


def boxes(query: str, *found: tuple[tuple[float, ...], float]) -> Detections:
    xyxy = np.array([box for box, _ in found], np.float32).reshape(-1, 4)
    return Detections(xyxy, (query,) * len(found), np.array([score for _, score in found], np.float32), query)


class Mistaken(Detector):
    """Takes the star on the right for a tree as well, though less surely; counts how often it looks."""

    def __init__(self) -> None:
        self.looks = 0

    @classmethod
    def load(cls, source: object, **options: object) -> Mistaken:
        raise NotImplementedError

    def detect(self, image: Image, query: str) -> Detections:
        self.looks += 1
        seen = {"tree": boxes("tree", (LEFT, 0.8), (RIGHT, 0.4)), "star": boxes("star", (RIGHT, 0.6))}
        return seen.get(query, Detections.empty(query))

    def detect_many(self, images: Sequence[Image], queries: Sequence[str]) -> list[Detections]:
        return [self.detect(image, query) for image, query in zip(images, queries, strict=True)]


class Doubting(Matcher):
    """Finds blue things less like what they are said to be."""

    @classmethod
    def load(cls, source: object, **options: object) -> Doubting:
        raise NotImplementedError

    def similarity(self, image: Image, text: str) -> float:
        middle = image.rgb[image.rgb.shape[0] // 2, image.rgb.shape[1] // 2]
        return 0.3 if tuple(middle) == BLUE else 0.8

    def similarity_many(self, images: Sequence[Image], texts: Sequence[str]) -> list[float]:
        return [self.similarity(image, text) for image, text in zip(images, texts, strict=True)]


@pytest.mark.parametrize(
    ("others", "left"),
    [
        ([], 2),
        ([boxes("star")], 2),
        ([boxes("star", (RIGHT, 0.6))], 1),
        ([boxes("star", (RIGHT, 0.3))], 2),
        ([boxes("star", (RIGHT, 0.6)), boxes("moon", (LEFT, 0.9))], 0),
    ],
)
def test_a_thing_is_left_to_the_surer_phrase(others: list[Detections], left: int) -> None:
    assert len(unrivalled(boxes("tree", (LEFT, 0.8), (RIGHT, 0.4)), others)) == left
    assert len(unrivalled(boxes("tree"), others)) == 0


def test_checks_tell_things_apart_by_what_else_is_to_be_there() -> None:
    detector, image = Mistaken(), picture()
    assert not shows(image, "tree", 1, detector=detector).passed
    assert shows(image, "tree", 1, ["star"], detector=detector).passed
    assert not colored(image, "tree", "red", detector=detector).passed
    assert colored(image, "tree", "red", ["star"], detector=detector).passed
    assert placed(image, "tree", "left of", "star", detector=detector).passed


def test_a_picture_is_looked_at_once_for_each_phrase() -> None:
    detector = Mistaken()
    for _ in range(3):
        detect_among(detector, picture(), "tree", ["star"])
    assert detector.looks == 2
    detect_among(detector, picture(1), "tree", ["star", "tree"])
    assert detector.looks == 4


def test_where_the_second_opinion_differs_the_verdict_says_that_it_cannot_tell() -> None:
    sure = resembles(picture(2), "tree", 0.5, ["star"], detector=Mistaken(), matcher=Doubting())
    assert sure.passed and sure.score == 1 and "0.80" in sure.reason
    unsure = resembles(picture(2), "tree", 0.5, detector=Mistaken(), matcher=Doubting())
    assert not unsure.passed and unsure.score == pytest.approx(0.6) and unsure.reason.startswith("cannot tell: ")
    assert unsure.evidence is not None and unsure.evidence.xyxy.tolist() == [list(RIGHT)]
    nothing = resembles(picture(2), "moon", 0.5, detector=Mistaken(), matcher=Doubting())
    assert not nothing.passed and nothing.reason == "found no 'moon'"


def test_error_rates_are_claimed_only_for_the_models_they_were_measured_with() -> None:
    measured = calibration_of(load_profile("tiny"))
    assert isinstance(measured, Calibration) and len(measured.least_likeness) > 6
    for name, least in measured.least_likeness.items():
        assert 0 < measured.least(name, 1) < 1 and list(least) == sorted(least, reverse=True)
        assert measured.least(name, 100) == least[-1] < least[0]
    assert measured.least("griffin", 1) is None
    assert {"shows", "colored", "placed", "resembles"} <= measured.checks.keys()
    for rates in measured.checks.values():
        assert isinstance(rates, Rates) and 0 <= rates.false_alarms < 0.5 and 0 <= rates.overlooked < 1
    assert calibration_of(load_profile("embedded")) is None
