"""One way to train every tiny model: resumable, deterministic by step, and the best is kept.

A step sees the scenes of its own number, so a training that was stopped and goes on gives the weights of one that
was not. What ships is the running mean of the weights (Polyak averaging), which stands in for a falling learning
rate; `settle` lets the rate fall to nothing over one call as well.
"""

from __future__ import annotations

import json
import shutil
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ..values.base import Array
from ..weights import home
from .render import Picture, render
from .scenes import Kind, Scene, draw_scene

CHECKPOINTS = Path(__file__).parent / "checkpoints"
SIDE = 64
"""Pixels at which every model of the family sees a scene."""

_WARM = 100
"""Steps over which the learning rate rises."""
_MEAN = 0.997
"""How much of the running mean of the weights a step keeps, once there are enough steps."""
_SAVE_SECONDS = 420.0
_REPORT = 25
_VALIDATION = 1 << 40
"""First seed of the training split that judges which weights are best; no step comes this far."""


class Recipe(ABC):
    """What is particular about one model: how it is made, what it learns from, and how it is judged."""

    name: ClassVar[str]
    """Folder of the checkpoint."""
    rate: ClassVar[float] = 1e-3
    """Learning rate after the warm-up."""
    batch: ClassVar[int] = 64
    """Scenes per step."""
    mixed: ClassVar[bool] = False
    """Whether it computes in bfloat16 where that is precise enough."""
    kind: ClassVar[Kind | None] = None
    """Kind of the scenes that it is judged on; None is all of them."""
    judged: ClassVar[int] = 80
    """Scenes that decide whether weights are better than those that are shipped."""

    @abstractmethod
    def network(self) -> Any:
        """Return a fresh network of the transformers class."""

    @abstractmethod
    def loaded(self, folder: Path) -> Any:
        """Return the network of a checkpoint, in float32."""

    @abstractmethod
    def processor(self) -> Any:
        """Return what prepares images and words for the network; it is saved beside the weights."""

    def helper(self) -> Any | None:
        """Return a module that is trained along and thrown away, or None."""
        return None

    @abstractmethod
    def loss(self, network: Any, helper: Any, scenes: Sequence[Scene], pictures: Sequence[Picture], step: int) -> Any:
        """Return the scalar to be made small; randomness comes from `step` alone."""

    @abstractmethod
    def measure(self, folder: Path, scenes: Sequence[Scene]) -> dict[str, float]:
        """Return figures in [0, 1] on scenes, the main one first, of a checkpoint in the adapter that users get."""


@dataclass
class Progress:
    """How far a training is."""

    step: int = 0
    seconds: float = 0.0
    """Wall clock of all calls together."""
    best: float = -1.0
    """Main figure of the shipped weights on the validation scenes."""
    note: str = ""
    """What a person changed in between, for the card: with it, the recipe alone does not give these weights."""


