"""Boxes for any phrase by Grounding DINO (Liu et al., ECCV 2024, arXiv 2303.05499) and MM-Grounding-DINO."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, NamedTuple, Self

from .. import hub
from ..batching import alike
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


class _Search(NamedTuple):
    image: Image
    query: str
    phrase: str
    """The query as the network reads it."""


class GroundingDino(hub.Movable, Detector):
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
        return self._pass([_Search(image, query, self._phrase(query))])[0]

    def detect_many(self, images: Sequence[Image], queries: Sequence[str]) -> list[Detections]:
        """Detect one query in each image; images of one size with phrases of one length pass the network together."""
        searches = [_Search(*pair, self._phrase(pair[1])) for pair in zip(images, queries, strict=True)]
        found: dict[int, Detections] = {}
        for places in alike(searches, self._size):
            found.update(zip(places, self._pass([searches[place] for place in places]), strict=True))
        return [found[place] for place in range(len(searches))]

    def _size(self, search: _Search) -> tuple[tuple[int, int], int]:
        """Return what searches must share: padding would change what the network sees at the edges."""
        return search.image.size_wh, len(self._processor.tokenizer(search.phrase)["input_ids"])

    def _phrase(self, query: str) -> str:
        # A period ends a phrase for this model: one inside would make it look for two things.
        phrase = query.lower().replace(".", " ").strip()
        return hub.fitted(self._processor.tokenizer, phrase, self._model.config.max_text_len - 1, "phrase") + "."

    def _pass(self, searches: Sequence[_Search]) -> list[Detections]:
        """Send images of one size, and phrases of one length, through the network."""
        import torch

        inputs = self._processor(
            images=[hub.opaque(image, _LONGEST) for image, _, _ in searches],
            text=[phrase for _, _, phrase in searches],
            input_data_format="channels_last",
            return_tensors="pt",
        )
        with torch.inference_mode():
            output = self._model(**inputs.to(self._model.device))
        scores = hub.checked(output.logits, "the detector").sigmoid().amax(dim=-1)  # (B, N), tokens (B, N, T) before
        return [
            detections(
                output.pred_boxes[place],
                scores[place],
                query,
                square_wh=image.size_wh,
                size_wh=image.size_wh,
                threshold=self._threshold,
            )
            for place, (image, query, _) in enumerate(searches)
        ]
