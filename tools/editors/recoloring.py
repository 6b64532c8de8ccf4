"""Another color for an object, with its shading kept."""

from __future__ import annotations

import numpy as np

from ..colors import RGB, rgb_to_lab
from ..values.base import Array

_NEUTRAL = 12.0
"""Chroma in CIE Lab below which a target color is white, gray or black."""
_PAINT = 90.0
"""Largest chroma of a painted object; pure screen colors beyond it look cut out."""
_DARKEST, _LIGHTEST = 9.0, 95.0
"""Lightness of a black and of a white object: there must be room for shadows and highlights."""


class Recoloring:
    """How one region's colors map to a target color: fitted once to the region, then applied strip by strip."""

    def __init__(self, sample: Array, target: RGB) -> None:
        """Measure `sample`, uint8 (N, 3) pixels of the object; `target` in sRGB."""
        lab = rgb_to_lab(sample)  # (N, 3)
        chroma = np.hypot(lab[:, 1], lab[:, 2])
        wanted = rgb_to_lab(target)
        wanted_chroma = float(np.hypot(wanted[1], wanted[2]))
        self.neutral = wanted_chroma < _NEUTRAL
        self.usual_chroma = float(np.percentile(chroma, 70))
        typical = lab[chroma >= np.median(chroma)] if self.usual_chroma > _NEUTRAL else lab
        self.usual_light = float(np.median(typical[:, 0]).clip(1, 99))
        full = 1.0 if self.neutral else 0.75  # a colored object may stay a little darker or lighter than its name
        light = self.usual_light + full * (float(wanted[0]) - self.usual_light)
        self.light = min(max(light, _DARKEST), _LIGHTEST)
        self.ab = wanted[1:] * min(1.0, _PAINT / max(wanted_chroma, 1e-3))  # (2,)

    def __call__(self, rgb: Array) -> Array:
        """Return float32 (h, w, 3) in [0, 255] of float32 (h, w, 3) in [0, 255]."""
        import cv2

        lab = cv2.cvtColor(rgb / 255, cv2.COLOR_RGB2LAB)
        light = self._lightness(lab[..., 0])
        amount = self._amount(lab, light)[..., None]
        changed = np.dstack([light, amount * self.ab]).astype(np.float32)
        result: Array = cv2.cvtColor(changed, cv2.COLOR_LAB2RGB) * 255
        return result

    def _lightness(self, light: Array) -> Array:
        """Move the usual lightness to the wanted one; below and above it the shading is scaled into what is left."""
        below = min(max(self.light / self.usual_light, 0.35), 1.3)
        above = min(max((100 - self.light) / (100 - self.usual_light), 0.3), 1.3)
        offset = light - self.usual_light
        moved: Array = (self.light + np.where(offset < 0, offset * below, offset * above)).clip(0, 100)
        return moved

    def _amount(self, lab: Array, light: Array) -> Array:
        """Return the share of the wanted chroma per pixel: less in shadows, in glints, and in gray parts."""
        shadow = np.minimum(light / self.light, 1)
        glint = np.minimum((100 - light) / max(100 - self.light, 1), 1)
        own = np.hypot(lab[..., 1], lab[..., 2]) / max(self.usual_chroma, 1)
        colorful = min(max((self.usual_chroma - 8) / 12, 0.0), 1.0)
        amount: Array = shadow * np.sqrt(glint) * (1 + colorful * (np.minimum(own * 1.15, 1.1) - 1))
        return amount
