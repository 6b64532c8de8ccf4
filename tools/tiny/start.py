"""Where the networks of the family start: small patches of the scenes themselves, with what is common taken out.

From the usual random start a patch is mostly its mean color, and shapes take many thousand steps to be learned. With
whitened patches (a step that the fastest trainings on small images share) they take hundreds.
"""

from __future__ import annotations

from typing import Any

from .training import examples, pixels

_NOISE = 0.01
"""Variance below which a direction is not raised to one."""
_SCENES = 400


def whiten(convolution: Any, scale: float = 0.5) -> None:
    """Set the weights (D, 3, P, P) of a patch embedding to the P·P·3 main directions of patches, or the first D.

    Each direction has the variance `scale`² on patches of scenes; rows that are left over stay as they are.
    """
    import torch

    size, width = convolution.kernel_size[0], convolution.out_channels
    _, pictures = examples(0, _SCENES)
    tiles = pixels(pictures).unfold(2, size, size).unfold(3, size, size)  # (B, 3, S / P, S / P, P, P)
    patches = tiles.permute(0, 2, 3, 1, 4, 5).reshape(-1, 3 * size * size)
    values, vectors = torch.linalg.eigh(torch.cov(patches.T))
    count = min(width, len(values))
    rows = (vectors[:, -count:] / (values[-count:] + _NOISE).sqrt()).T  # (count, 3 · P · P)
    with torch.no_grad():
        convolution.weight[:count] = scale * rows.reshape(count, *convolution.weight.shape[1:])


def wave(embedding: Any, cells: int) -> None:
    """Set position embeddings (1 + cells², D) to waves along both sides, and the first to zero."""
    import torch

    width = embedding.weight.shape[1]
    turns = torch.arange(cells)[:, None] / 100 ** (torch.arange(width // 4) * 4 / width)
    waves = torch.cat([turns.sin(), turns.cos()], dim=1)  # (cells, D / 2)
    rows, columns = waves[:, None].expand(-1, cells, -1), waves[None].expand(cells, -1, -1)
    with torch.no_grad():
        embedding.weight[0] = 0
        embedding.weight[1:] = 0.3 * torch.cat([rows, columns], dim=2).reshape(-1, width)
