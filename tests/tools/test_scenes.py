"""What a picture made from a description promises: colors and places; and where there is room for more."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from diptych.tools.detectors.places import SIDES, Side, free_square, relations
from diptych.tools.errors import ToolError
from diptych.tools.measures.checks import shows
from diptych.tools.measures.scenes import colored, placed, room
from diptych.tools.model import Detector
from diptych.tools.tiny.render import render
from diptych.tools.tiny.scenes import COLORS, Scene, draw_scene
from diptych.tools.values import Detections, Image, Mask


class Told(Detector):
    """Knows the scene of every picture that it is shown."""

    def __init__(self, *scenes: Scene) -> None:
        self.known = {image_of(scene).digest: scene for scene in scenes}

    @classmethod
    def load(cls, source: object, **options: object) -> Told:
        raise NotImplementedError

    def detect(self, image: Image, query: str) -> Detections:
        scene = self.known[image.digest]
        boxes = scene.boxes(image.size_wh[0])[scene.matching(query)]
        return Detections(boxes, (query,) * len(boxes), np.linspace(0.9, 0.5, len(boxes)), query)

    def detect_many(self, images: Sequence[Image], queries: Sequence[str]) -> list[Detections]:
        return [self.detect(image, query) for image, query in zip(images, queries, strict=True)]


def image_of(scene: Scene) -> Image:
    return Image(render(scene, 128).rgb)


def test_a_color_is_told_from_the_others_on_nearly_every_thing() -> None:
    scenes = [draw_scene(seed, split="test", kind="colors") for seed in range(60)]
    right = wrong = 0
    for number, scene in enumerate(scenes):
        thing, image = scene.things[0], image_of(scene)
        others = [color for color in COLORS if color != thing.color]
        right += colored(image, thing.shape, thing.color, detector=Told(scene)).passed
        wrong += colored(image, thing.shape, others[number % len(others)], detector=Told(scene)).passed
    assert right >= 57 and wrong <= 1  # black and a very dark blue are hard to tell apart for anyone


def test_a_part_of_the_picture_can_be_looked_at_alone() -> None:
    scene = draw_scene(3, kind="counting")
    shape, color = scene.things[0].shape, scene.things[0].color
    image, (box, *_) = image_of(scene), scene.boxes(128).astype(int)
    first = np.zeros((128, 128), np.bool_)
    first[box[1] : box[3], box[0] : box[2]] = True
    number = len(scene.things)
    for inside, seen in ((None, number), (Mask(first), 1), (Mask(~first), number - 1)):
        told = {"inside": inside, "detector": Told(scene)}
        assert shows(image, shape, max(seen, 1), **told).passed == (seen > 0)
        assert not shows(image, shape, seen + 1, **told).passed
        assert colored(image, shape, color, **told).passed == (seen > 0)
        together = shows.tool.batch([{"image": image, "query": shape, "count": max(seen, 1), **told}])
        assert together[0] == shows(image, shape, max(seen, 1), **told)


def test_another_thing_may_reach_beyond_the_outline_that_it_was_drawn_into() -> None:
    scene = draw_scene(3, kind="counting")
    shape, image, number = scene.things[0].shape, image_of(scene), len(scene.things)
    x0, y0, x1, y1 = scene.boxes(128)[0].astype(int)
    thin = np.zeros((128, 128), np.bool_)
    thin[y0:y1, (x0 + x1) // 2 - 2 : (x0 + x1) // 2 + 2] = True  # the outline of a pole: a tenth of the box
    assert number > 1 and shows(image, shape, 1, inside=Mask(thin), detector=Told(scene)).passed
    wide = np.zeros((128, 128), np.bool_)
    wide[y0 - 2 : y0 + 2] = True  # touches the thing, and goes on elsewhere
    assert not shows(image, shape, 1, inside=Mask(wide), detector=Told(scene)).passed


def test_the_verdict_points_at_what_has_another_color() -> None:
    scene = draw_scene(3, kind="counting")
    shape, color = scene.things[0].shape, scene.things[0].color
    other = "blue" if color != "blue" else "red"
    image = image_of(scene)
    passed, failed = (colored(image, shape, word, detector=Told(scene)) for word in (color, other))
    assert passed.passed and passed.score == 1
    assert not failed.passed and failed.evidence is not None and len(failed.evidence) == len(scene.matching(shape))
    assert f"0 of {len(scene.things)} {shape!r} are {other}, others {color}" == failed.reason


def test_nothing_has_no_color() -> None:
    scene = draw_scene(1, kind="colors")
    missing = "moon" if scene.things[0].shape != "moon" else "star"
    verdict = colored(image_of(scene), missing, "red", detector=Told(scene))
    assert not verdict.passed and verdict.reason == f"found no {missing!r}"


@pytest.mark.parametrize("seed", range(12))
def test_places(seed: int) -> None:
    scene = next(s for s in (draw_scene(1000 * seed + n, kind="position") for n in range(99)) if distinct(s))
    one, other = scene.groups[0].shape, scene.groups[1].shape
    told = {side: placed(image_of(scene), one, side, other, detector=Told(scene)).passed for side in SIDES}
    assert scene.side is not None and told[scene.side]
    assert sum(told.values()) <= 2


def distinct(scene: Scene) -> bool:
    return len({group.shape for group in scene.groups}) == len(scene.groups) == 2


boxes = some.lists(
    some.tuples(*[some.integers(0, 70), some.integers(0, 70), some.integers(6, 30), some.integers(6, 30)]), max_size=5
)  # type: ignore[arg-type]


@given(boxes, some.sampled_from(SIDES))
def test_a_free_place_is_free_and_on_its_side(drawn: list[tuple[int, int, int, int]], side: Side) -> None:
    taken = np.array([[x, y, x + w, y + h] for x, y, w, h in drawn], np.float32).reshape(-1, 4)
    of = taken[:1] if len(taken) else None
    square = free_square((100, 100), taken, of, side)
    if square is None:
        return
    x0, y0, x1, y1 = square
    assert 0 <= x0 < x1 <= 100 and 0 <= y0 < y1 <= 100
    assert all(x1 <= a or c <= x0 or y1 <= b or d <= y0 for a, b, c, d in taken)
    assert of is None or side in relations(square, of[0])


def test_no_room() -> None:
    full = Detections([[0, 0, 40, 40]], ("wall",), [1.0], "wall")  # type: ignore[arg-type]
    with pytest.raises(ToolError, match="no room for another thing left of 'wall'"):
        room(Image(np.zeros((40, 40, 3), np.uint8)), [full], full, "left of")


def test_room_in_an_empty_picture() -> None:
    mask = room(Image(np.zeros((60, 90, 3), np.uint8)), [Detections.empty("cat")])
    assert 0.02 < mask.share < 0.3
