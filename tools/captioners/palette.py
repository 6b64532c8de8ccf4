"""Which colors an image is made of."""

from __future__ import annotations

from collections import Counter

import numpy as np

from ..colors import name_color
from ..values import Image

_SIDE = 256
"""Longer side, in pixels, of the thumbnail that is counted."""
_STEP = 16
"""Width of a bin of the color histogram, per channel."""


def palette(image: Image) -> list[tuple[str, float]]:
    """Return (color name, share of the visible pixels), largest share first; the shares sum to 1.

    Each bin of a coarse RGB histogram is named by the mean color of its pixels; bins of one name are added up.
    """
    small = np.asarray(image.thumbnail(_SIDE))
    pixels = small[..., :3].reshape(-1, 3)
    if small.shape[2] == 4 and small[..., 3].any():
        pixels = pixels[small[..., 3].reshape(-1) > 127] if (small[..., 3] > 127).any() else pixels
    bins = (pixels // _STEP).astype(np.int64) @ np.array([256**2, 256, 1])
    _, index, counts = np.unique(bins, return_inverse=True, return_counts=True)
    sums = np.stack([np.bincount(index.reshape(-1), weights=pixels[:, channel]) for channel in range(3)], axis=1)
    shares: Counter[str] = Counter()
    for mean, count in zip(sums / counts[:, None], counts, strict=True):
        shares[name_color(mean)] += count / len(pixels)
    return [(name, float(share)) for name, share in shares.most_common()]
