"""What changes a key and what does not."""

from __future__ import annotations

from typing import Any

import pytest

from diptych.orchestrator.keys import StepKey, written
from diptych.tools.tool import Param

BASE: dict[str, Any] = {
    "tool": "blur",
    "version": 1,
    "params": {"strength": 50.0, "mode": "soft"},
    "revisions": {"detector": "d@1"},
    "inputs": {"image": "aa", "mask": None},
}


def step_key(*, params: Any, inputs: Any, **common: Any) -> str:
    return StepKey(**common, ports=list(inputs)).of(written(params), list(inputs.values()))


@pytest.mark.parametrize(
    "change",
    [
        {"tool": "sharpen"},
        {"version": 2},
        {"params": {"strength": 51.0, "mode": "soft"}},
        {"revisions": {"detector": "d@2"}},
        {"inputs": {"image": "ab", "mask": None}},
        {"inputs": {"image": "aa", "mask": "bb"}},
        {"inputs": {"image": ["aa"], "mask": None}},
        {"inputs": {"image": ["aa", "bb"], "mask": None}},
        {"inputs": {"image": None, "mask": "aa"}},
        {"inputs": {"image": "aa", "mask": []}},
    ],
)
def test_whatever_matters_changes_the_key(change: dict[str, Any]) -> None:
    assert step_key(**{**BASE, **change}) != step_key(**BASE)


def test_the_order_of_arguments_does_not_matter() -> None:
    params = {"mode": "soft", "strength": 50.0}
    assert step_key(**{**BASE, "params": params}) == step_key(**BASE)
    assert len(step_key(**BASE)) == 64


@pytest.mark.parametrize(
    ("param", "one", "other"),
    [
        (Param("strength", float, False), 50, 50.0),
        (Param("size", int, True), 512.0, 512),
    ],
    ids=["whole numbers of a float", "a float of whole numbers"],
)
def test_normalised_parameters_give_equal_keys(param: Param, one: Any, other: Any) -> None:
    keys = {step_key(**{**BASE, "params": {param.name: param.check(value)}}) for value in (one, other)}
    assert len(keys) == 1


def test_a_chain_of_ten_thousand_has_as_many_keys() -> None:
    keys = [step_key(**BASE)]
    for _ in range(10_000):
        keys.append(step_key(**{**BASE, "inputs": {"image": keys[-1], "mask": None}}))
    assert len(set(keys)) == len(keys)


def test_words_of_any_kind_make_a_key() -> None:
    words = ["", "ä", "\ud800", '"],["', "a\0b"]
    keys = {step_key(**{**BASE, "params": {"words": word}}) for word in words}
    assert len(keys) == len(words) and all(len(key) == 64 for key in keys)
