"""Boxes and colors become masks."""

import numpy as np
import pytest

from diptych.tools.errors import ToolError
from diptych.tools.segmenters.grabcut import GrabCut
from diptych.tools.segmenters.segment import color_range, region, segment
from diptych.tools.values import Detections, Image, Mask
from tests.photos import photo


def found(*boxes: tuple[float, ...], masks: np.ndarray | None = None) -> Detections:
    return Detections(np.array(boxes, np.float32), ("it",) * len(boxes), np.ones(len(boxes)), "it", masks)


def plain(color: tuple[int, int, int], height: int = 40, width: int = 60) -> Image:
    return Image(np.full((height, width, 3), color, np.uint8))


@pytest.mark.parametrize(
    "name, box, inside, outside",
    [
        ("flower", (150, 60, 520, 400), [(270, 220), (200, 200)], [(160, 70), (510, 390)]),
        ("astronaut", (165, 60, 290, 210), [(225, 130)], [(170, 195), (285, 200)]),
        ("coins", (10, 10, 80, 80), [(44, 52)], [(14, 76), (77, 14)]),
    ],
)
def test_grabcut_follows_the_object(
    name: str, box: tuple[int, ...], inside: list[tuple[int, int]], outside: list[tuple[int, int]]
) -> None:
    mask = segment(photo(name), found(box), segmenter=GrabCut.load(""))
    bounds = mask.bounds()
    assert bounds and bounds[0] >= box[0] and bounds[1] >= box[1] and bounds[2] <= box[2] and bounds[3] <= box[3]
    assert all(mask.selected[y, x] for x, y in inside)
    assert not any(mask.selected[y, x] for x, y in outside)


def test_grabcut_is_deterministic() -> None:
    boxes = found((150, 60, 520, 400))
    first, second = (GrabCut.load("").segment(photo("flower"), boxes) for _ in range(2))
    assert first == second


def test_an_object_without_contrast_is_an_ellipse() -> None:
    mask = GrabCut.load("").segment(plain((90, 90, 90), 100, 100), found((20, 20, 80, 80)))
    assert mask.share == pytest.approx(np.pi * 30**2 / 100**2, rel=0.02)


@pytest.mark.parametrize("box", [(0, 0, 1, 1), (-5, -5, 2, 2), (-9, -9, 99, 99)])
def test_one_pixel(box: tuple[int, ...]) -> None:
    dot = plain((1, 2, 3), 1, 1)
    assert GrabCut.load("").segment(dot, found(box)).share == region(dot, found(box)).share == 1


@pytest.mark.parametrize("box", [(0, 0, 60, 40), (50, 30, 99, 99), (99, 99, 120, 120)])
def test_boxes_at_and_beyond_the_edges(box: tuple[int, ...]) -> None:
    assert GrabCut.load("").segment(plain((9, 9, 9)), found(box)).size_wh == (60, 40)


def test_measured_masks_are_kept() -> None:
    masks = np.zeros((2, 40, 60), bool)
    masks[0, 3:5, 3:5] = True
    mask = segment(plain((9, 9, 9)), found((0, 0, 20, 20), (30, 20, 38, 28), masks=masks), segmenter=GrabCut.load(""))
    assert mask.selected.sum() == 4 + 64
    with pytest.raises(ToolError, match=r"50×50.*60×40"):
        segment(plain((9, 9, 9), 50, 50), found((0, 0, 9, 9), (0, 0, 9, 9), masks=masks), segmenter=GrabCut.load(""))


def test_together_measured_masks_are_kept_and_the_others_are_cut_out() -> None:
    masks = np.zeros((2, 40, 60), bool)
    masks[0, 3:5, 3:5] = True
    boxes = ((0, 0, 20, 20), (30, 20, 38, 28))
    segmenter, image = GrabCut.load(""), plain((9, 9, 9))
    given = [found(boxes[1]), found(*boxes, masks=masks), found(boxes[0], masks=masks[:1])]
    calls = [{"image": image, "boxes": each, "segmenter": segmenter} for each in given]
    assert segment.tool.batch is not None
    together = segment.tool.batch(calls)
    assert together == [segment(**call) for call in calls]
    assert [int(mask.selected.sum()) for mask in together] == [64, 68, 4]


