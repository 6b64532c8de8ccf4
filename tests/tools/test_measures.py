"""Numbers and verdicts."""

import numpy as np
import pytest

from diptych.tools.captioners.rapid_ocr import RapidOcr
from diptych.tools.detectors.photo import PhotoDetector
from diptych.tools.errors import ToolError
from diptych.tools.measures.checks import absent, preserved, reads, shows
from diptych.tools.measures.likeness import best_match, likeness
from diptych.tools.measures.measure import area, compare, count, exists
from diptych.tools.profiles import load_profile
from diptych.tools.values import Detections, Image, Mask, Number
from tests.photos import photo


def found(number: int) -> Detections:
    scores = np.linspace(0.9, 0.5, number)
    return Detections(np.tile([0, 0, 5, 5], (number, 1)), ("cat",) * number, scores, "cat")


def changed_at(image: Image, *window: slice) -> Image:
    pixels = np.array(image.pixels)
    pixels[window] += 1
    return Image(pixels)


GRAY = Image(np.full((20, 50, 3), 100, np.uint8))
LEFT = Mask(np.repeat([[True] * 25 + [False] * 25], 20, axis=0))


@pytest.mark.parametrize("number", [0, 1, 3])
def test_count_and_exists(number: int) -> None:
    assert count(found(number) if number else Detections.empty("cat")) == Number(number, "cat")
    assert exists(found(number)).passed == (number > 0)


@pytest.mark.parametrize(
    "boxes, reason",
    [(Detections.empty("face"), "found no 'face'"), (found(2), "found 2 'cat' (scores 0.90, 0.50)")],
)
def test_exists_says_what_was_found(boxes: Detections, reason: str) -> None:
    assert exists(boxes).reason == reason


def test_exists_counts_where_asked_to() -> None:
    few = exists(found(2), at_least=3)
    assert not few.passed and "2" in few.reason and "at least 3" in few.reason
    assert exists(found(3), at_least=3).passed


def test_area() -> None:
    assert area(LEFT) == Number(50.0, "%")


@pytest.mark.parametrize("inside, number", [(None, 10.0), (LEFT, 20.0), (Mask(~LEFT.selected), 0.0)])
def test_compare(inside: Mask | None, number: float) -> None:
    after = changed_at(GRAY, slice(0, 20), slice(0, 5))
    assert compare(GRAY, after, inside).number == pytest.approx(number)


def test_compare_sees_alpha() -> None:
    opaque = Image(np.dstack([GRAY.rgb, np.full((20, 50), 255, np.uint8)]))
    clear = Image(np.dstack([GRAY.rgb, np.zeros((20, 50), np.uint8)]))
    assert (compare(GRAY, opaque).number, compare(GRAY, clear).number) == (0, 100)


def test_compare_of_nothing() -> None:
    assert compare(GRAY, GRAY, Mask(np.zeros((20, 50), bool))).number == 0


@pytest.mark.parametrize(
    "call",
    [
        lambda: compare(GRAY, photo("cat")),
        lambda: preserved(GRAY, photo("cat"), LEFT),
        lambda: compare(GRAY, GRAY, Mask(np.ones((300, 451), bool))),
    ],
)
def test_sizes_must_agree(call) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ToolError, match=r"50×20.*451×300"):
        call()


@pytest.mark.parametrize("column, passed", [(3, True), (30, False)])
def test_preserved(column: int, passed: bool) -> None:
    verdict = preserved(GRAY, changed_at(GRAY, slice(4, 6), slice(column, column + 1)), LEFT)
    assert verdict.passed == passed
    assert verdict.reason.startswith(f"{0 if passed else 2} of 500 pixels outside the mask changed")
    if not passed:
        assert verdict.evidence and verdict.evidence.xyxy.tolist() == [[30, 4, 31, 6]]
        assert verdict.score == pytest.approx(1 - 2 / 500)


@pytest.mark.parametrize(
    "words, text, readable",
    [
        ("sale", "BIG SALE today!", True),
        ("Sale", "5ale ends", False),
        ("region based segmentation", "Region-based segrnentation", True),
        ("markers", "themarkersof", True),
        ("art", "a party", False),
        ("!!!", "anything", False),
        ("привет мир", "ПРИВЕТ, МИР", True),
    ],
)
def test_likeness(words: str, text: str, readable: bool) -> None:
    assert (likeness(words, text) >= 0.8) == readable


def test_words_may_run_over_lines() -> None:
    assert best_match("coins and the background", ["markers of the coins and the", "background. These"])[0] == 1


@pytest.fixture(scope="module")
def detector() -> PhotoDetector:
    return PhotoDetector.load(load_profile("embedded").bindings["detector"].source)


def test_checks_look(detector: PhotoDetector) -> None:
    one = shows(photo("astronaut"), "face", 1, detector=detector)
    assert one.passed and one.evidence and len(one.evidence) == 1
    two = shows(photo("astronaut"), "face", 2, detector=detector)
    assert not two.passed and two.score == 0.5 and "2 expected" in two.reason
    assert not shows(photo("coffee"), "face", detector=detector).passed
    assert absent(photo("coffee"), "face", detector=detector).passed
    assert not absent(photo("astronaut"), "face", detector=detector).passed


def test_checks_read() -> None:
    reader = RapidOcr.load("")
    seen = reads(photo("page"), "Region-based segmentation", reader=reader)
    assert seen.passed and seen.evidence and len(seen.evidence) == 1
    assert not reads(photo("page"), "closed on Mondays", reader=reader).passed
    assert reads(GRAY, "closed", reader=reader).reason == "no text was read, 'closed' expected"
