"""What a run that was killed finds its inputs by."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from diptych.orchestrator.calls import Result
from diptych.orchestrator.resuming import describe_inputs, find_inputs
from diptych.orchestrator.store import Store
from diptych.tools.errors import UsageError
from diptych.tools.values import Number, Text

from .small_tools import picture


def through_the_log(value: Result, store: Store | None, files: dict[str, str] | None = None) -> dict[str, Any]:
    """Return what the log holds of an input after it was written and read."""
    described: dict[str, Any] = json.loads(json.dumps(describe_inputs({"x": value}, files or {}, store)))
    return described


@pytest.mark.parametrize(
    "value",
    [Text('a "sign"\nin two lines'), Number(0.1, "%"), (Number(3), Text("")), ()],
    ids=["words", "a number", "a list", "an empty list"],
)
def test_words_and_numbers_are_in_the_log_itself(value: Result, tmp_path: Path) -> None:
    store = Store(tmp_path)
    described = through_the_log(value, store)
    assert find_inputs(described, store) == {"x": value}
    store.close()
    assert find_inputs(described, Store(tmp_path / "another")) == {"x": value}


def test_a_picture_is_in_the_store_and_missed_by_name_when_it_is_gone(tmp_path: Path) -> None:
    store, lone, several = Store(tmp_path), picture(), (picture(1), picture(2))
    for value in (lone, several, (picture(3), Text("beside a picture"))):
        assert find_inputs(through_the_log(value, store), store) == {"x": value}
    with pytest.raises(UsageError, match="'x' was no file and is not kept any more"):
        find_inputs(through_the_log(lone, None), Store(tmp_path / "another"))
