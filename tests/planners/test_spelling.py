"""Typing errors are mended; names, quotations and words that somebody knows are not touched."""

from __future__ import annotations

import pytest

from diptych.planners.spelling import mend


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("vainsh my son's fsce", "vanish my son's face"),
        ("Brighen the kdis' faces", "Brighten the kids' faces"),
        ("LOCATE THE TORTISE", "LOCATE THE TORTOISE"),
        ("fix my photto.", "fix my photo."),
        ("put 'Helo Wrold' at teh topp", "put 'Helo Wrold' at teh top"),
        ("clar", "clar"),
        ("blur Anna and the Müllers", "blur Anna and the Müllers"),
        ("put Xanadoo at the bottom", "put Xanadoo at the bottom"),
        ("replace the sky with galaxies", "replace the sky with galaxies"),
        ("make it #ff8800", "make it #ff8800"),
        ("", ""),
        ("qqqqzzzz", "qqqqzzzz"),
    ],
)
def test_typing_errors(typed: str, meant: str) -> None:
    assert mend(typed) == meant


def test_mending_twice_is_mending_once() -> None:
    once = mend("remov teh drmu form the pictrue and sharpn evrything")
    assert mend(once) == once
