"""The editor that makes things transparent."""

from __future__ import annotations

import numpy as np

from ..tool import tool
from ..values import Image, Mask
from .compose import same_size


@tool(family="editor", mask_use="takes")
def cut_out(image: Image, mask: Mask) -> Image:
    """Keep only the selected pixels and make everything else transparent: remove the background."""
    same_size(image, mask)
    alpha = np.full(mask.selected.shape, 255, np.uint8) if image.alpha is None else image.alpha
    return Image(np.dstack([image.rgb, np.where(mask.selected, alpha, 0).astype(np.uint8)]))
