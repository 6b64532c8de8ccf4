"""The chain of no-op steps on Hamilton with its disk cache: see `served`.

Hamilton makes its graph from the functions of a module, so the chain is written as one. The driver is built before
the clock starts, and anew for the second run, which finds everything in the cache on disk.
"""

from __future__ import annotations

import importlib.util
import logging
import sys
import time
from pathlib import Path
from types import ModuleType

from hamilton import driver
from served import serve

logging.disable(logging.WARNING)


def module_of(length: int, folder: Path) -> ModuleType:
    """Write and import a module with one function per step."""
    lines = ["def s0(start: int) -> int:\n    return start + 1\n"]
    lines += [f"def s{i}(s{i - 1}: int) -> int:\n    return s{i - 1} + 1\n" for i in range(1, length)]
    path = folder / f"chain_{length}.py"
    path.write_text("\n\n".join(lines), encoding="utf-8")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def cached(length: int, folder: Path) -> dict[str, float]:
    """Time a first run and a second one over the same cache."""
    module = module_of(length, folder)
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, 30 * length))  # Hamilton walks the graph by recursion
    try:
        return {name: seconds(module, length, folder / "cache") for name in ("cold", "cached")}
    finally:
        sys.setrecursionlimit(limit)


def seconds(module: ModuleType, length: int, cache: Path) -> float:
    """Return how long one run takes; its answer is checked."""
    runner = driver.Builder().with_modules(module).with_cache(path=str(cache)).build()
    last = f"s{length - 1}"
    start = time.perf_counter()
    result = runner.execute([last], inputs={"start": 0})
    taken = time.perf_counter() - start
    assert result[last] == length
    return taken


if __name__ == "__main__":
    serve({"disk": cached})
