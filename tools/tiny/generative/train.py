"""Trains the denoisers: on scenes that are encoded once and kept, judged by what they draw, resumable at any moment."""

from __future__ import annotations

import json
import random
import shutil
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

from ...values import Image
from ...weights import home
from ..training import CHECKPOINTS
from . import denoiser
from .card import write_card
from .learning import Learner
from .parts import Clock, Frozen, frozen_parts, take_parts

BATCH = 64
_FIRST, _MORE, _MOST = 4096, 16, 48_000
"""Scenes that are encoded before the first step, for every further step, and in all."""
_BLOCK = 512
_REPORT = 25
_SAVE_SECONDS = 240.0
_STATE = "unet.safetensors"


class Course(ABC):
    """What is particular about one denoiser: what it learns from, and how it is judged."""

    name: ClassVar[str]
    """Folder of the checkpoint."""
    rate: ClassVar[float]
    """Learning rate after the warm-up."""
    narrow: ClassVar[bool] = False
    """Whether it has an autoencoder of its own, with `FEWER` numbers per cell."""
    unseen: ClassVar[float] = 0.0
    """Share of what is seen that training leaves out, which is what guidance by it needs."""

    @abstractmethod
    def network(self) -> Any:
        """Return the network that the training begins with, in float32."""

    @abstractmethod
    def encode(self, parts: Frozen, start: int, many: int) -> dict[str, Any]:
        """Return `cells` float16 (N, C, 8, 8) of the scenes of `many` seeds, and `seen` (N, M, 8, 8) if need be."""

    @abstractmethod
    def say(self, seed: int, dice: random.Random) -> str:
        """Return words for the scene of a seed."""

    @abstractmethod
    def measure(self, network: Any, parts: Frozen) -> tuple[float, list[Image]]:
        """Return the share of validation prompts that are drawn right, and the pictures."""


@dataclass
class Progress:
    """How far a training is."""

    step: int = 0
    seconds: float = 0.0
    """Wall clock of all calls together, without the parts."""
    best: float = -1.0
    """Share of the validation prompts that the shipped weights draw right."""


class Examples:
    """Scenes as cells, in the order of their seeds; more and more of them."""

    def __init__(self, course: Course, parts: Frozen, file: Path) -> None:
        from safetensors.torch import load_file

        self._course, self._parts, self._file = course, parts, file
        self._kept: dict[str, Any] = load_file(file) if file.exists() else {}

    def __len__(self) -> int:
        return len(self._kept["cells"]) if self._kept else 0

    def grow(self, count: int) -> None:
        """Encode scenes, in blocks, until there are at least `count`."""
        import torch

        while len(self) < min(count, _MOST):
            more = self._course.encode(self._parts, len(self), _BLOCK)
            self._kept = {name: torch.cat([self._kept.get(name, some[:0]), some]) for name, some in more.items()}

    def batch(self, step: int) -> tuple[Any, Any, list[str]]:
        """Return cells, what else is seen (or None), and words; the same for the same step and number of scenes."""
        dice = random.Random(step)
        seeds = [dice.randrange(len(self)) for _ in range(BATCH)]
        seen = self._kept["seen"][seeds].float() if "seen" in self._kept else None
        return self._kept["cells"][seeds].float(), seen, [self._course.say(seed, dice) for seed in seeds]

    def save(self) -> None:
        """Write them, so that the next call need not encode them again."""
        from safetensors.torch import save_file

        part = self._file.with_suffix(".part")
        save_file(self._kept, part)
        part.replace(self._file)


@dataclass
class Training:
    """A course on its way."""

    course: Course
    parts: Frozen
    learner: Learner
    examples: Examples
    progress: Progress

    def __post_init__(self) -> None:
        self._schedule, self._empty = denoiser.noise_schedule(), self.parts.read([""])

    def step(self, share: float) -> float:
        """Learn from the scenes of the next step at `share` of the learning rate; return the loss."""
        import torch

        number = self.learner.step
        torch.manual_seed(number)
        self.examples.grow(_FIRST + _MORE * number)
        cells, seen, texts = self.examples.batch(number)
        if self.course.unseen:
            seen = seen * (torch.rand(len(seen), 1, 1, 1) >= self.course.unseen)
        words = denoiser.dropped(self.parts.read(texts), self._empty)
        loss = denoiser.denoising_loss(self.learner.network, self._schedule, cells, words, seen)
        return self.learner.learn(loss, share)

    def keep(self, state: Path) -> None:
        """Save the state, and ship the mean weights if they are the best so far."""
        course, learner, progress = self.course, self.learner, self.progress
        progress.step = learner.step
        with learner.at_mean() as network:
            share, pictures = course.measure(network, self.parts)
        sheet(pictures).save(state / "samples.png")
        print(f"{course.name} step {learner.step}: {share:.3f} of the prompts right", flush=True)
        if share >= progress.best:
            progress.best = share
            part = state / "checkpoint"
            denoiser.write_pipeline(part, learner, self.parts)
            (part / "training.json").write_text(json.dumps(asdict(progress), indent=1) + "\n")
            ship(part, CHECKPOINTS / course.name)
            figures = {"validation prompts drawn right, judged by rule": share}
            write_card(CHECKPOINTS / course.name, course.__doc__ or "", figures)
        learner.save(state / _STATE, {"seconds": progress.seconds, "best": progress.best})
        self.examples.save()


