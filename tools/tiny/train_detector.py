"""Boxes for a phrase: a Grounding DINO (Liu et al., ECCV 2024, arXiv 2303.05499) with its matching loss.

Half of the images come with one phrase, as they will in use; half with a phrase for each kind of object and some for
objects that are not there, which teaches more per step. Some pictures have a thing in them that is no shape, and some
look as if a generator had made them: what the detector is to judge. A helper names shape and color at every cell of the
finest feature map. In transformers no gradient reaches the heads that propose boxes from the encoder, so these learn
here by a loss of their own: at every cell of an object, its box and the words of its phrase.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ..detectors.grounding_dino import GroundingDino
from ..profiles import load_profile
from .asked import phrases_for, targets_of
from .chimeras import bent, melted, with_chimera
from .dense import CELLS, classes, dense_loss, owners
from .render import Picture, render
from .scenes import Scene
from .start import whiten
from .training import SIDE, Recipe, pixels
from .words import bert_tokenizer

WIDTH = 96
LENGTH = 32
"""Tokens of a phrase, or of several."""
_SPOILED = 0.4
"""Share of the scenes in which one thing is no shape."""
_CROOKED = 0.4
"""Share of the pictures whose outlines are bent."""
_MELTED = 0.4
"""Share of the pictures that look as if a generator had made them."""
_QUIET = 0.15


class DetectorRecipe(Recipe):
    """A ConvNeXt backbone at strides 8 and 16, two layers of fusion, one of decoding: 1.2 million parameters."""

    name: ClassVar[str] = "detector"
    rate: ClassVar[float] = 8e-4
    batch: ClassVar[int] = 32
    judged: ClassVar[int] = 160

    def network(self) -> Any:
        import torch
        import transformers as t

        text = t.BertConfig(
            vocab_size=len(tokens()),
            hidden_size=WIDTH,
            num_hidden_layers=2,
            num_attention_heads=4,
            intermediate_size=192,
            max_position_embeddings=LENGTH,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
        )
        image = t.ConvNextConfig(
            hidden_sizes=[48, 96, 128],
            depths=[2, 2, 1],
            num_stages=3,
            layer_scale_init_value=0.0,
            out_features=["stage2", "stage3"],
        )
        config = t.GroundingDinoConfig(
            backbone_config=image,
            text_config=text,
            d_model=WIDTH,
            encoder_layers=2,
            decoder_layers=1,
            decoder_bbox_embed_share=False,
            encoder_attention_heads=6,
            decoder_attention_heads=6,
            encoder_ffn_dim=192,
            decoder_ffn_dim=192,
            num_queries=24,
            num_feature_levels=2,
            max_text_len=LENGTH,
            dropout=0.0,
            fusion_droppath=0.0,
        )
        model = t.GroundingDinoForObjectDetection(config)
        whiten(model.model.backbone.conv_encoder.model.embeddings.patch_embeddings)
        with torch.no_grad():
            # Scores are products with the words, without a scale or an offset: start where they are near nothing.
            # A second layer of decoding would start from boxes that are read before this norm, far too loud for it.
            model.model.enc_output_norm.weight.mul_(_QUIET)
            model.model.decoder.layer_norm.weight.mul_(_QUIET)
        return model

    def loaded(self, folder: Path) -> Any:
        import torch
        import transformers

        return transformers.GroundingDinoForObjectDetection.from_pretrained(folder, dtype=torch.float32)

    def processor(self) -> Any:
        import transformers as t

        mean = [0.5] * 3
        images = t.GroundingDinoImageProcessor(
            size={"shortest_edge": SIDE, "longest_edge": 2 * SIDE}, image_mean=mean, image_std=mean
        )
        return t.GroundingDinoProcessor(images, tokens())

    def helper(self) -> Any:
        import torch

        return torch.nn.Linear(WIDTH, classes())

    def loss(self, network: Any, helper: Any, scenes: Sequence[Scene], pictures: Sequence[Picture], step: int) -> Any:
        _mend_library()
        dice = random.Random(step)
        scenes, pictures = self.prepared(scenes, pictures, dice)
        asked = [phrases_for(scene, dice) for scene in scenes]
        words = tokens()([" ".join(f"{text}." for text, _, _ in phrases) for phrases in asked], padding=True)
        words = words.convert_to_tensors("pt")
        targets = [targets_of(scene, phrases) for scene, phrases in zip(scenes, asked, strict=True)]
        seen = pixels(pictures, np.random.default_rng(step))
        output = network(pixel_values=seen, **words, labels=targets, output_hidden_states=True)
        lesson = dense_loss(helper(output.encoder_vision_hidden_states[0][:, : CELLS * CELLS]), pictures, scenes)
        return _matching_loss(output.loss_dict) + _proposal_loss(output, words, targets, pictures) + lesson

    def prepared(
        self, scenes: Sequence[Scene], pictures: Sequence[Picture], dice: random.Random
    ) -> tuple[list[Scene], list[Picture]]:
        """Return a batch as it is learned from: some things are no shapes, some pictures bent or melted."""
        pairs = list(zip(scenes, pictures, strict=True))
        for way, share in ((with_chimera, _SPOILED), (bent, _CROOKED)):
            pairs = [way(*pair, dice) if dice.random() < share else pair for pair in pairs]
        return [scene for scene, _ in pairs], melted([picture for _, picture in pairs], dice, _MELTED)

    def measure(self, folder: Path, scenes: Sequence[Scene]) -> dict[str, float]:
        """Return figures of a checkpoint, first of scenes as they are learned from: what the checks have to see."""
        from .evaluate import detection

        options = load_profile("tiny").bindings["detector"].options
        model, least = GroundingDino.load(str(folder), **{**options, "threshold": 0.0}), options["threshold"]
        spoiled, pictures = self.prepared(scenes, [render(scene, SIDE) for scene in scenes], random.Random(0))
        ap50, exact = detection(model, spoiled, least, pictures).values()
        worn = {"spoiled things, exactly the objects asked for": exact, "spoiled things, AP50": ap50}
        return {**worn, **detection(model, scenes, least)}


@cache
def _mend_library() -> None:
    """Let the loss of transformers find each image's own phrases.

    Up to 5.24 it adds to a label the number of phrases of its own image, where it needs that of all images before it:
    from the third image of a batch on, objects would be told the tokens of other images' phrases.
    """
    from transformers.loss.loss_grounding_dino import GroundingDinoImageLoss

    GroundingDinoImageLoss._get_target_classes_one_hot = _tokens_of_targets


def _tokens_of_targets(loss: Any, outputs: Any, targets: Sequence[dict[str, Any]], indices: Any) -> Any:
    """Return int64 (B, N, T): 1 at the tokens of the phrase of the object that a query is matched with."""
    import torch

    matched = zip(outputs["label_maps"], targets, indices, strict=True)
    rows = torch.cat([tokens[target["class_labels"][own]] for tokens, target, (_, own) in matched])
    wanted = torch.zeros_like(outputs["logits"], dtype=torch.long)
    wanted[loss._get_source_permutation_idx(indices)] = rows.long()
    return wanted


@cache
def tokens() -> Any:
    return bert_tokenizer(LENGTH)


def _matching_loss(parts: dict[str, Any]) -> Any:
    """Return the weighted sum of Grounding DINO over the decoder's layer; the encoder's part gives no gradient."""
    weights = {"ce": 4.0, "bbox": 5.0, "giou": 2.0}
    return sum(
        weights[name.split("_")[1]] * part
        for name, part in parts.items()
        if name.startswith("loss_") and not name.endswith("_enc")
    )


def _proposal_loss(output: Any, words: Any, targets: Sequence[dict[str, Any]], pictures: Sequence[Picture]) -> Any:
    """Return how badly the encoder's cells propose boxes and words, over both feature maps."""
    import torch
    from torch.nn.functional import binary_cross_entropy_with_logits, l1_loss
    from transformers.models.grounding_dino.modeling_grounding_dino import build_label_maps

    logits = output.enc_outputs_class  # (B, 64 + 16, T)
    maps = build_label_maps(logits, words["input_ids"])
    named, boxes, has_box = torch.zeros_like(logits), torch.zeros(*logits.shape[:2], 4), []
    for image, (picture, target) in enumerate(zip(pictures, targets, strict=True)):
        owner = torch.from_numpy(np.concatenate([owners(picture, CELLS), owners(picture, CELLS // 2)]))
        has_box.append(owner >= 0)
        boxes[image] = target["every_box"][owner.clamp(min=0)]
        phrase = target["phrase_of"][owner.clamp(min=0)].masked_fill(owner < 0, -1)
        named[image, phrase >= 0] = maps[image][phrase[phrase >= 0]].float()
    real = words["attention_mask"].bool()[:, None, :].expand(-1, logits.shape[1], -1)
    told = binary_cross_entropy_with_logits(logits[..., : real.shape[2]][real], named[..., : real.shape[2]][real])
    proposed = output.enc_outputs_coord_logits.sigmoid()[torch.stack(has_box)]
    return 10 * told + 5 * 4 * l1_loss(proposed, boxes[torch.stack(has_box)])
