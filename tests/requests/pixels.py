"""Checks of single pixels: which of them changed, and what color, light and sharpness they have now."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from diptych.tools.colors import parse_color, rgb_to_lab
from diptych.tools.editors.layout import covering
from diptych.tools.segmenters.masks import grow
from diptych.tools.values import Image
from tests.requests.checks import Check, none_of, on_picture
from tests.requests.seeing import Array, Selection, chroma, detail, grain, inverse, luma, near_color, shape

# Where pixels changed


def same_outside(select: Selection) -> Check:
    """Outside the selection every pixel is as it was."""

    def look(inputs: Sequence[Image], after: Image) -> None:
        differs = _differs(inputs[0], after)
        outside = ~select(inputs[0]).selected
        assert differs.any(), "nothing was changed"
        assert not (differs & outside).any(), f"{(differs & outside).sum()} pixels outside were changed"

    return on_picture(look)


def same_inside(select: Selection, share: float = 0.97) -> Check:
    """Inside the selection (nearly) every pixel is as it was, and elsewhere something has changed."""

    def look(inputs: Sequence[Image], after: Image) -> None:
        differs = _differs(inputs[0], after)
        kept = 1 - differs[select(inputs[0]).selected].mean()
        assert differs.any(), "nothing was changed"
        assert kept >= share, f"only {kept:.0%} of the selection is as it was"

    return on_picture(look)


def _differs(before: Image, after: Image) -> Array:
    assert after.size_wh == before.size_wh, f"{before.size_wh} became {after.size_wh}"
    return np.asarray((before.rgb != after.rgb).any(axis=2))


def unchanged() -> Check:
    """The picture came back as it was."""
    return on_picture(lambda inputs, after: none_of("the picture was changed", int(_differs(inputs[0], after).sum())))


def becomes(expected: Callable[[Image], Array]) -> Check:
    """The pixels are exactly those that a plain numpy expression gives."""

    def look(inputs: Sequence[Image], after: Image) -> None:
        wanted = expected(inputs[0])
        assert after.pixels.shape == wanted.shape, f"{after.pixels.shape}, not {wanted.shape}"
        assert np.array_equal(after.pixels, wanted), "other pixels than expected"

    return on_picture(look)


# Color


def gray(select: Selection | None = None) -> Check:
    """The selection, or the whole picture, has no color."""

    def look(inputs: Sequence[Image], after: Image) -> None:
        spread = np.ptp(after.rgb.astype(int), axis=2)
        chosen = spread if select is None else spread[select(inputs[0]).selected]
        assert (chosen <= 3).mean() >= 0.99, f"{(chosen > 3).mean():.0%} of the pixels have color"

    return on_picture(look)


def backdrop(color: str) -> Check:
    """Behind the subject, as it is found in the result, everything is of one color."""

    def look(_: Sequence[Image], after: Image) -> None:
        behind = inverse(shape("subject", 2))(after).selected
        right = near_color(after, color)[behind].mean()
        assert right > 0.95, f"{right:.0%} of the background is {color}"

    return on_picture(look)


def blends_in(select: Selection) -> Check:
    """What was put into the selection has the colors that lie around it, so that nothing seems to be missing."""

    def look(inputs: Sequence[Image], after: Image) -> None:
        assert _differs(inputs[0], after).any(), "nothing was changed"
        inside = select(inputs[0])
        rim = grow(inside, 1.5).selected & ~inside.selected
        lab = rgb_to_lab(after.rgb)
        off = np.linalg.norm(np.median(lab[inside.selected], axis=0) - np.median(lab[rim], axis=0))
        assert off < 12, f"the patch is {off:.0f} in CIE Lab away from what lies around it"

    return on_picture(look)


def recolored(select: Selection, color: str) -> Check:
    """Most colorful pixels of the selection are of the hue of a color now."""

    def look(inputs: Sequence[Image], after: Image) -> None:
        chosen = select(inputs[0]).selected & (chroma(after) > 12)
        assert chosen.sum() > 0.4 * select(inputs[0]).selected.sum(), "the selection lost its color"
        distance = np.abs(_hue(after)[chosen] - _hue(_plain(color))[0, 0])
        near = (np.minimum(distance, 360 - distance) < 35).mean()
        assert near > 0.7, f"{near:.0%} of it is {color}"

    return on_picture(look)


def _plain(color: str) -> Image:
    return Image(np.full((1, 1, 3), parse_color(color), np.uint8))


def _hue(image: Image) -> Array:
    """Return float (H, W) hue angles of CIE Lab in degrees."""
    lab = rgb_to_lab(image.rgb)
    return np.asarray(np.degrees(np.arctan2(lab[..., 2], lab[..., 1])) % 360)


def framed(color: str) -> Check:
    """The picture has grown by a border of a color, and is itself inside it."""

    def look(inputs: Sequence[Image], after: Image) -> None:
        (width, height), (old_width, old_height) = after.size_wh, inputs[0].size_wh
        x, y = (width - old_width) // 2, (height - old_height) // 2
        assert x > 0 and y > 0, "there is no border"
        rim = np.ones((height, width), bool)
        rim[y : y + old_height, x : x + old_width] = False
        assert near_color(after, color)[rim].mean() > 0.97, f"the border is not {color}"

    return on_picture(look)


def transparent_outside(select: Selection) -> Check:
    """Alpha is 0 around the selection, give or take its edge, and 255 in (nearly) all of it."""

    def look(inputs: Sequence[Image], after: Image) -> None:
        assert after.alpha is not None, "the picture has no transparency"
        inside, around = select(inputs[0]).selected, ~grow(select(inputs[0]), 2).selected
        assert (after.alpha[around] == 0).mean() > 0.98, "the background is still there"
        assert (after.alpha[inside] == 255).mean() > 0.85, "parts of the subject are missing"

    return on_picture(look)


def background_from(select: Selection, index: int) -> Check:
    """Outside the selection stands another input, scaled to cover the picture."""

    def look(inputs: Sequence[Image], after: Image) -> None:
        assert after.size_wh == inputs[0].size_wh
        outside = ~select(inputs[0]).selected
        wanted = covering(inputs[index], after.size_wh).rgb.astype(int)
        off = np.abs(after.rgb - wanted).max(axis=2)[outside]
        assert (off < 12).mean() > 0.95, f"{(off >= 12).mean():.0%} of the background is something else"

    return on_picture(look)


# Light and sharpness


def brightness(low: float, high: float = 20.0) -> Check:
    """The mean brightness is between `low` and `high` times what it was."""

    def look(inputs: Sequence[Image], after: Image) -> None:
        factor = luma(after).mean() / luma(inputs[0]).mean()
        assert low <= factor <= high, f"{factor:.2f} times as bright"

    return on_picture(look)


def colorfulness(low: float) -> Check:
    """The mean distance from gray is at least `low` times what it was."""

    def look(inputs: Sequence[Image], after: Image) -> None:
        factor = chroma(after).mean() / chroma(inputs[0]).mean()
        assert factor >= low, f"{factor:.2f} times as colorful"

    return on_picture(look)


def sharpness(low: float, high: float, select: Selection | None = None) -> Check:
    """The mean detail, of the selection where given, is between `low` and `high` times what it was."""

    def look(inputs: Sequence[Image], after: Image) -> None:
        assert select is None or after.size_wh == inputs[0].size_wh
        chosen = ... if select is None else select(inputs[0]).selected
        factor = detail(after)[chosen].mean() / detail(inputs[0])[chosen].mean()
        assert low <= factor <= high, f"{factor:.2f} times the detail"

    return on_picture(look)


def quieter(high: float) -> Check:
    """The noise is at most `high` times what it was."""

    def look(inputs: Sequence[Image], after: Image) -> None:
        factor = grain(after) / grain(inputs[0])
        assert factor <= high, f"{factor:.2f} times the noise"

    return on_picture(look)


def drawn() -> Check:
    """The picture looks like a pencil drawing: no color, mostly paper, some dark lines."""

    def look(_: Sequence[Image], after: Image) -> None:
        light = luma(after)
        assert (chroma(after) < 8).mean() > 0.95, "it has color"
        assert (light > 170).mean() > 0.5, f"{(light > 170).mean():.0%} of it is paper"
        assert (light < 130).mean() > 0.005, "it has no lines"

    return on_picture(look)