def train_denoiser(
    course: Course, *, hours: float | None = None, steps: int | None = None, settle: bool = False, fresh: bool = False
) -> None:
    """Train for a time or a number of steps, and ship what draws at least as many prompts right as what was there.

    `settle` lets the learning rate fall to nothing over the call; `fresh` starts from nothing, parts included for
    text to image. Ctrl-C saves and ends.
    """
    clock, state = Clock(hours, steps), home() / "tiny" / course.name
    training = _begin(course, state, clock, fresh)
    if training is None:
        return
    before, began = training.progress.seconds, time.monotonic()
    saved = began
    try:
        while clock.share < 1:
            loss = training.step(min(1.0, 1.5 * (1 - clock.share)) if settle else 1.0)
            clock.tick()
            now = time.monotonic()
            training.progress.seconds = before + now - began
            if training.learner.step % _REPORT == 0:
                print(f"{course.name} step {training.learner.step} loss {loss:.4f}", flush=True)
            if now - saved > _SAVE_SECONDS:
                training.keep(state)
                saved = time.monotonic()
    except KeyboardInterrupt:
        print("stopped; saving", flush=True)
    training.keep(state)


def _begin(course: Course, state: Path, clock: Clock, fresh: bool) -> Training | None:
    """Make ready what a training needs; None when the time is over before its parts are trained."""
    shared = home() / "tiny" / "t2i"
    if fresh:
        shutil.rmtree(state, ignore_errors=True)
    elif course.narrow or state == shared:
        take_parts(CHECKPOINTS / course.name, state)
    state.mkdir(parents=True, exist_ok=True)
    if state != shared:
        take_parts(CHECKPOINTS / shared.name, shared)
    parts = frozen_parts(state, clock, shared) if course.narrow else frozen_parts(shared, clock)
    if parts is None:
        return None
    learner, progress = _learner(course, state, fresh)
    examples = Examples(course, parts, state / "cells.safetensors")
    examples.grow(_FIRST)
    return Training(course, parts, learner, examples, progress)


def _learner(course: Course, state: Path, fresh: bool) -> tuple[Learner, Progress]:
    """Go on from the state; else from the shipped checkpoint; else, or when `fresh`, from the course's own start."""
    import torch

    torch.manual_seed(0)
    shipped = CHECKPOINTS / course.name
    if (state / _STATE).exists():
        learner = Learner(course.network(), course.rate)
        facts = learner.read(state / _STATE)
        return learner, Progress(learner.step, facts["seconds"], facts["best"])
    if not fresh and (shipped / "training.json").exists():
        learner = Learner(denoiser.shipped_denoiser(shipped), course.rate)
        progress = Progress(**json.loads((shipped / "training.json").read_text()))
        learner.step = progress.step
        return learner, progress
    return Learner(course.network(), course.rate), Progress()


def ship(part: Path, folder: Path) -> None:
    """Replace the files of a checkpoint; each is whole at any moment."""
    for file in part.rglob("*"):
        if file.is_file():
            target = folder / file.relative_to(part)
            target.parent.mkdir(parents=True, exist_ok=True)
            copy = target.with_name(f".{target.name}.part")
            shutil.copyfile(file, copy)
            if file.name == "config.json":
                facts = json.loads(file.read_text(encoding="utf-8"))
                facts.pop("_name_or_path", None)  # where it lay on the machine that trained it
                copy.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
            copy.replace(target)


def sheet(pictures: Sequence[Image], columns: int = 8, scale: int = 2) -> Any:
    """Return a PIL picture of several of one size, row by row."""
    import numpy as np
    from PIL import Image as PIL

    rows = [pictures[start : start + columns] for start in range(0, len(pictures) // columns * columns, columns)]
    grid = np.concatenate([np.concatenate([picture.rgb for picture in row], axis=1) for row in rows])
    return PIL.fromarray(grid).resize((grid.shape[1] * scale, grid.shape[0] * scale), PIL.Resampling.NEAREST)
