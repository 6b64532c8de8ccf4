"""Color words become colors, and colors become words."""

from __future__ import annotations

import numpy as np
import pytest

from diptych.tools.colors import is_color, means_color, name_color, parse_color, rgb_to_lab


@pytest.mark.parametrize(
    ("text", "rgb"),
    [
        ("red", (255, 0, 0)),
        ("  Dark Blue ", (0, 0, 139)),
        ("light-green", (144, 238, 144)),
        ("pitch black", (0, 0, 0)),
        ("navy blue", (0, 0, 128)),
        ("bright red", (255, 0, 13)),
        ("Grey", (128, 128, 128)),
        ("gray", (128, 128, 128)),
        ("#f00", (255, 0, 0)),
        ("#12AB34", (18, 171, 52)),
        ("rgb(1, 2, 3)", (1, 2, 3)),
        ("bleu", (0, 0, 255)),
        ("yelow", (255, 255, 0)),
        ("ligth blue", (173, 216, 230)),
        ("a nice red", (255, 0, 0)),
        ("robin's egg blue", (152, 239, 249)),
        ("dark crimson", (121, 11, 33)),
    ],
)
def test_parses_what_people_write(text: str, rgb: tuple[int, int, int]) -> None:
    assert parse_color(text) == rgb


@pytest.mark.parametrize(
    "text", ["cat", "transparent", "left", "bigger", "background", "", "123", "#12", "#ggg", "poop"]
)
def test_refuses_what_is_no_color(text: str) -> None:
    with pytest.raises(ValueError, match=r"nearest|color code"):
        parse_color(text)


@pytest.mark.parametrize(
    ("text", "meant", "to_the_letter"),
    [
        ("dark blue", True, True),
        ("#12AB34", True, True),
        ("bleu", True, False),
        ("a nice red", True, False),
        ("big car", False, False),
        ("#12", False, False),
    ],
)
def test_a_color_that_is_meant_need_not_be_spelled_right(text: str, meant: bool, to_the_letter: bool) -> None:
    assert (means_color(text), is_color(text)) == (meant, to_the_letter)


def test_refusal_suggests_the_nearest() -> None:
    with pytest.raises(ValueError, match="brick red"):
        parse_color("brick read wall")


@pytest.mark.parametrize(
    ("rgb", "name"),
    [
        ((250, 5, 5), "red"),
        ((0, 0, 0), "black"),
        ((255, 255, 255), "white"),
        ((128, 128, 128), "gray"),
        ((20, 90, 30), "dark green"),
        ((0, 0, 128), "navy"),
        ((120, 70, 30), "brown"),
        ((135, 206, 235), "light blue"),
    ],
)
def test_names_colors(rgb: tuple[int, int, int], name: str) -> None:
    assert name_color(rgb) == name
    parse_color(name)


def test_lab_of_known_colors() -> None:
    lab = rgb_to_lab([[255, 255, 255], [0, 0, 0], [255, 0, 0]])
    np.testing.assert_allclose(lab, [[100, 0, 0], [0, 0, 0], [53.2, 80.1, 67.2]], atol=0.3)
