"""The generative tools hand the right things to their models, tried with the simplest inpainter there is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import numpy as np
import pytest

from diptych.tools.errors import ToolError
from diptych.tools.generators.generate import inpaint, outpaint
from diptych.tools.model import Inpainter
from diptych.tools.values import Image, Mask


class SeededGray(Inpainter):
    """Fills the mask with a gray that the seed chooses."""

    @classmethod
    def load(cls, source: str | Mapping[str, str], *, device: str = "cpu", dtype: str = "float32") -> Self:
        return cls()

    def inpaint(
        self,
        image: Image,
        mask: Mask,
        prompt: str,
        *,
        negative_prompt: str,
        steps: int | None,
        guidance_scale: float | None,
        seed: int,
    ) -> Image:
        rgb = image.rgb.copy()
        rgb[mask.selected] = seed % 256
        return image.with_rgb(rgb)


def picture(width: int = 40, height: int = 20, channels: int = 3) -> Image:
    return Image(np.full((height, width, channels), 200, np.uint8))


@pytest.mark.parametrize("seed", [0, 7, 255])
def test_the_seed_arrives_even_when_it_is_zero(seed: int) -> None:
    result = inpaint(picture(), Mask(np.ones((20, 40), bool)), "sand", seed=seed, inpainter=SeededGray())
    assert (result.rgb == seed).all()


def test_a_mask_of_another_size_shows_both() -> None:
    with pytest.raises(ToolError, match="the mask is 20×40, but the image is 40×20"):
        inpaint(picture(), Mask(np.ones((40, 20), bool)), "sand", inpainter=SeededGray())


@pytest.mark.parametrize(
    ("size", "percent", "grown"), [((40, 20), 25, (60, 30)), ((1, 1), 1, (3, 3)), ((7, 5), 100, (21, 15))]
)
@pytest.mark.parametrize("channels", [3, 4])
def test_outpaint_grows_on_all_sides_and_keeps_the_middle(
    size: tuple[int, int], percent: float, grown: tuple[int, int], channels: int
) -> None:
    before = picture(*size, channels)
    after = outpaint(before, "more", percent, seed=9, inpainter=SeededGray())
    assert after.size_wh == grown
    x, y = (grown[0] - size[0]) // 2, (grown[1] - size[1]) // 2
    middle = after.rgb[y : y + size[1], x : x + size[0]]
    assert (middle == before.rgb).all()
    assert (after.rgb == 9).all(axis=2).sum() == grown[0] * grown[1] - size[0] * size[1]
