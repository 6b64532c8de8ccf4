"""Editors with a mask: nothing outside changes, something inside does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
from photos import photo

from diptych.tools.colors import rgb_to_lab
from diptych.tools.editors.effects import blur, erase, fill, gradient, grayscale, pixelate, recolor, stylize
from diptych.tools.editors.light import adjust, sharpen
from diptych.tools.editors.styles import STYLES
from diptych.tools.errors import ToolError
from diptych.tools.values import Image, Mask

EDITORS: dict[str, Callable[[Image, Mask], Image]] = {
    "blur": lambda i, m: blur(i, m),
    "pixelate": lambda i, m: pixelate(i, m),
    "fill": lambda i, m: fill(i, m, "red"),
    "fill half": lambda i, m: fill(i, m, "red", 50),
    "gradient": lambda i, m: gradient(i, m, "red", "blue"),
    "recolor": lambda i, m: recolor(i, m, "blue"),
    "grayscale": lambda i, m: grayscale(i, m),
    "brighter": lambda i, m: adjust(i, m, brightness=30),
    "contrast": lambda i, m: adjust(i, m, contrast=-30),
    "warmer": lambda i, m: adjust(i, m, temperature=30),
    "sharpen": lambda i, m: sharpen(i, m),
    **{f"stylize {style}": (lambda i, m, s=style: stylize(i, s, m)) for style in STYLES},  # type: ignore[misc]
}


def rectangle(image: Image, x0: int, y0: int, x1: int, y1: int) -> Mask:
    selected = np.zeros(image.pixels.shape[:2], np.bool_)
    selected[y0:y1, x0:x1] = True
    return Mask(selected)


def translucent(image: Image) -> Image:
    height, width = image.pixels.shape[:2]
    alpha = np.arange(height * width, dtype=np.uint8).reshape(height, width)
    return Image(np.dstack([image.rgb, alpha]))


@pytest.mark.parametrize("name", EDITORS)
def test_changes_only_the_inside(name: str) -> None:
    image = translucent(photo("astronaut"))
    mask = rectangle(image, 170, 60, 280, 200)
    before = image.pixels.tobytes()
    result = EDITORS[name](image, mask)
    assert image.pixels.tobytes() == before
    assert np.array_equal(result.pixels[~mask.selected], image.pixels[~mask.selected])
    assert np.array_equal(result.pixels[..., 3], image.pixels[..., 3])
    assert (result.rgb[mask.selected] != image.rgb[mask.selected]).any(axis=1).mean() > 0.3
    assert EDITORS[name](image, mask) == result


@pytest.mark.parametrize("name", EDITORS)
@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (3, 2)])
def test_tiny_and_thin(name: str, shape: tuple[int, int]) -> None:
    image = Image(np.full((*shape, 3), 90, np.uint8))
    result = EDITORS[name](image, Mask(np.ones(shape, np.bool_)))
    assert result.pixels.shape == image.pixels.shape


@pytest.mark.parametrize("name", EDITORS)
def test_empty_mask_changes_nothing(name: str) -> None:
    image = photo("cat")
    assert EDITORS[name](image, rectangle(image, 0, 0, 0, 0)) == image


@pytest.mark.parametrize("name", EDITORS)
def test_mask_of_another_size(name: str) -> None:
    with pytest.raises(ToolError, match=r"451×300.*10×20"):
        EDITORS[name](photo("cat"), Mask(np.ones((20, 10), np.bool_)))


def test_grayscale_has_equal_channels() -> None:
    rgb = grayscale(photo("coffee")).rgb
    assert (rgb[..., 0] == rgb[..., 1]).all() and (rgb[..., 1] == rgb[..., 2]).all()


def test_fill_and_gradient_reach_their_colors() -> None:
    image = photo("cat")
    mask = rectangle(image, 10, 20, 110, 120)
    assert (fill(image, mask, "navy").rgb[mask.selected] == (0, 0, 128)).all()
    down = gradient(image, mask, "red", "blue").rgb
    right = gradient(image, mask, "red", "blue", "right").rgb
    assert tuple(down[20, 50]) == tuple(right[50, 10]) == (255, 0, 0)
    assert tuple(down[119, 50]) == tuple(right[50, 109]) == (0, 0, 255)


def faces(image: Image) -> int:
    finder = cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_frontalface_default.xml")
    found: Any = finder.detectMultiScale(cv2.cvtColor(np.array(image.rgb), cv2.COLOR_RGB2GRAY), 1.1, 3)
    return sum(1 for x, y, w, h in found if 150 < x + w / 2 < 300 and 40 < y + h / 2 < 220)


def test_hidden_faces_are_not_found() -> None:
    image = photo("astronaut")
    mask = rectangle(image, 170, 60, 280, 200)
    assert faces(image) == 1
    assert [faces(blur(image, mask)), faces(pixelate(image, mask))] == [0, 0]


def test_blur_scales_with_the_region() -> None:
    small = photo("astronaut")
    large = Image(np.asarray(small.to_pil().resize((1536, 1536))))
    a = blur(small, rectangle(small, 170, 60, 280, 200)).rgb[100:160, 200:250]
    b = blur(large, rectangle(large, 510, 180, 840, 600)).rgb[300:480:3, 600:750:3]
    assert np.abs(a.astype(int) - b).mean() < 4


@pytest.mark.parametrize("background", [True, False])
def test_blur_takes_no_color_from_outside(background: bool) -> None:
    pixels = np.zeros((100, 100, 3), np.uint8)
    pixels[30:70, 30:70] = (255, 0, 0)
    image = Image(pixels)
    subject = rectangle(image, 30, 30, 70, 70)
    mask = Mask(~subject.selected) if background else subject
    assert np.abs(blur(image, mask).rgb.astype(int) - pixels).max() <= 1


def test_blur_of_no_strength_is_none() -> None:
    assert blur(photo("cat"), strength=0) == photo("cat")


def test_pixelate_counts_its_blocks() -> None:
    image = Image(np.random.default_rng(0).integers(0, 256, (80, 160, 3), np.uint8))
    result = pixelate(image, blocks=8)
    assert len(np.unique(result.rgb.reshape(-1, 3), axis=0)) == 8 * 4
    assert (result.rgb[:20, :20] == result.rgb[0, 0]).all()


def shaded(color: tuple[int, int, int]) -> Image:
    """A ball of one color."""
    y, x = np.mgrid[-1:1:120j, -1:1:120j]
    light = 0.25 + 0.75 * np.sqrt(np.clip(1 - x**2 - y**2, 0, 1))
    return Image(np.rint(light[..., None] * color).astype(np.uint8))


@pytest.mark.parametrize("before", [(200, 30, 30), (235, 235, 235), (30, 30, 32), (120, 120, 120)])
@pytest.mark.parametrize(
    ("color", "hue", "light"),
    [("blue", 306, (15, 65)), ("yellow", 103, (40, 98)), ("white", None, (75, 100)), ("black", None, (0, 25))],
)
def test_recolor(before: tuple[int, int, int], color: str, hue: float | None, light: tuple[int, int]) -> None:
    image = shaded(before)
    lab = rgb_to_lab(recolor(image, Mask(np.ones((120, 120), np.bool_)), color).rgb).astype(float)
    chroma = np.hypot(lab[..., 1], lab[..., 2])
    assert light[0] <= np.median(lab[..., 0]) <= light[1]
    if hue is None:
        assert np.median(chroma) < 6
    else:
        middle = np.degrees(np.arctan2(np.median(lab[..., 2]), np.median(lab[..., 1]))) % 360
        assert abs(middle - hue) < 14 and np.median(chroma) > 25
    shading = np.corrcoef(rgb_to_lab(image.rgb)[..., 0].ravel(), lab[..., 0].ravel())[0, 1]
    assert shading > 0.8


def test_negative_twice_is_the_image() -> None:
    assert stylize(stylize(photo("cat"), "negative"), "negative") == photo("cat")


class PaintsBlack:
    """An eraser that marks what it was asked to fill."""

    def erase(self, image: Image, mask: Mask) -> Image:
        return fill(image, mask, "black")


def test_erase_asks_the_eraser_after_checking_the_size() -> None:
    image = photo("cat")
    mask = rectangle(image, 5, 5, 20, 20)
    assert erase(image, mask, eraser=PaintsBlack()) == fill(image, mask, "black")
    with pytest.raises(ToolError, match="451×300"):
        erase(image, Mask(np.ones((2, 2), np.bool_)), eraser=PaintsBlack())
