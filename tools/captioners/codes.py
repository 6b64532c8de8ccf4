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
    if min(picture.shape[:2]) < 40:  # OpenCV's bar code detector fails on smaller pictures.
        return squares
    found, messages, corners, _ = cv2.barcode.BarcodeDetector().detectAndDecodeMulti(picture)
    return squares + ([Code(m, c) for m, c in zip(messages, corners, strict=True) if m] if found else [])


def detect_codes(image: Image, query: str) -> Detections:
    """Return the boxes of the codes, labelled with what they say, or `code` where that cannot be read."""
    from ..detectors.boxes import clipped, stacked
    from ..detectors.faces import filled

    seen = codes(image)
    if not seen:
        return Detections.empty(query)
    boxes = np.stack([np.concatenate([c.corners.min(axis=0), c.corners.max(axis=0)]) for c in seen])
    masks = stacked([filled(code.corners, image.size_wh) for code in seen])
    labels = tuple(code.message or "code" for code in seen)
    return Detections(clipped(boxes, image.size_wh), labels, np.ones(len(seen)), query, masks)
