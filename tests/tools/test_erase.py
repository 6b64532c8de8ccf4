"""Holes are filled with what was probably behind the object."""

import numpy as np
import pytest

from diptych.tools.editors.patch_fill import PatchFill
from diptych.tools.errors import ToolError
from diptych.tools.values import Image, Mask
from tests.photos import photo


def disk(image: Image, x: int, y: int, radius: int) -> Mask:
    width, height = image.size_wh
    down, across = np.mgrid[:height, :width]
    return Mask((across - x) ** 2 + (down - y) ** 2 <= radius**2)


def erase(image: Image, mask: Mask) -> Image:
    result = PatchFill.load("").erase(image, mask)
    assert (result.pixels[~mask.selected] == image.pixels[~mask.selected]).all()
    return result


@pytest.mark.parametrize(
    "name, x, y, radius, sharpness",
    [("china", 545, 340, 45, 0.4), ("coffee", 60, 60, 40, 0.3)],
)
def test_texture_is_continued(name: str, x: int, y: int, radius: int, sharpness: float) -> None:
    """The filled part is about as rough as the original was: not a smear."""
    image = photo(name)
    mask = disk(image, x, y, radius)
    inner = disk(image, x, y, radius - 8).selected

    def roughness(picture: Image) -> float:
        return float(np.abs(np.diff(picture.rgb.astype(int).mean(axis=2), axis=1))[inner[:, 1:]].mean())

    assert roughness(erase(image, mask)) > sharpness * roughness(image)


def test_an_object_on_a_plain_ground_is_gone() -> None:
    image = photo("coins")
    mask = disk(image, 44, 52, 34)
    coin = disk(image, 44, 52, 18).selected
    ring = disk(image, 44, 52, 40).selected & ~mask.selected
    ground = image.rgb[ring].mean()
    assert image.rgb[coin].mean() > ground + 25
    assert abs(erase(image, mask).rgb[coin].mean() - ground) < 12


def test_a_scratch_heals() -> None:
    image = photo("cat")
    selected = np.zeros(image.rgb.shape[:2], bool)
    selected[100:103, 50:400] = True
    result = erase(image, Mask(selected))
    error = np.abs(result.rgb[selected].astype(int) - image.rgb[selected])
    assert error.mean() < 12


def test_words_on_paper_leave_no_words() -> None:
    image = photo("page")
    selected = np.zeros(image.rgb.shape[:2], bool)
    selected[44:61, 2:384] = True
    row = erase(image, Mask(selected)).rgb[48:58].mean(axis=(0, 2))
    assert np.abs(np.diff(row)).max() < 12


def test_the_same_call_gives_the_same_pixels() -> None:
    image = photo("china")
    mask = disk(image, 545, 340, 20)
    assert erase(image, mask) == erase(image, mask)


def test_alpha_is_kept() -> None:
    image = Image(np.dstack([photo("cat").rgb, np.full((300, 451), 77, np.uint8)]))
    assert (erase(image, disk(image, 200, 150, 20)).alpha == 77).all()


def test_twelve_megapixels() -> None:
    image = Image(np.random.default_rng(0).integers(90, 140, (3000, 4000, 3), np.uint8))
    pixels = np.array(image.pixels)
    mask = disk(image, 2000, 1500, 200)
    pixels[mask.selected] = 255
    after = erase(Image(pixels), mask)
    assert after.rgb[mask.selected].max() < 141


@pytest.mark.parametrize("size", [1, 2, 9])
def test_small_and_nearly_all_selected(size: int) -> None:
    image = Image(np.full((size, size + 1, 3), 50, np.uint8))
    selected = np.ones((size, size + 1), bool)
    selected[0, 0] = False
    assert erase(image, Mask(selected)).size_wh == image.size_wh
    assert erase(image, Mask(~selected & False)) == image
    with pytest.raises(ToolError, match="whole image"):
        erase(image, Mask(selected | True))


def test_sizes_must_agree() -> None:
    with pytest.raises(ToolError, match=r"451×300.*9×9"):
        PatchFill.load("").erase(photo("cat"), Mask(np.ones((9, 9), bool)))
