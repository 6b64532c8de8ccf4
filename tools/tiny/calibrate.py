"""Measures how often the checks of drawn pictures are wrong, with the models of the profile `tiny`.

On rendered scenes of split 'test', from seed `_START` on, where nothing else is measured. Half of them have a thing
that is no shape, most are melted by the generator's autoencoder, so that they look like what the checks will see. What
is true is known from the description; no judge of pictures has a part in it.

How like its name a thing has to look to the second opinion is read off pictures that the generator draws for prompts of
split 'train': so that it doubts the least alike of the things found in them. Whether these are right is not asked.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from ..classifiers.clip import Clip
from ..detectors.grounding_dino import GroundingDino
from ..detectors.places import SIDES, relations
from ..detectors.rivals import detect_among
from ..generators.diffusion import DiffusionGenerator
from ..measures.calibration import COUNTED, Rates, write_calibrations
from ..measures.checks import shows
from ..measures.scenes import colored, placed
from ..measures.second_opinion import likenesses
from ..profiles import load_profile
from .chimeras import melted, with_chimera
from .evaluate import overlaps
from .geneval import tasks
from .render import Picture, render
from .scenes import COLORS, SHAPES, Scene, draw_scene
from .training import SIDE

_START = 200_000
_SPOILED, _MELTED = 0.5, 0.75
_DRAWN = 20
"""Pictures drawn of each of GenEval's tasks."""
_DOUBTED = 0.03
"""Share of the things found in them that the second opinion doubts."""
_HIT = 0.5
_AS_USUAL: dict[str, Any] = {"negative_prompt": "", "size_wh": (SIDE, SIDE), "steps": None, "guidance_scale": None}


@dataclass(frozen=True)
class Case:
    """One verdict, and what is true."""

    check: str
    passed: bool
    right: bool


def calibrate(scenes: int = 400) -> dict[str, Any]:
    """Measure, write the file that the checks read, and return what was measured."""
    bindings = load_profile("tiny").bindings
    detector = GroundingDino.load(bindings["detector"].source, **bindings["detector"].options)
    matcher = Clip.load(bindings["matcher"].source)
    least = float(np.quantile(list(_drawn(_DRAWN, detector, matcher)), _DOUBTED))
    cases: list[Case] = []
    for scene, picture in _pictures(scenes):
        cases += _cases(scene, picture, detector)
        alike = _likenesses(scene, picture, detector, matcher)
        cases += [Case("resembles", value >= least, right) for value, right in alike]
    models = {name: bindings[name].revision for name in ("detector", "matcher")}
    rates = {name: asdict(found) for name, found in sorted(_rates(cases).items())}
    measured = {"models": models, "pictures": scenes, "least_likeness": round(least, 4), "checks": rates}
    write_calibrations([measured])
    return measured


def _drawn(per_kind: int, detector: GroundingDino, matcher: Clip) -> Iterator[float]:
    """Yield how like its name each thing is that is found in pictures drawn for prompts."""
    binding = load_profile("tiny").bindings["generator"]
    generator = DiffusionGenerator.load(binding.source, **binding.options)
    for seed, task in enumerate(tasks(per_kind, split="train")):
        options: dict[str, Any] = {
            "negative_prompt": "",
            "size_wh": (SIDE, SIDE),
            "steps": None,
            "guidance_scale": None,
        }
        image = generator.generate(task.prompt, seed=seed, **options)
        for shape in task.shapes:
            things = detect_among(detector, image, shape, task.shapes)
            yield from likenesses(matcher, image, things, shape)


def _pictures(scenes: int) -> Iterator[tuple[Scene, Picture]]:
    dice = random.Random(_START)
    for seed in range(_START, _START + scenes):
        scene = draw_scene(seed, split="test")
        picture = render(scene)
        if dice.random() < _SPOILED:
            scene, picture = with_chimera(scene, picture, dice)
        yield scene, melted([picture], dice, _MELTED)[0]


def _cases(scene: Scene, picture: Picture, detector: GroundingDino) -> Iterator[Case]:
    """Yield the verdicts on what is said truly of a scene, and on the same with one word changed."""
    dice = random.Random(repr(scene.things))
    shapes = list(dict.fromkeys(group.shape for group in scene.groups))
    missing = dice.choice([shape for shape in SHAPES if shape not in shapes])
    for shape in [*shapes, missing]:
        others = [other for other in shapes if other != shape]
        there, image = len(scene.matching(shape)), picture.image
        yield Case("shows", shows(image, shape, among=others, detector=detector).passed, there > 0)
        for count in (there, there + dice.choice((-1, 1))):
            if count > 0:
                counted = shows(image, shape, count, others, detector=detector)
                yield Case(COUNTED, counted.passed, count == there)
        colors = {scene.things[place].color for place in scene.matching(shape)}
        for color in (*colors, dice.choice([color for color in COLORS if color not in colors])):
            said = colored(image, shape, color, others, detector=detector)
            yield Case("colored", said.passed, colors == {color})
    for one, other in pairwise(shapes):
        side = dice.choice(SIDES)
        pairs = [(a, b) for a in scene.matching(one) for b in scene.matching(other)]
        boxes = picture.boxes
        right = bool(pairs) and all(side in relations(boxes[a], boxes[b]) for a, b in pairs)
        yield Case("placed", placed(picture.image, one, side, other, shapes, detector=detector).passed, right)


def _likenesses(scene: Scene, picture: Picture, detector: GroundingDino, matcher: Clip) -> Iterator[tuple[float, bool]]:
    """Yield for each thing that was found how like its name it is, and whether it is what it was taken for."""
    asked = list(dict.fromkeys(group.shape for group in scene.groups))
    for shape in asked:
        things = detect_among(detector, picture.image, shape, asked)
        if len(things):
            shared = overlaps(things.xyxy, picture.boxes)
            nearest, hit = shared.argmax(axis=1), shared.max(axis=1) >= _HIT
            right = [bool(hit[i]) and scene.things[n].shape == shape for i, n in enumerate(nearest)]
            yield from zip(likenesses(matcher, picture.image, things, shape).tolist(), right, strict=True)


def _rates(cases: list[Case]) -> dict[str, Rates]:
    found: dict[str, dict[bool, list[bool]]] = defaultdict(lambda: {True: [], False: []})
    for case in cases:
        found[case.check][case.right].append(case.passed)
    return {
        name: Rates(round(1 - float(np.mean(by[True])), 4), round(float(np.mean(by[False])), 4))
        for name, by in found.items()
        if by[True] and by[False]
    }
