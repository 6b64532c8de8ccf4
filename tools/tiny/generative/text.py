"""The text encoder: a CLIPTextModel that has learned what a sentence says before any picture is drawn.

From nothing, a denoiser spends most of its time on finding out what words mean. Here that is learned first, from words
alone and in minutes: the tokens after a sentence, which CLIP fills with padding, say what stands on each place.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from ...values.base import Array
from ..scenes import COLORS, SHAPES, Scene
from ..sentences import stated
from ..words import clip_tokenizer
from .layouts import MOST, calm_caption, calm_scene, places

WIDTH = 128
LENGTH = 40
"""Tokens; those of a sentence of the family end well before the last `MOST`, which describe the objects."""
_FACTS = (len(SHAPES) + 1, len(COLORS) + 1, 2)
"""Width of what is read at an object's token: shape or none, color or not said, and where it stands (x, y)."""


def fresh_text_encoder() -> Any:
    """Return an untrained CLIPTextModel of 0.7 million parameters."""
    import transformers

    tokenizer = tokens()
    return transformers.CLIPTextModel(
        transformers.CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=WIDTH,
            intermediate_size=4 * WIDTH,
            num_attention_heads=4,
            num_hidden_layers=3,
            max_position_embeddings=LENGTH,
            hidden_act="gelu",
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.eos_token_id,
        )
    )


def fresh_reader() -> Any:
    """Return the layer that reads the facts off a token; it is thrown away after the training."""
    import torch

    return torch.nn.Linear(WIDTH, sum(_FACTS))


@cache
def tokens() -> Any:
    """Return the tokenizer of the family at the length of this encoder."""
    return clip_tokenizer(LENGTH)


def token_ids(texts: Sequence[str]) -> Any:
    """Return int64 (N, LENGTH), padded as StableDiffusionPipeline pads."""
    found = tokens()(list(texts), padding="max_length", truncation=True, max_length=LENGTH, return_tensors="pt")
    return found["input_ids"]


def understanding_loss(encoder: Any, reader: Any, start: int, count: int) -> tuple[Any, float]:
    """Return how badly `count` sentences are understood, and the share of objects read all right."""
    import torch
    from torch.nn.functional import cross_entropy, mse_loss

    dice = random.Random(f"words {start}")
    drawn = [calm_scene(seed) for seed in range(start, start + count)]
    said = [calm_caption(scene, dice) for scene in drawn]
    truth = [_facts(scene, text) for scene, text in zip(drawn, said, strict=True)]
    shapes, colors, where = (torch.from_numpy(np.stack(part)) for part in zip(*truth, strict=True))
    hidden = encoder(input_ids=token_ids(said)).last_hidden_state  # (B, LENGTH, WIDTH)
    read = reader(hidden[:, -MOST:]).float()  # (B, MOST, facts)
    shape, color, place = read.split(_FACTS, dim=-1)
    there = shapes > 0
    loss = cross_entropy(shape.flatten(0, 1), shapes.flatten())
    loss = loss + cross_entropy(color[there], colors[there]) + 4 * mse_loss(place[there], where[there])
    right = (shape.argmax(-1) == shapes) & ((color.argmax(-1) == colors) | ~there)
    near = ((place - where).abs().amax(-1) < 0.12) | ~there
    return loss, float((right & near).all(dim=1).float().mean())


def _facts(scene: Scene, text: str) -> tuple[Array, Array, Array]:
    """Return int64 (MOST,) twice, shape and color counted from 1 (0: none, not said), and float32 (MOST, 2) places.

    Objects come in reading order: a sentence may begin with either side of a relation.
    """
    shapes, colors, where = np.zeros(MOST, np.int64), np.zeros(MOST, np.int64), np.zeros((MOST, 2), np.float32)
    colored = bool(stated(text)[0][0].color)
    spots = places(scene) or []
    for row, place in enumerate(sorted(range(len(spots)), key=lambda place: spots[place][::-1])):
        shapes[row] = SHAPES.index(scene.things[place].shape) + 1
        colors[row] = (list(COLORS).index(scene.things[place].color) + 1) * colored
        where[row] = spots[place]
    return shapes, colors, where
