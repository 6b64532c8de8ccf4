"""Color words: one table for everybody who names, parses or compares colors."""

from __future__ import annotations

from PIL import ImageColor


def parse_color(text: str) -> tuple[int, int, int]:
    """Return (r, g, b) in [0, 255] for a color name or `#rrggbb`. Raises ValueError with a suggestion."""
    return ImageColor.getrgb("".join(text.lower().split()))[:3]
