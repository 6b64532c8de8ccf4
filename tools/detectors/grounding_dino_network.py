"""The network of the package `groundingdino-py` for the adapter beside this file: built from plain facts.

Nothing that comes with weights is executed: the package's configurations are Python files, and here they are values.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import torch
from groundingdino.models.GroundingDINO import groundingdino as package
from groundingdino.models.GroundingDINO.backbone.backbone import Joiner
from groundingdino.models.GroundingDINO.backbone.position_encoding import build_position_encoding
from groundingdino.models.GroundingDINO.backbone.swin_transformer import SwinTransformer
from groundingdino.util.misc import NestedTensor

SWIN_T = {"embed_dim": 96, "depths": [2, 2, 6, 2], "num_heads": [3, 6, 12, 24], "window_size": 7}
SWIN_B = {"embed_dim": 128, "depths": [2, 2, 18, 2], "num_heads": [4, 8, 16, 32], "window_size": 12}
PUBLISHED: dict[str, dict[str, Any]] = {"SwinT-OGC": SWIN_T, "SwinB": SWIN_B}
"""Configuration that the authors published → its backbone; all else is the same in both."""

FACTS: dict[str, Any] = {
    "nheads": 8,
    "enc_layers": 6,
    "dec_layers": 6,
    "dim_feedforward": 2048,
    "num_queries": 900,
    "num_feature_levels": 4,
    "enc_n_points": 4,
    "dec_n_points": 4,
    "pe_temperatureH": 20,
    "pe_temperatureW": 20,
    "max_text_len": 256,
}
"""What a config.json beside the weights may say otherwise, in the package's words, with the published values."""

WIDTH = 256
"""Channels of the network; the package's positions of words are made for no other number."""

_FIXED: dict[str, Any] = {
    "hidden_dim": WIDTH,
    "position_embedding": "sine",
    "return_interm_indices": [1, 2, 3],
    "pre_norm": False,
    "dropout": 0.0,
    "query_dim": 4,
    "num_patterns": 0,
    "two_stage_type": "standard",
    "two_stage_bbox_embed_share": False,
    "two_stage_class_embed_share": False,
    "transformer_activation": "relu",
    "dec_pred_bbox_embed_share": True,
    "embed_init_tgt": True,
    "use_text_enhancer": True,
    "use_fusion_layer": True,
    # Recomputing saves memory in training only.
    "use_checkpoint": False,
    "use_transformer_ckpt": False,
    "use_text_cross_attention": True,
    "text_dropout": 0.0,
    "fusion_dropout": 0.0,
    "fusion_droppath": 0.1,
    "sub_sentence_present": True,
}
_BUILDING = threading.Lock()


class TextEncoder(torch.nn.Module):  # type: ignore[misc]
    """A BERT under the names that the package's checkpoints have, in place of its own wrapper.

    That one calls methods of BertModel that transformers 5 no longer has.
    """

    def __init__(self, bert_model: Any) -> None:
        super().__init__()
        self.config = bert_model.config
        self.embeddings, self.encoder = bert_model.embeddings, bert_model.encoder

    def forward(self, input_ids: Any, attention_mask: Any, token_type_ids: Any, position_ids: Any) -> dict[str, Any]:
        """Encode token ids (B, T), each of which sees those that bool (B, T, T) lets it see."""
        words = self.embeddings(input_ids=input_ids, token_type_ids=token_type_ids, position_ids=position_ids)
        hidden = torch.zeros_like(attention_mask, dtype=words.dtype)
        hidden = hidden.masked_fill(~attention_mask, torch.finfo(words.dtype).min)[:, None]  # (B, 1, T, T)
        return {"last_hidden_state": self.encoder(words, attention_mask=hidden)[0]}


class Seen(NestedTensor):  # type: ignore[misc]
    """Images of one size after the backbone: what the network takes instead of pixels."""

    def __init__(self, mask: Any, features: Sequence[Any], positions: Sequence[Any]) -> None:
        super().__init__(mask, mask)  # Of the pixels, the network asks only on which device they are.
        self.output = list(features), list(positions)

    @classmethod
    def together(cls, images: Sequence[Seen]) -> Seen:
        """Return one batch of several images."""
        levels = zip(*(image.output[0] for image in images), strict=True)
        features = [
            NestedTensor(*(torch.cat(part) for part in zip(*map(_parts, level), strict=True))) for level in levels
        ]
        positions = [torch.cat(level) for level in zip(*(image.output[1] for image in images), strict=True)]
        return cls(torch.cat([image.mask for image in images]), features, positions)


