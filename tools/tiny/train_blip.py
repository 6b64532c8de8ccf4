"""Captions and answers: two BLIPs (Li et al., ICML 2022, arXiv 2201.12086).

The captioner begins with the image encoder of the family's CLIP, and the answerer with what the captioner has learned
to see and to say. A helper goes on naming shape and color at every patch, and learns how many objects of that kind
there are, for a count is what captions alone teach last. A caption says what stands where from left to right, so that
an image has one right caption. Each image comes with several questions, which share one pass of the image encoder.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ..captioners.blip import BlipAnswerer, BlipCaptioner
from .dense import amount_loss, amounts, classes, dense_loss
from .render import Picture
from .scenes import Scene
from .sentences import observed_caption, random_question
from .train_clip import VISION, WIDTH
from .training import CHECKPOINTS, SIDE, Recipe, examples, pixels
from .words import bert_tokenizer

LENGTH = 40
"""Tokens of a caption, a question or an answer."""
_QUESTIONS = 8
"""Questions per image and step."""


class CaptionerRecipe(Recipe):
    """The image encoder and a decoder of three layers: 1.2 million parameters."""

    name: ClassVar[str] = "captioner"
    rate: ClassVar[float] = 1e-3
    batch: ClassVar[int] = 64

    def network(self) -> Any:
        import transformers

        return _with_clip(transformers.BlipForConditionalGeneration(_config(layers=3)))

    def loaded(self, folder: Path) -> Any:
        import torch
        import transformers

        return transformers.BlipForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)

    def processor(self) -> Any:
        return _processor()

    def helper(self) -> Any:
        return _helper()

    def loss(self, network: Any, helper: Any, scenes: Sequence[Scene], pictures: Sequence[Picture], step: int) -> Any:
        seen = network.vision_model(pixels(pictures, np.random.default_rng(step))).last_hidden_state
        words = tokens()([observed_caption(scene) for scene in scenes], padding=True, return_tensors="pt")
        said = network.text_decoder(
            input_ids=words["input_ids"],
            attention_mask=words["attention_mask"],
            encoder_hidden_states=seen,
            labels=_targets(words),
            reduction="mean",
        )
        return said.loss + 0.3 * _seen_loss(helper(seen[:, 1:]), pictures, scenes)

    def measure(self, folder: Path, scenes: Sequence[Scene]) -> dict[str, float]:
        from .evaluate import captioning

        return captioning(BlipCaptioner.load(str(folder)), scenes)


class AnswererRecipe(Recipe):
    """The image encoder, a reader of questions and a decoder of two layers each: 1.5 million parameters."""

    name: ClassVar[str] = "answerer"
    rate: ClassVar[float] = 1e-3
    batch: ClassVar[int] = 48

    def network(self) -> Any:
        import transformers

        return _with_captioner(transformers.BlipForQuestionAnswering(_config(layers=2)))

    def loaded(self, folder: Path) -> Any:
        import torch
        import transformers

        return transformers.BlipForQuestionAnswering.from_pretrained(folder, dtype=torch.float32)

    def processor(self) -> Any:
        return _processor()

    def helper(self) -> Any:
        return _helper()

    def loss(self, network: Any, helper: Any, scenes: Sequence[Scene], pictures: Sequence[Picture], step: int) -> Any:
        dice = random.Random(step)
        asked = [random_question(scene, dice) for scene in scenes for _ in range(_QUESTIONS)]
        seen = network.vision_model(pixels(pictures, np.random.default_rng(step))).last_hidden_state
        questions = tokens()([question for question, _ in asked], padding=True, return_tensors="pt")
        answers = tokens()([answer for _, answer in asked], padding=True, return_tensors="pt")
        read = read_together(network.text_encoder, questions, seen, _QUESTIONS)
        said = network.text_decoder(
            input_ids=answers["input_ids"],
            attention_mask=answers["attention_mask"],
            encoder_hidden_states=read,
            encoder_attention_mask=questions["attention_mask"],
            labels=_targets(answers),
            reduction="mean",
        )
        return said.loss + 0.3 * _seen_loss(helper(seen[:, 1:]), pictures, scenes)

    def measure(self, folder: Path, scenes: Sequence[Scene]) -> dict[str, float]:
        from .evaluate import answering

        return answering(BlipAnswerer.load(str(folder)), scenes)


def read_together(reader: Any, questions: Any, seen: Any, each: int) -> Any:
    """Return (B · each, L, D): what a text encoder reads in questions, `each` of them about an image of (B, N, D).

    The questions about an image stand in one row, where none sees another: so the image is turned into keys and values
    once for all of them.
    """
    import torch

    length = questions["input_ids"].shape[1]
    real = questions["attention_mask"].view(-1, 1, each * length).bool()  # (B, 1, each · L)
    question = torch.arange(each).repeat_interleave(length)
    hidden = ~(real & (question[:, None] == question))  # (B, each · L, each · L)
    read = reader(
        input_ids=questions["input_ids"].view(-1, each * length),
        position_ids=torch.arange(length).repeat(each)[None],
        attention_mask=torch.zeros(hidden.shape).masked_fill(hidden, torch.finfo(torch.float32).min)[:, None],
        encoder_hidden_states=seen,
    )[0]
    return read.view(len(questions["input_ids"]), length, -1)


@cache
def tokens() -> Any:
    return bert_tokenizer(LENGTH)


def _helper() -> Any:
    import torch

    return torch.nn.Linear(WIDTH, classes() + amounts())


def _seen_loss(logits: Any, pictures: Sequence[Picture], scenes: Sequence[Scene]) -> Any:
    """Return how badly patches tell what is there and how many of it, from logits (B, 64, what, then how many)."""
    cut = classes()
    return dense_loss(logits[..., :cut], pictures, scenes) + 3 * amount_loss(logits[..., cut:], pictures, scenes)


def _processor() -> Any:
    import transformers as t

    mean = [0.5] * 3
    images = t.BlipImageProcessor(size={"height": SIDE, "width": SIDE}, image_mean=mean, image_std=mean)
    return t.BlipProcessor(images, tokens())


def _config(layers: int) -> Any:
    import transformers

    text = {
        "vocab_size": len(tokens()),
        "hidden_size": WIDTH,
        "intermediate_size": 256,
        "num_attention_heads": 4,
        "num_hidden_layers": layers,
        "max_position_embeddings": LENGTH,
        "bos_token_id": 101,
        "sep_token_id": 102,
        "eos_token_id": 102,
        "pad_token_id": 0,
    }
    vision = {**VISION, "initializer_range": 0.02}
    return transformers.BlipConfig(
        text_config=text, vision_config=vision, projection_dim=WIDTH, image_text_hidden_size=WIDTH
    )


def _targets(words: Any) -> Any:
    """Return token ids in which padding is not learned."""
    return words["input_ids"].masked_fill(words["attention_mask"] == 0, -100)


def _with_clip(network: Any) -> Any:
    """Give a BLIP the image encoder of the family's CLIP, if there is one yet."""
    import torch
    import transformers

    folder = CHECKPOINTS / "clip"
    if not (folder / "training.json").exists():
        return network
    theirs = transformers.CLIPModel.from_pretrained(folder, dtype=torch.float32).vision_model
    mine = network.vision_model
    with torch.no_grad():
        _take_embeddings(mine.embeddings, theirs)
        for own, other in zip(mine.encoder.layers, theirs.encoder.layers, strict=True):
            attention = other.self_attn
            for part in ("weight", "bias"):
                joined = [getattr(getattr(attention, name), part) for name in ("q_proj", "k_proj", "v_proj")]
                getattr(own.self_attn.qkv, part).copy_(torch.cat(joined))
            own.self_attn.projection.load_state_dict(attention.out_proj.state_dict())
            for name in ("layer_norm1", "layer_norm2", "mlp"):
                getattr(own, name).load_state_dict(getattr(other, name).state_dict())
        mine.post_layernorm.load_state_dict(theirs.post_layernorm.state_dict())
    return network


