"""Measures how often the checks of drawn pictures are wrong, with the models of the profile `tiny`.

On rendered scenes of split 'test', from seed `_START` on, where nothing else is measured. Half of them have a thing
that is no shape, some are bent, most are melted by the generator's autoencoder, so that they look like what the checks
will see. What is true is known from the description; no judge of pictures has a part in it.

How like its name a thing has to look to the second opinion is read off pictures that the generator draws for prompts of
split 'train', word by word, for a flower is never so like 'a flower' as a circle is like 'a circle': so that it doubts
the least alike of the things found in them. Whether these are right is not asked.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import islice, pairwise
from typing import Any

import numpy as np

from ..classifiers.clip import Clip
from ..detectors.grounding_dino import GroundingDino
from ..detectors.places import SIDES, relations
from ..detectors.rivals import detect_among
from ..measures.calibration import COUNTED, Rates, write_calibrations
from ..measures.checks import shows
from ..measures.scenes import colored, placed
from ..measures.second_opinion import likenesses
from ..profiles import load_profile
from ..weights import home
from .chimeras import bent, melted, with_chimera
from .drawn import drawn
from .evaluate import overlaps
from .render import Picture, render
from .scenes import COLORS, SHAPES, Scene, draw_scene

_START = 200_000
_SPOILED, _CROOKED, _MELTED = 0.5, 0.4, 0.75
_DOUBTED = 0.05
"""Share of the pictures in which the second opinion doubts a thing."""
_MOST = 8
"""Things in a picture of which it is known how seldom each may be doubted."""
_ENOUGH = 10
"""Things of a name from which on it is known how alike they look."""
_HIT = 0.5


@dataclass(frozen=True)
class Case:
    """One verdict, and what is true."""

    check: str
    passed: bool
    right: bool


def calibrate(scenes: int = 400, pictures: int = 280) -> dict[str, Any]:
    """Measure on rendered scenes and drawn pictures, write the file that the checks read, and return it."""
    bindings = load_profile("tiny").bindings
    detector = GroundingDino.load(bindings["detector"].source, **bindings["detector"].options)
    matcher = Clip.load(bindings["matcher"].source)
    least = _least(pictures, detector, matcher)
    cases: list[Case] = []
    for scene, picture in _pictures(scenes):
        cases += _cases(scene, picture, detector)
        alike = _likenesses(scene, picture, detector, matcher)
        things = min(len(scene.things), _MOST)
        cases += [
            Case("resembles", value >= least[shape][things - 1], right)
            for shape, value, right in alike
            if shape in least
        ]
    models = {name: bindings[name].revision for name in ("detector", "matcher")}
    rates = {name: asdict(found) for name, found in sorted(_rates(cases).items())}
    measured = {"models": models, "pictures": scenes, "least_likeness": least, "checks": rates}
    write_calibrations([measured])
    return measured


def _least(pictures: int, detector: GroundingDino, matcher: Clip) -> dict[str, list[float]]:
    """Return how like its name a thing has to look, for each name of which enough were found in drawn pictures.

    A list per name: where it is alone, one of two, and so on. With four things each may be doubted a quarter as often.

    Compound prompts are left out: too much of what is drawn for them is wrong.
    """
    alike: dict[str, list[float]] = defaultdict(list)
    folder = home() / "tiny" / "drawn" / load_profile("tiny").bindings["generator"].revision.rpartition("@")[2]
    for task, image in islice(drawn(folder, "train"), pictures):
        for shape in task.shapes if task.kind != "compound" else ():
            things = detect_among(detector, image, shape, task.shapes)
            alike[shape] += likenesses(matcher, image, things, shape).tolist()
    return {
        name: [round(float(np.quantile(each, _DOUBTED / things)), 4) for things in range(1, _MOST + 1)]
        for name, each in sorted(alike.items())
        if len(each) >= _ENOUGH
    }


def _pictures(scenes: int) -> Iterator[tuple[Scene, Picture]]:
    dice = random.Random(_START)
    for seed in range(_START, _START + scenes):
        scene = draw_scene(seed, split="test")
        picture = render(scene)
        for way, share in ((with_chimera, _SPOILED), (bent, _CROOKED)):
            if dice.random() < share:
                scene, picture = way(scene, picture, dice)
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


def _likenesses(
    scene: Scene, picture: Picture, detector: GroundingDino, matcher: Clip
) -> Iterator[tuple[str, float, bool]]:
    """Yield for each thing that was found its name, how like it it is, and whether it is what it was taken for."""
    asked = list(dict.fromkeys(group.shape for group in scene.groups))
    for shape in asked:
        things = detect_among(detector, picture.image, shape, asked)
        if len(things):
            shared = overlaps(things.xyxy, picture.boxes)
            nearest, hit = shared.argmax(axis=1), shared.max(axis=1) >= _HIT
            right = [bool(hit[i]) and scene.things[n].shape == shape for i, n in enumerate(nearest)]
            alike = likenesses(matcher, picture.image, things, shape).tolist()
            yield from ((shape, value, is_one) for value, is_one in zip(alike, right, strict=True))


def _rates(cases: list[Case]) -> dict[str, Rates]:
    found: dict[str, dict[bool, list[bool]]] = defaultdict(lambda: {True: [], False: []})
    for case in cases:
        found[case.check][case.right].append(case.passed)
    return {
        name: Rates(round(1 - float(np.mean(by[True])), 4), round(float(np.mean(by[False])), 4))
        for name, by in found.items()
        if by[True] and by[False]
    }
