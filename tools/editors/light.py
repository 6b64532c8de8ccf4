"""Editors for light, color balance and clarity."""

from __future__ import annotations

import numpy as np

from ..parameters import Change, Percent
from ..tool import tool
from ..values import Image, Mask
from ..values.base import Array
from .compose import Box, edit_inside, selection
from .hazes import without_haze
from .tones import fit, gray_levels, in_strips, luma, scaled, with_tones

_LARGE = 4_000_000
"""Pixels from which `denoise` searches a smaller neighborhood, so that a 12-megapixel photo does not take minutes."""


@tool(family="editor")
def adjust(
    image: Image,
    mask: Mask | None = None,
    brightness: Change = 0.0,
    contrast: Change = 0.0,
    saturation: Change = 0.0,
    temperature: Change = 0.0,
) -> Image:
    """Make the selected pixels brighter or darker, of more or less contrast, more or less colorful, warmer or
    cooler.
    """
    where = Mask(selection(image, mask))
    curve = _tone_curve(brightness, contrast)
    warmth = _warmth(temperature)
    amount = 1 + saturation / 100 * (1.5 if saturation > 0 else 1)

    def change(strip: Array, _: int) -> Array:
        light = scaled(strip * warmth, luma(strip * warmth), luma(strip)) if temperature else strip
        toned = with_tones(light, curve) if brightness or contrast else light
        gray = luma(toned)[..., None]
        return fit(gray + (toned - gray) * amount) if saturation else toned

    return edit_inside(image, where, lambda rgb, _: in_strips(rgb, change))


@tool(family="editor")
def enhance_light(image: Image) -> Image:
    """Rescue a dark or badly lit photo: lift the shadows, keep the highlights."""
    import cv2

    gray = gray_levels(image.rgb)
    middle = float(np.median(gray.clip(4, 250)))
    gamma = np.clip(np.log(0.45) / np.log(middle / 255), 0.4, 1.0)  # never darker
    curve = 255 * (np.arange(256) / 255) ** gamma
    lifted = cv2.LUT(gray, np.rint(curve).astype(np.uint8))
    local = cv2.createCLAHE(clipLimit=1.6, tileGridSize=(8, 8)).apply(lifted)
    wanted = cv2.addWeighted(lifted, 0.5, local, 0.5, 0)

    def change(strip: Array, y: int) -> Array:
        return scaled(strip, luma(strip), wanted[y : y + len(strip)].astype(np.float32))

    return image.with_rgb(in_strips(image.rgb, change))


@tool(family="editor")
def auto_contrast(image: Image) -> Image:
    """Improve a dull photo: stretch its tones over the full range."""
    low, high = np.percentile(gray_levels(image.rgb), (0.4, 99.6))
    if high - low < 8:  # nearly one tone: stretching it would only show noise
        return image
    return image.with_rgb(in_strips(image.rgb, lambda strip, _: (strip - low) * (255 / (high - low))))


@tool(family="editor")
def white_balance(image: Image) -> Image:
    """Remove a color cast so that grey looks grey."""
    gains = _gray_gains(image.rgb)

    def change(strip: Array, _: int) -> Array:
        balanced = strip * gains
        return scaled(balanced, luma(balanced), luma(strip))

    return image.with_rgb(in_strips(image.rgb, change))


@tool(family="editor")
def dehaze(image: Image) -> Image:
    """Remove haze, fog or mist."""
    return image.with_rgb(without_haze(image.rgb))


@tool(family="editor")
def sharpen(image: Image, mask: Mask | None = None, strength: Percent = 50.0) -> Image:
    """Make the selected pixels, or the whole image, crisper; also the mend for a slightly blurred photo."""
    import cv2

    where = Mask(selection(image, mask))
    radius = max(0.8, min(image.size_wh) / 700)
    amount = strength / 50 * 1.2

    def change(rgb: Array, _: Box) -> Array:
        gray = gray_levels(rgb)
        detail = gray.astype(np.int16) - cv2.GaussianBlur(gray, (0, 0), radius)

        def add(strip: Array, y: int) -> Array:
            return np.asarray(strip + (detail[y : y + len(strip)] * np.float32(amount))[..., None])

        return in_strips(rgb, add)

    return edit_inside(image, where, change, margin=round(4 * radius))


