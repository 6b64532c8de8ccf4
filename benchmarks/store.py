"""What the store costs, beside SQLite and files by hand: `python benchmarks/store.py`.

By hand means: the same encoded bytes, ready made, one row or one file each, one transaction, nothing checked, nothing
bounded, nothing shared. The store's figures include encoding, digests on reading, and both of its indexes; the digest
of a value, which its call needs in any case, is computed before. Best of five rounds, in microseconds each.
"""

from __future__ import annotations

import hashlib
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np

from diptych.orchestrator.store import Store
from diptych.tools.values import Image, Number, Value

ROUNDS = 5
CASES = (("100 B", 900), ("100 kB", 30), ("10 MB", 3))


def values(size: str, count: int) -> list[Value]:
    """Return values that have never been stored."""
    if size == "100 B":
        return [Number(float(number), "px") for number in range(count)]
    height, width = (180, 185) if size == "100 kB" else (1700, 2000)
    pixels = np.random.default_rng(0).integers(0, 256, (count, height, width, 3), np.uint8)
    return [Image(each) for each in pixels]


def each(items: list[str], work: Callable[[str], object]) -> float:
    """Return the microseconds that `work` takes for an item."""
    start = time.perf_counter()
    for item in items:
        work(item)
    return (time.perf_counter() - start) / len(items) * 1e6


def with_store(folder: Path, made: dict[str, Value]) -> Iterator[tuple[str, float]]:
    keys = [hashlib.sha256(digest.encode()).hexdigest() for digest in made]
    results = dict(zip(keys, made.values(), strict=True))
    store = Store(folder)
    yield "put", each(keys, lambda key: store.put(key, results[key]))
    start = time.perf_counter()
    store.flush()
    yield "flush", (time.perf_counter() - start) / len(keys) * 1e6
    yield "find, known", each(keys, store.find)
    store.close()
    store = Store(folder)
    yield "find, on disk", each(keys, store.find)
    yield "value, on disk", each(list(made), store.value)
    store.close()


def by_hand(folder: Path, made: dict[str, Value]) -> Iterator[tuple[str, float]]:
    data = {digest: value.encode() for digest, value in made.items()}
    large = len(next(iter(data.values()))) > 16 << 10
    folder.mkdir()
    with closing(sqlite3.connect(folder / "index.db", isolation_level=None)) as rows:
        rows.execute("PRAGMA journal_mode=WAL")
        rows.execute("PRAGMA synchronous=NORMAL")
        rows.execute("CREATE TABLE kept (key TEXT PRIMARY KEY, data BLOB)")
        start = time.perf_counter()
        rows.execute("BEGIN")
        for digest, content in data.items():
            if large:
                (folder / digest).write_bytes(content)
            rows.execute("INSERT INTO kept VALUES (?, ?)", (digest, None if large else content))
        rows.execute("COMMIT")
        yield "flush", (time.perf_counter() - start) / len(data) * 1e6
        find = "SELECT data FROM kept WHERE key = ?"
        yield "find, on disk", each(list(data), lambda digest: rows.execute(find, (digest,)).fetchone())
        if large:
            yield "value, on disk", each(list(data), lambda digest: (folder / digest).read_bytes())
    yield "digest", each(list(data), lambda digest: hashlib.sha256(data[digest]))


def main() -> None:
    for size, count in CASES:
        best: dict[str, dict[str, float]] = {"store": {}, "by hand": {}}
        for _ in range(ROUNDS):
            for name, measure in (("store", with_store), ("by hand", by_hand)):
                made = {value.digest: value for value in values(size, count)}
                with tempfile.TemporaryDirectory() as temporary:
                    for what, figure in measure(Path(temporary) / "kept", made):
                        best[name][what] = min(figure, best[name].get(what, figure))
        for name, figures in best.items():
            print(f"{size:>7} {name:>8}  " + "  ".join(f"{what} {figure:.1f}" for what, figure in figures.items()))


if __name__ == "__main__":
    main()
