"""A text-to-image model chooses between labels: the one whose words help it most to tell an image from noise.

Diffusion Classifier (Li et al., ICCV 2023, arXiv 2303.16203). Every label gets the same noises at the same times; the
mean squared error of the noise that the model sees stands for its likelihood, and the least error wins. Labels far
behind after the first draws are left out of the later ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np

from .. import hub
from ..errors import ToolError
from ..model import Classifier
from ..pipelines import Options, Pipeline, open_pipeline
from ..progress import tick
from ..values import Image, Labels
from ..values.base import Array

STAGES = ((64, 5), (512, 1))
"""(draws so far, labels that stay): what the defaults of a profile mean by staged pruning."""
_AT_ONCE = 32
"""Pairs of draw and label in one pass of the network."""


class DiffusionClassifier(Classifier):
    """Compares labels, or whole captions, by the denoising error of a latent diffusion model with a UNet."""

    memory_mb: ClassVar[int] = 8000
    has_low_memory: ClassVar[bool] = True

    def __init__(
        self, pipeline: Pipeline, template: str, stages: Sequence[Sequence[int]], seed: int, batch: int
    ) -> None:
        self._pipeline, self._template, self._batch = pipeline, template, batch
        self._stages = [(int(draws), int(kept)) for draws, kept in stages]
        pipe, total = pipeline.pipe, self._stages[-1][0]
        cells, factor = pipe.unet.config.sample_size, int(pipe.vae_scale_factor)
        self._side = int(cells) * factor
        self._times = spread_times(total, int(pipe.scheduler.config.num_train_timesteps))  # (draws,)
        self._noise = _noise((total, pipe.unet.config.in_channels, cells, cells), seed)

    @classmethod
    def load(
        cls,
        source: str | Mapping[str, str],
        *,
        device: str = "cpu",
        dtype: str = "float32",
        template: str = "a photo of a {}",
        stages: Sequence[Sequence[int]] = STAGES,
        seed: int = 0,
        batch: int = _AT_ONCE,
        variant: str | None = None,
        offload: bool | None = None,
        low_memory: bool = False,
    ) -> Self:
        """Load a StableDiffusionPipeline folder.

        `template` turns a label into a prompt; `stages` are pairs (draws so far, labels that stay), the last of which
        keeps one; `seed` decides about the noises. Raises ToolError for another kind of pipeline.
        """
        if not stages or any(draws < 1 or kept < 1 for draws, kept in stages) or _unsorted(stages):
            raise ToolError(
                f"stages {[tuple(stage) for stage in stages]} do not narrow the choice",
                hint="give pairs (draws so far, labels that stay): draws rise, labels fall, as in [[64, 5], [512, 1]]",
            )
        options = Options(variant=variant, offload=offload, low_memory=low_memory)
        pipeline = open_pipeline(
            "AutoPipelineForText2Image", source, device=device, dtype=dtype, needs=("prompt",), options=options
        )
        _check_kind(pipeline.pipe, source)
        return cls(pipeline, template, stages, seed, batch)

    def to_host(self) -> bool:
        return self._pipeline.to_host()

    def to_device(self) -> None:
        self._pipeline.to_device()

    def classify(self, image: Image, labels: Sequence[str]) -> Labels:
        """Return the probability of each label, summing to 1: a softmax over the summed squared errors.

        A label that was left out early is at most as probable as any that stayed then.
        """
        names = list(dict.fromkeys(labels))
        gains = self.gains(image, names)
        likely = np.exp(gains - gains.max())
        return Labels(dict(zip(names, (likely / likely.sum()).tolist(), strict=True)))

    def gains(self, image: Image, labels: Sequence[str]) -> Array:
        """Return float64 (labels,), at most 0: by how much each label's error is above that of the best."""
        import torch

        with torch.inference_mode():
            cells, words = self._cells(image), self._words(labels)
            errors = np.full((len(labels), len(self._times)), np.nan)
            alive, dropped = list(range(len(labels))), []
            done = 0
            for draws, kept in self._stages:
                if done and len(alive) == 1:
                    break
                errors[alive, done:draws] = self._errors(cells, words[alive], done, draws)
                done = draws
                alive.sort(key=lambda place: float(errors[place, :done].mean()))
                dropped.append((alive[kept:], alive[:kept], done))
                alive = alive[:kept]
        return _relative(errors, alive, dropped)

    def _cells(self, image: Image) -> Any:
        """Return the image in the model's own space, (1, C, h, w)."""
        import torch

        pipe = self._pipeline.pipe
        rgb = hub.resized(hub.opaque(image), (self._side, self._side))
        pixels = torch.from_numpy(np.array(rgb)).permute(2, 0, 1)[None].float() / 127.5 - 1
        moved = pixels.to(pipe._execution_device, pipe.vae.dtype)
        return pipe.vae.encode(moved).latent_dist.mean * pipe.vae.config.scaling_factor

    def _words(self, labels: Sequence[str]) -> Any:
        """Return what the text encoder makes of each label, (labels, tokens, D)."""
        pipe = self._pipeline.pipe
        limit = pipe.tokenizer.model_max_length
        prompts = [hub.fitted(pipe.tokenizer, self._template.format(label), limit, "label") for label in labels]
        return pipe.encode_prompt(prompts, pipe._execution_device, 1, False)[0]

    def _errors(self, cells: Any, words: Any, first: int, last: int) -> Array:
        """Return float64 (labels, last - first): the summed squared error of each label at each draw."""
        import torch

        pairs = [(label, draw) for draw in range(first, last) for label in range(len(words))]
        found: list[float] = []
        for start in range(0, len(pairs), self._batch):
            tick(start, len(pairs))
            some, draws = (list(part) for part in zip(*pairs[start : start + self._batch], strict=True))
            times, noise = torch.from_numpy(self._times[draws]).to(cells.device), self._noise[draws].to(cells)
            off = self._seen_noise(cells, noise, times, words[some]).float() - noise.float()
            found += hub.checked(off.square().sum(dim=(1, 2, 3)), "the diffusion model").tolist()
        return np.array(found).reshape(last - first, len(words)).T

    def _seen_noise(self, cells: Any, noise: Any, times: Any, words: Any) -> Any:
        """Return the noise (B, C, h, w) that the network sees in noisy cells, whatever it was trained to predict."""
        pipe = self._pipeline.pipe
        level = pipe.scheduler.alphas_cumprod.to(cells.device)[times].view(-1, 1, 1, 1)
        signal, spread = level.sqrt().to(cells.dtype), (1 - level).sqrt().to(cells.dtype)
        noisy = signal * cells + spread * noise
        guess = pipe.unet(noisy, times, encoder_hidden_states=words).sample
        match pipe.scheduler.config.prediction_type:
            case "epsilon":
                return guess
            case "v_prediction":
                return signal * guess + spread * noisy
            case _:
                return (noisy - signal * guess) / spread


