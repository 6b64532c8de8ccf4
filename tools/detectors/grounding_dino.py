"""Boxes for any phrase by Grounding DINO (Liu et al., ECCV 2024, arXiv 2303.05499) and MM-Grounding-DINO."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Self

from .. import hub
from ..model import Detector
from ..values import Detections, Image
from .phrases import detections

CLASSES = {
    "grounding-dino": "GroundingDinoForObjectDetection",
    "mm-grounding-dino": "MMGroundingDinoForObjectDetection",
}
"""Architecture in a checkpoint's config → class of transformers."""

_LONGEST = 2000
"""Longer side, in pixels, at which the processor gets the image; the network itself works at 1333 or less."""


class GroundingDino(Detector):
    """Finds what a phrase names: the phrase and the image attend to each other at every level."""

    memory_mb: ClassVar[int] = 1500

    def __init__(self, loaded: hub.Loaded, threshold: float) -> None:
        self._model, self._processor, self._threshold = loaded.model, loaded.processor, threshold

    @classmethod
    def load(
        cls,
        source: str | Mapping[str, str],
        *,
        device: str = "cpu",
        dtype: str = "float32",
        threshold: float = 0.3,
    ) -> Self:
        """Load a checkpoint; `threshold` is the least score in [0, 1] of a box.

        It computes in float32 whatever `dtype` says: in bfloat16 a coordinate moves by up to 0.4 % of the image.
        """
        return cls(hub.load(CLASSES, source, device=device, dtype="float32"), threshold)

    def detect(self, image: Image, query: str) -> Detections:
        """Return what `query` names, surest first. Raises ToolError for an empty phrase or NaN."""
        import torch

        # A period ends a phrase for this model: one inside would make it look for two things.
        phrase = query.lower().replace(".", " ").strip()
        phrase = hub.fitted(self._processor.tokenizer, phrase, self._model.config.max_text_len - 1, "phrase")
        pixels = hub.opaque(image, _LONGEST)
        inputs = self._processor(
            images=pixels, text=f"{phrase}.", input_data_format="channels_last", return_tensors="pt"
        )
        with torch.inference_mode():
            output = self._model(**inputs.to(self._model.device))
        scores = hub.checked(output.logits[0], "the detector").sigmoid().amax(dim=-1)  # (N,), tokens (N, T) before
        return detections(
            output.pred_boxes[0],
            scores,
            query,
            square_wh=image.size_wh,
            size_wh=image.size_wh,
            threshold=self._threshold,
        )
