"""The chain of no-op steps by hand, on one thread: a key per step and a table of results in SQLite. See `served`.

Nothing of an engine is here (no graph, no lanes, no events, no recovery): it is what keeping every result costs at
least, with a commit per hundred steps.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import time
from pathlib import Path

from served import serve

STEPS_PER_COMMIT = 100


def plus_one(number: int) -> int:
    """Add one."""
    return number + 1


def kept(length: int, folder: Path) -> dict[str, float]:
    """Time a first run and a second one over the same table."""
    return {name: seconds(length, folder / "results.db") for name in ("cold", "cached")}


def seconds(length: int, path: Path) -> float:
    """Return how long one run takes; its answer is checked."""
    rows = sqlite3.connect(path, isolation_level=None)
    rows.execute("PRAGMA journal_mode=WAL")
    rows.execute("PRAGMA synchronous=NORMAL")
    rows.execute("CREATE TABLE IF NOT EXISTS results (key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID")
    start = time.perf_counter()
    number = 0
    for first in range(0, length, STEPS_PER_COMMIT):
        rows.execute("BEGIN IMMEDIATE")
        for _ in range(first, min(first + STEPS_PER_COMMIT, length)):
            number = step(rows, number)
        rows.execute("COMMIT")
    taken = time.perf_counter() - start
    rows.close()
    assert number == length
    return taken


def step(rows: sqlite3.Connection, number: int) -> int:
    """Return the result of one step: the one that is kept, or a new one that is kept from now on."""
    key = hashlib.sha256(json.dumps(["plus_one", 1, {}, {"number": number}]).encode()).hexdigest()
    found = rows.execute("SELECT value FROM results WHERE key = ?", (key,)).fetchone()
    if found:
        return int(json.loads(found[0]))
    result = plus_one(number)
    rows.execute("INSERT INTO results VALUES (?, ?)", (key, json.dumps(result)))
    return result


if __name__ == "__main__":
    serve({"kept": kept})
