"""The shipped checkpoints do their work through the adapters that users get, as well as their cards say."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import numpy as np
import pytest

from diptych.tools.profiles import load_profile
from diptych.tools.tiny.recipes import RECIPES, recipe
from diptych.tools.tiny.render import Picture, render
from diptych.tools.tiny.scenes import Scene, draw_scene, scenes
from diptych.tools.tiny.training import CHECKPOINTS
from diptych.tools.values import Detections

CAPABILITIES = {
    "clip": "classifier",
    "detector": "detector",
    "segmenter": "segmenter",
    "captioner": "captioner",
    "answerer": "answerer",
}
SHIPPED = [
    name
    for name, capability in CAPABILITIES.items()
    if getattr(load_profile("tiny").bindings.get(capability), "source", "") == f"tiny:{name}"
]
BESIDE = {"owl", "align"}
"""Another road to what the profile has already: no capability is bound to them."""
KEPT = [*SHIPPED, *sorted(name for name in BESIDE if (CHECKPOINTS / name).is_dir())]
SINGLE = list(scenes(20, split="test", kind="colors"))


@cache
def model(name: str) -> Any:
    """Return the adapter of a checkpoint as the profile loads it."""
    if name not in SHIPPED:
        pytest.skip(f"the profile has another {CAPABILITIES[name]}")
    binding = load_profile("tiny").bindings[CAPABILITIES[name]]
    return binding.model.load(binding.source, **binding.options)


def test_every_model_of_the_family_has_its_place() -> None:
    assert {*CAPABILITIES, *BESIDE} == set(RECIPES) and {"clip", "detector"} <= set(SHIPPED)


def pairs() -> list[tuple[Scene, Picture]]:
    return [(scene, render(scene)) for scene in SINGLE]


@pytest.mark.parametrize("name", KEPT)
def test_a_checkpoint_is_as_good_as_it_was_when_it_was_shipped(name: str) -> None:
    best = json.loads((CHECKPOINTS / name / "training.json").read_text())["best"]
    made = recipe(name)
    split = [draw_scene(seed, split="test", kind=made.kind) for seed in range(40)]
    value = next(iter(made.measure(CHECKPOINTS / name, split).values()))
    # Forty scenes say it to within 0.16, two standard deviations at worst.
    assert value >= best - 0.16 and best > 0.5


@pytest.mark.parametrize("name", KEPT)
def test_weights_are_small_safetensors_with_a_card(name: str) -> None:
    files = {file.name: file.stat().st_size for file in (CHECKPOINTS / name).iterdir()}
    assert set(files) >= {"model.safetensors", "config.json", "training.json", "README.md"}
    assert not [file for file in files if file.endswith((".bin", ".pt", ".pth", ".pkl"))]
    assert files["model.safetensors"] < 6e6
    assert f"diptych.tools.tiny {name}" in (CHECKPOINTS / name / "README.md").read_text()


def test_the_detector_finds_the_object() -> None:
    found = 0
    for scene, picture in pairs():
        seen = model("detector").detect(picture.image, scene.things[0].name)
        found += len(seen) > 0 and bool(np.abs(seen.xyxy[0] - picture.boxes[0]).max() < 6)
    assert found >= 15


def test_the_segmenter_cuts_it_out() -> None:
    shared = []
    for scene, picture in pairs():
        boxes = Detections(picture.boxes, (scene.things[0].name,), np.ones(1))
        selected = model("segmenter").segment(picture.image, boxes).selected
        shared.append((selected & picture.masks[0]).sum() / (selected | picture.masks[0]).sum())
    assert np.mean(shared) > 0.75


def test_the_segmenter_works_at_other_sizes() -> None:
    scene = SINGLE[0]
    picture = render(scene, 200)
    selected = model("segmenter").segment(picture.image, Detections(picture.boxes, ("it",), np.ones(1))).selected
    assert selected.shape == (200, 200)
    assert (selected & picture.masks[0]).sum() / (selected | picture.masks[0]).sum() > 0.6


def test_the_classifier_names_colors() -> None:
    names = ["red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white"]
    right = 0
    for scene, picture in pairs():
        labels = model("clip").classify(picture.image, [f"{name} {scene.things[0].shape}" for name in names])
        best = max(labels.scores, key=labels.scores.__getitem__)
        right += best == scene.things[0].name
    assert right >= 17


def test_the_captioner_and_the_answerer_agree_on_the_color() -> None:
    right = 0
    for scene, picture in pairs():
        thing = scene.things[0]
        said = model("captioner").caption(picture.image).text
        answer = model("answerer").answer(picture.image, f"what color is the {thing.shape}?").text
        right += thing.color in said and answer == thing.color
    assert right >= 15
