"""Plans that do the same job in other words are alike; plans that do another job are not."""

from __future__ import annotations

import pytest

from diptych.planners.evaluation.alike import alike
from diptych.planners.notation import read_steps
from diptych.planners.plan import Plan
from diptych.tools.catalogue import load_catalogue

CATALOGUE = load_catalogue().planned
FACE = 'a detect photo "face"\nb segment photo a\nc blur photo mask=b\n'


def plan(text: str) -> Plan:
    steps, outputs = read_steps(text, ["photo", "photo2"], CATALOGUE)
    return Plan(inputs=dict.fromkeys(["photo", "photo2"], "Image"), steps=steps, outputs=outputs)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (FACE, FACE),
        (FACE, FACE.replace('"face"', '"the faces"')),
        ("a adjust photo brightness=30\n", "a adjust photo brightness=40\n"),
        ("a blur photo\n", "a blur photo strength=80\n"),
        ('a edit photo "add a red hat to the man"\n', 'a edit photo "add a red hat"\n'),
        ("a collage [photo,photo2]\n", 'a collage [photo,photo2] layout="row"\n'),
        (
            'a detect photo "cup"\nb count a\nc grayscale photo\n',
            'a grayscale photo\nb detect photo "cups"\nc count b\n',
        ),
    ],
)
def test_alike(one: str, other: str) -> None:
    assert alike(plan(one), plan(other), CATALOGUE) and alike(plan(other), plan(one), CATALOGUE)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (FACE, FACE.replace("blur", "pixelate")),
        (FACE, FACE.replace('"face"', '"license plate"')),
        (FACE, FACE + "d sharpen c\n"),
        (FACE, FACE + "d sharpen photo\n"),
        ("a adjust photo brightness=30\n", "a adjust photo brightness=-30\n"),
        ("a blur photo strength=20\n", "a blur photo strength=80\n"),
        ("a rotate photo 90\n", "a rotate photo -90\n"),
        ("a resize photo width=300\n", "a resize photo width=320\n"),
        ("a collage [photo,photo2]\n", "a collage [photo2,photo]\n"),
        (
            'a detect photo "cup"\nb exists a\nc blur photo when=b\n',
            'a detect photo "cup"\nb exists a\nc blur photo unless=b\n',
        ),
        ('a detect photo "cup"\nb exists a\nc blur photo when=b\n', "a blur photo\n"),
        ('a subject photo\nb fill photo a "red"\n', 'a subject photo\nb fill photo a "blue"\n'),
    ],
)
def test_not_alike(one: str, other: str) -> None:
    assert not alike(plan(one), plan(other), CATALOGUE) and not alike(plan(other), plan(one), CATALOGUE)