@tool(family="editor")
def denoise(image: Image, strength: Percent = 50.0) -> Image:
    """Remove noise and grain."""
    import cv2

    noise = _noise_level(gray_levels(image.rgb))
    filter_strength = strength / 50 * min(max(0.75 * noise, 2.5), 20.0)
    large = image.pixels.shape[0] * image.pixels.shape[1] > _LARGE
    rgb = np.ascontiguousarray(image.rgb)
    window = (5, 11) if large else (7, 17)  # patch and search window, pixels
    return image.with_rgb(cv2.fastNlMeansDenoisingColored(rgb, None, filter_strength, filter_strength * 1.3, *window))


@tool(family="editor")
def vignette(image: Image, strength: Percent = 50.0) -> Image:
    """Darken the corners."""
    width, height = image.size_wh
    across = np.square((np.arange(width, dtype=np.float32) + 0.5) / width * 2 - 1)  # 0 at the center, 1 at the edge
    down = np.square((np.arange(height, dtype=np.float32) + 0.5) / height * 2 - 1)

    def change(strip: Array, y: int) -> Array:
        radius = (down[y : y + len(strip), None] + across) / 2  # 1 in the corners
        shade = 1 - strength / 100 * (0.15 * radius + 0.85 * radius**2)
        return np.asarray(strip * shade[..., None])

    return image.with_rgb(in_strips(image.rgb, change))


def _tone_curve(brightness: float, contrast: float) -> Array:
    """Return the luma curve, float32 (256,) in [0, 255], of two changes in percent."""
    x = np.arange(256) / 255
    b, c = brightness / 100, contrast / 100
    light = x ** (2 ** (-1.5 * b)) if b >= 0 else x ** (2 ** (-0.8 * b)) * (1 + 0.5 * b)
    if c >= 0:  # an S around the middle: black and white stay
        steep = 1e-3 + 6 * c
        ends = np.tanh(steep / 2)
        light = 0.5 + 0.5 * np.tanh(steep * (light - 0.5)) / ends
    else:
        light = 0.5 + (light - 0.5) * (1 + 0.9 * c)
    return np.asarray((255 * light).clip(0, 255).astype(np.float32))


def _warmth(temperature: float) -> Array:
    """Return float32 (3,) gains of red, green and blue; warm is more red and less blue."""
    t = temperature / 100
    return np.array([2 ** (0.45 * t), 2 ** (0.05 * t), 2 ** (-0.65 * t)], np.float32)


def _gray_gains(rgb: Array) -> Array:
    """Estimate the color of the light and return the gains, float32 (3,) with mean near 1, that make it neutral.

    Mean of two estimates over pixels that are neither black nor burnt out: shades of gray (Finlayson and Trezzi,
    2004) and gray edge (van de Weijer, 2007), which a large colored surface does not mislead.
    """
    import cv2

    scale = min(1.0, 500 / max(rgb.shape[:2]))
    size = max(1, round(rgb.shape[1] * scale)), max(1, round(rgb.shape[0] * scale))
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA).reshape(size[1], size[0], 3)
    usable = (small.max(axis=2) < 250) & (small.max(axis=2) > 12)
    if usable.sum() < 16:
        return np.ones(3, np.float32)
    light = cv2.GaussianBlur(small.astype(np.float32), (0, 0), 1.0)
    slope = np.hypot(cv2.Sobel(light, -1, 1, 0), cv2.Sobel(light, -1, 0, 1))
    estimates = [_norm(light[usable]), _norm(slope[usable])]
    cast = np.mean([e / max(float(e.mean()), 1e-3) for e in estimates], axis=0)
    return np.asarray((1 / np.maximum(cast, 1e-3)).clip(0.5, 2).astype(np.float32))


def _norm(values: Array) -> Array:
    """Return the Minkowski norm of order 6 per channel, (3,), of (N, 3): between the mean and the largest."""
    return np.asarray(np.power(np.power(values.astype(np.float64), 6).mean(axis=0), 1 / 6))


def _noise_level(gray: Array) -> float:
    """Estimate the standard deviation of the noise in gray levels (Immerkaer, 1996)."""
    import cv2

    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    return float(np.sqrt(np.pi / 2) / 6 * np.abs(cv2.filter2D(gray, cv2.CV_16S, kernel)).mean())
