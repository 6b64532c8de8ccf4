"""Editors for light, color balance and clarity."""

from __future__ import annotations

from ..parameters import Change, Percent
from ..tool import tool
from ..values import Image, Mask


@tool(family="editor")
def adjust(
    image: Image,
    mask: Mask | None = None,
    brightness: Change = 0.0,
    contrast: Change = 0.0,
    saturation: Change = 0.0,
    temperature: Change = 0.0,
) -> Image:
    """Make the selected pixels brighter or darker, of more or less contrast, more or less colorful, warmer or cooler."""


@tool(family="editor")
def enhance_light(image: Image) -> Image:
    """Rescue a dark or badly lit photo: lift the shadows, keep the highlights."""


@tool(family="editor")
def auto_contrast(image: Image) -> Image:
    """Improve a dull photo: stretch its tones over the full range."""


@tool(family="editor")
def white_balance(image: Image) -> Image:
    """Remove a color cast so that grey looks grey."""


@tool(family="editor")
def dehaze(image: Image) -> Image:
    """Remove haze, fog or mist."""


@tool(family="editor")
def sharpen(image: Image, mask: Mask | None = None, strength: Percent = 50.0) -> Image:
    """Make the selected pixels, or the whole image, crisper; also the mend for a slightly blurred photo."""


@tool(family="editor")
def denoise(image: Image, strength: Percent = 50.0) -> Image:
    """Remove noise and grain."""


@tool(family="editor")
def vignette(image: Image, strength: Percent = 50.0) -> Image:
    """Darken the corners."""
