"""Grids of 36 results of each model of the tiny family, for the README: `python benchmarks/tiny_grid.py [NAME …]`.

The first 36 of the test split, six of each GenEval task for pictures that are drawn, in their order, nothing chosen; a
green frame means that the result is right, by rules on the pixels or by the scene that was rendered, a red one that it
is not.
"""

from __future__ import annotations

import random
import sys
import textwrap
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as PILImage
from PIL import ImageDraw, ImageFont

from diptych.tools.profiles import load_profile
from diptych.tools.tiny.evaluate import LABELS, asked_of, matched
from diptych.tools.tiny.generative.courses import followed
from diptych.tools.tiny.generative.evaluate import appears, box_of, by_rule, drawn, emptied, held_out_holes, right
from diptych.tools.tiny.generative.turns import draw_turn
from diptych.tools.tiny.geneval import tasks
from diptych.tools.tiny.render import render
from diptych.tools.tiny.scenes import Group, draw_scene
from diptych.tools.tiny.sentences import phrase, random_question, stated
from diptych.tools.values import Detections, Mask

DOCS = Path(__file__).parents[1] / "docs" / "tiny"
MANY, COLUMNS = 36, 6
SIDE, GAP, LINE, FRAME = 96, 12, 44, 3
GREEN, RED = "#2a9d4a", "#d33a2c"


@dataclass(frozen=True)
class Shown:
    """One result: pictures uint8 (64, 64, 3) side by side, the words that belong to them, and whether it is right."""

    pictures: tuple[Any, ...]
    words: str
    right: bool
    boxes: Any = ()
    """Boxes float (N, 4) to be drawn into the first picture, in its pixels."""


def _scenes(kind: Any = None) -> list[Any]:
    return [draw_scene(seed, split="test", kind=kind) for seed in range(MANY)]


def generator(model: Any) -> list[Shown]:
    asked = tasks(MANY // 6)
    pictures = drawn(model, [task.prompt for task in asked])
    return [
        Shown((picture.rgb,), task.prompt, right(task, picture, by_rule))
        for task, picture in zip(asked, pictures, strict=True)
    ]


def inpainter(model: Any) -> list[Shown]:
    shown = []
    for seed, hole in enumerate(held_out_holes(MANY)):
        before, box = emptied(hole), box_of(hole.mask)
        words = phrase(Group(1, hole.wanted.color, hole.wanted.shape)) if hole.wanted else ""
        after = model.inpaint(before, Mask(box), words, negative_prompt="", steps=None, guidance_scale=None, seed=seed)
        cut = np.where(box[..., None], np.uint8(128), before.rgb)
        shown.append(Shown((cut, after.rgb), words, appears(after, hole)))
    return shown


def instruct_editor(model: Any) -> list[Shown]:
    shown = []
    for seed in range(MANY):
        turn = draw_turn(seed, split="test")
        before = render(turn.before).image
        after = model.edit(before, turn.instruction, steps=None, guidance_scale=None, seed=seed)
        shown.append(Shown((before.rgb, after.rgb), turn.instruction, followed(turn, after)))
    return shown


def detector(model: Any) -> list[Shown]:
    shown = []
    for scene in _scenes():
        picture = render(scene)
        words, places = asked_of(scene)[0]
        seen = model.detect(picture.image, words)
        hits = matched(seen.xyxy, picture.boxes[places])
        shown.append(Shown((picture.rgb,), words, len(hits) == len(places) and bool(hits.all()), seen.xyxy))
    return shown


def segmenter(model: Any) -> list[Shown]:
    shown = []
    for scene in _scenes():
        picture = render(scene)
        box = Detections(picture.boxes[:1], (scene.things[0].name,), np.ones(1))
        selected = model.segment(picture.image, box).selected
        shared = (selected & picture.masks[0]).sum() / (selected | picture.masks[0]).sum()
        cut = np.where(selected[..., None], picture.rgb, np.uint8(255))
        shown.append(Shown((picture.rgb, cut), f"{scene.things[0].name}: overlap {shared:.2f}", shared >= 0.8))
    return shown


def classifier(model: Any) -> list[Shown]:
    scenes = _scenes("colors")
    named = model.classify_many([render(scene).image for scene in scenes], [LABELS] * MANY)
    best = [max(labels.scores, key=labels.scores.__getitem__) for labels in named]
    return [
        Shown((render(scene).rgb,), label, label == f"{scene.things[0].color} {scene.things[0].shape}")
        for scene, label in zip(scenes, best, strict=True)
    ]


def captioner(model: Any) -> list[Shown]:
    scenes = _scenes()
    said = [text.text for text in model.caption_many([render(scene).image for scene in scenes])]
    return [
        Shown((render(scene).rgb,), text, Counter(stated(text)[0]) == Counter(scene.groups))
        for scene, text in zip(scenes, said, strict=True)
    ]


def answerer(model: Any) -> list[Shown]:
    dice, shown = random.Random(0), []
    for scene in _scenes():
        question, answer = random_question(scene, dice)
        said = model.answer(render(scene).image, question).text
        shown.append(Shown((render(scene).rgb,), f"{question} {said}", said == answer))
    return shown


GRIDS: dict[str, Callable[[Any], list[Shown]]] = {
    grid.__name__: grid
    for grid in (generator, inpainter, instruct_editor, detector, segmenter, classifier, captioner, answerer)
}
"""Capability of the profile → its results."""


def sheet(shown: list[Shown]) -> PILImage.Image:
    """Return the results in six columns."""
    wide = SIDE * len(shown[0].pictures)
    width, height = max(wide, 112) + GAP, SIDE + LINE + GAP
    canvas = PILImage.new("RGB", (COLUMNS * width + GAP, -(-len(shown) // COLUMNS) * height + GAP), "white")
    pen, font = ImageDraw.Draw(canvas), ImageFont.load_default(10)
    for place, result in enumerate(shown):
        x, y = GAP + place % COLUMNS * width, GAP + place // COLUMNS * height
        frame = (x - FRAME, y - FRAME, x + wide + FRAME - 1, y + SIDE + FRAME - 1)
        pen.rectangle(frame, fill=GREEN if result.right else RED)
        for number, picture in enumerate(result.pictures):
            scaled = PILImage.fromarray(picture).resize((SIDE, SIDE), PILImage.Resampling.NEAREST)
            canvas.paste(scaled, (x + number * SIDE, y))
        for box in result.boxes:
            scaled_box = box * SIDE / result.pictures[0].shape[0] + np.array([x, y, x, y])
            pen.rectangle(scaled_box.tolist(), outline="magenta", width=2)
        lines = textwrap.wrap(result.words, 21 * len(result.pictures))
        pen.multiline_text((x, y + SIDE + FRAME + 1), "\n".join(lines[:3]), fill="black", font=font, spacing=1)
    return canvas


def main() -> None:
    bindings = load_profile("tiny").bindings
    names = sys.argv[1:] or [name for name in GRIDS if name in bindings]
    DOCS.mkdir(parents=True, exist_ok=True)
    for name in names:
        binding = bindings[name]
        shown = GRIDS[name](binding.model.load(binding.source, **binding.options))
        sheet(shown).save(DOCS / f"{name}.png", optimize=True)
        print(f"{name}: {sum(result.right for result in shown)} of {len(shown)} right")


if __name__ == "__main__":
    main()
