"""What the tiny detector learns to refuse: things half-way between two shapes, and outlines bent too far."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from diptych.tools.tiny.chimeras import NEITHER, bent, melted, with_chimera
from diptych.tools.tiny.drawn import drawn
from diptych.tools.tiny.render import render
from diptych.tools.tiny.scenes import draw_scene

SCENES = [draw_scene(seed, split="train", kind="two_objects") for seed in range(40)]


def test_one_thing_becomes_neither_and_nothing_else_changes() -> None:
    for seed, scene in enumerate(SCENES[:10]):
        before = render(scene)
        spoiled, picture = with_chimera(scene, before, random.Random(seed))
        changed = [place for place, thing in enumerate(spoiled.things) if thing.shape != scene.things[place].shape]
        assert [spoiled.things[place].shape for place in changed] == [NEITHER]
        touched = (before.rgb != picture.rgb).any(axis=2)
        x0, y0, x1, y1 = before.boxes[changed[0]].astype(int)
        touched[max(y0 - 3, 0) : y1 + 3, max(x0 - 3, 0) : x1 + 3] = False
        assert not touched.any()


def test_a_thing_that_is_bent_a_little_is_what_it_was_and_bent_far_it_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def share(pixels: float) -> float:
        monkeypatch.setattr("diptych.tools.tiny.chimeras._BENT", (pixels, pixels))
        dice = random.Random(1)
        things = [thing for scene in SCENES for thing in bent(scene, render(scene), dice)[0].things]
        return sum(thing.shape == NEITHER for thing in things) / len(things)

    assert share(0.05) == 0.0
    assert share(0.05) < share(1.5) < share(4.0)


def test_boxes_of_a_bent_picture_are_tight_around_its_masks() -> None:
    for seed, scene in enumerate(SCENES):
        found, picture = bent(scene, render(scene), random.Random(seed))
        assert picture.rgb.shape == render(scene).rgb.shape and picture.rgb.dtype == np.uint8
        for thing, mask, box in zip(found.things, picture.masks, picture.boxes, strict=True):
            rows, columns = np.nonzero(mask)
            assert box.tolist() == [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
            assert np.allclose(np.array(thing.xyxy) * len(mask), box)


def test_of_the_pictures_some_are_melted_and_none_is_another() -> None:
    pictures = [render(scene) for scene in SCENES[:6]]
    assert melted(pictures, random.Random(0), 0.0) == pictures
    found = melted(pictures, random.Random(0), 1.0)
    for before, after in zip(pictures, found, strict=True):
        off = np.abs(before.rgb.astype(float) - after.rgb).mean()
        assert 0.1 < off < 20 and after.boxes is before.boxes


def test_drawn_pictures_are_kept_and_read_again(tmp_path: Path) -> None:
    folder = tmp_path / "drawn"
    first = drawn(folder, "train")
    seen = [next(first) for _ in range(3)]
    files = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    again = drawn(folder, "train")
    for (task, image), (same, kept) in zip(seen, again, strict=False):
        assert task == same and image.digest == kept.digest
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == files
    assert not list(folder.glob("*.part"))
