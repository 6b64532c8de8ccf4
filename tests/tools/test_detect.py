"""What the photo detector finds in real photos, and what it refuses."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import yaml

from diptych.tools.detectors.detect import detect, part, pick
from diptych.tools.detectors.photo import PhotoDetector
from diptych.tools.detectors.routing import NONE, prototypes, route
from diptych.tools.errors import ToolError
from diptych.tools.profiles import load_profile
from diptych.tools.text_embedding import MiniLm
from diptych.tools.values import Detections, Image
from tests.photos import photo

PHRASES = yaml.safe_load((Path(__file__).parent / "phrases.yaml").read_text(encoding="utf-8"))
BINDING = load_profile("embedded").bindings["detector"]
SOURCE: dict[str, str] = BINDING.source if isinstance(BINDING.source, dict) else {}


@pytest.fixture(scope="module")
def detector() -> PhotoDetector:
    return PhotoDetector.load(SOURCE)


@cache
def group(size_wh: tuple[int, int] = (900, 600)) -> Image:
    """Paste four portraits of several sizes onto a landscape."""
    canvas = photo("china").to_pil().convert("RGB").resize((900, 600))
    spots = [("astronaut", 250, 10, 100), ("grace_hopper", 200, 300, 50), ("astronaut", 220, 600, 200)]
    for name, width, x, y in [*spots, ("grace_hopper", 90, 520, 20)]:
        portrait = photo(name).to_pil().convert("RGB").crop((0, 0, 420, 512))
        canvas.paste(portrait.resize((width, width * 512 // 420)), (x, y))
    return Image(np.asarray(canvas.resize(size_wh)))


@pytest.mark.parametrize(
    ("name", "query", "count"),
    [
        ("astronaut", "face", 1),
        ("grace_hopper", "the woman's face", 1),
        ("camera", "face", 1),
        ("coffee", "faces", 0),
        ("cat", "faces", 0),
        ("rocket", "faces", 0),
        ("china", "faces", 0),
        ("astronaut", "people", 1),
        ("grace_hopper", "a woman", 1),
        ("camera", "the man", 1),
        ("coffee", "people", 0),
        ("cat", "people", 0),
        ("china", "people", 0),
        ("rocket", "people", 0),
        ("astronaut", "eyes", 2),
        ("astronaut", "mouth", 1),
        ("grace_hopper", "nose", 1),
        ("page", "lines of text", 7),
        ("coffee", "text", 0),
        ("coffee", "qr code", 0),
    ],
)
def test_counts_on_photos(detector: PhotoDetector, name: str, query: str, count: int) -> None:
    found = detect(photo(name), query, detector=detector)
    assert len(found) == count
    assert found.query == query


def test_the_face_is_where_it_is(detector: PhotoDetector) -> None:
    found = detector.detect(photo("astronaut"), "face")
    np.testing.assert_allclose(found.xyxy[0], (179, 69, 272, 176), atol=8)
    assert found.masks is not None and found.masks.shape == (1, 512, 512)
    assert found.masks[0, 120, 225] and not found.masks[0, 20, 225]


def test_several_faces_of_several_sizes(detector: PhotoDetector) -> None:
    assert len(detector.detect(group(), "faces")) == 4
    assert len(detector.detect(group(), "people")) == 4


def test_twelve_megapixels_give_coordinates_of_the_original(detector: PhotoDetector) -> None:
    small, large = (detector.detect(group(size), "faces") for size in ((900, 600), (4200, 2800)))
    assert len(large) == len(small) == 4
    ratio = np.sort(large.xyxy[:, 0]) / np.sort(small.xyxy[:, 0])
    np.testing.assert_allclose(ratio, 4200 / 900, rtol=0.05)


def test_a_face_lying_on_its_side_is_found(detector: PhotoDetector) -> None:
    turned = Image(np.ascontiguousarray(np.rot90(photo("astronaut").rgb)))
    assert len(detector.detect(turned, "face")) == 1


@pytest.mark.parametrize("query", ["face", "people", "text", "qr code", "red area", "main subject"])
@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 40, 3), (64, 48, 4)])
def test_an_empty_picture_holds_nothing(detector: PhotoDetector, query: str, shape: tuple[int, ...]) -> None:
    assert len(detector.detect(Image(np.zeros(shape, np.uint8)), query)) == 0


def test_areas_of_a_color(detector: PhotoDetector) -> None:
    pixels = np.full((100, 120, 3), 255, np.uint8)
    pixels[10:40, 20:60] = pixels[60:90, 80:110] = (220, 20, 20)
    found = detector.detect(Image(pixels), "the red areas")
    assert found.xyxy.tolist() == [[20, 10, 60, 40], [80, 60, 110, 90]]
    assert found.masks is not None and found.masks.sum() == 30 * 40 + 30 * 30


def test_a_code_is_found_and_read(detector: PhotoDetector) -> None:
    found = detector.detect(Image(qr("https://example.org")), "the QR code")
    assert found.labels == ("https://example.org",)
    dark = np.argwhere(qr("https://example.org")[..., 0] < 128)
    side = dark.max() - dark.min()
    margin = (found.xyxy[0] - (*dark.min(axis=0), *dark.max(axis=0))) * (-1, -1, 1, 1) / side
    assert (margin > 0.1).all()
    assert (margin < 0.16).all()  # the quiet zone belongs to the code


def qr(message: str) -> np.ndarray:
    """Draw a QR code of about 200 pixels onto white."""
    import cv2

    code = cv2.resize(cv2.QRCodeEncoder.create().encode(message), (200, 200), interpolation=cv2.INTER_NEAREST)
    pixels = np.full((360, 360, 3), 255, np.uint8)
    pixels[80:280, 80:280] = code[..., None]
    return pixels


def test_routing_of_phrases() -> None:
    """The table has 255 phrases in scope and 280 out; a few in a hundred may go astray."""
    embedder = MiniLm.load(SOURCE["words"])
    wrong: dict[bool, list[str]] = {True: [], False: []}
    for ability, phrases in PHRASES.items():
        for phrase in phrases:
            found = route(str(phrase), embedder)
            if found is None or found.ability != ability:
                wrong[ability == NONE].append(phrase)
    assert len(wrong[False]) <= 5, wrong
    assert len(wrong[True]) <= 8, wrong


def test_known_phrases_need_no_weights() -> None:
    for ability, phrases in prototypes().items():
        if ability != "region":
            assert {found.ability if (found := route(phrase, None)) else None for phrase in phrases} == {ability}
    assert route("a phrase nobody listed", None) is None


@pytest.mark.parametrize(
    ("params", "objection"),
    [
        ({"query": "cat"}, "cannot detect 'cat'"),
        ({"query": "red car"}, "cannot detect 'red car'"),
        ({"query": "the faces"}, None),
        ({"query": "$name"}, None),
        ({}, None),
    ],
)
def test_objection_before_anything_runs(params: dict[str, str], objection: str | None) -> None:
    assert PhotoDetector.objection(params, SOURCE) == objection


def test_detecting_what_cannot_be_seen_is_an_error(detector: PhotoDetector) -> None:
    with pytest.raises(ToolError, match="cannot detect 'a cat'"):
        detector.detect(photo("cat"), "a cat")


def test_a_profile_without_all_parts_is_an_error() -> None:
    with pytest.raises(ToolError, match="face, person, words, subject"):
        PhotoDetector.load("embedded:minilm")


BOXES = Detections(
    np.array([[0, 0, 10, 10], [20, 0, 50, 30], [5, 40, 9, 44]], np.float32),
    ("a", "b", "c"),
    np.array([0.9, 0.8, 0.7], np.float32),
)


@pytest.mark.parametrize(
    ("which", "count", "labels"),
    [
        ("largest", 1, {"b"}),
        ("smallest", 1, {"c"}),
        ("leftmost", 1, {"a"}),
        ("rightmost", 1, {"b"}),
        ("topmost", 2, {"a", "b"}),
        ("bottommost", 1, {"c"}),
        ("top-left", 1, {"a"}),
        ("bottom-left", 1, {"c"}),
        ("bottom-right", 2, {"b", "c"}),
        ("best", 1, {"a"}),
        ("central", 1, {"b"}),
        ("best", 9, {"a", "b", "c"}),
    ],
)
def test_pick(which: str, count: int, labels: set[str]) -> None:
    assert set(pick(BOXES, which, count).labels) == labels


@pytest.mark.parametrize(
    ("place", "percent", "box"),
    [
        ("left", 50, (0, 0, 50, 60)),
        ("right", 25, (75, 0, 100, 60)),
        ("top", 100, (0, 0, 100, 60)),
        ("bottom", 10, (0, 54, 100, 60)),
        ("center", 50, (25, 15, 75, 45)),
        ("top-left", 50, (0, 0, 50, 30)),
        ("bottom-right", 20, (80, 48, 100, 60)),
        ("left", 0.1, (0, 0, 1, 60)),
    ],
)
def test_part(place: str, percent: float, box: tuple[float, ...]) -> None:
    found = part(Image(np.zeros((60, 100, 3), np.uint8)), place, percent)
    assert found.xyxy.tolist() == [list(box)] and found.labels == (place,)


def test_pick_of_nothing_is_nothing() -> None:
    assert len(pick(Detections.empty("face"), "central")) == 0
