"""Trains the decoder of text to image further and nothing else: the denoiser stays, and what it draws gets sharper."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from ...errors import UsageError
from ...weights import home
from ..training import CHECKPOINTS
from . import autoencoder as pixels
from .learning import Learner
from .parts import Clock, take_parts
from .train import ship

NAME = "decoder"
RATE = 1e-3
BATCH = 16
_REPORT = 25
_SAVE_SECONDS = 180.0
_SEEDS = 1 << 38
"""First seed of the pictures that this training sees; the autoencoder's own came before."""
_VALIDATION = 1 << 39


def train_decoder(*, hours: float | None = None, steps: int | None = None, settle: bool = False) -> None:
    """Train for a time or a number of steps, and ship the decoder if it gives pictures back better than what was there.

    Raises UsageError when there is no trained autoencoder yet.
    """
    import torch

    folder, clock = home() / "tiny" / "t2i" / "vae", Clock(hours, steps)
    take_parts(CHECKPOINTS / "t2i", folder.parent)
    if not (folder / "config.json").exists():
        raise UsageError(f"no autoencoder at {folder}; train it first: 't2i'")
    whole, learner = _begin(folder)
    best, saved = _error(whole, learner), time.monotonic()
    try:
        while clock.share < 1:
            torch.manual_seed(learner.step)
            seen = pixels.examples(_SEEDS + learner.step * BATCH, BATCH)
            loss = pixels.decoding_loss(whole, learner.network, *seen)
            value = learner.learn(loss, min(1.0, 1.5 * (1 - clock.share)) if settle else 1.0)
            clock.tick()
            if learner.step % _REPORT == 0:
                print(f"{NAME} step {learner.step} loss {value:.4f}", flush=True)
            if time.monotonic() - saved > _SAVE_SECONDS:
                best = _keep(whole, learner, folder, best)
                saved = time.monotonic()
    except KeyboardInterrupt:
        print("stopped; saving", flush=True)
    _keep(whole, learner, folder, best)


def _begin(folder: Path) -> tuple[Any, Learner]:
    """Return the autoencoder, whose encoder stays, and a learner of its decoder, where it was left."""
    import diffusers
    import torch

    whole = diffusers.AutoencoderKL.from_pretrained(folder, torch_dtype=torch.float32)
    learner = Learner(whole.decoder, RATE)
    whole.encoder.to(torch.bfloat16, memory_format=torch.channels_last).requires_grad_(False)
    if _state(folder).exists():
        learner.read(_state(folder))
    return whole, learner


def _error(whole: Any, learner: Learner) -> float:
    """Return how far validation pictures come back changed by the mean weights."""
    import torch

    torch.manual_seed(0)
    with torch.no_grad(), learner.at_mean() as decoder:
        return float(pixels.decoding_loss(whole, decoder, *pixels.examples(_VALIDATION, 128)))


def _keep(whole: Any, learner: Learner, folder: Path, best: float) -> float:
    """Save the state, and ship the autoencoder with the mean weights if they are better; return the least error."""
    import copy

    import torch

    error = _error(whole, learner)
    print(f"{NAME} step {learner.step}: error {error:.4f}, best {best:.4f}", flush=True)
    learner.save(_state(folder), {})
    if error >= best:
        return best
    better = copy.deepcopy(whole).to(torch.float16)
    better.decoder.load_state_dict(learner.averaged())
    better.save_pretrained(folder)
    ship(folder, CHECKPOINTS / "t2i" / "vae")
    return error


def _state(folder: Path) -> Path:
    return folder.with_name("decoder.safetensors")
