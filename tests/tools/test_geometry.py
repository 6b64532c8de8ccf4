"""Size, shape and orientation."""

from __future__ import annotations

import numpy as np
import pytest
from photos import photo
from PIL import Image as PIL

from diptych.tools.editors import geometry
from diptych.tools.editors.geometry import (
    border,
    crop,
    crop_each,
    crop_ratio,
    flip,
    pad,
    reading_order,
    resize,
    rotate,
    straighten,
)
from diptych.tools.editors.tilt import measure_tilt
from diptych.tools.errors import ToolError
from diptych.tools.values import Detections, Image


def found(*boxes: tuple[float, float, float, float], query: str = "face") -> Detections:
    return Detections(np.array(boxes, np.float32), (query,) * len(boxes), np.ones(len(boxes), np.float32), query)


def test_crop_to_the_union() -> None:
    image = photo("cat")
    result = crop(image, found((10.2, 20, 60, 70), (100, 40, 150.5, 90)))
    assert np.array_equal(result.pixels, image.pixels[20:90, 10:151])


def test_crop_margin_is_clamped() -> None:
    image = photo("cat")
    assert crop(image, found((100, 100, 200, 150)), margin=10).size_wh == (120, 60)
    assert crop(image, found((0, 0, 451, 300)), margin=100).size_wh == image.size_wh


@pytest.mark.parametrize("boxes", [Detections.empty("face"), found((900, 900, 950, 950))])
def test_crop_to_nothing_names_the_thing(boxes: Detections) -> None:
    with pytest.raises(ToolError, match="face"):
        crop(photo("cat"), boxes)


def test_crop_each_in_reading_order() -> None:
    boxes = found((200, 12, 240, 40), (10, 100, 50, 130), (10, 10, 60, 42))
    assert reading_order(boxes) == [2, 0, 1]
    assert [i.size_wh for i in crop_each(photo("cat"), boxes)] == [(50, 32), (40, 28), (40, 30)]
    assert crop_each(photo("cat"), Detections.empty()) == []


@pytest.mark.parametrize(("ratio", "size"), [("1:1", (300, 300)), ("16:9", (451, 254)), ("9:16", (169, 300))])
def test_crop_ratio(ratio: str, size: tuple[int, int]) -> None:
    assert crop_ratio(photo("cat"), ratio).size_wh == size


def test_crop_ratio_around_boxes() -> None:
    image = photo("cat")
    assert np.array_equal(crop_ratio(image, "1:1", found((430, 10, 450, 30))).pixels, image.pixels[:, 151:])
    with pytest.raises(ToolError, match="face"):
        crop_ratio(image, "1:1", Detections.empty("face"))
    with pytest.raises(ToolError, match="zero"):
        crop_ratio(image, "0:5")


@pytest.mark.parametrize(
    ("given", "size"),
    [
        ({"width": 902}, (902, 600)),
        ({"height": 150}, (226, 150)),
        ({"width": 50, "height": 60}, (50, 60)),
        ({"percent": 50}, (226, 150)),
        ({"percent": 0.01}, (1, 1)),
    ],
)
def test_resize(given: dict[str, float], size: tuple[int, int]) -> None:
    assert resize(photo("cat"), **given).size_wh == size


@pytest.mark.parametrize(
    ("given", "message"),
    [({}, "give width"), ({"width": 9, "percent": 9}, "both"), ({"width": 20000, "height": 20000}, "400 megapixels")],
)
def test_resize_errors(given: dict[str, float], message: str) -> None:
    with pytest.raises(ToolError, match=message):
        resize(photo("cat"), **given)


def test_quarter_turns_are_lossless_and_clockwise() -> None:
    image = photo("cat")
    turned = image
    for _ in range(4):
        turned = rotate(turned, 90)
    assert turned == image
    assert np.array_equal(rotate(image, 90).pixels[0, -1], image.pixels[0, 0])
    assert rotate(image, -90) == rotate(image, 270)


def test_other_turns_grow_the_canvas_and_hide_nothing() -> None:
    result = rotate(photo("cat"), 30)
    assert result.size_wh == (541, 486)
    assert result.alpha is not None
    assert result.alpha[0, 0] == 0 and result.alpha[243, 270] == 255
    assert abs((result.alpha > 127).sum() - 451 * 300) < 1500


@pytest.mark.parametrize("direction", ["horizontal", "vertical"])
def test_flip_twice_is_the_image(direction: str) -> None:
    image = photo("cat")
    once = flip(image, direction)  # type: ignore[arg-type]
    assert once != image and flip(once, direction) == image  # type: ignore[arg-type]


@pytest.mark.parametrize("degrees", [-8.0, -3.0, 5.0, 9.0])
def test_straighten_levels_a_tilted_page(degrees: float) -> None:
    page = photo("page").to_pil().convert("RGB")
    level = measure_tilt(Image(np.asarray(page)))
    tilted = Image(np.asarray(page.rotate(-degrees, PIL.Resampling.BICUBIC, fillcolor=(200, 200, 200))))
    measured = measure_tilt(tilted)
    assert level is not None and measured is not None
    assert abs(measured - level - degrees) < 0.8
    result = straighten(tilted)
    assert result.size_wh < tilted.size_wh
    again = measure_tilt(result)
    assert again is None or abs(again) < 0.8


def test_straighten_leaves_what_it_cannot_measure() -> None:
    for name in ("coffee", "astronaut", "china", "rocket", "cat"):  # level, or with no line to go by
        assert straighten(photo(name)) is photo(name)
    for image in (Image(np.zeros((1, 1, 3), np.uint8)), Image(np.full((300, 300, 4), 9, np.uint8))):
        assert straighten(image) is image


def test_straightened_picture_has_no_empty_corner() -> None:
    for size in [(400, 100), (100, 400), (300, 300)]:
        for degrees in (1, 7, 15):
            white = PIL.new("L", size, 255).rotate(degrees)
            w, h = geometry._inscribed(*size, np.radians(degrees))
            left, top = (size[0] - w) // 2, (size[1] - h) // 2
            assert np.asarray(white.crop((left, top, left + w, top + h))).min() == 255


@pytest.mark.parametrize(
    "ratio, size", [("1:1", (451, 451)), ("16:9", (533, 300)), ("9:16", (451, 802)), ("451:300", (451, 300))]
)
def test_pad(ratio: str, size: tuple[int, int]) -> None:
    image = photo("cat")
    result = pad(image, ratio, "teal")
    left, top = ((size[0] - 451) // 2, (size[1] - 300) // 2)
    assert result.size_wh == size
    assert np.array_equal(result.pixels[top : top + 300, left : left + 451], image.pixels)
    bars = (
        np.delete(result.pixels, slice(left, left + 451), 1)
        if left
        else np.delete(result.pixels, slice(top, top + 300), 0)
    )
    assert (bars == (0, 128, 128)).all()


def test_pad_says_what_is_wrong() -> None:
    with pytest.raises(ToolError, match="side of zero"):
        pad(photo("cat"), "4:0")
    with pytest.raises(ToolError, match="pad"):
        pad(photo("cat"), "1:1000")


def test_border() -> None:
    result = border(photo("cat"), "gold", 10)
    assert result.size_wh == (511, 360)
    assert tuple(result.pixels[0, 0]) == (255, 215, 0)
    assert np.array_equal(result.pixels[30:-30, 30:-30], photo("cat").pixels)
    assert border(Image(np.zeros((1, 1, 4), np.uint8)), "red").pixels[0, 0, 3] == 255
