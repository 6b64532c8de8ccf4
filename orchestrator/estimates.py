"""How long a tool takes and how much memory it wants: measured on this machine, remembered across runs.

Measurements of a tool are averaged per size, sizes within 5 % being one. A size that was measured is predicted by its
own; any other by the line a + b · megapixels, fitted by least squares, and while there is one size only, in proportion
to it. That holds for seconds and for memory. A tool that has never run here is unknown, and
said to be.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from ..tools.values import Image, Mask
from .database import Database

_SCHEMA = """
CREATE TABLE measured (what TEXT NOT NULL, size INTEGER NOT NULL, n REAL NOT NULL, megapixels REAL NOT NULL,
    seconds REAL NOT NULL, grew REAL NOT NULL, mb REAL NOT NULL, PRIMARY KEY (what, size)) WITHOUT ROWID
"""
_VERSION = 2
_MEMORY_OF = 50.0
"""Older measurements of a size fade once there are this many: machines and libraries change."""
_STEP = math.log(1.05)
_NO_PICTURE = -(10**6)
_MOST_PENDING = 256


@dataclass(frozen=True)
class Estimate:
    """What one call will probably need."""

    seconds: float
    memory_mb: float
    """By how much the process grows during such a call, in MiB; 0 when it never grew."""
    calls: float
    """How many measurements it rests on."""


@dataclass
class Measure:
    """One measured call; complete when the block of `measured` has ended."""

    seconds: float = 0.0
    memory_mb: float = 0.0
    before_mb: float = field(default=0.0, repr=False)


@dataclass
class _Average:
    """The calls of one tool at one size. A call that grew nothing tells nothing of memory: it reused what was there."""

    n: float = 0.0
    megapixels: float = 0.0
    seconds: float = 0.0
    grew: float = 0.0
    """How many of the calls grew the process."""
    mb: float = 0.0
    """Rises with the call that needs more at once and falls slowly: others reused some of what was there."""

    def add(self, megapixels: float, seconds: float, memory_mb: float) -> None:
        self.n = min(self.n + 1, _MEMORY_OF)
        self.megapixels += (megapixels - self.megapixels) / self.n
        self.seconds += (seconds - self.seconds) / self.n
        if memory_mb > 0:
            self.grew = min(self.grew + 1, _MEMORY_OF)
            fall = min(memory_mb - self.mb, 0.0) / _MEMORY_OF
            self.mb = self.mb + fall if fall else memory_mb


class Estimates:
    """Measurements by name: `blur@1` for a tool and its version, `load:…` for a model. Safe from any thread.

    What is recorded counts here at once and is written down by `flush`; processes add to the same file, and what others
    have added is seen when it is opened, and by the flush of a measurement of the same name.
    """

    def __init__(self, path: Path) -> None:
        self._database = Database(path, _SCHEMA, _VERSION)
        self._lock = threading.RLock()
        self._known: dict[str, dict[int, _Average]] = {}
        """Averages of a name by size, what is pending included."""
        for what, *average in self._database.rows(f"SELECT what, {_FIGURES} FROM measured"):
            self._known.setdefault(str(what), {}).update(_read([average]))
        self._pending: list[tuple[str, float, float, float]] = []
        self._flushing = threading.Lock()

    def record(self, what: str, megapixels: float, seconds: float, memory_mb: float = 0.0) -> None:
        """Add one measurement. Raises UsageError when many were waiting and could not be written."""
        with self._lock:
            averages = self._known.setdefault(what, {})
            averages.setdefault(_size(megapixels), _Average()).add(megapixels, seconds, memory_mb)
            self._pending.append((what, megapixels, seconds, memory_mb))
            full = len(self._pending) >= _MOST_PENDING
        if full:
            self.flush()

    def predict(self, what: str, megapixels: float) -> Estimate | None:
        """Return the estimate at that size, or None when there is no measurement."""
        with self._lock:
            averages = self._known.get(what)
            if not averages:
                return None
            calls = sum(average.n for average in averages.values())
            same = _nearest(averages.values(), megapixels)
            lasting = [(each.n, each.megapixels, each.seconds) for each in averages.values()]
            growing = [(each.grew, each.megapixels, each.mb) for each in averages.values() if each.grew]
        seconds = same.seconds if same else _fit(lasting, megapixels)
        memory = same.mb if same and same.grew else _fit(growing, megapixels) if growing else 0.0
        return Estimate(seconds, memory, calls)

    def flush(self) -> None:
        """Write down what was recorded. Raises UsageError; it waits for the next flush then."""
        with self._flushing:
            with self._lock:
                pending = list(self._pending)
            if not pending:
                return
            with self._database.transaction() as rows:
                averages = {what: _read(rows.execute(_OF_ONE, (what,))) for what in {record[0] for record in pending}}
                for what, size, seconds, memory_mb in pending:
                    averages[what].setdefault(_size(size), _Average()).add(size, seconds, memory_mb)
                lines = [(what, size, *astuple(a)) for what, sizes in averages.items() for size, a in sizes.items()]
                rows.executemany("INSERT OR REPLACE INTO measured VALUES (?, ?, ?, ?, ?, ?, ?)", lines)
            with self._lock:
                del self._pending[: len(pending)]
                for what, size, seconds, memory_mb in self._pending:
                    if what in averages:
                        averages[what].setdefault(_size(size), _Average()).add(size, seconds, memory_mb)
                self._known |= averages

    def close(self) -> None:
        """Write down what was recorded, and let go of the file; closing twice is harmless."""
        self.flush()
        self._database.close()


_FIGURES = "size, n, megapixels, seconds, grew, mb"
_OF_ONE = f"SELECT {_FIGURES} FROM measured WHERE what = ?"


def _read(rows: Iterable[Sequence[Any]]) -> dict[int, _Average]:
    return {int(row[0]): _Average(*map(float, row[1:])) for row in rows}


def _size(megapixels: float) -> int:
    """Return a number that sizes within about 5 % share."""
    return round(math.log(megapixels) / _STEP) if megapixels > 0 else _NO_PICTURE


def _nearest(averages: Iterable[_Average], megapixels: float) -> _Average | None:
    """Return what was measured within 5 % of that size, if anything was."""
    if megapixels <= 0:
        return next((each for each in averages if each.megapixels <= 0), None)
    sizes = [(abs(math.log(each.megapixels / megapixels)), each) for each in averages if each.megapixels > 0]
    distance, nearest = min(sizes, key=lambda pair: pair[0], default=(math.inf, None))
    return nearest if distance <= _STEP else None


def _fit(points: Sequence[tuple[float, float, float]], at: float) -> float:
    """Evaluate the least-squares line of (weight, x, y) at `at`; never negative, never falling with size."""
    total = sum(weight for weight, _, _ in points)
    mean_x = sum(weight * x for weight, x, _ in points) / total
    mean_y = sum(weight * y for weight, _, y in points) / total
    spread = sum(weight * (x - mean_x) ** 2 for weight, x, _ in points) / total
    if spread > 0.05 * mean_x**2:
        slope = max(sum(weight * (x - mean_x) * (y - mean_y) for weight, x, y in points) / total / spread, 0.0)
        return max(mean_y + slope * (at - mean_x), 0.0)
    return mean_y * at / mean_x if mean_x > 0 and at > 0 else mean_y


def megapixels(values: Mapping[str, object]) -> float:
    """Return the size of the largest picture among the values (lists of them included), in megapixels."""
    flat = [item for value in values.values() for item in (value if isinstance(value, (tuple, list)) else [value])]
    sizes = [value.size_wh for value in flat if isinstance(value, (Image, Mask))]
    return max((width * height / 1e6 for width, height in sizes), default=0.0)


@contextmanager
def measured() -> Iterator[Measure]:
    """Measure the block: seconds, and by how much the memory of the process grew at its highest meanwhile.

    Of blocks that overlap, each is charged for all of them: memory is rather over- than underestimated. Where the
    system cannot forget the highest mark so far (only Linux lets it), only a block that raises it is seen to grow.
    """
    result = Measure(before_mb=_PEAK.begin())
    start = time.perf_counter()
    try:
        yield result
    finally:
        result.seconds = time.perf_counter() - start
        result.memory_mb = max(_PEAK.end() - result.before_mb, 0.0)


class _Peak:
    """The largest resident size of this process while any block is measured, in MiB."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._active = 0

    def begin(self) -> float:
        """Return the size now; the first of several overlapping blocks resets the mark."""
        with self._lock:
            self._active += 1
            handles = _handles(os.getpid())
            if handles is None:
                return peak_mb()
            reset, size = handles
            if self._active == 1:
                os.write(reset, b"5")
            return int(os.pread(size, 100, 0).split()[1]) * _PAGE_MB

    def end(self) -> float:
        """Return the largest size since the mark was reset."""
        with self._lock:
            self._active -= 1
            return peak_mb()


_PEAK = _Peak()
_PAGE_MB = os.sysconf("SC_PAGE_SIZE") / (1 << 20) if hasattr(os, "sysconf") else 0.0


@cache
def _handles(process: int) -> tuple[int, int] | None:
    """Open what resets the mark and what tells the size, once per process: a step may be shorter than opening files."""
    folder = f"/proc/{process}"
    try:
        return os.open(f"{folder}/clear_refs", os.O_WRONLY), os.open(f"{folder}/statm", os.O_RDONLY)
    except OSError:
        return None  # not Linux, or not allowed: see `measured`


def peak_mb() -> float:
    """Return the largest resident size of this process so far, in MiB; 0 where the system does not tell."""
    try:
        import resource
    except ImportError:  # Windows
        return 0.0
    import sys

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20) if sys.platform == "darwin" else peak / 1024