@pytest.mark.parametrize("call", [lambda i, b: segment(i, b, segmenter=GrabCut.load("")), region])
def test_nothing_found_is_nothing_to_segment(call) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ToolError, match="nothing to segment: found no 'face'"):
        call(photo("coffee"), Detections.empty("face"))


@pytest.mark.parametrize(
    "shape, box, pixels",
    [
        ("box", (10, 10, 20, 30), 200),
        ("box", (-5, -5, 5, 5), 25),
        ("box", (1.2, 1.2, 1.8, 1.8), 1),
        ("ellipse", (10, 10, 30, 30), 316),
    ],
)
def test_region(shape, box: tuple[float, ...], pixels: int) -> None:  # type: ignore[no-untyped-def]
    assert region(plain((0, 0, 0)), found(box), shape).selected.sum() == pixels


def test_region_beyond_the_image() -> None:
    with pytest.raises(ToolError, match="no box lies inside the image of 60×40"):
        region(plain((0, 0, 0)), found((100, 100, 120, 120)))


@pytest.mark.parametrize(
    "color, yes, no",
    [
        ("red", ["#ff0000", "#8b0000", "#d22030", "#5a0606"], ["#e0b595", "#ffa500", "#a0522d", "#ff69b4", "#808080"]),
        ("orange", ["#ffa500", "#ff8c00", "#e37049"], ["#ff0000", "#8b4513", "#ffff00", "#e0b595"]),
        ("brown", ["#8b4513", "#5c3317"], ["#ffa500", "#808080", "#ffffff"]),
        ("yellow", ["#ffff00", "#c8b400"], ["#ffa500", "#00ff00", "#fffff0"]),
        ("green", ["#008000", "#00ff00", "#556b2f"], ["#ffff00", "#0000ff", "#808080"]),
        ("blue", ["#0000ff", "#87ceeb", "#000080"], ["#008000", "#800080", "#808080"]),
        ("white", ["#ffffff", "#dcdcdc", "#f4f1ec"], ["#808080", "#ffff00", "#87ceeb"]),
        ("black", ["#000000", "#1c1c1c"], ["#505050", "#000080", "#8b0000"]),
        ("gray", ["#808080", "#555555"], ["#ffffff", "#000000", "#8b4513"]),
        ("a grey", ["#808080"], ["#ffffff"]),
        ("#87ceeb", ["#87ceeb", "#7dbcd6"], ["#0000ff", "#ffffff"]),
    ],
)
def test_color_words(color: str, yes: list[str], no: list[str]) -> None:
    codes = [*yes, *no]
    tiles = [np.full((20, 20, 3), [int(c[i : i + 2], 16) for i in (1, 3, 5)], np.uint8) for c in codes]
    mask = color_range(Image(np.hstack(tiles)), color).selected
    chosen = [code for i, code in enumerate(codes) if mask[:, 20 * i : 20 * i + 20].all()]
    assert chosen == yes
    assert mask.sum() == 400 * len(yes)


def test_color_range_on_photos() -> None:
    red = color_range(photo("motorcycle"), "red")
    assert 0.05 < red.share < 0.12
    assert color_range(photo("astronaut"), "orange").selected[230:280, 110:140].mean() > 0.6
    assert color_range(photo("grace_hopper"), "red").selected[190:240, 215:300].mean() < 0.1


def test_color_range_drops_specks_and_transparent_pixels() -> None:
    pixels = np.zeros((200, 200, 4), np.uint8)
    pixels[..., 3] = 255
    pixels[10:60, 10:60] = pixels[100, 100] = (255, 0, 0, 255)
    pixels[120:180, 120:180] = (255, 0, 0, 0)
    assert color_range(Image(pixels), "red").bounds() == (10, 10, 60, 60)


def test_a_color_that_is_not_there() -> None:
    with pytest.raises(ToolError, match="nothing in the image is 'green'"):
        color_range(plain((255, 0, 0)), "green")


def test_color_of_one_pixel() -> None:
    assert color_range(plain((255, 0, 0), 1, 1), "red") == Mask(np.ones((1, 1), bool))
