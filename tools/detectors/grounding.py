"""What every adapter of Grounding DINO does alike: how a phrase is put to it, and which searches it makes together."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

from .. import hub
from ..batching import alike
from ..model import Detector
from ..values import Detections, Image
from .phrases import ONE_OBJECT, detections


class Search(NamedTuple):
    """One phrase and one image."""

    image: Image
    query: str
    phrase: str
    """The query as the network reads it."""


class Seen(NamedTuple):
    """What the network says of B searches."""

    logits: Any
    """float32 (B, N, T): how well each token of the phrase fits each box; -inf where there is none."""
    boxes: Any
    """float32 (B, N, 4): middle and size, as shares of the image."""
    same: float = ONE_OBJECT
    """Intersection over union from which on two boxes are one thing."""


class Grounding(hub.Movable, Detector):
    """Finds what a phrase names: the phrase and the image attend to each other at every level."""

    memory_mb: ClassVar[int] = 1500

    def __init__(self, model: Any, tokenizer: Any, most_tokens: int, threshold: float) -> None:
        """`most_tokens` is the longest phrase, `threshold` the least score in [0, 1] of a box."""
        self._model, self._tokenizer = model, tokenizer
        self._most_tokens, self._threshold = most_tokens, threshold

    def detect(self, image: Image, query: str) -> Detections:
        """Return what `query` names, surest first. Raises ToolError for an empty phrase or NaN."""
        return self._found([Search(image, query, self._phrase(query))])[0]

    def detect_many(self, images: Sequence[Image], queries: Sequence[str]) -> list[Detections]:
        """Detect one query in each image; images of one size with phrases of one length pass the network together."""
        searches = [Search(*pair, self._phrase(pair[1])) for pair in zip(images, queries, strict=True)]
        found: dict[int, Detections] = {}
        for places in alike(searches, self._size):
            found.update(zip(places, self._found([searches[place] for place in places]), strict=True))
        return [found[place] for place in range(len(searches))]

    @abstractmethod
    def _see(self, searches: Sequence[Search]) -> Seen:
        """Send images of one size, and phrases of one length, through the network."""

    def _phrase(self, query: str) -> str:
        # A period ends a phrase for this model: one inside would make it look for two things.
        phrase = query.lower().replace(".", " ").strip()
        return hub.fitted(self._tokenizer, phrase, self._most_tokens - 1, "phrase") + "."

    def _size(self, search: Search) -> tuple[tuple[int, int], int]:
        """Return what searches must share: padding would change what the network sees at the edges."""
        return search.image.size_wh, len(self._tokenizer(search.phrase)["input_ids"])

    def _found(self, searches: Sequence[Search]) -> list[Detections]:
        logits, boxes, same = self._see(searches)
        scores = hub.checked(logits, "the detector").sigmoid().amax(dim=-1)  # (B, N), tokens (B, N, T) before
        return [
            detections(
                boxes[place],
                scores[place],
                query,
                square_wh=image.size_wh,
                size_wh=image.size_wh,
                threshold=self._threshold,
                same=same,
            )
            for place, (image, query, _) in enumerate(searches)
        ]
