"""The parts that a denoiser is trained with: a text encoder and an autoencoder, trained first and then frozen."""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ...values import Image
from ...values.base import Array
from . import autoencoder as pixels
from . import text
from .learning import Learner

WORDS_STEPS, WORDS_BATCH, WORDS_RATE = 600, 96, 2e-3
PIXELS_STEPS, PIXELS_BATCH, PIXELS_RATE = 1250, 8, 2e-3
NARROW_STEPS = 400
FEWER = 4
"""Numbers per cell of the inpainter."""
_REPORT = 25
_SAVE_SECONDS = 60.0


class Clock:
    """The end of one call: after a time, or after a number of steps of the denoiser, whichever comes first."""

    def __init__(self, hours: float | None = None, steps: int | None = None) -> None:
        self._seconds = math.inf if hours is None else max(hours * 3600, 1e-9)
        self._steps = math.inf if steps is None else max(steps, 1e-9)
        self._began = time.monotonic()
        self._done = 0

    def tick(self) -> None:
        """Count a step."""
        self._done += 1

    @property
    def share(self) -> float:
        """How much of the call is over; 1 and more is its end."""
        return max((time.monotonic() - self._began) / self._seconds, self._done / self._steps)


@dataclass
class Frozen:
    """Sentences to tokens, pictures to cells and back."""

    words: Any
    autoencoder: Any

    @classmethod
    def of(cls, words: Path, autoencoder: Path) -> Frozen:
        """Load both from their folders."""
        import diffusers
        import torch
        import transformers

        quick = {"dtype": torch.bfloat16}
        encoder = transformers.CLIPTextModel.from_pretrained(words, **quick).eval().requires_grad_(False)
        coder = diffusers.AutoencoderKL.from_pretrained(autoencoder, torch_dtype=torch.bfloat16)
        return cls(encoder, coder.eval().requires_grad_(False).to(memory_format=torch.channels_last))

    def read(self, texts: Sequence[str]) -> Any:
        """Return the tokens (N, tokens, D) of sentences; the empty one stands for no sentence."""
        import torch

        with torch.no_grad():
            return self.words(input_ids=text.token_ids(texts)).last_hidden_state

    def encode(self, rgb: Array) -> Any:
        """Return the cells float16 (N, C, 8, 8) of pictures uint8 (N, 64, 64, 3)."""
        import torch

        with torch.no_grad():
            batches = torch.split(pixels.as_tensor(rgb), 32)
            return torch.cat([self.autoencoder.encode(batch).latent_dist.mean.half() for batch in batches])

    def decode(self, cells: Any) -> list[Image]:
        """Return the pictures of cells (N, C, 8, 8)."""
        import torch

        with torch.no_grad():
            found = self.autoencoder.decode(cells.to(torch.bfloat16)).sample.float()
        rgb = found.add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1)
        return [Image(picture) for picture in rgb.contiguous().numpy()]


def take_parts(pipeline: Path, state: Path) -> None:
    """Take the parts of a shipped pipeline for trained, unless this state has begun its own."""
    for name in ("text_encoder", "vae"):
        begun = (state / name).exists() or (state / f"{name}.safetensors").exists()
        if (pipeline / name).exists() and not begun:
            shutil.copytree(pipeline / name, state / name)


def frozen_parts(state: Path, clock: Clock, shared: Path | None = None) -> Frozen | None:
    """Return the parts, training what is not trained yet; None when the time is over first.

    With `shared`, the trained parts of another state, the text encoder is that one's, and the autoencoder begins as
    that one's with `FEWER` numbers per cell: more than four is what StableDiffusionInpaintPipeline refuses.
    """
    words = _trained((shared or state) / "text_encoder", clock, _words, _words_step, WORDS_STEPS)
    if shared is None:
        coder = words and _trained(state / "vae", clock, _coder, _coder_step, PIXELS_STEPS)
    else:
        wide = _trained(shared / "vae", clock, _coder, _coder_step, PIXELS_STEPS)
        coder = wide and _trained(state / "vae", clock, partial(_narrow_coder, wide), _narrow_step, NARROW_STEPS)
    return Frozen.of(words, coder) if words and coder else None


def _trained(
    folder: Path, clock: Clock, begin: Callable[[], Learner], step: Callable[[Learner], float], steps: int
) -> Path | None:
    """Train a part to its last step and write it into `folder`; None when the time is over first."""
    if (folder / "config.json").exists():
        return folder
    learner, state = begin(), folder.with_suffix(".safetensors")
    if state.exists():
        learner.read(state)
    saved = time.monotonic()
    try:
        while learner.step < steps and clock.share < 1:
            loss = step(learner)
            if learner.step % _REPORT == 0:
                print(f"{folder.name} step {learner.step} of {steps} loss {loss:.4f}", flush=True)
            if time.monotonic() - saved > _SAVE_SECONDS:
                learner.save(state, {})
                saved = time.monotonic()
    finally:
        learner.save(state, {})
    if learner.step < steps:
        return None
    learner.network.save_pretrained(folder, state_dict=learner.averaged())
    return folder


def _falling(step: int, steps: int) -> float:
    """Return the share of the learning rate: whole for half of the steps, then falling to nothing."""
    return min(1.0, 2 * (1 - step / steps))


def _words() -> Learner:
    import torch

    torch.manual_seed(0)
    return Learner(text.fresh_text_encoder(), WORDS_RATE, text.fresh_reader())


def _words_step(learner: Learner) -> float:
    loss, _ = text.understanding_loss(learner.network, learner.helper, learner.step * WORDS_BATCH, WORDS_BATCH)
    return learner.learn(loss, _falling(learner.step, WORDS_STEPS))


def _coder() -> Learner:
    import torch

    torch.manual_seed(0)
    return Learner(pixels.fresh_autoencoder(), PIXELS_RATE)


def _narrow_coder(wide: Path) -> Learner:
    import diffusers
    import torch

    whole = diffusers.AutoencoderKL.from_pretrained(wide, torch_dtype=torch.float32)
    return Learner(pixels.narrowed_autoencoder(whole, FEWER), PIXELS_RATE)


def _coder_step(learner: Learner) -> float:
    return _pixels_step(learner, PIXELS_STEPS)


def _narrow_step(learner: Learner) -> float:
    return _pixels_step(learner, NARROW_STEPS)


def _pixels_step(learner: Learner, steps: int) -> float:
    import torch

    torch.manual_seed(learner.step)
    loss = pixels.reconstruction_loss(learner.network, *pixels.examples(learner.step * PIXELS_BATCH, PIXELS_BATCH))
    return learner.learn(loss, _falling(learner.step, steps))
