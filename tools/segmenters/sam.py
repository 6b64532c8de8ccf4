"""Boxes to pixels by SAM (Kirillov et al., ICCV 2023, arXiv 2304.02643) and SAM 2 (Ravi et al., arXiv 2408.00714)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from .. import hub
from ..model import Segmenter
from ..values import Detections, Image, Mask
from ..values.base import Array
from .boxed import mask_of, within

CLASSES = {"sam": "SamModel", "sam2": "Sam2Model", "sam2_video": "Sam2Model"}
"""Architecture in a checkpoint's config → class of transformers; the image half of a video model is used."""

_AT_ONCE = 32
"""Boxes decoded in one pass."""
_PIXELS = 4 * 1024**2
"""Most pixels, at the network's size, that pass the encoder together."""
_KEPT = 8
"""Images that are remembered: as many as a batch of calls has."""
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
        self._memo = hub.Memo(_KEPT)

    @classmethod
    def load(cls, source: str | Mapping[str, str], *, device: str = "cpu", dtype: str = "float32") -> Self:
        """Load a checkpoint of SAM or SAM 2. Raises ToolError as `hub.load` does."""
        return cls(hub.load(CLASSES, source, device=device, dtype=dtype))

    def segment(self, image: Image, boxes: Detections) -> Mask:
        """Return the union of the objects in the boxes, at the image's own resolution.

        Raises ToolError when no box lies in the image or nothing is found in them.
        """
        return self.segment_many([image], [boxes])[0]

    def segment_many(self, images: Sequence[Image], boxes: Sequence[Detections]) -> list[Mask]:
        """Cut each image's own objects out; images that are not known yet pass the encoder together."""
        inside = [within(*pair) for pair in zip(images, boxes, strict=True)]
        seen = self._seen(images)
        return [self._cut_out(*each) for each in zip(images, seen, inside, boxes, strict=True)]

    def _cut_out(self, image: Image, seen: Seen, xyxy: Array, boxes: Detections) -> Mask:
        width, height = image.size_wh
        selected = np.zeros((height, width), np.bool_)
        for start in range(0, len(xyxy), _AT_ONCE):
            for logits in self._decode(seen, xyxy[start : start + _AT_ONCE], image.size_wh):
                selected |= _at_size(logits, seen, image.size_wh)
        return mask_of(selected, boxes)

    def _seen(self, images: Sequence[Image]) -> list[Seen]:
        """Return the images after the encoder, each of them encoded once."""
        found: dict[Image, Any] = {image: self._memo.find(image) for image in images}
        new = [image for image, seen in found.items() if seen is None]
        for image, seen in zip(new, self._encode(new) if new else (), strict=True):
            found[image] = seen
            self._memo.keep(image, seen)
        return [found[image] for image in images]

    def _encode(self, images: Sequence[Image]) -> list[Seen]:
        import torch

        rgb = [hub.opaque(image, _LONGEST) for image in images]
        inputs = self._processor(images=rgb, input_data_format="channels_last", return_tensors="pt")
        pixels = inputs["pixel_values"]  # (B, 3, S, S)
        side = int(pixels.shape[-1])
        filled = inputs.get("reshaped_input_sizes", torch.tensor([[side, side]] * len(images))).tolist()
        found = []
        for batch in pixels.split(max(1, _PIXELS // side**2)):
            with torch.inference_mode():
                every = self._model.get_image_embeddings(batch.to(self._model.device, self._model.dtype))
            found += [_one_of(every, place) for place in range(len(batch))]
        sizes = [(int(width), int(height)) for height, width in filled]
        return [Seen(embeddings, side, size_wh) for embeddings, size_wh in zip(found, sizes, strict=True)]

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


def _one_of(embeddings: Any, place: int) -> Any:
    """Return one image's part of a tensor (B, …) or of a list of them, which does not keep the others in memory."""
    if isinstance(embeddings, list | tuple):
        return [_one_of(level, place) for level in embeddings]
    return embeddings[place : place + 1].clone()


def _at_size(logits: Any, seen: Seen, size_wh: tuple[int, int]) -> Array:
    """Return bool (H, W) from a square of logits (s, s): scaled to the input, cut to the image, scaled to its size."""
    from torch.nn.functional import interpolate

    width, height = seen.size_wh
    square = interpolate(logits[None, None], (seen.side, seen.side), mode="bilinear", align_corners=False)
    part = square[..., :height, :width]
    plane = interpolate(part, (size_wh[1], size_wh[0]), mode="bilinear", align_corners=False)[0, 0] > 0
    result: Array = plane.cpu().numpy()
    return result