def _with_captioner(network: Any) -> Any:
    """Give an answerer the captioner's image encoder and words, and as many of its layers as it has, if there is one.

    What reads a question and what says an answer both begin as what says a caption.
    """
    import torch
    import transformers

    folder = CHECKPOINTS / CaptionerRecipe.name
    if not (folder / "training.json").exists():
        return _with_clip(network)
    theirs = transformers.BlipForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)
    network.vision_model.load_state_dict(theirs.vision_model.state_dict())
    said = theirs.text_decoder.state_dict()
    read = {name.removeprefix("bert."): value for name, value in said.items()}
    for mine, known in ((network.text_encoder, read), (network.text_decoder, said)):
        mine.load_state_dict(known, strict=False)
    return network


def _take_embeddings(mine: Any, theirs: Any) -> None:
    """Copy patch and position embeddings; the layer norm after CLIP's, which BLIP lacks, becomes its mean effect."""
    norm, embeddings = theirs.pre_layrnorm, theirs.embeddings
    _, pictures = examples(0, 64)
    spread = embeddings(pixels(pictures)).std(dim=-1).mean()  # over the channels of each patch
    scale = norm.weight / spread
    mine.patch_embedding.weight.copy_(embeddings.patch_embedding.weight * scale[:, None, None, None])
    mine.patch_embedding.bias.zero_()
    mine.class_embedding.copy_((embeddings.class_embedding * scale)[None, None])
    mine.position_embedding.copy_((embeddings.position_embedding.weight * scale + norm.bias)[None])
