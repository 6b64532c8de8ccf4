"""Pixels, as every tool sees them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from .base import Array, Value, frozen

if TYPE_CHECKING:
    from PIL.Image import Image as PILImage


@dataclass(frozen=True, eq=False)
class Image(Value):
    """A picture at its native resolution."""

    kind: ClassVar[str] = "Image"

    pixels: Array
    """uint8, (H, W, 3) RGB or (H, W, 4) RGBA with straight alpha, sRGB, upright. Read-only."""

    def __post_init__(self) -> None:
        shape = self.pixels.shape
        if self.pixels.dtype != np.uint8 or len(shape) != 3 or shape[2] not in (3, 4) or 0 in shape:
            raise ValueError(f"Image needs uint8 (H, W, 3) or (H, W, 4), not {self.pixels.dtype} {shape}")
        object.__setattr__(self, "pixels", frozen(self.pixels))

    @property
    def rgb(self) -> Array:
        """uint8 (H, W, 3): the colours without alpha. Read-only."""
        return self.pixels[..., :3]

    @property
    def alpha(self) -> Array | None:
        """uint8 (H, W), or None for an opaque image."""
        return self.pixels[..., 3] if self.pixels.shape[2] == 4 else None

    @property
    def size_wh(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.pixels.shape[1], self.pixels.shape[0]

    def with_rgb(self, rgb: Array) -> Image:
        """Return a new image with other colours (uint8 (H, W, 3), same size) and this alpha."""
        if self.alpha is None:
            return Image(rgb)
        return Image(np.dstack([rgb, self.alpha]))

    @classmethod
    def from_pil(cls, picture: PILImage) -> Image:
        """Take the pixels of a PIL image; palette, grey and CMYK become RGB, transparency is kept."""
        from ..images import upright_srgb

        return upright_srgb(picture)

    def to_pil(self) -> PILImage:
        """Return a new PIL image in mode RGB or RGBA."""
        from PIL import Image as PIL

        return PIL.fromarray(np.array(self.pixels))

    def thumbnail(self, side: int = 256) -> PILImage:
        """Return a PIL image that fits into `side` × `side` pixels."""
        picture = self.to_pil()
        picture.thumbnail((side, side))
        return picture

    def parts(self) -> tuple[dict[str, Array], dict[str, Any]]:
        return {"pixels": self.pixels}, {}

    @classmethod
    def join(cls, arrays: Mapping[str, Array], facts: Mapping[str, Any]) -> Self:
        return cls(arrays["pixels"])
