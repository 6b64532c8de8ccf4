"""What flows along the edges of a graph. Frozen, checked once at construction, content-addressed."""

from __future__ import annotations

from .base import Value
from .codec import unpack
from .detections import Detections
from .facts import Depth, Embedding, Labels, Layout, Number, Text, Verdict
from .image import Image
from .mask import Mask

KINDS: dict[str, type[Value]] = {
    cls.kind: cls for cls in (Image, Mask, Detections, Text, Number, Labels, Layout, Depth, Embedding, Verdict)
}
"""Every value by the name used in signatures and plans."""


def decode(data: bytes) -> Value:
    """Read back what `Value.encode` wrote. Raises ValueError when the bytes are not such a value."""
    arrays, kind, facts = unpack(data)
    try:
        return KINDS[kind].join(arrays, facts)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"not a stored value: {error}") from error


__all__ = [
    "KINDS",
    "Depth",
    "Detections",
    "Embedding",
    "Image",
    "Labels",
    "Layout",
    "Mask",
    "Number",
    "Text",
    "Value",
    "Verdict",
    "decode",
]
