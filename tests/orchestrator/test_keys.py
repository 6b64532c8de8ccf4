"""What changes a key and what does not."""

from __future__ import annotations

from typing import Any

import pytest

from diptych.orchestrator.keys import step_key

BASE: dict[str, Any] = {
    "tool": "blur",
    "version": 1,
    "params": {"strength": 50.0, "mode": "soft"},
    "revisions": {"detector": "d@1"},
    "inputs": {"image": "aa", "mask": None},
}


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
    ],
)
def test_whatever_matters_changes_the_key(change: dict[str, Any]) -> None:
    assert step_key(**{**BASE, **change}) != step_key(**BASE)


def test_the_order_of_arguments_does_not_matter() -> None:
    params = {"mode": "soft", "strength": 50.0}
    assert step_key(**{**BASE, "params": params}) == step_key(**BASE)
    assert len(step_key(**BASE)) == 64
