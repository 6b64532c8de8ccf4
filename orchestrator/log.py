"""What happened, in order: an append-only log of every run, the one truth that progress bars, history and resume read.

Events have a sequence number per run, so that a late reader asks for what it has not seen yet. `append` costs no
I/O; `flush` commits, and the I/O lane calls it all the time: what was appended between two of them is one page, since a
row for each event would take longer than most of what a quick step does. A process that is killed loses a moment of
its log, never the log. Each run belongs to the process that carries it out: one without an end whose process is dead
was abandoned, and can be adopted.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, cast

from pydantic_core import PydanticSerializationError, to_json

from .database import Database

KEEP_RUNS = 500
_SCHEMA = """
CREATE TABLE runs (number INTEGER PRIMARY KEY, id TEXT UNIQUE NOT NULL, request TEXT NOT NULL,
    started REAL NOT NULL, finished REAL, status TEXT NOT NULL,
    owner TEXT NOT NULL);
CREATE TABLE pages (run TEXT NOT NULL, last INTEGER NOT NULL, events TEXT NOT NULL, PRIMARY KEY (run, last))
"""
_VERSION = 3
_ADD_PAGE = "INSERT INTO pages VALUES (?, ?, ?)"
_INFO = "id, request, started, finished, status, owner"


class Event(NamedTuple):
    """One thing that happened in a run.

    Kinds: `run started`, `run resumed`, `run finished`, `step started`, `step progress`, `step finished`,
    `step failed`, `step skipped`, `step passed through`, `step cancelled`, `step retried`, `model loaded`,
    `model evicted`, `memory` (a rung of the out-of-memory ladder), `note`, `plan` (about to
    run; with the plan, where it is not that of the start), `repair started` (with the amended plan), `repair ended`,
    `repairs ended`. A failed check is no event of its own: its step finished.
    """

    run: str
    sequence: int
    """Counts from 1 within the run."""
    at: float
    """Seconds since 1970; for people. The order is that of the sequence."""
    kind: str
    step: str | None = None
    facts: Mapping[str, Any] = MappingProxyType({})
    """What there is to say: seconds, digests, error, done, total …"""


@dataclass(frozen=True)
class RunInfo:
    """One line of the history."""

    id: str
    request: str
    started: float
    finished: float | None
    status: str
    """`done`, `failed`, `refused`, `cancelled`; `unfinished` while it runs, or until resumed when it was killed."""
    owner: str = ""
    """The process that carries it out: its id and when it was started."""


_event = cast(Callable[[tuple[Any, ...]], Event], partial(tuple.__new__, Event))
"""Makes an Event of its fields, without the function in Python that `Event(…)` calls: a step has two of them."""
Mark = Mapping[str, int]
"""Run → the number of its last event at some moment."""


class Log:
    """The events of all runs in one file. Safe to use from several threads and processes."""

    def __init__(self, path: Path, *, keep_runs: int = KEEP_RUNS) -> None:
        self._database = Database(path, _SCHEMA, _VERSION)
        self._keep_runs = keep_runs
        self._lock = threading.Lock()
        """Guards what follows; nothing waits for the disk under it."""
        self._sequences: dict[str, int] = {}
        self._pending: defaultdict[str, list[Event]] = defaultdict(list)
        """Run → its events that are not committed yet, in order."""
        self._flushing = threading.Lock()

    def start(self, request: str, facts: Mapping[str, Any] | None = None) -> Event:
        """Begin a run; the event that comes back carries its new id. The run is durable when this returns."""
        event = Event(uuid.uuid4().hex[:12], 1, time.time(), "run started", None, facts or {})
        with self._database.transaction() as rows:
            # One transaction: a run that is known at all is known with what it takes to resume it.
            number = rows.execute(
                "INSERT INTO runs (id, request, started, status, owner) VALUES (?, ?, ?, 'unfinished', ?)",
                (event.run, request, event.at, _me()),
            ).lastrowid
            rows.execute(_ADD_PAGE, _page([event]))
            self._forget_runs(rows, (number or 0) - self._keep_runs)
        self._sequences[event.run] = 1
        return event

    @staticmethod
    def _forget_runs(rows: sqlite3.Connection, last: int) -> None:
        """Delete the runs up to a number; they are counted from 1, and only the oldest ever go."""
        if last > 0:
            rows.execute("DELETE FROM pages WHERE run IN (SELECT id FROM runs WHERE number <= ?)", (last,))
            rows.execute("DELETE FROM runs WHERE number <= ?", (last,))

    def append(self, run: str, kind: str, step: str | None = None, facts: Mapping[str, Any] | None = None) -> Event:
        """Add an event to a run; it is durable after the next `flush`."""
        with self._lock:
            sequence = self._sequences[run] = self._sequences.get(run, 0) + 1
            event = _event((run, sequence, time.time(), kind, step, facts or {}))
            self._pending[run].append(event)
            return event

    def finish(self, run: str, status: str, facts: Mapping[str, Any] | None = None) -> Event:
        """End a run; durable when this returns."""
        event = self.append(run, "run finished", facts={"status": status, **(facts or {})})
        # Not the events of other runs: their results may not be in the store yet.
        ended = ("UPDATE runs SET finished = ?, status = ? WHERE id = ?", (event.at, status, run))
        self._commit({run: event.sequence}, [ended])
        self._sequences.pop(run, None)
        return event

    def mark(self) -> Mark:
        """Return what `flush` takes to commit everything that has been appended until now."""
        with self._lock:
            return {run: events[-1].sequence for run, events in self._pending.items()}

    def flush(self, mark: Mark | None = None, *, run: str | None = None) -> None:
        """Commit what is pending: all of it, what was there at `mark`, or what is of one run.

        Raises UsageError; nothing is lost then.
        """
        upto = self.mark() if mark is None else mark
        self._commit(upto if run is None else {run: upto[run]} if run in upto else {})

    def _commit(self, upto: Mark, also: Sequence[tuple[str, tuple[object, ...]]] = ()) -> None:
        """Commit the pending events of these runs up to these numbers, and some statements, in one transaction."""
        with self._flushing:
            with self._lock:
                pending = {run: self._pending[run] for run in upto if run in self._pending}
                number = {run: max(upto[run] - events[0].sequence + 1, 0) for run, events in pending.items()}
                chosen = {run: events[: number[run]] for run, events in pending.items()}
            pages = [_page(events) for events in chosen.values() if events]
            if not pages and not also:
                return
            with self._database.transaction() as rows:
                rows.executemany(_ADD_PAGE, pages)
                for statement, values in also:
                    rows.execute(statement, values)
            with self._lock:
                for run, events in chosen.items():
                    del self._pending[run][: len(events)]
                    if not self._pending[run]:
                        del self._pending[run]

    def abandoned(self) -> list[RunInfo]:
        """Return the runs without an end whose process is dead, the oldest first."""
        query = f"SELECT {_INFO} FROM runs WHERE status = 'unfinished' ORDER BY number"
        runs = [RunInfo(*row) for row in self._database.rows(query)]  # type: ignore[arg-type]
        return [run for run in runs if not _alive(run.owner)]

    def adopt(self, run: RunInfo) -> bool:
        """Make an abandoned run one of this process; False when another process was quicker."""
        with self._database.transaction() as rows:
            changed = rows.execute(
                "UPDATE runs SET owner = ? WHERE id = ? AND owner = ? AND status = 'unfinished'",
                (_me(), run.id, run.owner),
            ).rowcount
            last = rows.execute("SELECT max(last) FROM pages WHERE run = ?", (run.id,)).fetchone()[0]
        if changed:
            self._sequences[run.id] = last or 0
        return bool(changed)

    def replay(self, run: str, after: int = 0) -> list[Event]:
        """Return the committed events of a run with a sequence number above `after`, in order."""
        query = "SELECT events FROM pages WHERE run = ? AND last > ? ORDER BY last"
        pages = [json.loads(str(text)) for (text,) in self._database.rows(query, run, after)]
        return [Event(run, *fields) for page in pages for fields in page if fields[0] > after]

    def runs(self) -> list[RunInfo]:
        """Return the kept runs, the latest first."""
        query = f"SELECT {_INFO} FROM runs ORDER BY number DESC"
        return [RunInfo(*row) for row in self._database.rows(query)]  # type: ignore[arg-type]

    def close(self) -> None:
        """Commit what is pending, and let go of the file."""
        self.flush()
        self._database.close()


def _page(events: Sequence[Event]) -> tuple[str, int, str]:
    """Return the row for some events of one run; what is no plain value becomes its text."""
    fields = [event[1:] for event in events]
    try:
        text = str(to_json(fields, fallback=str, inf_nan_mode="constants"), "utf-8")
    except PydanticSerializationError:  # half a surrogate pair, in the name of a file or in what a model wrote
        text = json.dumps(fields, default=str)
    return events[0].run, events[-1].sequence, text


@cache
def _me() -> str:
    return _process(os.getpid())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_me.cache_clear)


def _process(pid: int) -> str:
    """Return what identifies a living process; its id alone is used again after a while. Empty: it is dead.

    On Linux the start is counted in ticks since the machine came up: a clock that jumps does not change it.
    """
    import psutil

    try:
        stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return "" if stat[0] in "ZX" else f"{pid}:{_boot()}:{stat[19]}"
    except FileNotFoundError:
        pass  # dead, or a system without /proc
    try:
        process = psutil.Process(pid)
        return "" if process.status() == psutil.STATUS_ZOMBIE else f"{pid}:{process.create_time():.0f}"
    except psutil.Error:
        return ""


@cache
def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _alive(owner: str) -> bool:
    pid = owner.partition(":")[0]
    return pid.isdigit() and _process(int(pid)) == owner