@dataclass
class Training:
    """A network with its optimizer and its running mean."""

    recipe: Recipe
    network: Any
    helper: Any
    optimizer: Any
    mean: dict[str, Any]
    progress: Progress

    @classmethod
    def begin(cls, recipe: Recipe, folder: Path, *, fresh: bool = False) -> Training:
        """Go on from the state in `folder`; else from the shipped checkpoint; else, or when `fresh`, from nothing."""
        import torch

        torch.manual_seed(0)
        shipped = CHECKPOINTS / recipe.name
        saved = not fresh and (folder / "state.safetensors").exists()
        from_shipped = not fresh and not saved and (shipped / "training.json").exists()
        network = recipe.loaded(shipped) if from_shipped else recipe.network()
        network.train()
        helper = recipe.helper()
        both = [*network.parameters(), *(helper.parameters() if helper else ())]
        optimizer = torch.optim.AdamW(
            [parameter for parameter in both if parameter.requires_grad], lr=recipe.rate, weight_decay=0.01, fused=True
        )
        mean = {name: value.detach().clone() for name, value in network.named_parameters()}
        progress = Progress(**_known(shipped)) if from_shipped else Progress()
        training = cls(recipe, network, helper, optimizer, mean, progress)
        if saved:
            training._read(folder)
        return training

    def step(self, share: float = 1.0) -> float:
        """Learn from the next scenes at `share` of the learning rate; return the loss."""
        import torch

        number = self.progress.step
        torch.manual_seed(number)
        scenes, pictures = examples(number * self.recipe.batch, self.recipe.batch)
        for group in self.optimizer.param_groups:
            group["lr"] = self.recipe.rate * share * min(1.0, (number + 1) / _WARM)
        precision = torch.autocast("cpu", torch.bfloat16) if self.recipe.mixed else nullcontext()
        with precision:
            loss = self.recipe.loss(self.network, self.helper, scenes, pictures, number)
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimizer.step()
        keep = min(_MEAN, (1 + number) / (10 + number))
        with torch.no_grad():
            for name, value in self.network.named_parameters():
                self.mean[name].lerp_(value, 1 - keep)
        self.progress.step += 1
        return float(loss.detach())

    def save(self, folder: Path) -> None:
        """Write everything that is needed to go on, so that a stop in the middle leaves the last state."""
        from safetensors.torch import save_file

        folder.mkdir(parents=True, exist_ok=True)
        part = folder / "state.part"
        save_file(self._tensors(), part, metadata={"progress": json.dumps(asdict(self.progress))})
        part.replace(folder / "state.safetensors")

    def export(self, folder: Path) -> None:
        """Write the mean weights as a checkpoint that `from_pretrained` reads: float16, a few megabytes."""
        import torch

        own = {name: value.detach().clone() for name, value in self.network.named_parameters()}
        with torch.no_grad():
            for name, value in self.network.named_parameters():
                value.copy_(self.mean[name])
        try:
            weights = {name: _halved(value) for name, value in self.network.state_dict().items()}
            self.network.save_pretrained(folder, state_dict=weights)
            self.recipe.processor().save_pretrained(folder)
        finally:
            with torch.no_grad():
                for name, value in self.network.named_parameters():
                    value.copy_(own[name])

    def _tensors(self) -> dict[str, Any]:
        """Return everything that changes from step to step, by name."""
        found = {f"network.{name}": value for name, value in self.network.state_dict().items()}
        found |= {f"helper.{name}": value for name, value in self.helper.state_dict().items()} if self.helper else {}
        found |= {f"mean.{name}": value for name, value in self.mean.items()}
        for number, moments in self.optimizer.state_dict()["state"].items():
            found |= {f"optimizer.{number}.{name}": value for name, value in moments.items()}
        return {name: value.detach().clone().contiguous() for name, value in found.items()}

    def _read(self, folder: Path) -> None:
        from safetensors import safe_open

        with safe_open(folder / "state.safetensors", "pt") as file:
            self.progress = Progress(**json.loads(file.metadata()["progress"]))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        parts: dict[str, dict[str, Any]] = {}
        for name, value in tensors.items():
            part, _, rest = name.partition(".")
            parts.setdefault(part, {})[rest] = value
        self.network.load_state_dict(parts["network"])
        if self.helper:
            self.helper.load_state_dict(parts["helper"])
        self.mean = parts["mean"]
        moments: dict[int, dict[str, Any]] = {}
        for name, value in parts.get("optimizer", {}).items():
            number, _, rest = name.partition(".")
            moments.setdefault(int(number), {})[rest] = value
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": moments})


