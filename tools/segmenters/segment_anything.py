"""Boxes to pixels by the package `segment-anything`: the authors' own network (Kirillov et al., arXiv 2304.02643)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np

from .. import hub, tensors
from ..errors import ToolError
from ..model import Segmenter
from ..values import Detections, Image, Mask
from ..values.base import Array
from .boxed import mask_of, within

_AT_ONCE = 32
"""Boxes decoded in one pass."""
_MASK_HEADS = 8
"""Attention heads of the mask decoder in every published size; tensors do not show it."""

# The same network in transformers, which is what the hub has as safetensors: its names → the package's.
_NAMES = [
    (r"^shared_image_embedding\.positional_embedding$", "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix"),
    (r"^vision_encoder\.layers\.", "image_encoder.blocks."),
    (r"^vision_encoder\.", "image_encoder."),
    (r"\.patch_embed\.projection\.", ".patch_embed.proj."),
    (r"\.neck\.conv1\.", ".neck.0."),
    (r"\.neck\.layer_norm1\.", ".neck.1."),
    (r"\.neck\.conv2\.", ".neck.2."),
    (r"\.neck\.layer_norm2\.", ".neck.3."),
    (r"\.mask_embed\.conv1\.", ".mask_downscaling.0."),
    (r"\.mask_embed\.layer_norm1\.", ".mask_downscaling.1."),
    (r"\.mask_embed\.conv2\.", ".mask_downscaling.3."),
    (r"\.mask_embed\.layer_norm2\.", ".mask_downscaling.4."),
    (r"\.mask_embed\.conv3\.", ".mask_downscaling.6."),
    (r"\.point_embed\.", ".point_embeddings."),
    (r"\.upscale_conv1\.", ".output_upscaling.0."),
    (r"\.upscale_layer_norm\.", ".output_upscaling.1."),
    (r"\.upscale_conv2\.", ".output_upscaling.3."),
    (r"((?:mlps\.\d+|prediction_head)\.)layers\.0\.", r"\1layers.1."),
    (r"((?:mlps\.\d+|prediction_head)\.)proj_in\.", r"\1layers.0."),
    (r"((?:mlps\.\d+|prediction_head)\.)proj_out\.", r"\1layers.2."),
    (r"layer_norm", "norm"),
]


class _Seen(NamedTuple):
    """An image after the encoder."""

    features: Any
    """float32 (1, C, s, s)."""
    input_hw: tuple[int, int]
    """The part of the network's square input that the image fills, from its top left corner."""


class SegmentAnything(hub.Movable, Segmenter):
    """SAM as its authors' package runs it: the encoder once per image, then all its boxes in one batch.

    Weights are those of the package in safetensors, or of `SamModel` of transformers, in any of the three sizes: the
    tensors show which.
    """

    memory_mb: ClassVar[int] = 2700

    def __init__(self, model: Any) -> None:
        from segment_anything.utils.transforms import ResizeLongestSide

        self._model = model
        self._resize = ResizeLongestSide(model.image_encoder.img_size)
        self._memo = hub.Memo()

    @classmethod
    def load(cls, source: str | Mapping[str, str], *, device: str = "cpu", dtype: str = "float32") -> Self:
        """Load a checkpoint. The image encoder computes in `dtype`, the small rest in float32, as the package must.

        Raises ToolError for a pickle, another architecture, missing tensors, and a dtype or device that is not there.
        """
        place, precision = hub.placed(device, dtype)
        checkpoint, folder = tensors.folder_of(source)
        given = tensors.read(folder, checkpoint)
        if "vision_encoder.pos_embed" in given:
            given = tensors.renamed(given, _package_name)
        with tensors.without_weights():
            network = _network(given, checkpoint)
        model = tensors.fill(network, given, checkpoint)
        model.image_encoder.to(precision)
        return cls(model.to(place))

    def segment(self, image: Image, boxes: Detections) -> Mask:
        """Return the union of the objects in the boxes, at the image's own resolution.

        Raises ToolError when no box lies in the image or nothing is found in them.
        """
        import torch

        width, height = image.size_wh
        xyxy = within(image, boxes)
        selected = np.zeros((height, width), np.bool_)
        with torch.inference_mode():
            seen: _Seen = self._memo.get(image, lambda: self._encode(image))
            for start in range(0, len(xyxy), _AT_ONCE):
                # One mask at a time is brought to full size: a batch of them would take gigabytes for a photo.
                for logits in self._decode(seen, xyxy[start : start + _AT_ONCE], (height, width)):
                    plane = self._model.postprocess_masks(logits[None], seen.input_hw, (height, width))
                    selected |= (plane[0, 0] > self._model.mask_threshold).cpu().numpy()
        return mask_of(selected, boxes)

    def _encode(self, image: Image) -> _Seen:
        import torch

        model = self._model
        pixels = torch.from_numpy(np.array(self._resize.apply_image(hub.opaque(image))))  # (h, w, 3)
        pixels = model.preprocess(pixels.permute(2, 0, 1)[None].to(model.device))  # (1, 3, S, S)
        features = model.image_encoder(pixels.to(model.image_encoder.pos_embed.dtype)).float()
        return _Seen(features, self._resize.get_preprocess_shape(*image.size_wh[::-1], self._resize.target_length))

    def _decode(self, seen: _Seen, xyxy: Array, size_hw: tuple[int, int]) -> Any:
        """Return float32 (N, 1, s, s): above 0 on the object of each box (N, 4)."""
        import torch

        model = self._model
        moved = torch.as_tensor(self._resize.apply_boxes(xyxy, size_hw), dtype=torch.float32, device=model.device)
        sparse, dense = model.prompt_encoder(points=None, boxes=moved, masks=None)
        logits, _ = model.mask_decoder(
            image_embeddings=seen.features,
            image_pe=model.prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=False,
        )
        return hub.checked(logits, "the segmenter")


