"""Results outlive the process, within a bound, and a damaged one is never handed out."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from diptych.orchestrator.store import Store
from diptych.tools.errors import UsageError
from diptych.tools.values import Detections, Image, Mask, Number, Text, Value, Verdict

VALUES = [
    Image(np.arange(24, dtype=np.uint8).reshape(2, 4, 3)),
    Mask(np.eye(3, dtype=bool)),
    Detections.empty("cat"),
    Text("ÄÖ\n"),
    Number(2.5, "%"),
    Verdict(True, 0.5, "half", Detections(np.ones((1, 4), np.float32), ("a",), np.ones(1, np.float32))),
]


def blank(value: int, side: int = 100) -> Image:
    return Image(np.full((side, side, 3), value, np.uint8))


@pytest.mark.parametrize("value", VALUES, ids=lambda value: value.kind)
def test_a_value_comes_back_after_a_restart(value: Value, tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put("key", value)
    store.close()
    assert Store(tmp_path).get("key") == value


def test_lists_keep_their_order_and_may_be_empty(tmp_path: Path) -> None:
    items = (blank(2), blank(1), blank(2))
    Store(tmp_path).put("list", items)
    Store(tmp_path).put("empty", ())
    again = Store(tmp_path)
    assert again.get("list") == items and again.get("empty") == () and again.get("nothing") is None


def test_what_comes_back_cannot_be_changed(tmp_path: Path) -> None:
    Store(tmp_path).put("key", blank(1))
    value = Store(tmp_path).get("key")
    assert isinstance(value, Image)
    with pytest.raises(ValueError, match="read-only"):
        value.pixels[0, 0, 0] = 9


@pytest.mark.parametrize("damage", [b"", b"\xff" * 40, None])
def test_a_damaged_blob_is_dropped_and_healed(damage: bytes | None, tmp_path: Path) -> None:
    Store(tmp_path).put("key", blank(1))
    (blob,) = tmp_path.rglob("*.value")
    blob.write_bytes(blob.read_bytes()[:-1] + b"\x07" if damage is None else damage)
    store = Store(tmp_path)
    assert store.get("key") is None and not blob.exists()
    store.put("key", blank(1))
    assert Store(tmp_path).get("key") == blank(1)


def test_the_least_recently_used_go_first(tmp_path: Path) -> None:
    store = Store(tmp_path, max_bytes=100_000, memory_bytes=0)
    for value in (1, 2, 3):
        store.put(f"key {value}", blank(value))
    assert store.get("key 1") is not None
    store.put("key 4", blank(4))
    kept = [value for value in (1, 2, 3, 4) if store.get(f"key {value}") is not None]
    assert 1 in kept and 4 in kept and 2 not in kept
    assert sum(path.stat().st_size for path in tmp_path.rglob("*.value")) <= 100_000


def test_a_file_that_is_no_index_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "index.db").write_bytes(b"this is not a database, whatever else it may be" * 40)
    store = Store(tmp_path)
    store.put("key", Text("x"))
    assert store.get("key") == Text("x")


def test_a_later_layout_is_refused(tmp_path: Path) -> None:
    Store(tmp_path).close()
    with sqlite3.connect(tmp_path / "index.db") as connection:
        connection.execute("PRAGMA user_version=99")
    connection.close()
    with pytest.raises(UsageError, match="written by a later Diptych"):
        Store(tmp_path)


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="DIPTYCH_HOME"):
        Store(tmp_path / "file")


WRITER = """
import sys
from pathlib import Path
from diptych.orchestrator.store import Store
from diptych.tools.values import Text
store = Store(Path(sys.argv[1]), max_bytes=20_000)
for number in range(60):
    store.put(f"{sys.argv[2]} {number}", Text("x" * 200 + sys.argv[2] * (number % 7)))
    store.get(f"a {number}")
"""


def test_two_processes_share_one_store(tmp_path: Path) -> None:
    commands = [[sys.executable, "-c", WRITER, str(tmp_path), name] for name in "ab"]
    writers = [subprocess.Popen(command, stderr=subprocess.PIPE) for command in commands]
    errors = [writer.communicate(timeout=60)[1].decode() for writer in writers]
    assert errors == ["", ""]
    store = Store(tmp_path)
    assert store.get("a 59") == Text("x" * 200 + "a" * (59 % 7)) and store.get("b 59") is not None
