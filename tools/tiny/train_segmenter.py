"""Boxes and points to pixels: a SAM (Kirillov et al., ICCV 2023, arXiv 2304.02643).

Each image comes with a box, a little off as a detector's are, and with a point inside an object; one pass of the image
encoder serves both, as in use. A helper reads off every patch which of its pixels belong to an object, and where that
object's edges are: so the patches of one object become alike, which is what a prompt has to find out.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ..segmenters.sam import Sam
from ..values.base import Array
from .dense import owners
from .render import Picture
from .scenes import Scene
from .start import whiten
from .training import SIDE, Recipe, pixels

_PROMPTS = 1
"""Boxes, and points, per image and step. The decoder is most of the work: more images teach more than more prompts."""
_OFF = 0.08
"""Standard deviation of a box's edge, as a share of its size."""
_PATCH = 4
_CELLS = SIDE // _PATCH
_WIDTH = 64
_TURNS = 0.1, 1.0
"""Least and greatest spread of the waves that encode a position, in turns across half of the image: the slowest tell
on which side of an edge a patch lies, the fastest where a point is."""


class SegmenterRecipe(Recipe):
    """A transformer over 16×16 patches, and SAM's two-way decoder: 0.3 million parameters."""

    name: ClassVar[str] = "segmenter"
    rate: ClassVar[float] = 2e-3
    batch: ClassVar[int] = 32

    def network(self) -> Any:
        import torch
        import transformers as t

        vision = {
            "hidden_size": _WIDTH,
            "output_channels": _WIDTH,
            "num_hidden_layers": 3,
            "num_attention_heads": 2,
            "mlp_dim": 192,
            "image_size": SIDE,
            "patch_size": _PATCH,
            "window_size": 8,
            "global_attn_indexes": [2],
            "num_pos_feats": _WIDTH // 2,
            "initializer_range": 0.02,
        }
        prompt = {"hidden_size": _WIDTH, "image_size": SIDE, "patch_size": _PATCH, "mask_input_channels": 8}
        decoder = {"hidden_size": _WIDTH, "mlp_dim": 128, "num_attention_heads": 4, "iou_head_hidden_dim": _WIDTH}
        model = t.SamModel(t.SamConfig(vision_config=vision, prompt_encoder_config=prompt, mask_decoder_config=decoder))
        whiten(model.vision_encoder.patch_embed.projection)
        with torch.no_grad():
            # The library's start is hundreds of turns across the image, which no small model learns to read.
            waves = model.shared_image_embedding.positional_embedding  # (2, D / 2)
            waves.normal_().mul_(torch.logspace(*np.log10(_TURNS), waves.shape[1]))
        return _frozen(model)

    def loaded(self, folder: Path) -> Any:
        import torch
        import transformers

        return _frozen(transformers.SamModel.from_pretrained(folder, dtype=torch.float32))

    def processor(self) -> Any:
        import transformers as t

        mean = [0.5] * 3
        pad = {"height": SIDE, "width": SIDE}
        images = t.SamImageProcessor(size={"longest_edge": SIDE}, pad_size=pad, image_mean=mean, image_std=mean)
        return t.SamProcessor(images)

    def helper(self) -> Any:
        import torch

        return torch.nn.Linear(_WIDTH, _PATCH * _PATCH + 4)

    def loss(self, network: Any, helper: Any, scenes: Sequence[Scene], pictures: Sequence[Picture], step: int) -> Any:
        import torch

        dice = np.random.default_rng(step)
        chosen = [dice.integers(len(picture.masks), size=_PROMPTS) for picture in pictures]
        masks = np.stack([picture.masks[which] for picture, which in zip(pictures, chosen, strict=True)])
        boxes = np.stack([_shaken(picture.boxes[which], dice) for picture, which in zip(pictures, chosen, strict=True)])
        points = np.stack([[_inside(mask, dice) for mask in few] for few in masks])[:, :, None]
        embeddings = network.vision_encoder(pixels(pictures, dice))[0]
        truth = torch.from_numpy(masks).float()  # (B, P, S, S)
        by_box = network(
            image_embeddings=embeddings, input_boxes=torch.from_numpy(boxes).float(), multimask_output=False
        )
        # Every other step teaches the three masks that a point may mean; here they should agree.
        by_point = network(
            image_embeddings=embeddings, input_points=torch.from_numpy(points).float(), multimask_output=step % 2 == 1
        )
        read = helper(embeddings.movedim(1, -1))  # (B, S / P, S / P, P · P + 4)
        seen = _seen(read[..., :-4], pictures) + _edges(read[..., -4:].flatten(1, 2), pictures)
        return _loss(by_box, truth) + _loss(by_point, truth) + 2 * seen

    def measure(self, folder: Path, scenes: Sequence[Scene]) -> dict[str, float]:
        from .evaluate import segmentation

        return segmentation(Sam.load(str(folder)), scenes)


