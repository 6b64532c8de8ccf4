"""QR and bar codes, decoded by OpenCV."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..values import Detections, Image
from ..values.base import Array


@dataclass(frozen=True)
class Code:
    """One code: its message (empty when it is seen but cannot be read) and its four corners in pixels."""

    message: str
    corners: Array
    """float32 (4, 2)."""


def codes(image: Image) -> list[Code]:
    """Return the QR codes, then the bar codes."""
    import cv2

    picture = np.ascontiguousarray(image.rgb[..., ::-1])
    found, messages, corners, _ = cv2.QRCodeDetector().detectAndDecodeMulti(picture)
    squares = [Code(m, c) for m, c in zip(messages, corners, strict=True)] if found else []
    return squares + _bar_codes(picture)


def _bar_codes(picture: Array) -> list[Code]:
    """Return the bar codes of the largest scale at which one is read.

    OpenCV's detector sees bars of about two pixels only, so the picture is shrunk by quarters until it does, and
    it fails on pictures of fewer than 40 pixels.
    """
    import cv2

    detector = cv2.barcode.BarcodeDetector()
    scale, small = 1.0, picture
    while min(small.shape[:2]) >= 40:
        found, messages, corners, _ = detector.detectAndDecodeMulti(small)
        if found:
            return [Code(m, np.asarray(c / scale, np.float32)) for m, c in zip(messages, corners, strict=True) if m]
        scale *= 0.75
        small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return []


QUIET_ZONE = 1.25
"""How much larger than its modules a code is with the blank margin that belongs to it (ISO/IEC 18004: 4 modules)."""


def detect_codes(image: Image, query: str) -> Detections:
    """Return the boxes of the codes with their margin, labelled with what they say, or `code` if that is unreadable."""
    from ..detectors.boxes import clipped, stacked
    from ..detectors.faces import filled

    seen = codes(image)
    if not seen:
        return Detections.empty(query)
    outlines = [c.corners.mean(axis=0) + (c.corners - c.corners.mean(axis=0)) * QUIET_ZONE for c in seen]
    boxes = np.stack([np.concatenate([corners.min(axis=0), corners.max(axis=0)]) for corners in outlines])
    masks = stacked([filled(corners, image.size_wh) for corners in outlines])
    labels = tuple(code.message or "code" for code in seen)
    return Detections(clipped(boxes, image.size_wh), labels, np.ones(len(seen)), query, masks)
