"""The three denoisers: what each learns from, and how it is judged."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from functools import cache
from itertools import count, islice
from typing import Any, ClassVar

import numpy as np

from ...errors import UsageError
from ...values import Image
from .. import geneval
from ..render import render
from ..shape_finder import find_shapes
from ..training import CHECKPOINTS
from . import denoiser
from .autoencoder import CELL, CHANNELS
from .holes import Hole, draw_hole
from .layouts import calm_caption, calm_scene
from .parts import FEWER, Frozen
from .train import Course
from .turns import Turn, draw_turn

_VALIDATION = 1 << 39
"""First seed of the training split that judges which weights are best; no step comes this far."""
_PER_KIND = 16
_GRAY = 128


class TextToImage(Course):
    """Calm scenes from their captions."""

    name: ClassVar[str] = "t2i"
    rate: ClassVar[float] = 2e-3

    def network(self) -> Any:
        return denoiser.fresh_denoiser()

    def encode(self, parts: Frozen, start: int, many: int) -> dict[str, Any]:
        drawn = [render(calm_scene(seed)).rgb for seed in range(start, start + many)]
        return {"cells": parts.encode(np.stack(drawn))}

    def say(self, seed: int, dice: random.Random) -> str:
        return calm_caption(calm_scene(seed), dice)

    def measure(self, network: Any, parts: Frozen) -> tuple[float, list[Image]]:
        asked = _tasks()
        words, empty = parts.read([task.prompt for task in asked]), parts.read([""])
        cells = denoiser.draw(network, denoiser.noise_schedule(), words, empty, range(len(asked)))
        pictures = parts.decode(cells)
        return sum(map(_right, asked, pictures)) / len(asked), pictures


class Inpainting(Course):
    """What stood in a hole, from a request and what is around it; it begins as the text-to-image denoiser."""

    name: ClassVar[str] = "inpaint"
    rate: ClassVar[float] = 1e-3
    narrow: ClassVar[bool] = True

    def network(self) -> Any:
        return _begun(self.name, 2 * FEWER + 1, FEWER)

    def encode(self, parts: Frozen, start: int, many: int) -> dict[str, Any]:
        return _encoded(parts, [draw_hole(seed) for seed in range(start, start + many)])

    def say(self, seed: int, dice: random.Random) -> str:
        return draw_hole(seed).words(dice)

    def measure(self, network: Any, parts: Frozen) -> tuple[float, list[Image]]:
        holes = _holes()
        requests = [hole.words(random.Random(place)) for place, hole in enumerate(holes)]
        seen = _encoded(parts, holes)["seen"].float()
        cells = denoiser.draw(
            network, denoiser.noise_schedule(), parts.read(requests), parts.read([""]), range(len(holes)), seen=seen
        )
        pictures = parts.decode(cells)
        return sum(map(_appears, holes, pictures)) / len(holes), pictures


class Instructing(Course):
    """A calm scene after an instruction, from the scene before it; it begins as the text-to-image denoiser."""

    name: ClassVar[str] = "instruct"
    rate: ClassVar[float] = 1e-3
    unseen: ClassVar[float] = 0.1

    def network(self) -> Any:
        return _begun(self.name, 2 * CHANNELS, CHANNELS)

    def encode(self, parts: Frozen, start: int, many: int) -> dict[str, Any]:
        turns = [draw_turn(seed) for seed in range(start, start + many)]
        pairs = [(render(turn.before).rgb, render(turn.after).rgb) for turn in turns]
        before, after = (np.stack(part) for part in zip(*pairs, strict=True))
        return {"cells": parts.encode(after), "seen": parts.encode(before)}

    def say(self, seed: int, dice: random.Random) -> str:
        return draw_turn(seed).instruction

    def measure(self, network: Any, parts: Frozen) -> tuple[float, list[Image]]:
        turns = [draw_turn(_VALIDATION + place) for place in range(4 * _PER_KIND)]
        seen = parts.encode(np.stack([render(turn.before).rgb for turn in turns])).float()
        cells = denoiser.draw(
            network,
            denoiser.noise_schedule(),
            parts.read([turn.instruction for turn in turns]),
            parts.read([""]),
            range(len(turns)),
            seen=seen,
            image_guidance=denoiser.IMAGE_GUIDANCE,
        )
        pictures = parts.decode(cells)
        return sum(map(followed, turns, pictures)) / len(turns), pictures


def followed(turn: Turn, picture: Image) -> bool:
    """Say whether a picture shows what is to be there after an instruction, each shape in its color, and no more."""
    seen = find_shapes(picture)
    shown = Counter(zip(seen.labels, geneval.colors_of(picture, seen), strict=True))
    return shown == Counter((thing.shape, thing.color) for thing in turn.after.things)


def _begun(name: str, takes: int, gives: int) -> Any:
    """Return the network of a course that begins as the text-to-image denoiser."""
    begin = CHECKPOINTS / TextToImage.name
    if not begin.exists():
        raise UsageError(f"no text-to-image checkpoint at {begin}; train it first: 't2i', then {name!r}")
    return denoiser.begun_as(denoiser.shipped_denoiser(begin), takes, gives)


def _encoded(parts: Frozen, holes: Sequence[Hole]) -> dict[str, Any]:
    """Return `cells` of what is to be drawn, and `seen`: the hole (1) and the picture without it (C), in cells.

    Both are made as StableDiffusionInpaintPipeline makes them: gray in the hole, and its nearest pixel for a cell.
    """
    import torch

    whole, gaps = (np.stack(part) for part in zip(*(hole.views() for hole in holes), strict=True))
    without = np.where(gaps[..., None], np.uint8(_GRAY), whole)
    gap = torch.from_numpy(gaps[:, None, ::CELL, ::CELL].astype(np.float16))
    return {"cells": parts.encode(whole), "seen": torch.cat([gap, parts.encode(without)], dim=1)}


@cache
def _holes() -> list[Hole]:
    """Return holes that are judged by rule: something is wanted there, and the background is smooth."""
    drawn = (draw_hole(seed) for seed in count(_VALIDATION))
    smooth = ("plain", "gradient")
    return list(islice((h for h in drawn if h.wanted and h.scene.background.texture in smooth), 4 * _PER_KIND))


def _appears(hole: Hole, picture: Image) -> bool:
    """Say whether an object of the shape and color wanted stands in the hole."""
    seen, gap = find_shapes(picture), hole.views()[1]
    middles = ((seen.xyxy[:, :2] + seen.xyxy[:, 2:]) / 2).astype(int)
    named = zip(seen.labels, geneval.colors_of(picture, seen), middles, strict=True)
    wanted = hole.wanted
    return wanted is not None and any((s, c) == (wanted.shape, wanted.color) and gap[y, x] for s, c, (x, y) in named)


@cache
def _tasks() -> list[geneval.Task]:
    return geneval.tasks(_PER_KIND, split="train", start=_VALIDATION)


def _right(task: geneval.Task, picture: Image) -> bool:
    seen = find_shapes(picture)
    return geneval.judge(task, seen, geneval.colors_of(picture, seen)).right


COURSES: dict[str, type[Course]] = {course.name: course for course in (TextToImage, Inpainting, Instructing)}
"""Name of the checkpoint → what trains it."""
