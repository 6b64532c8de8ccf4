"""What a detector is asked in training: phrases for what is in a scene and for what is not, and the right answers."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np

from .scenes import COLORS, SHAPES, Scene
from .sentences import plural

_OUTER_WORDS = ("object", "thing", "shape")

Phrase = tuple[str, str | None, str | None]
"""Words, and the shape and the color they ask for."""


def phrases_for(scene: Scene, dice: random.Random) -> list[Phrase]:
    """Return one phrase, or one for each group and some that name nothing in the scene; no object has two."""
    groups = [(group.shape, group.color) for group in scene.groups]
    if dice.random() < 0.5:
        return [_absent(scene, dice) if dice.random() < 0.45 else _present(scene, dice)]
    found = [_in_words(shape, color, dice) for shape, color in groups]
    found += [_absent(scene, dice) for _ in range(dice.randint(1, 2))]
    return dice.sample(found, len(found))


def targets_of(scene: Scene, phrases: Sequence[Phrase]) -> dict[str, Any]:
    """Return the boxes float32 (N, 4), center and size as shares, of what the phrases name, and which phrase it is.

    `every_box` (M, 4) and `phrase_of` (M,) are about all objects of the scene; no phrase is -1.
    """
    import torch

    xyxy = scene.boxes(1)
    boxes = torch.from_numpy(np.concatenate([(xyxy[:, :2] + xyxy[:, 2:]) / 2, xyxy[:, 2:] - xyxy[:, :2]], axis=1))
    phrase_of = torch.full((len(boxes),), -1)
    for i, (_, shape, color) in enumerate(phrases):
        phrase_of[scene.matching(shape, color)] = i
    named = phrase_of >= 0
    return {"class_labels": phrase_of[named], "boxes": boxes[named], "every_box": boxes, "phrase_of": phrase_of}


def _present(scene: Scene, dice: random.Random) -> Phrase:
    group = dice.choice(scene.groups)
    kind = dice.random()
    if kind < 0.12:
        return _in_words(None, None, dice)
    return _in_words(group.shape if kind < 0.88 else None, group.color if not 0.6 < kind < 0.88 else None, dice)


def _absent(scene: Scene, dice: random.Random) -> Phrase:
    """Return a phrase for nothing in the scene: a shape, or a color and a shape of which one is mostly there."""
    while True:
        group, other = dice.choice(scene.groups), dice.choice(scene.groups)
        shape, color = group.shape, other.color
        if dice.random() < 0.45:
            plain = dice.choice(SHAPES)
            if not scene.matching(plain, None):
                return _in_words(plain, None, dice)
            continue
        which = dice.random()
        if which < 0.6:
            shape = dice.choice(SHAPES)
        if which > 0.4:
            color = dice.choice(list(COLORS))
        if not scene.matching(shape, color):
            return _in_words(shape, color, dice)


def _in_words(shape: str | None, color: str | None, dice: random.Random) -> Phrase:
    noun = shape or dice.choice(_OUTER_WORDS)
    noun = plural(noun) if dice.random() < 0.25 else noun
    article = dice.choice(("a ", "the ")) if dice.random() < 0.2 else ""
    return article + (f"{color} {noun}" if color else noun), shape, color
