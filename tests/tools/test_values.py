"""Values: checked once, never changed, the same bytes after a round trip."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from diptych.tools.values import (
    KINDS,
    Depth,
    Detections,
    Embedding,
    Image,
    Labels,
    Layout,
    Mask,
    Number,
    Text,
    Value,
    Verdict,
    decode,
)

BOXES = np.array([[0, 0, 4, 4], [2, 2, 6, 5]], np.float32)
FOUND = Detections(BOXES, ("a", "b"), np.array([0.2, 0.9]), "thing", np.eye(8, dtype=bool)[None].repeat(2, 0))
SAMPLES: list[Value] = [
    Image(np.arange(5 * 7 * 3, dtype=np.uint8).reshape(5, 7, 3)),
    Image(np.arange(5 * 7 * 4, dtype=np.uint8).reshape(5, 7, 4)),
    Mask(np.eye(5, 9, dtype=bool)),
    FOUND,
    Detections.empty("face"),
    Text("Grüße\n“quoted”"),
    Number(2.5, "%"),
    Labels({"cat": 0.2, "dog": 0.8}),
    Layout(("cat",), np.array([[0, 0, 1, 1]])),
    Depth(np.ones((2, 3))),
    Embedding(np.ones(4)),
    Verdict(True, 1.0, "2 found", FOUND),
    Verdict(False, 0.0, "none found"),
]


@pytest.mark.parametrize("value", SAMPLES, ids=lambda value: value.kind)
def test_round_trip(value: Value) -> None:
    again = decode(value.encode())
    assert type(again) is type(value)
    assert again == value
    assert again.digest == value.digest


def test_every_kind_is_sampled() -> None:
    assert {value.kind for value in SAMPLES} == set(KINDS)


def test_digests_tell_values_apart() -> None:
    assert len({value.digest for value in SAMPLES}) == len(SAMPLES)
    assert Image(np.zeros((2, 3, 3), np.uint8)) != Image(np.zeros((3, 2, 3), np.uint8))


@pytest.mark.parametrize("value", [SAMPLES[0], SAMPLES[2], FOUND], ids=lambda value: value.kind)
def test_arrays_cannot_be_written(value: Value) -> None:
    for array in value.parts()[0].values():
        if not array.flags.owndata:  # packed masks are copies made for the codec
            with pytest.raises(ValueError, match="read-only"):
                array[...] = 0


def test_detections_are_sorted_by_score() -> None:
    assert FOUND.labels == ("b", "a")
    assert FOUND.scores.tolist() == pytest.approx([0.9, 0.2])
    assert FOUND.xyxy[0].tolist() == [2, 2, 6, 5]
    assert FOUND.subset([1]).labels == ("a",)
    assert len(Detections.empty()) == 0


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Image(np.zeros((2, 2), np.uint8)), r"uint8 \(H, W, 3\)"),
        (lambda: Image(np.zeros((2, 2, 3), np.float32)), "float32"),
        (lambda: Image(np.zeros((0, 2, 3), np.uint8)), r"\(0, 2, 3\)"),
        (lambda: Mask(np.zeros((2, 2), np.uint8)), "bool"),
        (lambda: Detections(BOXES, ("a",), np.array([1.0])), "2 boxes, 1 labels"),
        (lambda: Layout(("a", "b"), np.zeros((1, 4))), "2 phrases, 1 boxes"),
        (lambda: decode(b"not a value"), "not a stored value"),
        (lambda: decode(b""), "not a stored value"),
    ],
)
def test_faults_are_named(make: Callable[[], Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()


def test_mask_bounds() -> None:
    selected = np.zeros((5, 6), bool)
    assert Mask(selected).bounds() is None
    selected[1:3, 2:5] = True
    assert Mask(selected).bounds() == (2, 1, 5, 3)
    assert Mask(selected).share == pytest.approx(0.2)


def test_pil_round_trip() -> None:
    for value in SAMPLES[:2]:
        assert isinstance(value, Image)
        assert Image.from_pil(value.to_pil()) == value
