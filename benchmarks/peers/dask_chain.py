"""The chain of no-op steps on dask's threaded scheduler, which keeps nothing: see `served`."""

from __future__ import annotations

import time
from pathlib import Path

from dask.threaded import get
from served import serve

THREADS = 2


def plus_one(number: int) -> int:
    """Add one."""
    return number + 1


def threaded(length: int, folder: Path) -> dict[str, float]:
    """Time one run."""
    graph = {"s0": (plus_one, 0), **{f"s{i}": (plus_one, f"s{i - 1}") for i in range(1, length)}}
    start = time.perf_counter()
    result = get(graph, f"s{length - 1}", num_workers=THREADS)
    taken = time.perf_counter() - start
    assert result == length
    return {"cold": taken}


if __name__ == "__main__":
    serve({"threaded": threaded})
