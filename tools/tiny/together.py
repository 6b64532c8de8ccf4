"""Measures what is saved where calls share work: prompts one pass of an image encoder, images one call."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..profiles import Binding, load_profile
from ..segmenters.sam import Sam
from ..values import Detections, Image
from .evaluate import RESULTS, write_goals
from .render import render
from .scenes import Scene, draw_scene

PROMPTS, BATCH = 20, 8
SHARED = "SAM, prompts of an image served by one pass of its encoder"
_ROUNDS = 5
"""Of each way in turn; the quickest of each counts, which other work on the machine disturbs least."""

Work = Callable[[Any, Sequence[Scene], Sequence[Image]], object]
WORK: dict[str, Work] = {
    "detector": lambda model, scenes, images: model.detect_many(images, [scene.things[0].name for scene in scenes]),
    "segmenter": lambda model, scenes, images: model.segment_many(images, [objects(scene) for scene in scenes]),
    "matcher": lambda model, scenes, images: model.similarity_many(images, [scene.things[0].name for scene in scenes]),
    "captioner": lambda model, scenes, images: model.caption_many(images),
}
"""Capability → a call for any number of images."""


def evaluate() -> None:
    """Measure the models of profile `tiny`, and write what is found into the results."""
    bindings = load_profile("tiny").bindings
    found: dict[str, float] = {}
    goals: dict[str, float] = {}
    segmenter = _loaded(bindings["segmenter"])
    if isinstance(segmenter, Sam):
        found[SHARED], goals[SHARED] = prompts_per_pass(segmenter), PROMPTS
    for capability, work in WORK.items():
        name = f"{capability}, images per second: {BATCH} in a call against one by one"
        found[name], goals[name] = gain(bindings[capability], work), 1.0
    print("\n".join(f"{what}: {value:.3f}" for what, value in found.items()), flush=True)
    write_goals(RESULTS, found, goals)


def objects(scene: Scene) -> Detections:
    """Return the true boxes of a scene."""
    return Detections(render(scene).boxes, tuple(thing.name for thing in scene.things), np.ones(len(scene.things)))


def prompts_per_pass(model: Sam) -> float:
    """Return how many prompts, asked one after the other about one image, a pass of the image encoder served."""
    scene = draw_scene(0, split="test", kind="compound")
    image, boxes = render(scene).image, objects(scene)
    passes: list[None] = []
    hook = model._model.vision_encoder.register_forward_hook(lambda *_: passes.append(None))
    try:
        for prompt in range(PROMPTS):
            model.segment(image, boxes.subset([prompt % len(boxes)]))
    finally:
        hook.remove()
    return PROMPTS / len(passes)


def gain(binding: Binding, work: Work) -> float:
    """Return how many times the images per second of single calls a call for `BATCH` images has.

    Each round has images of its own, and each way a model of its own: what was seen before would cost nothing.
    """
    models = {1: _loaded(binding), BATCH: _loaded(binding)}
    spent: dict[int, list[float]] = {size: [] for size in models}
    for number in range(_ROUNDS + 1):
        scenes = [draw_scene(number * BATCH + place, split="test") for place in range(BATCH)]
        for size, model in models.items():
            spent[size].append(_seconds(model, work, scenes, size))
    return min(spent[1][1:]) / min(spent[BATCH][1:])  # what a first call sets up is not counted


def _seconds(model: Any, work: Work, scenes: Sequence[Scene], size: int) -> float:
    images = [render(scene).image for scene in scenes]
    began = time.perf_counter()
    for start in range(0, len(scenes), size):
        work(model, scenes[start : start + size], images[start : start + size])
    return time.perf_counter() - began


def _loaded(binding: Binding) -> Any:
    return binding.model.load(binding.source, **binding.options)
