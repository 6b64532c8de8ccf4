"""The autoencoder: 64 × 64 pixels to 8 × 8 cells of 8 numbers and back (Kingma & Welling, arXiv 1312.6114).

The decoder learns from cells with noise on them, so that it forgives what a denoiser gets slightly wrong.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from ...values.base import Array
from ..render import Picture, render
from ..scenes import draw_scene
from .layouts import calm_scene

CHANNELS = 8
"""Numbers per cell."""
CELL = 8
"""Pixels per cell and direction."""
_WIDTHS = (16, 32, 64, 96)
_NOISE = 0.15
"""Standard deviation of the noise on cells, whose own is near 1."""
_LOG_VARIANCE = -8.0
_ON_OBJECTS, _ON_BACKGROUND = 2.0, 0.7


def fresh_autoencoder(channels: int = CHANNELS) -> Any:
    """Return an untrained AutoencoderKL of 1.65 million parameters whose cells come without noise of their own."""
    import diffusers
    import torch

    count = len(_WIDTHS)
    network = diffusers.AutoencoderKL(
        block_out_channels=_WIDTHS,
        down_block_types=("DownEncoderBlock2D",) * count,
        up_block_types=("UpDecoderBlock2D",) * count,
        layers_per_block=1,
        norm_num_groups=8,
        latent_channels=channels,
        sample_size=64,
        scaling_factor=1.0,
        mid_block_add_attention=False,
        use_quant_conv=False,
        use_post_quant_conv=False,
    )
    with torch.no_grad():  # The second half of what the encoder gives is the variance; nothing trains it.
        network.encoder.conv_out.weight[channels:] = 0
        network.encoder.conv_out.bias[channels:] = _LOG_VARIANCE
    return network


def narrowed_autoencoder(wide: Any, channels: int) -> Any:
    """Return an autoencoder with fewer numbers per cell that starts as `wide`, seen along its principal axes."""
    import torch

    narrow, old = fresh_autoencoder(channels), wide.float().state_dict()
    with torch.no_grad():
        cells = wide.encode(examples(0, 64)[0].float()).latent_dist.mean.transpose(0, 1).flatten(1)  # (C, values)
        strength, axes = torch.linalg.eigh(torch.cov(cells))
        spread, chosen = strength[-channels:].sqrt(), axes[:, -channels:]  # (channels,), (C, channels)
        state = {name: value for name, value in old.items() if value.shape == narrow.state_dict()[name].shape}
        narrow.load_state_dict(state, strict=False)
        full, last = len(cells), narrow.encoder.conv_out
        inward = (chosen / spread).T
        last.weight[:channels] = torch.einsum("nc,cihw->nihw", inward, old["encoder.conv_out.weight"][:full])
        last.bias[:channels] = inward @ old["encoder.conv_out.bias"][:full]
        outward = chosen * spread
        narrow.decoder.conv_in.weight[:] = torch.einsum("ochw,cn->onhw", old["decoder.conv_in.weight"], outward)
    return narrow


def reconstruction_loss(network: Any, pixels: Any, weight: Any) -> Any:
    """Return how far pixels (B, 3, 64, 64) in [-1, 1] come back changed, and how far cells are from unit variance.

    `weight` (B, 1, 64, 64) says how much a pixel matters.
    """
    import torch

    cells = network.encode(pixels).latent_dist.mean  # (B, C, 8, 8)
    back = network.decode(cells + _NOISE * torch.randn_like(cells)).sample.float()
    cells = cells.float()
    spread = cells.var(dim=(0, 2, 3)).add(1e-6).log().square().mean() + cells.mean(dim=(0, 2, 3)).square().mean()
    return difference(back, pixels.float(), weight) + 0.02 * spread


def decoding_loss(network: Any, decoder: Any, pixels: Any, weight: Any) -> Any:
    """Return how far pixels come back changed by `decoder` from the cells that the encoder of `network` makes."""
    import torch

    with torch.no_grad():
        cells = network.encode(pixels).latent_dist.mean
        noisy = cells + _NOISE * torch.randn_like(cells)
    return difference(decoder(noisy).float(), pixels.float(), weight)


def difference(back: Any, pixels: Any, weight: Any) -> Any:
    """Return how far pictures (B, 3, H, W) differ, in colors and in edges; `weight` is (B, 1, H, W)."""
    off = (back - pixels) * weight
    edges = off.diff(dim=-1).abs().mean() + off.diff(dim=-2).abs().mean()
    return off.abs().mean() + 3 * off.square().mean() + 0.5 * edges


def views(start: int, count: int) -> tuple[Array, Array]:
    """Return uint8 (N, 64, 64, 3) and what each pixel weighs, float32 (N, 64, 64).

    The pictures are calm scenes, and parts of all kinds of scenes, as an inpainter sees them. Objects weigh more than
    their background, of which there is more.
    """
    found = [_view(seed) for seed in range(start, start + count)]
    return np.stack([rgb for rgb, _ in found]), np.stack([_weight(covered) for _, covered in found])


def examples(start: int, count: int) -> tuple[Any, Any]:
    """Return what `views` gives as tensors: (N, 3, 64, 64) in [-1, 1], and weights (N, 1, 64, 64)."""
    import torch

    rgb, weight = views(start, count)
    return as_tensor(rgb), torch.from_numpy(weight)[:, None]


def _view(seed: int) -> tuple[Array, Array]:
    dice = random.Random(f"view {seed}")
    if dice.random() < 0.65:
        calm = render(calm_scene(seed))
        return calm.rgb, _covered(calm)
    side = dice.choice((64, 80, 96))
    x, y = dice.randint(0, side - 64), dice.randint(0, side - 64)
    picture = render(draw_scene(seed), side)
    window = np.s_[y : y + 64, x : x + 64]
    return picture.rgb[window], _covered(picture)[window]


def _covered(picture: Picture) -> Array:
    covered: Array = np.any(picture.masks, axis=0)
    return covered


def _weight(covered: Array) -> Array:
    import cv2

    near = cv2.dilate(covered.astype(np.uint8), np.ones((3, 3), np.uint8))
    weight: Array = np.where(near, _ON_OBJECTS, _ON_BACKGROUND).astype(np.float32)
    return weight


def as_tensor(rgb: Array) -> Any:
    """Return bfloat16 (N, 3, H, W) in [-1, 1] from uint8 (N, H, W, 3)."""
    import torch

    pixels = torch.from_numpy(np.ascontiguousarray(rgb)).permute(0, 3, 1, 2).float() / 127.5 - 1
    return pixels.to(torch.bfloat16).contiguous(memory_format=torch.channels_last)
