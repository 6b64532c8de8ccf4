"""Images against words: a CLIP (Radford et al., ICML 2021, arXiv 2103.00020), trained with near misses.

Each image is told from the other captions of its batch, and from captions in which one fact is wrong, so that the
text encoder has to read which color belongs to which shape. A helper names shape and color at every patch, which
teaches the image encoder long before the captions alone would.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from .dense import busy_cells, classes, dense_loss
from .render import Picture
from .scenes import Kind, Scene
from .sentences import random_caption, wrong_caption
from .start import wave, whiten
from .training import SIDE, Recipe, pixels
from .words import clip_tokenizer

PATCH = 8
LENGTH = 32
"""Tokens of the text encoder."""
WIDTH = 128
_KEPT = 24
"""Patches that three steps in four look at: those with something in them first."""
_ALONE = 600
"""Steps in which the image encoder learns shapes and colors, before it meets words."""
VISION: dict[str, Any] = {
    "hidden_size": WIDTH,
    "intermediate_size": 256,
    "num_attention_heads": 4,
    "num_hidden_layers": 3,
    "image_size": SIDE,
    "patch_size": PATCH,
    "hidden_act": "gelu",
}


class ClipRecipe(Recipe):
    """Transformers of three layers for images and two for words: 0.8 million parameters."""

    name: ClassVar[str] = "clip"
    rate: ClassVar[float] = 1.5e-3
    batch: ClassVar[int] = 64
    kind: ClassVar[Kind | None] = "colors"

    def network(self) -> Any:
        import transformers as t

        model = t.CLIPModel(t.CLIPConfig(text_config=text_config(), vision_config=VISION, projection_dim=WIDTH))
        whiten(model.vision_model.embeddings.patch_embedding)
        wave(model.vision_model.embeddings.position_embedding, SIDE // PATCH)
        return model

    def loaded(self, folder: Path) -> Any:
        import torch
        import transformers

        return transformers.CLIPModel.from_pretrained(folder, dtype=torch.float32)

    def processor(self) -> Any:
        import transformers as t

        size = {"height": SIDE, "width": SIDE}
        images = t.CLIPImageProcessor(
            size={"shortest_edge": SIDE}, crop_size=size, image_mean=[0.5] * 3, image_std=[0.5] * 3
        )
        return t.CLIPProcessor(images, tokens())

    def helper(self) -> Any:
        import torch

        return torch.nn.Linear(WIDTH, classes())

    def loss(self, network: Any, helper: Any, scenes: Sequence[Scene], pictures: Sequence[Picture], step: int) -> Any:
        rolls = np.random.default_rng(step)
        kept = busy_cells(pictures, _KEPT, rolls) if step % 4 else None
        pooled, patches = encoded(network.vision_model, pixels(pictures, rolls), kept)
        lesson = dense_loss(helper(patches), pictures, scenes, kept)
        if step < _ALONE:
            return lesson

        def read(sentences: Sequence[str]) -> Any:
            words = tokens()(list(sentences), padding=True, truncation=True, max_length=LENGTH, return_tensors="pt")
            return network.text_projection(network.text_model(input_ids=words["input_ids"]).pooler_output)

        scale = network.logit_scale.exp().clamp(max=100)
        return contrast(network.visual_projection(pooled), read, scale, scenes, random.Random(step)) + lesson

    def measure(self, folder: Path, scenes: Sequence[Scene]) -> dict[str, float]:
        from ..classifiers.clip import Clip
        from .evaluate import zero_shot

        return zero_shot(Clip.load(str(folder)), scenes)


def text_config() -> dict[str, Any]:
    """Return the configuration of the text encoder."""
    tokenizer = tokens()
    return {
        "vocab_size": len(tokenizer),
        "hidden_size": WIDTH,
        "intermediate_size": 256,
        "num_attention_heads": 4,
        "num_hidden_layers": 2,
        "max_position_embeddings": LENGTH,
        "hidden_act": "gelu",
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.eos_token_id,
    }


def encoded(vision: Any, seen: Any, kept: Any) -> tuple[Any, Any]:
    """Return what a CLIP image encoder makes of pixels: pooled (B, D), and patches (B, n, D), all or those `kept`.

    Patches that are left out cost nothing, as in FLIP (Li et al., CVPR 2023, arXiv 2212.00794).
    """
    import torch

    hidden = vision.embeddings(seen)  # (B, 1 + 64, D)
    if kept is not None:
        places = torch.cat([torch.zeros_like(kept[:, :1]), kept + 1], dim=1)
        hidden = hidden.gather(1, places[:, :, None].expand(-1, -1, hidden.shape[2]))
    hidden = vision.encoder(inputs_embeds=vision.pre_layrnorm(hidden)).last_hidden_state
    return vision.post_layernorm(hidden[:, 0]), hidden[:, 1:]


def contrast(
    seen: Any, read: Callable[[Sequence[str]], Any], scale: Any, scenes: Sequence[Scene], dice: random.Random
) -> Any:
    """Return how badly images are told from other captions and from wrong ones, and captions from other images.

    seen: (B, D), what an image encoder makes of the scenes; `read` gives the same of sentences; both of any length.
    """
    import torch
    from torch.nn.functional import cross_entropy, normalize

    said = [_said(scene, dice) for scene in scenes]
    wrong = [wrong_caption(scene, dice) for scene in scenes]
    texts = normalize(read(said + wrong), dim=-1)  # (2 B, D)
    logits = scale * normalize(seen, dim=-1) @ texts.T  # (B, 2 B)
    logits = logits.masked_fill(_also_true(said + wrong, len(said)), -1e4)
    right = torch.arange(len(scenes))
    return cross_entropy(logits, right) + cross_entropy(logits[:, : len(scenes)].T, right)


@cache
def tokens() -> Any:
    return clip_tokenizer(LENGTH)


def _said(scene: Scene, dice: random.Random) -> str:
    """Return something true of the scene; a single object is now and then only named, as a label is."""
    if len(scene.things) == 1 and dice.random() < 0.3:
        return scene.things[0].name
    return random_caption(scene, dice)


def _also_true(texts: Sequence[str], count: int) -> Any:
    """Return bool (B, 2 B): captions that say of an image, word for word, what its own caption says."""
    import torch

    same = np.array(texts)[None, :] == np.array(texts[:count])[:, None]
    same[np.arange(count), np.arange(count)] = False
    return torch.from_numpy(same)
