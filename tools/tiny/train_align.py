"""Images against words without attention on the image: an ALIGN (Jia et al., ICML 2021, arXiv 2102.05918).

An EfficientNet sees and a BERT reads; the lessons are those of the family's CLIP.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ..classifiers.clip import Clip
from .dense import classes, dense_loss
from .render import Picture
from .scenes import Kind, Scene
from .train_clip import contrast
from .training import SIDE, Recipe, pixels
from .words import bert_tokenizer

WIDTH = 128
LENGTH = 32
"""Tokens of the text encoder."""


class AlignRecipe(Recipe):
    """Four stages of convolutions down to 8×8 cells, and a transformer of two layers: 0.7 million parameters."""

    name: ClassVar[str] = "align"
    rate: ClassVar[float] = 1.5e-3
    batch: ClassVar[int] = 64
    kind: ClassVar[Kind | None] = "colors"

    def network(self) -> Any:
        import transformers as t

        vision = {
            "image_size": SIDE,
            "width_coefficient": 1.0,
            "depth_coefficient": 1.0,
            "kernel_sizes": [3, 3, 3, 3],
            "in_channels": [32, 24, 48, 96],
            "out_channels": [24, 48, 96, WIDTH],
            "strides": [1, 2, 2, 1],
            "num_block_repeats": [1, 2, 2, 1],
            "expand_ratios": [1, 3, 3, 3],
            "hidden_dim": WIDTH,
            "batch_norm_momentum": 0.1,
            "drop_connect_rate": 0.0,
        }
        text = {
            "vocab_size": len(tokens()),
            "hidden_size": WIDTH,
            "intermediate_size": 256,
            "num_attention_heads": 4,
            "num_hidden_layers": 2,
            "max_position_embeddings": LENGTH,
            "hidden_dropout_prob": 0.0,
            "attention_probs_dropout_prob": 0.0,
        }
        return t.AlignModel(t.AlignConfig(text_config=text, vision_config=vision, projection_dim=WIDTH))

    def loaded(self, folder: Path) -> Any:
        import torch
        import transformers

        return transformers.AlignModel.from_pretrained(folder, dtype=torch.float32)

    def processor(self) -> Any:
        import transformers as t

        size, mean = {"height": SIDE, "width": SIDE}, [0.5] * 3
        images = t.EfficientNetImageProcessor(size=size, image_mean=mean, image_std=mean, include_top=False)
        return t.AlignProcessor(images, tokens())

    def helper(self) -> Any:
        import torch

        return torch.nn.Linear(WIDTH, classes())

    def loss(self, network: Any, helper: Any, scenes: Sequence[Scene], pictures: Sequence[Picture], step: int) -> Any:
        seen = network.vision_model(pixels(pictures, np.random.default_rng(step)))
        cells = seen.last_hidden_state.flatten(2).transpose(1, 2)  # (B, 64, D)

        def read(sentences: Sequence[str]) -> Any:
            words = tokens()(list(sentences), padding=True, truncation=True, max_length=LENGTH, return_tensors="pt")
            return network.get_text_features(words["input_ids"], words["attention_mask"]).pooler_output

        told = contrast(seen.pooler_output, read, 1 / network.temperature, scenes, random.Random(step))
        return told + dense_loss(helper(cells), pictures, scenes)

    def measure(self, folder: Path, scenes: Sequence[Scene]) -> dict[str, float]:
        from .evaluate import zero_shot

        return {f"ALIGN, {name}": value for name, value in zero_shot(Clip.load(str(folder)), scenes).items()}


@cache
def tokens() -> Any:
    return bert_tokenizer(LENGTH)
