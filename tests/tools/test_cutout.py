from __future__ import annotations

import numpy as np
import pytest

from diptych.tools.editors.cutout import cut_out
from diptych.tools.errors import ToolError
from diptych.tools.values import Image, Mask


@pytest.mark.parametrize("channels", [3, 4])
def test_only_the_selection_stays_visible(channels: int) -> None:
    pixels = np.full((4, 6, channels), 200, np.uint8)
    selected = np.zeros((4, 6), bool)
    selected[1:3, 2:4] = True
    result = cut_out(Image(pixels), Mask(selected))
    assert result.alpha is not None
    assert (result.alpha[selected] == (200 if channels == 4 else 255)).all()
    assert not result.alpha[~selected].any()
    assert (result.rgb == 200).all()


def test_a_mask_of_another_size_is_named() -> None:
    with pytest.raises(ToolError, match="4"):
        cut_out(Image(np.zeros((4, 4, 3), np.uint8)), Mask(np.ones((3, 4), bool)))
