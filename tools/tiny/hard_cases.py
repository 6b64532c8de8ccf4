"""What generators make improves what detectors find: pictures that the detector got wrong are learned from, and the
gain is measured. `python -m diptych.tools.tiny.hard_cases --cases 60 --steps 150`

    mined      drawn by the tiny generator for prompts of split 'train', and kept where the detector and the pixels
               disagree on what is there; `shape_finder` says what it is, shape by shape, and what is none
    two arms   go on from the same checkpoint for the same steps with the same scenes; in one of them a quarter of
               each batch is hard cases
    measured   both, and the start, on the fixed split of rendered scenes, and on drawn pictures for prompts of split
               'test', where again the pixels say what is right

A detector that has learned from the pixel judge is not to be judged by it in `benchmarks/geneval.py`: nothing here is
shipped. Everything is kept in a folder; a call that is stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice, starmap
from pathlib import Path

import numpy as np

from ..detectors.grounding_dino import GroundingDino
from ..detectors.rivals import detect_among
from ..profiles import load_profile
from ..values import Image
from ..weights import home
from . import geneval
from .chimeras import NEITHER
from .drawn import drawn
from .render import Picture
from .scenes import COLORS, Background, Scene, Thing, draw_scene
from .shape_finder import find_shapes
from .train_detector import DetectorRecipe
from .training import CHECKPOINTS, SIDE, Training

RESULTS = Path("benchmarks/results/hard_cases.json")
_FITS = 0.6
"""How well an outline must fit to be a shape; below it a thing is none."""
_SHARE = 0.25
"""Of a batch that are hard cases."""
_RATE = 0.25
"""Share of the recipe's learning rate; it falls to nothing over the steps."""
_NO_BACKGROUND = Background("plain", (128, 128, 128), (128, 128, 128), 0.0, 0)


@dataclass(frozen=True)
class Drawn:
    """A picture for a prompt."""

    task: geneval.Task
    image: Image

    @cached_property
    def labelled(self) -> tuple[Scene, Picture]:
        """The picture as something to learn from: what is there by the pixels, and what was asked for."""
        seen = find_shapes(self.image, least=0.0)
        shapes = [label if fit >= _FITS else NEITHER for label, fit in zip(seen.labels, seen.scores, strict=True)]
        places = zip(shapes, geneval.colors_of(self.image, seen), seen.xyxy / SIDE, strict=True)
        things = tuple(Thing(shape, color, COLORS[color], tuple(map(float, box))) for shape, color, box in places)  # type: ignore[arg-type]
        masks = np.zeros((0, SIDE, SIDE), np.bool_) if seen.masks is None else seen.masks
        scene = Scene(self.task.kind, _NO_BACKGROUND, things, self.task.groups, self.task.side)
        return scene, Picture(self.image.rgb, masks, seen.xyxy)

    def misjudged(self, detector: GroundingDino) -> list[str]:
        """Return the shapes of the prompt of which the detector does not see as many as there are."""
        there = Counter(thing.shape for thing in self.labelled[0].things)
        asked = self.task.shapes
        return [s for s in asked if len(detect_among(detector, self.image, s, asked)) != there[s]]


class WithHardCases(DetectorRecipe):
    """The detector's recipe, with hard cases in the place of some scenes."""

    def __init__(self, cases: Sequence[Drawn]) -> None:
        self._cases = cases

    def prepared(
        self, scenes: Sequence[Scene], pictures: Sequence[Picture], dice: random.Random
    ) -> tuple[list[Scene], list[Picture]]:
        """Return the batch as the recipe prepares it, the first of it replaced."""
        usual, seen = super().prepared(scenes, pictures, dice)
        mined = dice.sample(self._cases, min(round(_SHARE * len(usual)), len(self._cases)))
        for place, case in enumerate(mined):
            usual[place], seen[place] = case.labelled
        return usual, seen


def mine(folder: Path, wanted: int) -> list[Drawn]:
    """Draw pictures of split 'train' until so many hard cases are in the folder; return them."""
    detector, found = _detector(folder / "start"), list[Drawn]()
    for case in starmap(Drawn, drawn(folder / "train", "train")):
        found += [case] * (bool(case.misjudged(detector)) and bool(case.labelled[0].things))
        print(f"\r{len(found)} of {wanted} hard cases", end="", flush=True)
        if len(found) >= wanted:
            break
    print()
    return found


def begin(folder: Path) -> None:
    """Let both arms start from the checkpoint that is shipped now, whatever is shipped later."""
    if not (folder / "start").exists():
        for arm in ("without", "with"):
            Training.begin(DetectorRecipe(), folder / arm).save(folder / arm)
        shutil.copytree(CHECKPOINTS / DetectorRecipe.name, folder / "start")


def train_arm(folder: Path, recipe: DetectorRecipe, steps: int) -> Path:
    """Go on for `steps` steps from the start; return the folder of the checkpoint that came of it."""
    training = Training.begin(recipe, folder)
    first = json.loads((folder.parent / "start" / "training.json").read_text(encoding="utf-8"))["step"]
    while (done := training.progress.step - first) < steps:
        training.step(_RATE * (1 - done / steps))
        print(f"\r{folder.name}: step {done + 1} of {steps}", end="", flush=True)
        if (done + 1) % 25 == 0 or done + 1 == steps:
            training.save(folder)
    print()
    training.export(folder / "checkpoint")
    return folder / "checkpoint"


def measure(checkpoint: Path, folder: Path, scenes: int, pictures: int) -> dict[str, float]:
    """Return figures of a detector on the fixed split, and how often it sees in drawn pictures what is there."""
    found = DetectorRecipe().measure(checkpoint, [draw_scene(seed, split="test") for seed in range(scenes)])
    detector, right, asked = _detector(checkpoint), 0, 0
    for case in islice(starmap(Drawn, drawn(folder / "test", "test")), pictures):
        asked += len(case.task.shapes)
        right += len(case.task.shapes) - len(case.misjudged(detector))
    return {**found, "drawn pictures, shapes counted right": right / asked}


def _detector(checkpoint: Path) -> GroundingDino:
    return GroundingDino.load(str(checkpoint), **load_profile("tiny").bindings["detector"].options)


def main() -> None:
    parser = argparse.ArgumentParser(description="Mine hard cases, train with and without them, and measure both.")
    parser.add_argument("--cases", type=int, default=60, help="hard cases to learn from")
    parser.add_argument("--steps", type=int, default=150, help="steps of each arm")
    parser.add_argument("--scenes", type=int, default=200, help="rendered scenes of the fixed split to measure on")
    parser.add_argument("--pictures", type=int, default=140, help="drawn pictures to measure on")
    parser.add_argument("--folder", type=Path, default=None, help="where everything is kept")
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args()
    folder = given.folder or home() / "tiny" / "hard_cases"
    begin(folder)
    cases = mine(folder, given.cases)
    arms = {"start": folder / "start"}
    arms["without"] = train_arm(folder / "without", DetectorRecipe(), given.steps)
    arms["with"] = train_arm(folder / "with", WithHardCases(cases), given.steps)
    figures = {arm: measure(checkpoint, folder, given.scenes, given.pictures) for arm, checkpoint in arms.items()}
    settings = {name: getattr(given, name) for name in ("cases", "steps", "scenes", "pictures")}
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps({**settings, "figures": figures}, indent=1) + "\n", encoding="utf-8")
    for name in figures["start"]:
        print(f"{name:45} " + "  ".join(f"{arm}: {figures[arm][name]:.4f}" for arm in arms))


if __name__ == "__main__":
    main()
