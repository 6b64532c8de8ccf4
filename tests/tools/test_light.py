"""Light and color balance: each editor moves what it names, and little else."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from photos import photo

from diptych.tools.colors import rgb_to_lab
from diptych.tools.editors.light import (
    adjust,
    auto_contrast,
    dehaze,
    denoise,
    enhance_light,
    sharpen,
    vignette,
    white_balance,
)
from diptych.tools.values import Image

EDITORS: dict[str, Callable[[Image], Image]] = {
    "adjust": lambda i: adjust(i, brightness=20, contrast=20, saturation=20, temperature=20),
    "enhance_light": enhance_light,
    "auto_contrast": auto_contrast,
    "white_balance": white_balance,
    "dehaze": dehaze,
    "sharpen": sharpen,
    "denoise": denoise,
    "vignette": vignette,
}


def lab(image: Image) -> np.ndarray:
    return rgb_to_lab(image.rgb)


def chroma(image: Image) -> float:
    return float(np.hypot(lab(image)[..., 1], lab(image)[..., 2]).mean())


@pytest.mark.parametrize("name", EDITORS)
def test_keeps_size_and_alpha(name: str) -> None:
    source = photo("cat")
    alpha = np.arange(300 * 451, dtype=np.uint8).reshape(300, 451)
    image = Image(np.dstack([source.rgb, alpha]))
    result = EDITORS[name](image)
    assert np.array_equal(result.pixels[..., 3], alpha) and not np.array_equal(result.rgb, image.rgb)
    assert np.array_equal(image.rgb, source.rgb)


@pytest.mark.parametrize("name", EDITORS)
@pytest.mark.parametrize("value", [0, 90, 255])
@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (50, 1)])
def test_tiny_and_flat(name: str, value: int, shape: tuple[int, int]) -> None:
    assert EDITORS[name](Image(np.full((*shape, 3), value, np.uint8))).pixels.shape == (*shape, 3)


def test_adjust_of_nothing_is_the_image() -> None:
    assert adjust(photo("cat")) == photo("cat")


@pytest.mark.parametrize("name", ["astronaut", "china", "cat"])
def test_adjust_is_clearly_visible_both_ways(name: str) -> None:
    image = photo(name)
    light = lab(image)[..., 0]
    for sign in (1, -1):
        brighter = lab(adjust(image, brightness=30 * sign))[..., 0]
        steeper = lab(adjust(image, contrast=30 * sign))[..., 0]
        warmer = lab(adjust(image, temperature=30 * sign))[..., 2]
        assert sign * (brighter - light).mean() > 3
        assert sign * (steeper.std() - light.std()) > 1
        assert sign * (warmer - lab(image)[..., 2]).mean() > 3
        assert sign * (chroma(adjust(image, saturation=30 * sign)) - chroma(image)) > 2


@pytest.mark.parametrize(
    "change", [{"brightness": 40.0}, {"contrast": 40.0}, {"saturation": 60.0}, {"brightness": -40.0}]
)
def test_adjust_turns_no_hue(change: dict[str, float]) -> None:
    colors = np.array([[[200, 60, 40], [40, 160, 70], [50, 70, 190], [200, 180, 40], [120, 60, 150]]], np.uint8)
    before, after = colors.astype(float), adjust(Image(colors), **change).rgb.astype(float)
    gray = np.array([0.299, 0.587, 0.114])
    tint = [x - (x @ gray)[..., None] for x in (before, after)]  # away from gray: its direction is the hue
    cosine = (tint[0] * tint[1]).sum(-1) / np.linalg.norm(tint[0], axis=-1) / np.linalg.norm(tint[1], axis=-1)
    assert cosine.min() > 0.995


def test_no_saturation_is_gray() -> None:
    rgb = adjust(photo("coffee"), saturation=-100).rgb
    assert np.ptp(rgb, axis=2).max() <= 1


def test_enhance_light_lifts_dark_photos_and_leaves_good_ones() -> None:
    good = photo("china")
    dark = Image((good.rgb * 0.25).astype(np.uint8))
    assert lab(enhance_light(dark))[..., 0].mean() > lab(dark)[..., 0].mean() + 20
    assert abs(lab(enhance_light(good))[..., 0].mean() - lab(good)[..., 0].mean()) < 6


def test_auto_contrast_fills_the_range() -> None:
    dull = Image((photo("china").rgb * 0.4 + 90).astype(np.uint8))
    result = auto_contrast(dull).rgb
    assert result.min() < 10 and result.max() > 245
    flat = Image(np.full((20, 20, 3), 100, np.uint8))
    assert auto_contrast(flat) == flat


@pytest.mark.parametrize("cast", [(1, 0.8, 0.5), (0.6, 0.85, 1)])
def test_white_balance_takes_away_most_of_a_cast(cast: tuple[float, float, float]) -> None:
    tinted = Image((photo("astronaut").rgb * np.array(cast)).astype(np.uint8))
    background = np.s_[20:60, 300:380]  # a gray studio wall
    tint = [np.hypot(*lab(i)[background][..., 1:].mean(axis=(0, 1))) for i in (tinted, white_balance(tinted))]
    assert tint[1] < 0.5 * tint[0]


def test_dehaze_comes_nearer_to_the_clear_photo() -> None:
    clear = photo("china").rgb
    thin = np.linspace(0.25, 0.9, len(clear))[:, None, None]
    hazy = Image((clear * thin + 220 * (1 - thin)).astype(np.uint8))
    error = [np.abs(i.rgb.astype(float) - clear).mean() for i in (hazy, dehaze(hazy))]
    assert error[1] < 0.7 * error[0]


def test_sharpen_strengthens_detail_and_denoise_removes_noise() -> None:
    image = photo("cat")
    assert np.abs(np.diff(lab(sharpen(image))[..., 0])).mean() > 1.2 * np.abs(np.diff(lab(image)[..., 0])).mean()
    noise = np.random.default_rng(0).normal(0, 15, image.rgb.shape)
    noisy = Image(np.clip(image.rgb + noise, 0, 255).astype(np.uint8))
    error = [np.abs(i.rgb.astype(float) - image.rgb).mean() for i in (noisy, denoise(noisy))]
    assert error[1] < 0.6 * error[0]


def test_vignette_darkens_corners_not_the_center() -> None:
    result = vignette(Image(np.full((100, 150, 3), 200, np.uint8))).rgb
    assert (result[0, 0] < 120).all() and (result[50, 75] > 195).all()
