"""Hard cases: labelled by the pixels, put into batches, and nothing of it shipped."""

from __future__ import annotations

import random

import numpy as np

from diptych.tools.tiny.chimeras import NEITHER
from diptych.tools.tiny.geneval import task_of
from diptych.tools.tiny.hard_cases import Drawn, WithHardCases
from diptych.tools.tiny.render import render
from diptych.tools.tiny.scenes import Scene, draw_scene
from diptych.tools.tiny.training import SIDE, examples
from diptych.tools.values import Image


def calm(kind: str, seed: int = 0) -> Scene:
    """A scene on a plain background, which the pixel judge can read."""
    scenes = (draw_scene(seed + n, kind=kind) for n in range(200))  # type: ignore[arg-type]
    return next(scene for scene in scenes if scene.background.texture == "plain")


def test_a_picture_is_labelled_with_what_is_there() -> None:
    truth = calm("counting")
    case = Drawn(task_of(truth), render(truth, SIDE).image)
    scene, picture = case.labelled
    assert [thing.shape for thing in scene.things] == [truth.things[0].shape] * len(truth.things)
    assert scene.groups == truth.groups and len(picture.masks) == len(picture.boxes) == len(truth.things)
    order = np.lexsort(picture.boxes[:, :2].T), np.lexsort(truth.boxes(SIDE)[:, :2].T)
    assert np.abs(picture.boxes[order[0]] - truth.boxes(SIDE)[order[1]]).max() <= 2


def test_what_is_no_shape_is_labelled_so() -> None:
    rgb = np.full((SIDE, SIDE, 3), 200, np.uint8)
    rgb[30:33, 5:60] = (200, 30, 30)  # a line
    scene, _ = Drawn(task_of(calm("single_object")), Image(rgb)).labelled
    assert [thing.shape for thing in scene.things] == [NEITHER]


def test_a_quarter_of_a_batch_is_hard_cases() -> None:
    cases = [Drawn(task_of(scene), render(scene, SIDE).image) for scene in (calm("two_objects", n) for n in range(9))]
    scenes, pictures = examples(0, 32)
    usual, _ = WithHardCases([]).prepared(scenes, pictures, random.Random(1))
    mixed, seen = WithHardCases(cases).prepared(scenes, pictures, random.Random(1))
    assert [a == b for a, b in zip(usual, mixed, strict=True)] == [False] * 8 + [True] * 24
    assert len(seen) == 32
