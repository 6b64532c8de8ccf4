"""The judge of the GenEval tasks: right about true scenes, and about scenes that are wrong on purpose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from diptych.tools.tiny.generative.layouts import calm_scene
from diptych.tools.tiny.geneval import Task, colors_of, judge, relations, task_of, tasks
from diptych.tools.tiny.render import render
from diptych.tools.tiny.scenes import COLORS, KINDS, SHAPES, Group, Kind, Scene, Thing, draw_scene
from diptych.tools.tiny.shape_finder import find_shapes
from diptych.tools.values import Detections

ONE = np.array([10, 10, 20, 20], np.float32)


def truth(scene: Scene) -> tuple[Detections, list[str]]:
    """What a faultless detector sees; scores fall in the order of the things."""
    shapes = tuple(thing.shape for thing in scene.things)
    seen = Detections(scene.boxes(64), shapes, np.linspace(0.9, 0.8, len(shapes)))
    return seen, [thing.color for thing in scene.things]


def said(task: Task, scene: Scene) -> bool:
    return judge(task, *truth(scene)).right


def examples(kind: Kind, count: int = 40) -> list[Scene]:
    drawn = [draw_scene(seed, split="test", kind=kind) for seed in range(count)]
    return [scene for scene in drawn if len({group.shape for group in scene.groups}) == len(scene.groups)]


def other(name: str, names: Sequence[str], taken: Sequence[str] = ()) -> str:
    return next(candidate for candidate in names if candidate != name and candidate not in taken)


def changed(scene: Scene, place: int, **facts: str) -> Scene:
    things = list(scene.things)
    things[place] = replace(things[place], **facts)
    return replace(scene, things=tuple(things))


def mirrored(thing: Thing) -> Thing:
    x0, y0, x1, y1 = thing.xyxy
    return replace(thing, xyxy=(1 - x1, 1 - y1, 1 - x0, 1 - y0))


@pytest.mark.parametrize("kind", KINDS)
def test_every_true_scene_is_right(kind: Kind) -> None:
    for scene in examples(kind):
        ruling = judge(task_of(scene), *truth(scene))
        assert ruling.right, (task_of(scene).prompt, ruling.reason)


@pytest.mark.parametrize("kind", KINDS)
def test_a_missing_object_is_wrong(kind: Kind) -> None:
    for scene in examples(kind):
        ruling = judge(task_of(scene), *truth(replace(scene, things=scene.things[1:])))
        assert not ruling.right and "asked for" in ruling.reason


@pytest.mark.parametrize("kind", KINDS)
def test_another_shape_is_wrong(kind: Kind) -> None:
    for scene in examples(kind):
        asked = [group.shape for group in scene.groups]
        assert not said(task_of(scene), changed(scene, -1, shape=other("", SHAPES, asked)))


@pytest.mark.parametrize("kind", ["colors", "color_attribution", "compound"])
def test_another_color_is_wrong_where_colors_are_said(kind: Kind) -> None:
    for scene in examples(kind):
        wrong = changed(scene, 0, color=other(scene.things[0].color, list(COLORS)))
        ruling = judge(task_of(scene), *truth(wrong))
        assert not ruling.right and "is to be" in ruling.reason


@pytest.mark.parametrize("kind", ["single_object", "two_objects", "counting", "position"])
def test_colors_do_not_matter_where_none_are_said(kind: Kind) -> None:
    for scene in examples(kind):
        assert said(task_of(scene), changed(scene, 0, color=other(scene.things[0].color, list(COLORS))))


def test_exchanged_colors_are_wrong() -> None:
    for scene in examples("color_attribution"):
        one, two = scene.things
        if one.color != two.color:
            wrong = replace(scene, things=(replace(one, color=two.color), replace(two, color=one.color)))
            assert not said(task_of(scene), wrong)


def test_the_other_side_is_wrong() -> None:
    for scene in examples("position"):
        ruling = judge(task_of(scene), *truth(replace(scene, things=tuple(map(mirrored, scene.things)))))
        assert not ruling.right and str(scene.side) in ruling.reason


@pytest.mark.parametrize("kind, right", [("counting", False), ("compound", False), ("single_object", True)])
def test_one_object_more(kind: Kind, right: bool) -> None:
    for scene in examples(kind):
        assert said(task_of(scene), replace(scene, things=(*scene.things, scene.things[-1]))) is right


def test_nothing_seen_is_wrong() -> None:
    task = Task("single_object", "a photo of a star", (Group(1, "red", "star"),))
    assert judge(task, Detections.empty("star"), []).reason == "at least 1 of 'stars' asked for, 0 seen"


def test_colors_and_boxes_must_pair() -> None:
    task = Task("single_object", "a photo of a star", (Group(1, "red", "star"),))
    with pytest.raises(ValueError, match="1 boxes and 0 colors"):
        judge(task, Detections(ONE[None], ("star",), np.ones(1)), [])


@pytest.mark.parametrize(
    "offset, sides",
    [
        ((-30, 0), {"left of"}),
        ((30, 3), {"right of"}),
        ((0, -30), {"above"}),
        ((2, 30), {"below"}),
        ((-30, -30), {"left of", "above"}),
        ((0, 0), set()),
        ((1, 1), set()),
    ],
)
def test_relations(offset: tuple[int, int], sides: set[str]) -> None:
    assert relations(ONE + np.array([*offset, *offset], np.float32), ONE) == sides


def test_tasks_are_fixed_and_of_every_kind() -> None:
    found = tasks(34)
    assert found == tasks(34) and len(found) == 204
    assert [task.kind for task in found[::34]] == list(KINDS[:6])
    assert all(len(task.shapes) == len(task.groups) for task in found)


@pytest.mark.parametrize("kind", KINDS)
def test_colors_are_read_off_the_pixels(kind: Kind) -> None:
    for scene in examples(kind, 15):
        picture = render(scene)
        boxes, colors = truth(scene)
        masks = Detections(boxes.xyxy, boxes.labels, boxes.scores, masks=picture.masks)
        assert colors_of(picture.image, masks) == colors
    assert colors_of(picture.image, Detections.empty()) == []


def test_the_shape_finder_sees_what_was_drawn() -> None:
    right = []
    for seed in range(100):
        scene = calm_scene(seed, split="test")
        image = render(scene).image
        seen = find_shapes(image)
        named = sorted(zip(seen.labels, colors_of(image, seen), strict=True))
        right.append(named == sorted((thing.shape, thing.color) for thing in scene.things))
    assert np.mean(right) > 0.9


def test_the_shape_finder_finds_nothing_in_nothing() -> None:
    empty = replace(calm_scene(0), things=(), groups=())
    assert len(find_shapes(render(empty).image)) == 0
