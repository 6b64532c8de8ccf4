"""Rendered scenes: what is said of them is true, and every pixel belongs to what it should."""

from __future__ import annotations

import random
from collections import Counter

import numpy as np
import pytest

from diptych.tools.tiny.dense import CELLS, busy_cells, cell_amounts, cell_labels
from diptych.tools.tiny.render import contours, render
from diptych.tools.tiny.scenes import COLORS, KINDS, MOST, SHAPES, Group, Kind, Scene, draw_scene, scenes, stands
from diptych.tools.tiny.sentences import (
    NUMBERS,
    full_caption,
    observed_caption,
    prompt,
    random_caption,
    random_question,
    stated,
    wrong_caption,
)

SOME = list(scenes(150, split="test"))


def facts(scene: Scene) -> Counter[Group]:
    """Count what is there, from the objects alone."""
    names = Counter((thing.color, thing.shape) for thing in scene.things)
    return Counter(Group(count, *name) for name, count in names.items())


def holds(scene: Scene, text: str) -> bool:
    """Say whether every group of a text is there in that number, and the relation too."""
    groups, side = stated(text)
    seen = [scene.matching(group.shape, group.color or None) for group in groups]
    counted = all(len(places) == group.count for places, group in zip(seen, groups, strict=True))
    if side is None or not counted:
        return counted
    return all(stands(scene.things[a].xyxy, scene.things[b].xyxy, side) for a in seen[0] for b in seen[1])


@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_is_a_scene(kind: Kind) -> None:
    first, again = list(scenes(30, kind=kind)), list(scenes(30, kind=kind))
    assert first == again and len(set(first)) == 30
    assert all((render(a).rgb == render(b).rgb).all() for a, b in zip(first[:5], again[:5], strict=True))


def test_the_splits_share_nothing() -> None:
    train, test = set(scenes(2000)), set(scenes(2000, split="test"))
    assert len(train) == len(test) == 2000 and not train & test


@pytest.mark.parametrize(
    ("kind", "groups", "objects"),
    [
        ("single_object", {1}, {1}),
        ("two_objects", {2}, {2}),
        ("counting", {1}, {2, 3, 4}),
        ("colors", {1}, {1}),
        ("position", {2}, {2}),
        ("color_attribution", {2}, {2}),
        ("compound", {2, 3, 4}, set(range(2, 9))),
    ],
)
def test_what_each_kind_holds(kind: Kind, groups: set[int], objects: set[int]) -> None:
    drawn = list(scenes(200, kind=kind))
    assert {len(scene.groups) for scene in drawn} == groups
    assert {len(scene.things) for scene in drawn} <= objects
    assert all((scene.side is not None) == (kind == "position") for scene in drawn if kind != "compound")
    if kind == "compound":
        assert {scene.atoms for scene in drawn} == {5, 6, 7, 8}


def test_everything_is_drawn_sometimes() -> None:
    drawn = list(scenes(1500))
    things = [thing for scene in drawn for thing in scene.things]
    assert {thing.color for thing in things} == set(COLORS) and {thing.shape for thing in things} == set(SHAPES)
    assert {group.count for scene in drawn for group in scene.groups} == set(range(1, MOST + 1))
    assert len({scene.background.texture for scene in drawn}) == 5


@pytest.mark.parametrize("side", [64, 97, 256])
def test_masks_are_the_pixels_of_the_objects(side: int) -> None:
    for scene in SOME[:40]:
        picture = render(scene, side)
        assert picture.rgb.shape == (side, side, 3) and picture.masks.shape == (len(scene.things), side, side)
        assert picture.masks.sum(axis=0).max() == 1
        for thing, mask, box in zip(scene.things, picture.masks, picture.boxes, strict=True):
            y, x = np.nonzero(mask)
            tight = np.array([x.min(), y.min(), x.max() + 1, y.max() + 1])
            assert np.abs(tight - box).max() < 2
            apart = np.abs(picture.rgb.astype(int) - thing.rgb).max(axis=2) <= 1
            inner = contours(thing.shape)[1]
            # What is fully covered has exactly the object's color, but for a door, a trunk or the middle of a flower.
            assert (apart & mask).sum() >= (0.35 if inner or side < 200 else 0.8) * mask.sum()


