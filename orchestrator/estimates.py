"""How long a tool takes and how much memory it wants: measured on this machine, remembered across runs.

Seconds are a + b · megapixels, fitted by least squares to every measured call of a tool; while all calls had about
the same size, seconds are taken as proportional to it. A tool that has never run here is unknown, and said to be.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ..tools.values import Image, Mask, Value
from .database import Database

_SCHEMA = """
CREATE TABLE measured (what TEXT PRIMARY KEY, n REAL NOT NULL, x REAL NOT NULL, y REAL NOT NULL,
    xx REAL NOT NULL, xy REAL NOT NULL, mb REAL NOT NULL) WITHOUT ROWID
"""
_VERSION = 1
_MEMORY_OF = 50.0
"""Older measurements fade once there are this many: machines and libraries change."""


@dataclass(frozen=True)
class Estimate:
    """What one call will probably need."""

    seconds: float
    memory_mb: float
    """Largest growth of the process that was seen during such a call, in MiB; 0 when it never grew."""
    calls: float
    """How many measurements it rests on."""


@dataclass
class Measure:
    """One measured call; complete when the block of `measured` has ended."""

    seconds: float = 0.0
    memory_mb: float = 0.0
    before_mb: float = field(default=0.0, repr=False)


class Estimates:
    """Measurements by name: `blur@1` for a tool and its version, `load:…` for a model."""

    def __init__(self, path: Path) -> None:
        self._database = Database(path, _SCHEMA, _VERSION)

    def record(self, what: str, megapixels: float, seconds: float, memory_mb: float = 0.0) -> None:
        """Add one measurement."""
        x, y = megapixels, seconds
        with self._database.transaction() as rows:
            old = rows.execute("SELECT n, x, y, xx, xy, mb FROM measured WHERE what = ?", (what,)).fetchone()
            n, *sums, mb = old or (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
            fade = min(1.0, (_MEMORY_OF - 1) / n) if n else 1.0
            new = [fade * s + add for s, add in zip((n, *sums), (1.0, x, y, x * x, x * y), strict=True)]
            rows.execute(
                "INSERT OR REPLACE INTO measured VALUES (?, ?, ?, ?, ?, ?, ?)", (what, *new, max(mb, memory_mb))
            )

    def predict(self, what: str, megapixels: float) -> Estimate | None:
        """Return the estimate at that size, or None when there is no measurement."""
        rows = self._database.rows("SELECT n, x, y, xx, xy, mb FROM measured WHERE what = ?", what)
        if not rows:
            return None
        n, x, y, xx, xy, mb = (float(str(part)) for part in rows[0])
        return Estimate(_fit(n, x, y, xx, xy, megapixels), mb, n)

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()


def _fit(n: float, x: float, y: float, xx: float, xy: float, at: float) -> float:
    """Evaluate the least-squares line of the sums at `at`; never negative, never falling with size."""
    mean_x, mean_y = x / n, y / n
    spread = xx / n - mean_x**2
    if spread > 0.05 * mean_x**2:
        slope = max((xy / n - mean_x * mean_y) / spread, 0.0)
        return max(mean_y + slope * (at - mean_x), 0.0)
    return mean_y * at / mean_x if mean_x > 0 and at > 0 else mean_y


def megapixels(values: Mapping[str, object]) -> float:
    """Return the size of the largest picture among the values (lists of them included), in megapixels."""
    flat = [item for value in values.values() for item in (value if isinstance(value, (tuple, list)) else [value])]
    sizes = [value.size_wh for value in flat if isinstance(value, (Image, Mask))]
    return max((width * height / 1e6 for width, height in sizes), default=0.0)


@contextmanager
def measured() -> Iterator[Measure]:
    """Measure the block: seconds, and by how much the peak memory of the process grew meanwhile."""
    result = Measure(before_mb=_peak_mb())
    start = time.perf_counter()
    try:
        yield result
    finally:
        result.seconds = time.perf_counter() - start
        result.memory_mb = max(_peak_mb() - result.before_mb, 0.0)


def _peak_mb() -> float:
    """Return the largest resident size of this process so far, in MiB; 0 where the system does not tell."""
    try:
        import resource
    except ImportError:  # Windows
        return 0.0
    import sys

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20) if sys.platform == "darwin" else peak / 1024


def value_megapixels(value: Value | tuple[Value, ...]) -> float:
    """Return the size of one result, in megapixels."""
    return megapixels({"value": value})
