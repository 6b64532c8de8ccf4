"""The denoiser: a UNet2DConditionModel on 8 × 8 cells, and the schedule of noise that it learns (arXiv 2112.10752).

It predicts velocities (Salimans & Ho, arXiv 2202.00512) on a cosine schedule that ends in pure noise, so that what the
first step decides, which is where things stand and in what color, is learned as well as the rest.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .autoencoder import CELL, CHANNELS
from .learning import Learner
from .parts import Frozen
from .text import WIDTH as TEXT_WIDTH
from .text import tokens

SIDE = 8
"""Cells per side."""
DROPPED = 0.1
"""Share of the sentences that training leaves out, which is what guidance needs."""
STEPS, GUIDANCE = 20, 3.0
"""What suits the shipped weights."""
IMAGE_GUIDANCE = 1.5
"""What the pipeline of InstructPix2Pix takes where it is told nothing."""
_WIDTHS = (64, 96, 96)
_STEPS_OF_NOISE = 1000


def fresh_denoiser(takes: int = CHANNELS, gives: int = CHANNELS) -> Any:
    """Return an untrained network of 3.6 million parameters, from `takes` numbers per cell to `gives`.

    The sentence comes in twice: at every token by cross-attention, on 4 × 4 and 2 × 2 cells, and as one vector beside
    the time, which is how single objects and colors are learned within minutes.
    """
    import diffusers

    return diffusers.UNet2DConditionModel(
        sample_size=SIDE,
        in_channels=takes,
        out_channels=gives,
        block_out_channels=_WIDTHS,
        layers_per_block=1,
        norm_num_groups=16,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=TEXT_WIDTH,
        attention_head_dim=4,
        addition_embed_type="text",
        addition_embed_type_num_heads=4,
    )


def shipped_denoiser(pipeline: Path) -> Any:
    """Return the network of a pipeline folder, in float32."""
    import diffusers
    import torch

    return diffusers.UNet2DConditionModel.from_pretrained(pipeline / "unet", torch_dtype=torch.float32)


def noise_schedule() -> Any:
    """Return the scheduler that ships: DDIM, which gives the same picture for a seed on every machine."""
    import diffusers

    return diffusers.DDIMScheduler(
        num_train_timesteps=_STEPS_OF_NOISE,
        beta_schedule="squaredcos_cap_v2",
        prediction_type="v_prediction",
        timestep_spacing="trailing",
        clip_sample=False,
    )


def denoising_loss(network: Any, schedule: Any, cells: Any, words: Any, seen: Any = None) -> Any:
    """Return how badly the velocity is predicted.

    cells: (B, C, 8, 8) of about unit variance; words: (B, tokens, D); seen: (B, M, 8, 8) or None, what an inpainter
    gets beside the noise. Times are spread evenly over the batch.
    """
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel

    count = len(cells)
    share = (torch.arange(count) + torch.rand(1)) / count
    times = (share.frac() * _STEPS_OF_NOISE).long()
    level = schedule.alphas_cumprod[times].view(-1, 1, 1, 1)
    noise = torch.randn_like(cells)
    noisy = level.sqrt() * cells + (1 - level).sqrt() * noise
    target = level.sqrt() * noise - (1 - level).sqrt() * cells
    given = noisy if seen is None else torch.cat([noisy, seen], dim=1)
    precision = next(network.parameters()).dtype
    with sdpa_kernel(SDPBackend.MATH):  # For so few tokens the fused kernel's way back takes ten times as long.
        guess = network(given.to(precision), times, words.to(precision)).sample
    return (guess.float() - target).square().mean()


def begun_as(network: Any, takes: int, gives: int) -> Any:
    """Return a denoiser for other cells that starts as `network`, but for its first and its last layer."""
    other = fresh_denoiser(takes, gives)
    shapes = {name: value.shape for name, value in other.state_dict().items()}
    kept = {name: value for name, value in network.state_dict().items() if value.shape == shapes[name]}
    other.load_state_dict(kept, strict=False)
    return other


def write_pipeline(folder: Path, learner: Learner, parts: Frozen) -> None:
    """Write a pipeline folder of diffusers in float16, of the kind that the network's width tells.

    Text to image takes what it gives, an editor the picture before as well, and an inpainter the hole besides.
    """
    import diffusers
    import torch

    network = diffusers.UNet2DConditionModel.from_config(learner.network.config)
    network.load_state_dict({name: value.float() for name, value in learner.averaged().items()})
    takes, gives = network.config.in_channels, network.config.out_channels
    kind = {gives: "", 2 * gives: "InstructPix2Pix", 2 * gives + 1: "Inpaint"}[takes]
    pipeline = getattr(diffusers, f"StableDiffusion{kind}Pipeline")(
        unet=network.to(torch.float16),
        vae=copy.deepcopy(parts.autoencoder).to(torch.float16),
        text_encoder=copy.deepcopy(parts.words).to(torch.float16),
        tokenizer=tokens(),
        scheduler=noise_schedule(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.save_pretrained(folder)


def dropped(words: Any, empty: Any) -> Any:
    """Return words (B, tokens, D) with some sentences replaced by the empty one (1, tokens, D)."""
    import torch

    keep = torch.rand(len(words)) >= DROPPED
    return torch.where(keep.view(-1, 1, 1), words, empty)


def draw(
    network: Any,
    schedule: Any,
    words: Any,
    empty: Any,
    seeds: Sequence[int],
    seen: Any = None,
    image_guidance: float | None = None,
) -> Any:
    """Return cells (N, C, 8, 8) drawn for words (N, tokens, D), as the pipelines of diffusers draw them.

    With `image_guidance`, what is seen guides as well as what is said, as in InstructPix2Pix (arXiv 2211.09800).
    """
    import torch

    schedule.set_timesteps(STEPS)
    shape = network.config.out_channels, SIDE, SIDE
    cells = torch.stack([torch.randn(shape, generator=torch.Generator().manual_seed(s)) for s in seeds])
    told, shown, shares = [empty.expand_as(words), words], [seen, seen], [1 - GUIDANCE, GUIDANCE]
    if image_guidance is not None:
        told, shown = [told[0], *told], [torch.zeros_like(seen), *shown]
        shares = [1 - image_guidance, image_guidance - GUIDANCE, GUIDANCE]
    read = torch.cat(told)
    precision = next(network.parameters()).dtype
    with torch.inference_mode():
        for time in schedule.timesteps:
            given = torch.cat([cells] * len(told))
            given = given if seen is None else torch.cat([given, torch.cat(shown)], dim=1)
            guesses = network(given.to(precision), time, read.to(precision)).sample.float().chunk(len(told))
            guess = sum(share * each for share, each in zip(shares, guesses, strict=True))
            cells = schedule.step(guess, time, cells).prev_sample
    return cells


PIXELS = SIDE * CELL
"""Pixels per side of what is drawn."""
