"""Which pixels differ between two images."""

from __future__ import annotations

import numpy as np

from ..errors import ToolError
from ..values import Image
from ..values.base import Array


def changed(before: Image, after: Image) -> Array:
    """Return bool (H, W): the pixels that differ in any channel; an image without alpha counts as opaque.

    Raises ToolError with both sizes unless they are the same.
    """
    if before.size_wh != after.size_wh:
        (width, height), (other_width, other_height) = before.size_wh, after.size_wh
        raise ToolError(
            f"'before' is {width}×{height}, but 'after' is {other_width}×{other_height}",
            hint="compare images of the same size; 'resize' makes them so",
        )
    differs: Array = (before.rgb != after.rgb).any(axis=2)
    if before.alpha is not None or after.alpha is not None:
        differs |= _opacity(before) != _opacity(after)
    return differs


def percent(part: int, whole: int) -> float:
    """Return `part` of `whole` in percent, 0 of nothing."""
    return 100 * part / whole if whole else 0.0


def _opacity(image: Image) -> Array:
    return np.full(image.rgb.shape[:2], 255, np.uint8) if image.alpha is None else image.alpha
