"""Boxes for a phrase by another road: an OWLv2 (Minderer et al., NeurIPS 2023, arXiv 2306.09683).

It begins as the family's CLIP, as the original began as its own: what is new are the heads that give each patch a box
and compare it with a phrase. Where the original matches patches and objects anew at every step, here the patch in which
the middle of an object lies answers for it. Phrases stand in the sentence that the adapter puts them into.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ..detectors.owl import TEMPLATE, Owl
from .asked import Phrase, phrases_for, targets_of
from .dense import CELLS, classes, dense_loss
from .render import Picture
from .scenes import Scene
from .train_clip import LENGTH, VISION, WIDTH, text_config, tokens
from .training import CHECKPOINTS, SIDE, Recipe, pixels

THRESHOLD = 0.3
"""Least score of a box in the figures."""
_RARE = 12.0
"""Weight of a patch that answers for an object: most do not."""
_SCALE, _SHIFT = 9.0, -0.5
"""Where what the likeness of a patch and a phrase is multiplied with, and what is added to it before, begin."""


class OwlRecipe(Recipe):
    """The two encoders of the family's CLIP, and heads for boxes and phrases at 8×8 patches: 0.9 million parameters."""

    name: ClassVar[str] = "owl"
    rate: ClassVar[float] = 1e-3
    batch: ClassVar[int] = 32

    def network(self) -> Any:
        import transformers as t

        model = t.Owlv2ForObjectDetection(
            t.Owlv2Config(text_config=text_config(), vision_config=VISION, projection_dim=WIDTH)
        )
        return _with_clip(_with_quiet_heads(model))

    def loaded(self, folder: Path) -> Any:
        import torch
        import transformers

        return transformers.Owlv2ForObjectDetection.from_pretrained(folder, dtype=torch.float32)

    def processor(self) -> Any:
        import transformers as t

        size = {"height": SIDE, "width": SIDE}
        return t.Owlv2Processor(t.Owlv2ImageProcessor(size=size, image_mean=[0.5] * 3, image_std=[0.5] * 3), tokens())

    def helper(self) -> Any:
        import torch

        return torch.nn.Linear(WIDTH, classes())

    def loss(self, network: Any, helper: Any, scenes: Sequence[Scene], pictures: Sequence[Picture], step: int) -> Any:
        import torch
        from torch.nn.functional import binary_cross_entropy_with_logits, l1_loss
        from transformers.image_transforms import center_to_corners_format
        from transformers.loss.loss_for_object_detection import generalized_box_iou

        dice = random.Random(step)
        asked = [phrases_for(scene, dice) for scene in scenes]
        most = max(map(len, asked))
        words = _words(asked, most)
        output = network(pixel_values=pixels(pictures, np.random.default_rng(step)), **words)

        targets = [targets_of(scene, phrases) for scene, phrases in zip(scenes, asked, strict=True)]
        boxes = torch.cat([target["every_box"] for target in targets])  # (objects, 4)
        image = torch.cat([torch.full((len(target["every_box"]),), i) for i, target in enumerate(targets)])
        column, row = (boxes[:, :2] * CELLS).long().clamp(max=CELLS - 1).T
        patch, phrase = row * CELLS + column, torch.cat([target["phrase_of"] for target in targets])
        asked_for = phrase >= 0
        named = torch.zeros_like(output.logits)  # (B, 64, phrases)
        named[image[asked_for], patch[asked_for], phrase[asked_for]] = 1
        real = (torch.arange(most) < torch.tensor([[len(phrases)] for phrases in asked]))[:, None].expand_as(named)
        told = binary_cross_entropy_with_logits(
            output.logits[real], named[real], pos_weight=torch.tensor(_RARE), reduction="mean"
        )
        framed = output.pred_boxes[image, patch]
        shared = generalized_box_iou(center_to_corners_format(framed), center_to_corners_format(boxes)).diag()
        lesson = dense_loss(helper(output.image_embeds.flatten(1, 2)), pictures, scenes)
        return 10 * told + 5 * 4 * l1_loss(framed, boxes) + 2 * (1 - shared).mean() + lesson

    def measure(self, folder: Path, scenes: Sequence[Scene]) -> dict[str, float]:
        from .evaluate import detection

        found = detection(Owl.load(str(folder), threshold=0.0), scenes, THRESHOLD)
        return {f"OWLv2, {name}": value for name, value in found.items()}


def _with_quiet_heads(network: Any) -> Any:
    """Let the heads of an OWLv2 begin quietly, each box as its patch. They come with weights of spread 1, from which
    nothing is learnt: every box and every score is at an end of its range.
    """
    import torch

    for part in network.modules():
        if isinstance(part, torch.nn.Linear) and part.weight.std() > 0.5:
            torch.nn.init.xavier_uniform_(part.weight)
    torch.nn.init.zeros_(network.box_head.dense2.weight)
    for part, start in ((network.class_head.logit_scale, _SCALE), (network.class_head.logit_shift, _SHIFT)):
        torch.nn.init.zeros_(part.weight)
        torch.nn.init.constant_(part.bias, start)
    return network


def _with_clip(network: Any) -> Any:
    """Give an OWLv2 the encoders of the family's CLIP, if there is one yet."""
    import torch
    import transformers

    folder = CHECKPOINTS / "clip"
    if (folder / "training.json").exists():
        known = transformers.CLIPModel.from_pretrained(folder, dtype=torch.float32).state_dict()
        network.owlv2.load_state_dict({name.replace("pre_layrnorm", "pre_layernorm"): known[name] for name in known})
    return network


def _words(asked: Sequence[Sequence[Phrase]], most: int) -> dict[str, Any]:
    """Return ids and mask (B · most, L) of phrases; one that is none begins with 0, which the network leaves out."""
    sentences = [TEMPLATE.format(phrases[i][0] if i < len(phrases) else "") for phrases in asked for i in range(most)]
    words = tokens()(sentences, padding="max_length", truncation=True, max_length=LENGTH, return_tensors="pt")
    none = [i >= len(phrases) for phrases in asked for i in range(most)]
    words["input_ids"][none, 0] = 0
    return {"input_ids": words["input_ids"], "attention_mask": words["attention_mask"]}
