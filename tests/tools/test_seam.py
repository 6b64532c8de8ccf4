"""What is drawn into a hole takes on the shade of what surrounds it, and keeps its own picture."""

from __future__ import annotations

import numpy as np
import pytest

from diptych.tools.editors.seam import settled
from diptych.tools.values.base import Array

SIDE = 200


def scene() -> tuple[Array, Array]:
    """Return a picture with a slope of light, and a hole in its middle."""
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    picture = np.stack([90 + x * 0.3, 120 + y * 0.2, 140 - x * 0.1], axis=-1).astype(np.uint8)
    hole = np.zeros((SIDE, SIDE), np.bool_)
    hole[50:150, 60:160] = True
    return picture, hole


def edge_of(result: Array, picture: Array) -> float:
    """Return the largest mean step, of any color, across the four sides of the hole."""
    pairs = [
        (result[50, 60:160], picture[49, 60:160]),
        (result[149, 60:160], picture[150, 60:160]),
        (result[50:150, 60], picture[50:150, 59]),
        (result[50:150, 159], picture[50:150, 160]),
    ]
    return max(float(np.abs(one.astype(int) - other).mean(axis=0).max()) for one, other in pairs)


@pytest.mark.parametrize("size", [1, 4])
def test_no_edge_is_left_of_another_shade(size: int) -> None:
    picture, hole = scene()
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    shade = np.stack([12 + 0 * x, 0.1 * y - 20, -0.08 * x], axis=-1)
    drawn = (picture + shade).clip(0, 255).astype(np.uint8)
    drawn[90:110, 100:120] = (200, 30, 30)  # the thing that was asked for
    assert edge_of(np.where(hole[..., None], drawn, picture), picture) > 10
    big = [np.repeat(np.repeat(each, size, axis=0), size, axis=1) for each in (drawn, picture, hole)]
    result = settled(*big)[::size, ::size]
    assert edge_of(result, picture) < 2.5
    contrast = result[100, 110].astype(int) - result[100, 80].astype(int)
    assert np.abs(contrast - (drawn[100, 110].astype(int) - drawn[100, 80])).max() <= 6


def test_what_is_left_of_an_old_thing_lends_no_color() -> None:
    picture, hole = scene()
    around = picture.copy()
    around[44:156, 54:57] = around[44:47, 54:166] = (255, 0, 0)  # a rim that the mask did not take
    clean, tinted = settled(picture, picture, hole), settled(picture, around, hole)
    assert np.array_equal(clean[hole], picture[hole])
    assert np.abs(tinted[hole].astype(int) - picture[hole]).max() <= 2


def test_where_nothing_is_alike_it_is_left_as_it_was_drawn() -> None:
    picture, hole = scene()
    other = 255 - picture
    assert np.array_equal(settled(other, np.zeros_like(other), hole), other)
    everything = np.ones_like(hole)
    assert np.array_equal(settled(other, picture, everything), other)
    one = np.zeros((1, 1, 3), np.uint8)
    assert np.array_equal(settled(one, one, np.ones((1, 1), np.bool_)), one)
