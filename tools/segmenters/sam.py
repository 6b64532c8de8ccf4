"""Boxes to pixels by SAM (Kirillov et al., ICCV 2023, arXiv 2304.02643) and SAM 2 (Ravi et al., arXiv 2408.00714)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from .. import hub
from ..detectors.boxes import clipped
from ..errors import ToolError
from ..model import Segmenter
from ..values import Detections, Image, Mask
from ..values.base import Array

CLASSES = {"sam": "SamModel", "sam2": "Sam2Model", "sam2_video": "Sam2Model"}
"""Architecture in a checkpoint's config → class of transformers; the image half of a video model is used."""

_AT_ONCE = 32
"""Boxes decoded in one pass."""
_LONGEST = 2048
"""Longer side, in pixels, at which the processor gets the image; the network itself works at 1024."""


@dataclass(frozen=True)
class Seen:
    """An image after the encoder."""

    embeddings: Any
    side: int
    """The network's square input, in pixels."""
    size_wh: tuple[int, int]
    """The part of the square that the image fills, from its top left corner."""


class Sam(hub.Movable, Segmenter):
    """Encodes an image once and cuts out whatever the boxes hold; one pass of the encoder serves every box."""

    memory_mb: ClassVar[int] = 2700

    def __init__(self, loaded: hub.Loaded) -> None:
        self._model, self._processor = loaded.model, loaded.processor
        self._memo = hub.Memo()

    @classmethod
    def load(cls, source: str | Mapping[str, str], *, device: str = "cpu", dtype: str = "float32") -> Self:
        """Load a checkpoint of SAM or SAM 2. Raises ToolError as `hub.load` does."""
        return cls(hub.load(CLASSES, source, device=device, dtype=dtype))

    def segment(self, image: Image, boxes: Detections) -> Mask:
        """Return the union of the objects in the boxes, at the image's own resolution.

        Raises ToolError when no box lies in the image or nothing is found in them.
        """
        width, height = image.size_wh
        xyxy = clipped(boxes.xyxy, image.size_wh)
        xyxy = xyxy[(xyxy[:, 2:] > xyxy[:, :2]).all(axis=1)]
        if not len(xyxy):
            raise ToolError(f"no box lies inside the image of {width}×{height}", hint="find the boxes in this image")
        seen: Seen = self._memo.get(image, lambda: self._encode(image))
        selected = np.zeros((height, width), np.bool_)
        for start in range(0, len(xyxy), _AT_ONCE):
            for logits in self._decode(seen, xyxy[start : start + _AT_ONCE], image.size_wh):
                selected |= _at_size(logits, seen, image.size_wh)
        if not selected.any():
            raise ToolError(f"found no object in the boxes of {boxes.query or 'the objects'!r}", hint="use 'region'")
        return Mask(selected)

    def _encode(self, image: Image) -> Seen:
        import torch

        inputs = self._processor(
            images=hub.opaque(image, _LONGEST), input_data_format="channels_last", return_tensors="pt"
        )
        pixels = inputs["pixel_values"].to(self._model.device, self._model.dtype)  # (1, 3, S, S)
        filled = inputs["reshaped_input_sizes"][0].tolist() if "reshaped_input_sizes" in inputs else pixels.shape[-2:]
        with torch.inference_mode():
            embeddings = self._model.get_image_embeddings(pixels)
        return Seen(embeddings, int(pixels.shape[-1]), (int(filled[1]), int(filled[0])))

    def _decode(self, seen: Seen, xyxy: Array, size_wh: tuple[int, int]) -> Any:
        """Return float32 (N, s, s): above 0 on the object of each box (N, 4)."""
        import torch

        ratio = np.tile(np.array(seen.size_wh) / np.array(size_wh), 2)
        prompts = torch.tensor(xyxy * ratio, dtype=self._model.dtype, device=self._model.device)[None]
        # The model may add to the list it is given: hand it a list of its own.
        embeddings = list(seen.embeddings) if isinstance(seen.embeddings, list) else seen.embeddings
        with torch.inference_mode():
            output = self._model(image_embeddings=embeddings, input_boxes=prompts, multimask_output=False)
        return hub.checked(output.pred_masks[0, :, 0], "the segmenter").float()


def _at_size(logits: Any, seen: Seen, size_wh: tuple[int, int]) -> Array:
    """Return bool (H, W) from a square of logits (s, s): scaled to the input, cut to the image, scaled to its size."""
    from torch.nn.functional import interpolate

    width, height = seen.size_wh
    square = interpolate(logits[None, None], (seen.side, seen.side), mode="bilinear", align_corners=False)
    part = square[..., :height, :width]
    plane = interpolate(part, (size_wh[1], size_wh[0]), mode="bilinear", align_corners=False)[0, 0] > 0
    result: Array = plane.cpu().numpy()
    return result
