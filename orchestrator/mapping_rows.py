"""The rows of a map: OUT/map.jsonl, one line per picture, added as each is finished.

A line is written in one go, so that a process that is killed leaves at most one torn line, which the next start cuts
off. A picture that is tried again gets a new line; the last one counts, and when a map ends only that one is left.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, BinaryIO, Literal

from ..tools.errors import UsageError
from ..tools.images import atomic_write

RowStatus = Literal["done", "failed", "skipped"]
_PARQUET_ROWS = 1000
"""Rows that are held at once while the table is written."""


@dataclass(frozen=True)
class Row:
    """What became of one picture."""

    source: str
    digest: str
    """Sha256 of the file's bytes; empty when it could not be read."""
    status: RowStatus
    """`skipped` is only told to callbacks: the picture was done before, and its row stands already."""
    outputs: Sequence[str] = ()
    """Files below OUT, with `/`."""
    answer: str | None = None
    checks: Sequence[Mapping[str, Any]] = ()
    problems: Sequence[str] = ()
    """Every error by name: the file, the step and what to do."""
    notes: Sequence[str] = ()
    """What was odd about the file, such as an animation of which the first frame was taken."""
    seconds: float = 0.0
    """Of the run; reading and writing are not in it."""
    computed: int = 0
    """Steps and checks that were run."""
    cached: int = 0
    """Steps and checks whose result was known."""
    job: str = ""
    """Names the plan, the models, the other inputs and the file format that the row was made with."""
    run: str = ""
    """Names the run in the log."""


@dataclass
class MapSummary:
    """How a map ended, or how far it is."""

    total: int
    """Pictures that were found."""
    rows: Path
    """The file with one JSON object per picture."""
    table: Path | None = None
    """The same as Parquet, where it was asked for."""
    done: int = 0
    failed: int = 0
    skipped: int = 0
    """Done by an earlier start."""
    unchecked: int = 0
    """Of those done now, pictures with a check that did not pass."""
    cancelled: bool = False
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)
    """What went wrong with the first of those that failed; the rows hold all of it."""

    @property
    def ended(self) -> int:
        """Pictures that have a row."""
        return self.done + self.failed + self.skipped


OnRow = Callable[[Row, MapSummary], None]
"""Called as each picture ends, one at a time, with its row and what is known so far."""


@dataclass(frozen=True)
class _Kept:
    """What has to be known of a row while others are added: where it is, and whether it stands."""

    start: int
    job: str
    digest: str
    done: bool
    outputs: tuple[str, ...]


@dataclass
class Rows:
    """The file, open and locked against a second map; `with` closes it and leaves one line per picture."""

    path: Path
    fresh: bool = False
    """Start over: forget the rows of earlier maps."""
    _kept: dict[str, _Kept] = field(default_factory=dict)
    _lines: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> Rows:
        """Open the file and read what is in it. Raises UsageError when it is in use or cannot be written."""
        try:
            self._file: BinaryIO = self.path.open("a+b")
        except OSError as error:
            raise UsageError(f"cannot write {str(self.path)!r}: {error.strerror}; choose another --out") from None
        try:
            _lock_file(self._file, self.path)
            if self.fresh:
                self._file.truncate(0)
            self._read()
        except BaseException:
            self._file.close()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        try:
            if self._lines > len(self._kept):
                self._compact()
        finally:
            self._file.close()

    def done(self, source: str, digest: str, job: str, out: Path) -> Row | None:
        """Return a `skipped` row when this content was done by this job and its files are still there."""
        kept = self._kept.get(source)
        if kept is None or not kept.done or (kept.digest, kept.job) != (digest, job):
            return None
        if not all((out / name).is_file() for name in kept.outputs):
            return None
        return Row(source, digest, "skipped", kept.outputs, job=job)

    def add(self, row: Row) -> None:
        """Append a row; callable from any thread. Raises UsageError when the disk is full."""
        text = json.dumps(asdict(row), ensure_ascii=False, separators=(",", ":"), default=str)
        line = text.encode("utf-8", "backslashreplace") + b"\n"  # a file name may be no text; this keeps it JSON
        with self._lock:
            start = self._file.seek(0, 2)
            try:
                self._file.write(line)
                self._file.flush()
            except OSError as error:
                raise UsageError(f"cannot write {str(self.path)!r}: {error.strerror}; free some space") from None
            self._note(start, json.loads(line))

    def _read(self) -> None:
        """Learn what is known, and cut off what a killed process left half-written."""
        self._file.seek(0)
        end = 0
        for line in iter(self._file.readline, b""):
            if not line.endswith(b"\n"):
                self._file.truncate(end)
                break
            try:
                self._note(end, json.loads(line))
            except (ValueError, KeyError, TypeError, AttributeError):
                self._lines += 1  # not one of our rows: dropped when the file is rewritten
            end += len(line)

    def _note(self, start: int, row: Mapping[str, Any]) -> None:
        outputs = tuple(map(str, row["outputs"]))
        done = row["status"] == "done"
        self._kept[str(row["source"])] = _Kept(start, str(row["job"]), str(row["digest"]), done, outputs)
        self._lines += 1

    def _compact(self) -> None:
        """Leave the last row of each picture, sorted by source."""
        with atomic_write(self.path) as stream:
            for source in sorted(self._kept):
                self._file.seek(self._kept[source].start)
                stream.write(self._file.readline())


def read_rows(path: Path) -> Iterator[Row]:
    """Yield the rows of a map.jsonl, one at a time."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield Row(**json.loads(line))


def check_parquet() -> None:
    """Raise UsageError when no table can be written."""
    if find_spec("pyarrow") is None:
        raise UsageError("--parquet needs the extra 'parquet': pip install 'diptych[parquet]'")


def write_parquet(rows: Path, table: Path) -> None:
    """Write the rows of a map.jsonl as a Parquet table; arguments of checks are JSON text in it."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    words = pa.list_(pa.string())
    check = {"check": pa.string(), "args": pa.string(), "passed": pa.bool_(), "score": pa.float64()}
    checks = pa.list_(pa.struct({**check, "reason": pa.string()}))
    types = {"outputs": words, "checks": checks, "problems": words, "notes": words, "seconds": pa.float64()}
    types |= {"computed": pa.int32(), "cached": pa.int32()}
    schema = pa.schema({name: types.get(name, pa.string()) for name in Row.__dataclass_fields__})
    with atomic_write(table) as stream, pq.ParquetWriter(stream, schema) as writer:
        batch: list[dict[str, Any]] = []
        for row in read_rows(rows):
            checks_made = [{**check, "args": json.dumps(check["args"])} for check in row.checks]
            names = {"source": printable(row.source), "outputs": [printable(name) for name in row.outputs]}
            batch.append({**asdict(row), **names, "checks": checks_made})
            if len(batch) == _PARQUET_ROWS:
                writer.write_table(pa.Table.from_pylist(batch, schema))
                batch = []
        writer.write_table(pa.Table.from_pylist(batch, schema))


def printable(name: str) -> str:
    """Return a file name as text; bytes in it that are none become `?`."""
    return name.encode("utf-8", "replace").decode()


def _lock_file(file: BinaryIO, path: Path) -> None:
    """Keep a second map out; the system lets go of the lock when the process ends, however it ends."""
    try:
        import fcntl
    except ImportError:  # Windows: two maps into one folder are the caller's business there
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise UsageError(f"another map is writing {str(path)!r}; wait for it, or choose another --out") from None