def _frozen(model: Any) -> Any:
    """Keep the random directions that encode positions as they are, as SAM does."""
    model.shared_image_embedding.positional_embedding.requires_grad_(False)
    return model


def _shaken(boxes: Array, dice: np.random.Generator) -> Array:
    sizes = np.tile(boxes[:, 2:] - boxes[:, :2], 2)
    return np.asarray(np.clip(boxes + dice.normal(0, _OFF, boxes.shape) * sizes, 0, SIDE))


def _inside(mask: Array, dice: np.random.Generator) -> Array:
    """Return (x, y) of one of the mask's pixels."""
    return np.asarray(np.argwhere(mask)[dice.integers(mask.sum())][::-1])


def _seen(logits: Any, pictures: Sequence[Picture]) -> Any:
    """Return how badly objects are told from the background, from logits (B, S / P, S / P, P · P)."""
    import torch
    from torch.nn.functional import binary_cross_entropy_with_logits, pixel_shuffle

    truth = torch.from_numpy(np.stack([picture.masks.any(axis=0) for picture in pictures])).float()
    return binary_cross_entropy_with_logits(pixel_shuffle(logits.movedim(-1, 1), _PATCH)[:, 0], truth)


def _edges(found: Any, pictures: Sequence[Picture]) -> Any:
    """Return how far off the edges of objects are: (B, cells², 4) from each patch's middle, as shares of the side."""
    import torch

    middles = (np.indices((_CELLS, _CELLS))[::-1].reshape(2, -1).T + 0.5) * _PATCH  # (cells², 2), x first
    owner = np.stack([owners(picture, _CELLS) for picture in pictures])
    boxes = np.stack([picture.boxes[place] for picture, place in zip(pictures, owner, strict=True)])
    truth = torch.from_numpy((boxes - np.tile(middles, 2)) / SIDE).float()
    return (found - truth).abs()[torch.from_numpy(owner >= 0)].mean()


def _loss(output: Any, truth: Any) -> Any:
    """Return cross entropy and Dice of the best of the masks, and how badly their overlap is foreseen."""
    import torch
    from torch.nn.functional import binary_cross_entropy_with_logits, mse_loss

    logits = output.pred_masks  # (B, P, M, S, S)
    wanted = truth[:, :, None].expand_as(logits)
    crossed = binary_cross_entropy_with_logits(logits, wanted, reduction="none").mean(dim=(-2, -1))
    chance = logits.sigmoid()
    dice = 1 - (2 * (chance * wanted).sum(dim=(-2, -1)) + 1) / ((chance + wanted).sum(dim=(-2, -1)) + 1)
    with torch.no_grad():
        hard = logits > 0
        true = wanted > 0.5
        overlap = (hard & true).sum(dim=(-2, -1)) / (hard | true).sum(dim=(-2, -1)).clamp(min=1)
    best = (5 * crossed + dice).min(dim=2).values.mean()
    return best + mse_loss(output.iou_scores, overlap)
