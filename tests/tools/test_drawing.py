"""Drawing, writing, and putting images together."""

from __future__ import annotations

import numpy as np
import pytest
from photos import photo

from diptych.tools.editors.drawing import collage, composite, draw_boxes, outline, paste, sticker, write
from diptych.tools.editors.fonts import font_for, wrapped
from diptych.tools.editors.stickers import STICKERS, draw_sticker
from diptych.tools.errors import ToolError
from diptych.tools.values import Detections, Image, Mask

FACE = Detections(np.array([[170, 60, 280, 200]], np.float32), ("face",), np.ones(1, np.float32), "face")


def ellipse(image: Image, x: int, y: int, radius: int) -> Mask:
    rows, columns = np.ogrid[: image.size_wh[1], : image.size_wh[0]]
    return Mask((columns - x) ** 2 + (rows - y) ** 2 < radius**2)


def changed(a: Image, b: Image) -> np.ndarray:
    return (a.pixels != b.pixels).any(axis=2)


def test_draw_boxes() -> None:
    image = photo("astronaut")
    result = draw_boxes(image, FACE, "lime")
    assert tuple(result.pixels[60, 200]) == (0, 255, 0)
    assert not changed(image, result)[70:190, 180:270].any() and not changed(image, result)[:59].any()
    assert changed(image, draw_boxes(image, FACE, labels=True))[:59].any()
    assert draw_boxes(image, Detections.empty("face")) == image


def test_outline_stays_outside_the_shape() -> None:
    image = photo("astronaut")
    mask = ellipse(image, 225, 130, 60)
    difference = changed(image, outline(image, mask, "red"))
    assert difference.any() and not difference[ellipse(image, 225, 130, 58).selected].any()
    assert not difference[~ellipse(image, 225, 130, 70).selected].any()
    assert outline(image, ellipse(image, 0, 0, 0)) == image


@pytest.mark.parametrize("kind", [*STICKERS, "black bar"])
def test_sticker_covers_the_box_and_little_more(kind: str) -> None:
    image = photo("astronaut")
    difference = changed(image, sticker(image, FACE, kind))  # type: ignore[arg-type]
    inside = difference[60:200, 170:280].mean()
    assert inside > (0.2 if kind == "black bar" else 0.4)
    assert not difference[:, :130].any() and not difference[260:].any()
    assert sticker(image, Detections.empty(), kind) == image  # type: ignore[arg-type]


def test_black_bar_lies_over_the_eyes() -> None:
    result = sticker(photo("astronaut"), FACE, "black bar").pixels
    assert (result[100:120, 175:275] == 0).all() and result[180, 225].any()


@pytest.mark.parametrize("side", [1, 7, 3000])
def test_stickers_of_any_size(side: int) -> None:
    assert draw_sticker("heart", side).size == (side, side)


@pytest.mark.parametrize(
    ("position", "window"),
    [("top-left", np.s_[:100, :250]), ("bottom", np.s_[-60:, 200:440]), ("right", np.s_[180:250, 400:])],
)
def test_write_at_its_place(position: str, window: tuple[slice, slice]) -> None:
    image = photo("china")
    difference = changed(image, write(image, "Hello", position))  # type: ignore[arg-type]
    assert difference[window].sum() == difference.sum() > 100


@pytest.mark.parametrize("text", ["x" * 500, "many words " * 45, "two\nlines", " ", "é ü € ß ø ž П λ → ★"])
def test_write_fits_any_text(text: str) -> None:
    image = photo("cat")
    difference = changed(image, write(image, text, "center", size=50))
    assert not difference[0].any() and not difference[-1].any()
    assert difference.any() == bool(text.strip())


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 80, 4), (80, 1, 3)])
def test_write_on_tiny_images(shape: tuple[int, int, int]) -> None:
    assert write(Image(np.zeros(shape, np.uint8)), "hello").pixels.shape == shape


def test_write_says_which_letters_no_font_has() -> None:
    with pytest.raises(ToolError, match="no font on this machine"):
        font_for("a\U0010fff0", 20)


def test_wrapped_breaks_at_spaces() -> None:
    font = font_for("a b", 20)
    lines = wrapped("one two three four", font, font.getlength("one two ") + 1)
    assert " ".join(lines) == "one two three four" and len(lines) > 1


def test_paste_plain_and_masked() -> None:
    image, patch = photo("china"), photo("cat")
    difference = changed(image, paste(image, patch, position="bottom-right"))
    assert not difference[:278].any() and difference[300:400, 430:620].mean() > 0.9
    round_one = changed(image, paste(image, patch, ellipse(patch, 225, 150, 100), "center"))
    assert 0.7 < round_one[108:318, 215:425].mean() < 0.85
    with pytest.raises(ToolError, match="selects nothing"):
        paste(image, patch, ellipse(patch, 0, 0, 0))


def test_seamless_paste_shows_the_patch_and_leaves_the_rest() -> None:
    image, patch = photo("china"), photo("flower")
    mask = ellipse(patch, 310, 210, 150)
    plain, soft = (paste(image, patch, mask, "right", 40, blend) for blend in ("plain", "seamless"))  # type: ignore[arg-type]
    assert changed(image, soft).sum() > 0.9 * changed(image, plain).sum()
    assert not (changed(image, soft) & ~changed(image, plain)).sum() > 50
    window = np.s_[150:270, 440:560]
    likeness = np.corrcoef(plain.rgb[window][..., 1].ravel(), soft.rgb[window][..., 1].ravel())[0, 1]
    assert likeness > 0.8


def test_composite_keeps_the_subject_and_changes_the_rest() -> None:
    image, background = photo("astronaut"), photo("china")
    mask = ellipse(image, 225, 200, 100)
    result = composite(image, mask, background)
    core = ellipse(image, 225, 200, 96).selected
    assert result.size_wh == image.size_wh
    assert np.array_equal(result.pixels[core], image.pixels[core])
    other = composite(Image(np.full_like(image.pixels, 77)), mask, background)
    assert np.array_equal(result.pixels[~mask.selected], other.pixels[~mask.selected])


def test_composite_over_transparency() -> None:
    image = Image(np.full((20, 20, 4), (200, 10, 10, 0), np.uint8))
    result = composite(image, Mask(np.ones((20, 20), np.bool_)), photo("cat"))
    assert (result.rgb != (200, 10, 10)).any(axis=2).all()


@pytest.mark.parametrize(
    ("layout", "size"),
    [("row", (512 * 2 + 3 * 10, 512 + 20)), ("column", (512 + 20, 512 * 2 + 30)), ("grid", (1054, 532))],
)
def test_collage_sizes(layout: str, size: tuple[int, int]) -> None:
    image = photo("astronaut")
    result = collage([image, image], layout)  # type: ignore[arg-type]
    assert result.size_wh == size
    assert np.array_equal(result.pixels[10:522, 10:522], image.pixels)


def test_collage_of_one_none_and_too_much() -> None:
    assert collage([photo("cat")]) == photo("cat")
    with pytest.raises(ToolError, match="no images"):
        collage([])
    wide = Image(np.zeros((3000, 10000, 3), np.uint8))
    width, height = collage([wide] * 3, "grid").size_wh
    assert width * height <= 64_000_000


def test_inputs_stay_as_they_are() -> None:
    image = photo("astronaut")
    before = image.digest
    for result in (write(image, "x"), sticker(image, FACE, "heart"), outline(image, ellipse(image, 99, 99, 50))):
        assert result != image
    assert Image(image.pixels).digest == before