def spread_times(draws: int, total: int) -> Array:
    """Return int64 (draws,): times spread evenly over `total`, in an order in which every beginning is spread too.

    The order is that of van der Corput's sequence: each next one falls into the widest gap.
    """
    order = sorted(range(draws), key=lambda i: [(i >> bit) & 1 for bit in range(draws.bit_length())])
    return np.array([int((i + 0.5) * total / draws) for i in order], np.int64)


def _relative(errors: Array, alive: Sequence[int], dropped: Sequence[tuple[list[int], list[int], int]]) -> Array:
    """Return by how much each label's mean error is above the winner's on the draws that it took part in."""
    best = alive[0]
    gains = np.zeros(len(errors))
    for out, stayed, done in reversed(dropped):
        least = min(float(gains[place]) for place in stayed)
        for place in out:
            gains[place] = min(least, float(np.mean(errors[best, :done] - errors[place, :done])))
    return gains


def _check_kind(pipe: Any, source: str | Mapping[str, str]) -> None:
    """Refuse pipelines whose network does not simply take noisy cells and words."""
    kind = type(pipe).__name__
    if kind != "StableDiffusionPipeline":
        raise ToolError(
            f"weights {source!r} are of {kind}, whose denoising error is not read here",
            hint="take weights of StableDiffusionPipeline",
        )
    takes, gives = pipe.unet.config.in_channels, pipe.unet.config.out_channels
    if takes != gives:
        raise ToolError(
            f"weights {source!r} take {takes} channels and give {gives}: they were made for inpainting or editing",
            hint="take weights that make images from words alone",
        )


def _unsorted(stages: Sequence[Sequence[int]]) -> bool:
    draws, kept = zip(*stages, strict=True)
    return list(draws) != sorted(set(draws)) or list(kept) != sorted(set(kept), reverse=True) or kept[-1] != 1


def _noise(shape: tuple[int, ...], seed: int) -> Any:
    """Return the noise bank, drawn on the CPU, so that a seed means the same on every device."""
    import torch

    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))