def _parts(level: Any) -> tuple[Any, Any]:
    return level.tensors, level.mask


class Backbone(Joiner):  # type: ignore[misc]
    """The package's backbone, which lets pass what it has seen before."""

    def forward(self, samples: Any) -> Any:
        """Return the features and the positions of each level."""
        # The lists are copied: the network adds a level of its own to them.
        return tuple(map(list, samples.output)) if isinstance(samples, Seen) else super().forward(samples)

    def see(self, pixels: Any) -> Seen:
        """Send one image, float (1, 3, h, w), through the backbone."""
        mask = torch.zeros(pixels.shape[0], *pixels.shape[2:], dtype=torch.bool, device=pixels.device)
        return Seen(mask, *self(NestedTensor(pixels, mask)))


def build(facts: Mapping[str, Any], swin: Mapping[str, Any], bert: Any, tokenizer: Any) -> Any:
    """Return a GroundingDINO of these facts around a BertModel and its tokenizer."""
    known = SimpleNamespace(**_FIXED, **facts)
    levels = known.return_interm_indices
    eyes = SwinTransformer(**swin, out_indices=tuple(levels), use_checkpoint=False)
    backbone = Backbone(eyes, build_position_encoding(known))
    backbone.num_channels = eyes.num_features[4 - len(levels) :]
    names = ("num_queries", "num_feature_levels", "nheads", "two_stage_type", "num_patterns", "max_text_len")
    shared = {name: getattr(known, name) for name in (*names, "two_stage_bbox_embed_share", "sub_sentence_present")}
    with _given(bert, tokenizer):
        return package.GroundingDINO(
            backbone,
            package.build_transformer(known),
            aux_loss=True,
            iter_update=True,
            query_dim=known.query_dim,
            dec_pred_bbox_embed_share=known.dec_pred_bbox_embed_share,
            two_stage_class_embed_share=known.two_stage_class_embed_share,
            dn_number=0,
            **shared,
        )


@contextmanager
def _given(bert: Any, tokenizer: Any) -> Iterator[None]:
    """Let the package's constructor take this text encoder, where it would look for one on the hub by a fixed name."""
    given = SimpleNamespace(get_tokenlizer=lambda _: tokenizer, get_pretrained_language_model=lambda _: bert)
    with _BUILDING:
        before = package.get_tokenlizer, package.BertModelWarper
        package.get_tokenlizer, package.BertModelWarper = given, TextEncoder
        try:
            yield
        finally:
            package.get_tokenlizer, package.BertModelWarper = before