def _package_name(name: str) -> str:
    for pattern, replacement in _NAMES:
        name = re.sub(pattern, replacement, name)
    return name


def _network(given: Mapping[str, Any], checkpoint: hub.Checkpoint) -> Any:
    """Return a Sam of the size that the tensors have, without weights."""
    from segment_anything.modeling import MaskDecoder, PromptEncoder, Sam, TwoWayTransformer

    try:
        encoder = _encoder(given)
        width = encoder.neck[0].out_channels
        grid = encoder.img_size // encoder.patch_embed.proj.kernel_size[0]
        decoder = MaskDecoder(
            transformer_dim=width,
            transformer=TwoWayTransformer(
                depth=_count(given, r"mask_decoder\.transformer\.layers\.(\d+)\."),
                embedding_dim=width,
                num_heads=_MASK_HEADS,
                mlp_dim=given["mask_decoder.transformer.layers.0.mlp.lin1.weight"].shape[0],
            ),
            num_multimask_outputs=given["mask_decoder.mask_tokens.weight"].shape[0] - 1,
            iou_head_depth=_count(given, r"mask_decoder\.iou_prediction_head\.layers\.(\d+)\."),
            iou_head_hidden_dim=given["mask_decoder.iou_prediction_head.layers.0.weight"].shape[0],
        )
        channels = given["prompt_encoder.mask_downscaling.3.weight"].shape[0]
    except KeyError as error:
        raise ToolError(
            f"weights {str(checkpoint)!r} are not of SAM: they lack {error}",
            hint="take weights of the package segment-anything, or of SamModel of transformers",
        ) from error
    return Sam(encoder, PromptEncoder(width, (grid, grid), (encoder.img_size,) * 2, channels), decoder)


def _encoder(given: Mapping[str, Any]) -> Any:
    """Return the image encoder: its positions tell the sides of the image and of the windows, and the heads."""
    from functools import partial

    from segment_anything.modeling import ImageEncoderViT
    from torch.nn import LayerNorm

    depth = _count(given, r"image_encoder\.blocks\.(\d+)\.")
    positions = [given[f"image_encoder.blocks.{i}.attn.rel_pos_h"].shape for i in range(depth)]  # (2 * side - 1, head)
    patch = given["image_encoder.patch_embed.proj.weight"].shape[-1]
    _, grid, _, width = given["image_encoder.pos_embed"].shape
    sides = [(length + 1) // 2 for length, _ in positions]
    return ImageEncoderViT(
        img_size=grid * patch,
        patch_size=patch,
        embed_dim=width,
        depth=depth,
        num_heads=width // positions[0][1],
        mlp_ratio=given["image_encoder.blocks.0.mlp.lin1.weight"].shape[0] / width,
        out_chans=given["image_encoder.neck.0.weight"].shape[0],
        norm_layer=partial(LayerNorm, eps=1e-6),
        use_rel_pos=True,
        window_size=min(sides),
        global_attn_indexes=tuple(i for i, side in enumerate(sides) if side == grid),
    )


def _count(given: Mapping[str, Any], pattern: str) -> int:
    """Return how many numbered parts of a name there are. Raises KeyError when there are none."""
    numbers = {int(match[1]) for name in given if (match := re.match(pattern, name))}
    if not numbers:
        raise KeyError(pattern.replace(r"(\d+)", "0").replace("\\", ""))
    return len(numbers)