def train(
    recipe: Recipe, *, hours: float | None = None, steps: int | None = None, settle: bool = False, fresh: bool = False
) -> Progress:
    """Train for a time or a number of steps, whichever ends first, and ship what is better than what was there.

    `settle` lets the learning rate fall to nothing over this call; `fresh` starts from nothing. Ctrl-C saves and ends.
    """
    state = home() / "tiny" / recipe.name
    training = Training.begin(recipe, state, fresh=fresh)
    first, before = training.progress.step, training.progress.seconds
    started = saved = time.monotonic()
    try:
        while (share := _share(hours, steps, time.monotonic() - started, training.progress.step - first)) < 1:
            loss = training.step(1 - share if settle else 1.0)
            now = time.monotonic()
            training.progress.seconds = before + now - started
            if training.progress.step % _REPORT == 0:
                pace = (training.progress.step - first) / (now - started)
                print(f"{recipe.name} step {training.progress.step} loss {loss:.4f} {pace:.2f} steps/s", flush=True)
            if now - saved > _SAVE_SECONDS:
                _keep(training, state)
                saved = time.monotonic()
    except KeyboardInterrupt:
        print("stopped; saving", flush=True)
    _keep(training, state)
    return training.progress


def examples(start: int, count: int) -> tuple[list[Scene], list[Picture]]:
    """Return the training scenes of `count` seeds from `start` on, and how they look."""
    drawn = [draw_scene(seed) for seed in range(start, start + count)]
    return drawn, [render(scene, SIDE) for scene in drawn]


def pixels(pictures: Sequence[Picture], dice: np.random.Generator | None = None) -> Any:
    """Return what a network sees: float32 (B, 3, S, S) in [-1, 1].

    With `dice`, half of the pictures come with noise or soft edges, as images of a generator do.
    """
    import torch

    seen = np.stack([picture.rgb for picture in pictures])
    if dice is not None:
        seen = np.stack([_worn(rgb, dice) for rgb in seen])
    return torch.from_numpy(seen).permute(0, 3, 1, 2).float() / 127.5 - 1


def _worn(rgb: Array, dice: np.random.Generator) -> Array:
    import cv2

    kind = dice.integers(4)
    if kind == 0:
        noise = dice.normal(0, dice.uniform(2, 12), rgb.shape)
        return np.clip(rgb + noise, 0, 255).astype(np.uint8)
    return cv2.GaussianBlur(rgb, (3, 3), float(dice.uniform(0.3, 0.9))) if kind == 1 else rgb


def _share(hours: float | None, steps: int | None, spent: float, done: int) -> float:
    """Return how much of the call is over: 1 is its end."""
    return max(spent / (hours * 3600) if hours else 0.0, done / steps if steps else 0.0)


def _keep(training: Training, state: Path) -> None:
    """Save the state, and ship the weights if they are the best so far on the validation scenes."""
    recipe, progress = training.recipe, training.progress
    training.save(state)
    part = state / "checkpoint"
    training.export(part)
    judges = range(_VALIDATION, _VALIDATION + recipe.judged)
    figures = recipe.measure(part, [draw_scene(seed, kind=recipe.kind) for seed in judges])
    main = next(iter(figures.values()))
    print(f"{recipe.name} step {progress.step}: " + ", ".join(f"{k} {v:.3f}" for k, v in figures.items()), flush=True)
    if main >= progress.best:
        progress.best = main
        about = {**asdict(progress), "batch": recipe.batch, "rate": recipe.rate}
        (part / "training.json").write_text(json.dumps(about, indent=1) + "\n")
        _ship(part, CHECKPOINTS / recipe.name)
        training.save(state)


def _ship(part: Path, folder: Path) -> None:
    """Replace the files of a checkpoint; each is whole at any moment."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in part.iterdir():
        copy = folder / f".{file.name}.part"
        shutil.copyfile(file, copy)
        copy.replace(folder / file.name)


def _known(folder: Path) -> dict[str, Any]:
    """Return how far the shipped weights were trained."""
    about = json.loads((folder / "training.json").read_text())
    return {field.name: about[field.name] for field in fields(Progress) if field.name in about}


def _halved(value: Any) -> Any:
    return value.half() if value.is_floating_point() else value