# The same network in transformers, which is what the hub has as safetensors: its names → the package's.
_NAMES = [
    (
        r"^model\.backbone\.conv_encoder\.model\.embeddings\.patch_embeddings\.projection\.",
        "backbone.0.patch_embed.proj.",
    ),
    (r"^model\.backbone\.conv_encoder\.model\.embeddings\.norm\.", "backbone.0.patch_embed.norm."),
    (r"^model\.backbone\.conv_encoder\.model\.encoder\.", "backbone.0."),
    (r"(blocks\.\d+\.)layernorm_before\.", r"\1norm1."),
    (r"(blocks\.\d+\.)layernorm_after\.", r"\1norm2."),
    (r"(blocks\.\d+\.)attention\.self\.", r"\1attn."),
    (r"(blocks\.\d+\.)attention\.output\.dense\.", r"\1attn.proj."),
    (r"(blocks\.\d+\.)intermediate\.dense\.", r"\1mlp.fc1."),
    (r"(blocks\.\d+\.)output\.dense\.", r"\1mlp.fc2."),
    (r"^model\.input_proj_vision\.", "input_proj."),
    (r"^model\.text_backbone\.", "bert."),
    (r"^model\.text_projection\.", "feat_map."),
    (r"^model\.query_position_embeddings\.", "transformer.tgt_embed."),
    (r"^model\.encoder_output_bbox_embed\.", "transformer.enc_out_bbox_embed."),
    (r"^model\.(level_embed$|enc_output)", r"transformer.\1"),
    (r"^model\.encoder\.layers\.(\d+)\.text_enhancer_layer\.", r"transformer.encoder.text_layers.\1."),
    (r"^model\.encoder\.layers\.(\d+)\.fusion_layer\.", r"transformer.encoder.fusion_layers.\1."),
    (r"^model\.encoder\.layers\.(\d+)\.deformable_layer\.", r"transformer.encoder.layers.\1."),
    (r"^model\.decoder\.layer_norm\.", "transformer.decoder.norm."),
    (r"^model\.decoder\.reference_points_head\.", "transformer.decoder.ref_point_head."),
    (r"^model\.decoder\.", "transformer.decoder."),
    (r"(text_layers\.\d+\.)layer_norm_before\.", r"\1norm1."),
    (r"(text_layers\.\d+\.)layer_norm_after\.", r"\1norm2."),
    (r"(fusion_layers\.\d+\.)vision_param$", r"\1gamma_v"),
    (r"(fusion_layers\.\d+\.)text_param$", r"\1gamma_l"),
    (r"(fusion_layers\.\d+\..*)vision(_proj)?\.", r"\1v\2."),
    (r"(fusion_layers\.\d+\..*)text(_proj)?\.", r"\1l\2."),
    (r"(decoder\.layers\.\d+\.)self_attn_layer_norm\.", r"\1norm2."),
    (r"(decoder\.layers\.\d+\.)final_layer_norm\.", r"\1norm3."),
    (r"(decoder\.layers\.\d+\.)encoder_attn_text_layer_norm\.", r"\1catext_norm."),
    (r"(decoder\.layers\.\d+\.)encoder_attn_text\.", r"\1ca_text."),
    (r"(decoder\.layers\.\d+\.)encoder_attn_layer_norm\.", r"\1norm1."),
    (r"(decoder\.layers\.\d+\.)encoder_attn\.", r"\1cross_attn."),
    (r"(encoder\.layers\.\d+\.)self_attn_layer_norm\.", r"\1norm1."),
    (r"(encoder\.layers\.\d+\.)final_layer_norm\.", r"\1norm2."),
    (r"^(transformer\..*layers\.\d+\.)fc(\d)\.", r"\1linear\2."),
]
_STAGE = re.compile(r"^model\.backbone\.conv_encoder\.model\.hidden_states_norms\.stage(\d+)\.")
_THIRD = re.compile(r"^(?!bert\.)(.*attn|.*ca_text)\.(query|key|value)\.(weight|bias)$")
"""One of three projections that the package keeps in one tensor."""


def package_names(tensors: Mapping[str, Any]) -> dict[str, Any]:
    """Return the tensors of a `GroundingDinoForObjectDetection` of transformers as the package names and joins them."""
    named = {_package_name(name): tensor for name, tensor in tensors.items()}
    joined: dict[str, Any] = {}
    for name, tensor in named.items():
        match = _THIRD.match(name)
        if match is None:
            joined[name] = tensor
        elif match[2] == "query":
            thirds = [named[f"{match[1]}.{part}.{match[3]}"] for part in ("query", "key", "value")]
            whole = f"qkv.{match[3]}" if name.startswith("backbone.") else f"in_proj_{match[3]}"
            joined[f"{match[1]}.{whole}"] = torch.cat(thirds)
    return joined


def _package_name(name: str) -> str:
    name = _STAGE.sub(lambda match: f"backbone.0.norm{int(match[1]) - 1}.", name)
    for pattern, replacement in _NAMES:
        name = re.sub(pattern, replacement, name)
    return name


def package_facts(config: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return (facts, backbone) of a GroundingDinoConfig of transformers, in the package's words."""
    theirs = {
        "nheads": "encoder_attention_heads",
        "enc_layers": "encoder_layers",
        "dec_layers": "decoder_layers",
        "dim_feedforward": "encoder_ffn_dim",
        "num_queries": "num_queries",
        "num_feature_levels": "num_feature_levels",
        "enc_n_points": "encoder_n_points",
        "dec_n_points": "decoder_n_points",
        "pe_temperatureH": "positional_embedding_temperature",
        "pe_temperatureW": "positional_embedding_temperature",
        "max_text_len": "max_text_len",
    }
    return {mine: config[name] for mine, name in theirs.items()}, {
        name: config["backbone_config"][name] for name in SWIN_T
    }
