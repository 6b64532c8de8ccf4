"""Mask algebra, by its laws."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from diptych.tools.editors.compose import apply_inside, edit_inside, regions, same_size, selection
from diptych.tools.errors import ToolError
from diptych.tools.segmenters.masks import grow, intersect, invert, subtract, union
from diptych.tools.values import Image, Mask

SIDE = 16
masks = hnp.arrays(np.bool_, (SIDE, SIDE + 3)).map(Mask)


def square(size: int, *box: int) -> Mask:
    selected = np.zeros((size, size), bool)
    selected[box[1] : box[3], box[0] : box[2]] = True
    return Mask(selected)


@settings(max_examples=50, deadline=None)
@given(masks, masks)
def test_algebra_laws(a: Mask, b: Mask) -> None:
    assert union(a, b) == union(b, a)
    assert invert(union(a, b)) == intersect(invert(a), invert(b))
    assert subtract(a, b) == intersect(a, invert(b))
    assert invert(invert(a)) == a


@settings(max_examples=50, deadline=None)
@given(masks, st.floats(0.5, 50))
def test_grow_laws(mask: Mask, percent: float) -> None:
    wide, narrow = grow(mask, percent), grow(mask, -percent)
    assert not (mask.selected & ~wide.selected).any()
    assert not (narrow.selected & ~mask.selected).any()
    assert narrow == invert(grow(invert(mask), percent))


@pytest.mark.parametrize("percent, box", [(0, (40, 40, 60, 60)), (5, (35, 35, 65, 65)), (-5, (45, 45, 55, 55))])
def test_grow_is_in_percent_of_the_shorter_side(percent: float, box: tuple[int, ...]) -> None:
    assert grow(square(100, 40, 40, 60, 60), percent).bounds() == box


def test_shrinking_keeps_a_shape_at_the_edge_of_the_image() -> None:
    assert grow(square(100, 0, 0, 20, 100), -5).bounds() == (0, 0, 15, 100)


def test_grow_of_nothing_is_nothing() -> None:
    assert grow(square(8, 0, 0, 0, 0), 50).share == 0


@pytest.mark.parametrize("function", [union, subtract, intersect])
def test_sizes_must_agree(function) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ToolError, match=r"8×8.*9×9"):
        function(square(8, 0, 0, 1, 1), square(9, 0, 0, 1, 1))


def test_large_masks_grow() -> None:
    large = np.zeros((3000, 4000), bool)
    large[1000:2000, 1000:2000] = True
    assert grow(Mask(large), 10).bounds() == (700, 700, 2300, 2300)


@pytest.mark.parametrize("feather", [0.0, 3.0])
@pytest.mark.parametrize("channels", [3, 4])
def test_apply_inside_touches_nothing_else(channels: int, feather: float) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (40, 40, channels), np.uint8)
    image, mask = Image(pixels), square(40, 10, 12, 30, 28)
    result = apply_inside(image, np.full((40, 40, 3), 255, np.uint8), mask, feather)
    assert (result.pixels[~mask.selected] == pixels[~mask.selected]).all()
    assert (result.pixels[18:22, 18:22, :3] == 255).all()
    assert (result.rgb[12, 10] == 255).all() == (feather == 0)
    assert channels == 3 or (result.alpha == pixels[..., 3]).all()


def test_edit_inside_hands_over_the_surroundings_and_their_place() -> None:
    image, seen = Image(np.zeros((20, 30, 3), np.uint8)), []

    def change(rgb, box):  # type: ignore[no-untyped-def]
        seen.append((rgb.shape, box))
        return rgb + 9

    mask = Mask(np.pad(np.ones((2, 2), bool), ((0, 18), (10, 18))))
    assert edit_inside(image, mask, change, margin=3).rgb.sum() == 2 * 2 * 3 * 9
    assert seen == [((5, 8, 3), (7, 0, 15, 5))]
    assert edit_inside(image, Mask(np.zeros((20, 30), bool)), change) is image


def test_image_and_mask_must_agree_in_size() -> None:
    image = Image(np.zeros((4, 6, 3), np.uint8))
    with pytest.raises(ToolError, match=r"6×4.*8×8"):
        same_size(image, square(8, 0, 0, 1, 1))
    assert selection(image, None).all()


def test_regions_are_tight_and_cover_every_selected_pixel() -> None:
    selected = np.zeros((2000, 3001), bool)
    selected[100:301, 50:99] = selected[1500:1999, 2000:3001] = selected[7, 7] = True
    assert regions(Mask(selected)) == [(2000, 1500, 3001, 1999), (50, 100, 99, 301), (7, 7, 8, 8)]
    assert regions(Mask(np.zeros((1, 1), bool))) == []


@settings(max_examples=50, deadline=None)
@given(masks)
def test_regions_cover(mask: Mask) -> None:
    covered = np.zeros_like(mask.selected)
    for x0, y0, x1, y1 in regions(mask):
        covered[y0:y1, x0:x1] = True
    assert not (mask.selected & ~covered).any()
