"""Which pixels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from .base import Array, Value, frozen

if TYPE_CHECKING:
    from PIL.Image import Image as PILImage


@dataclass(frozen=True, eq=False)
class Mask(Value):
    """A selection: True marks the pixels that an edit changes (white in a PNG)."""

    kind: ClassVar[str] = "Mask"

    selected: Array
    """bool (H, W). Read-only."""

    def __post_init__(self) -> None:
        if self.selected.dtype != np.bool_ or self.selected.ndim != 2 or 0 in self.selected.shape:
            raise ValueError(f"Mask needs bool (H, W), not {self.selected.dtype} {self.selected.shape}")
        object.__setattr__(self, "selected", frozen(self.selected))

    @property
    def size_wh(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.selected.shape[1], self.selected.shape[0]

    @property
    def share(self) -> float:
        """Selected share of the picture, in [0, 1]."""
        return float(self.selected.mean())

    def bounds(self) -> tuple[int, int, int, int] | None:
        """Half-open (x0, y0, x1, y1) around the selection, or None when nothing is selected."""
        rows, columns = np.flatnonzero(self.selected.any(axis=1)), np.flatnonzero(self.selected.any(axis=0))
        if not len(rows):
            return None
        return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1

    def thumbnail(self, side: int = 256) -> PILImage:
        """Return a black and white PIL image that fits into `side` × `side` pixels."""
        from PIL import Image as PIL

        picture = PIL.fromarray(self.selected.astype(np.uint8) * 255)
        picture.thumbnail((side, side))
        return picture

    def parts(self) -> tuple[dict[str, Array], dict[str, Any]]:
        return {"bits": np.packbits(self.selected, axis=1)}, {"width": self.selected.shape[1]}

    @classmethod
    def join(cls, arrays: Mapping[str, Array], facts: Mapping[str, Any]) -> Self:
        return cls(np.unpackbits(arrays["bits"], axis=1, count=facts["width"]).astype(bool))
