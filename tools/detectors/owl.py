"""Boxes for any phrase by OWLv2 (Minderer et al., NeurIPS 2023, arXiv 2306.09683)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Self

from .. import hub
from ..model import Detector
from ..values import Detections, Image
from .phrases import detections

CLASSES = {"owlv2": "Owlv2ForObjectDetection"}
"""Architecture in a checkpoint's config → class of transformers."""

_LONGEST = 2000
"""Longer side, in pixels, at which the processor gets the image; the network itself works at 1008 or less."""
TEMPLATE = "a photo of a {}"
"""The sentence that a phrase is put into."""


class Owl(hub.Movable, Detector):
    """Compares each patch of the image with the phrase, as CLIP compares whole images."""

    memory_mb: ClassVar[int] = 1000

    def __init__(self, loaded: hub.Loaded, threshold: float) -> None:
        self._model, self._processor, self._threshold = loaded.model, loaded.processor, threshold

    @classmethod
    def load(
        cls,
        source: str | Mapping[str, str],
        *,
        device: str = "cpu",
        dtype: str = "float32",
        threshold: float = 0.2,
    ) -> Self:
        """Load a checkpoint; `threshold` is the least score in [0, 1] of a box.

        It computes in float32 whatever `dtype` says: in bfloat16 a coordinate moves by up to 0.4 % of the image.
        """
        return cls(hub.load(CLASSES, source, device=device, dtype="float32"), threshold)

    def detect(self, image: Image, query: str) -> Detections:
        """Return what `query` names, surest first. Raises ToolError for an empty phrase or NaN."""
        return self.detect_many([image], [query])[0]

    def detect_many(self, images: Sequence[Image], queries: Sequence[str]) -> list[Detections]:
        """Detect one query in each image, all in one pass: the network sees every image at one size."""
        import torch

        inputs = self._processor(
            images=[hub.opaque(image, _LONGEST) for image in images],
            text=[[self._phrase(query)] for query in queries],
            input_data_format="channels_last",
            return_tensors="pt",
            max_length=self._limit,
        )
        with torch.inference_mode():
            output = self._model(**inputs.to(self._model.device))
        scores = output.logits.sigmoid().amax(dim=-1)  # (B, N, 1) → (B, N)
        return [
            detections(
                output.pred_boxes[place],
                scores[place],
                query,
                # The processor pads an image to a square at the right and the bottom: boxes are shares of it.
                square_wh=(max(image.size_wh), max(image.size_wh)),
                size_wh=image.size_wh,
                threshold=self._threshold,
            )
            for place, (image, query) in enumerate(zip(images, queries, strict=True))
        ]

    @property
    def _limit(self) -> int:
        """Tokens that the text encoder reads."""
        return int(self._model.config.text_config.max_position_embeddings)

    def _phrase(self, query: str) -> str:
        tokenizer = self._processor.tokenizer
        room = self._limit - len(tokenizer(TEMPLATE.format(""), add_special_tokens=False)["input_ids"])
        return TEMPLATE.format(hub.fitted(tokenizer, query.lower().strip(), room, "phrase"))
