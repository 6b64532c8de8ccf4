"""A detector made of experts: faces, people, text, codes, colors and the main subject, without a GPU."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from functools import cache, cached_property
from typing import Any, ClassVar, Self

import numpy as np

from ..captioners.codes import detect_codes
from ..captioners.rapid_ocr import RapidOcr
from ..errors import ToolError
from ..model import Detector, TextEmbedder
from ..segmenters.isnet import IsNet
from ..text_embedding import MiniLm
from ..values import Detections, Image
from ..weights import locate, missing
from .color_areas import detect_areas
from .faces import PARTS, FaceExpert
from .people import PeopleExpert
from .routing import NONE, checked, query_of, refusal, route

SOURCES = ("face", "person", "words", "subject")
"""Parts that the profile gives weights for."""


class PhotoDetector(Detector):
    """Sends a phrase to the expert that can see what it names; each expert is loaded when it is first needed.

    Boxes are in pixels of the image as it is, whatever the experts work at, and carry exact masks unless those
    would take more than `boxes.MOST_MASK_BYTES`.
    """

    memory_mb: ClassVar[int] = 800
    concurrent: ClassVar[bool] = True

    def __init__(self, source: Mapping[str, str]) -> None:
        self._source = source
        self._reading = threading.Lock()
        """The reader of text keeps things of a call; the other experts may be asked by several threads at once."""

    @classmethod
    def load(cls, source: str | Mapping[str, str], *, device: str = "cpu", dtype: str = "float32") -> Self:
        """Take the weights of each part in `SOURCES`. Raises ToolError when a part is not named or not there."""
        if isinstance(source, str) or not set(SOURCES) <= set(source):
            raise ToolError(f"the photo detector needs weights for {', '.join(SOURCES)}; got {source!r}")
        return cls(source)

    @classmethod
    def objection(cls, params: Mapping[str, Any], source: str | Mapping[str, str]) -> str | None:
        """Say that no expert can see what `query` names; nothing when the phrase is not known before the run.

        While the sentence embedding is not fetched yet, only phrases of the prototypes can be judged.
        """
        query = query_of(params)
        if not query:
            return None
        found = route(query, _embedder(source["words"]) if isinstance(source, Mapping) else None)
        return refusal(query) if found and found.ability == NONE else None

    def detect(self, image: Image, query: str) -> Detections:
        """Return what `query` names, surest first. Raises ToolError when no expert can see such a thing."""
        chosen = checked(query, _loaded(self._source["words"]))
        if chosen.ability in PARTS:
            return self._faces.detect(image, chosen.ability, query)
        if chosen.color:
            return detect_areas(image, chosen.color, query)
        experts: dict[str, Callable[[Image, str], Detections]] = {
            "person": self._detect_people,
            "text": self._detect_text,
            "subject": self._detect_subject,
            "code": detect_codes,
        }
        return experts[chosen.ability](image, query)

    @cached_property
    def _faces(self) -> FaceExpert:
        return FaceExpert(locate(self._source["face"]))

    @cached_property
    def _people(self) -> PeopleExpert:
        return PeopleExpert(locate(self._source["person"]))

    @cached_property
    def _reader(self) -> RapidOcr:
        return RapidOcr.load()

    @cached_property
    def _matter(self) -> IsNet:
        return IsNet.load(self._source["subject"])

    def _detect_people(self, image: Image, query: str) -> Detections:
        return self._people.detect(image, self._faces.faces(image), query)

    def _detect_text(self, image: Image, query: str) -> Detections:
        with self._reading:
            lines = self._reader.read(image)
        return Detections(lines.xyxy, lines.labels, lines.scores, query, lines.masks)

    def _detect_subject(self, image: Image, query: str) -> Detections:
        try:
            mask = self._matter.subject(image)
        except ToolError:
            return Detections.empty(query)
        bounds = mask.bounds()
        if bounds is None:
            return Detections.empty(query)
        return Detections(np.array([bounds]), ("subject",), np.ones(1), query, mask.selected[None])


@cache
def _loaded(reference: str) -> MiniLm:
    return MiniLm.load(reference)


def _embedder(reference: str) -> TextEmbedder | None:
    """Return the embedder, loaded once per process, or None while its weights are not in the cache."""
    name = reference.removeprefix("embedded:")
    if name != reference and missing([name]):
        return None
    return _loaded(reference)