@pytest.mark.parametrize("shape", SHAPES)
def test_a_shape_fills_its_box(shape: str) -> None:
    outline = np.concatenate(contours(shape)[0])
    assert np.allclose(outline.min(axis=0), 0) and np.allclose(outline.max(axis=0), 1)


def test_no_two_shapes_look_alike() -> None:
    scene = next(scene for scene in SOME if scene.kind == "colors")
    thing = scene.things[0]
    masks = []
    for shape in SHAPES:
        changed = type(thing)(shape, thing.color, thing.rgb, (0.2, 0.2, 0.8, 0.8))
        masks.append(render(Scene(scene.kind, scene.background, (changed,), scene.groups)).masks[0])
    shared = [(a & b).sum() / (a | b).sum() for i, a in enumerate(masks) for b in masks[i + 1 :]]
    assert max(shared) < 0.86


@pytest.mark.parametrize("scene", SOME[:60])
def test_what_is_said_is_true(scene: Scene) -> None:
    dice = random.Random(1)
    assert Counter(scene.groups) == facts(scene)
    for text in (
        full_caption(scene),
        observed_caption(scene),
        prompt(scene),
        *(random_caption(scene, dice) for _ in range(5)),
    ):
        assert holds(scene, text), text
    assert Counter(stated(full_caption(scene))[0]) == Counter(stated(observed_caption(scene))[0]) == facts(scene)
    for _ in range(5):
        text = wrong_caption(scene, dice)
        assert not holds(scene, text), text


@pytest.mark.parametrize("scene", SOME[:60])
def test_answers_are_right(scene: Scene) -> None:
    dice = random.Random(2)
    for _ in range(10):
        question, answer = random_question(scene, dice)
        words = question.rstrip("?").split()
        color = next((word for word in words if word in COLORS), None)
        shape = next((s for s in SHAPES if s in words or any(word.startswith(s) for word in words)), None)
        if question.startswith("how many"):
            assert len(scene.matching(shape, color)) == NUMBERS.index(answer)
        elif question.startswith("is there"):
            assert bool(scene.matching(shape, color)) == (answer == "yes")
        elif question.startswith("what color"):
            assert scene.matching(shape) == scene.matching(shape, answer) != []
        elif question.startswith(("what shape", "what is the")):
            assert scene.matching(answer, color) == scene.matching(None, color) != []


def test_cells_name_what_covers_them() -> None:
    drawn = SOME[:20]
    pictures = [render(scene) for scene in drawn]
    kept = busy_cells(pictures, 30, np.random.default_rng(0)).numpy()
    for scene, picture, cells in zip(drawn, pictures, kept, strict=True):
        shapes, colors = cell_labels(scene, picture)
        assert len(shapes) == CELLS**2 and ((shapes > 0) == (colors > 0)).all()
        assert {SHAPES[i - 1] for i in shapes if i} == {thing.shape for thing in scene.things}
        assert {list(COLORS)[i - 1] for i in colors if i} == {thing.color for thing in scene.things}
        assert len(set(cells)) == 30
        assert set(np.flatnonzero(shapes)) <= set(cells) or (shapes > 0).sum() > 20


def test_cells_say_how_many_of_their_kind_there_are() -> None:
    for scene in SOME[:20]:
        middles, counts = cell_amounts(scene, render(scene))
        assert middles.sum() == len(scene.things)
        assert {int(count) + 1 for count in counts if count >= 0} == {group.count for group in scene.groups}


@pytest.mark.parametrize(("split", "kind"), [("validation", None), ("train", "landscape")])
def test_unknown_splits_and_kinds_are_named(split: str, kind: str | None) -> None:
    with pytest.raises(ValueError, match=kind or split):
        draw_scene(0, split=split, kind=kind)  # type: ignore[arg-type]


def test_a_picture_has_room_for_its_objects() -> None:
    with pytest.raises(ValueError, match="32 pixels or more, not 16"):
        render(SOME[0], 16)
