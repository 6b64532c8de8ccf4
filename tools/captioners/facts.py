"""A description put together from what the experts found: dull, and true."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Self

from ..colors import LUMA
from ..detectors.photo import PhotoDetector
from ..model import Captioner
from ..values import Detections, Image, Text
from .palette import palette
from .rapid_ocr import reading_order

_DARK, _BRIGHT = 70, 190
"""Mean brightness in [0, 255] beyond which an image is called dark or bright."""
_MOST_WORDS = 12
"""How many lines of text are quoted."""


class FactCaptioner(Captioner):
    """Says how many people and faces there are, what is written, which codes and colors, and the shape."""

    memory_mb: ClassVar[int] = 450

    def __init__(self, detector: PhotoDetector) -> None:
        self._detector = detector

    @classmethod
    def load(cls, source: str | Mapping[str, str], *, device: str = "cpu", dtype: str = "float32") -> Self:
        """Take the weights of a photo detector. Raises ToolError when a part is not there."""
        return cls(PhotoDetector.load(source, device=device, dtype=dtype))

    def caption(self, image: Image) -> Text:
        """Return English sentences; what was not found is not mentioned."""
        people, faces, text, code = (self._detector.detect(image, q) for q in ("person", "face", "text", "qr code"))
        parts = [_shape(image), _people(len(people), len(faces)), _quoted(text), _codes(code), _colors(image)]
        return Text(" ".join(part for part in parts if part))


def _shape(image: Image) -> str:
    width, height = image.size_wh
    form = (
        "square" if abs(width - height) < 0.05 * max(width, height) else "landscape" if width > height else "portrait"
    )
    light = float(image.rgb.mean(axis=(0, 1)) @ LUMA)
    tone = "dark " if light < _DARK else "bright " if light > _BRIGHT else ""
    return f"A {tone}{form} image of {width} × {height} pixels."


def _people(people: int, faces: int) -> str:
    if not people and not faces:
        return ""
    seen = f"{max(people, faces)} {'person' if max(people, faces) == 1 else 'people'}"
    shown = "no face" if not faces else "1 face" if faces == 1 else f"{faces} faces"
    return f"It shows {seen}, {shown} visible."


def _quoted(text: Detections) -> str:
    lines = [text.labels[index] for index in reading_order(text)]
    if not lines:
        return ""
    more = f" and {len(lines) - _MOST_WORDS} more lines" if len(lines) > _MOST_WORDS else ""
    return f"It says {', '.join(repr(line) for line in lines[:_MOST_WORDS])}{more}."


def _codes(codes: Detections) -> str:
    if not len(codes):
        return ""
    return f"It holds {len(codes)} code{'s' * (len(codes) > 1)}: {', '.join(repr(label) for label in codes.labels)}."


def _colors(image: Image) -> str:
    names = [name for name, share in palette(image)[:3] if share >= 0.05]
    return f"Its main colors are {', '.join(names)}." if names else ""
