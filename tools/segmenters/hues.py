"""Which pixels a color word means, under light and in shadow.

Shading scales lightness and chroma together, so that hue and the ratio of chroma to lightness stay; a band
bounds these two, and bounds lightness only where it makes the difference, as between orange and brown.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..colors import parse_color, rgb_to_lab
from ..values.base import Array

_GRAY = 0.13
"""Saturation below which a surface looks white, gray or black."""


@dataclass(frozen=True)
class Band:
    """A range of colors in CIE Lab."""

    hue: tuple[float, float] | None
    """Degrees (from, to), counter-clockwise through 360 where from > to; None: any hue."""
    saturation: tuple[float, float]
    """Chroma / (lightness + 16): about 0 for grays, 0.3 for skin, 1.5 for pure red."""
    lightness: tuple[float, float] = (0.0, 100.0)

    def contains(self, lab: Array) -> Array:
        """Return bool (...) for float32 (..., 3): L in [0, 100], then a and b."""
        lightness, chroma = lab[..., 0], np.hypot(lab[..., 1], lab[..., 2])
        saturation = chroma / (lightness + 16)
        inside: Array = (saturation >= self.saturation[0]) & (saturation <= self.saturation[1])
        inside &= (lightness >= self.lightness[0]) & (lightness <= self.lightness[1])
        if self.hue is not None:
            start, width = self.hue[0], (self.hue[1] - self.hue[0]) % 360
            hue = np.degrees(np.arctan2(lab[..., 2], lab[..., 1]))
            inside &= (hue - start) % 360 <= width
        return inside


BASIC: dict[str, Band] = {
    "black": Band(None, (0, 0.45), (0, 20)),
    "white": Band(None, (0, _GRAY), (78, 100)),
    "gray": Band(None, (0, _GRAY), (20, 80)),
    "red": Band((8, 46), (0.85, 9), (8, 68)),
    "orange": Band((41, 80), (0.55, 1.15), (45, 100)),
    "brown": Band((30, 85), (0.22, 1.2), (10, 50)),
    "yellow": Band((80, 112), (0.42, 9), (45, 100)),
    "green": Band((105, 185), (0.2, 9), (8, 100)),
    "cyan": Band((180, 225), (0.2, 9), (30, 100)),
    "blue": Band((215, 310), (0.2, 9), (8, 100)),
    "purple": Band((305, 345), (0.2, 9), (8, 100)),
    "pink": Band((335, 25), (0.17, 0.95), (50, 100)),
}
"""What people mean by the basic color words: wide bands, not one shade."""


def band_of(color: str) -> Band:
    """Return the band of a color as a person names it. Raises ValueError for an unknown color."""
    rgb = parse_color(color)
    meant = [band for word, band in BASIC.items() if parse_color(word) == rgb]
    return meant[0] if meant else _around(rgb)


def _around(rgb: tuple[int, int, int]) -> Band:
    """Return the band around one exact color: other lighting, the same material."""
    lightness, a, b = map(float, rgb_to_lab(rgb))
    saturation = float(np.hypot(a, b)) / (lightness + 16)
    if saturation < _GRAY:
        return Band(None, (0, _GRAY), (lightness - 12, lightness + 12))
    hue = float(np.degrees(np.arctan2(b, a)))
    shades = (0.62 * (lightness + 16) - 16, 1.4 * (lightness + 16) - 16)
    return Band((hue - 16, hue + 16), (0.55 * saturation, 1.8 * saturation), shades)
