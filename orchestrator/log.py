"""What happened, in order: an append-only log of every run, the one truth that progress bars and history read.

Events have a sequence number per run, so that a late reader asks for what it has not seen yet. They are committed
in batches (at the latest when the next event comes a quarter of a second later, and when a run ends): a process
that is killed loses a moment of its log, never the log. A run without an end is an unfinished one.
"""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .database import Database

KEEP_RUNS = 500
_BATCH_EVENTS = 64
_BATCH_SECONDS = 0.25
_SCHEMA = """
CREATE TABLE runs (number INTEGER PRIMARY KEY, id TEXT UNIQUE NOT NULL, request TEXT NOT NULL,
    started REAL NOT NULL, finished REAL, status TEXT NOT NULL);
CREATE TABLE events (run TEXT NOT NULL, sequence INTEGER NOT NULL, at REAL NOT NULL, kind TEXT NOT NULL, step TEXT,
    facts TEXT NOT NULL, PRIMARY KEY (run, sequence)) WITHOUT ROWID
"""
_VERSION = 1


@dataclass(frozen=True)
class Event:
    """One thing that happened in a run.

    Kinds: `run started`, `run finished`, `step queued`, `step started`, `step progress`, `step finished`,
    `step failed`, `step skipped`, `step passed through`, `step cancelled`, `model loaded`, `model evicted`, `note`,
    `plan` (made, about to run).
    """

    run: str
    sequence: int
    """Counts from 1 within the run."""
    at: float
    """Seconds since 1970; for people. The order is that of the sequence."""
    kind: str
    step: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What there is to say: seconds, digests, error, done, total …"""


@dataclass(frozen=True)
class RunInfo:
    """One line of the history."""

    id: str
    request: str
    started: float
    finished: float | None
    status: str
    """`done`, `failed`, `refused`, `cancelled`; `unfinished` while it runs, and for ever when it was killed."""


class Log:
    """The events of all runs in one file. Safe to use from several threads and processes."""

    def __init__(self, path: Path, *, keep_runs: int = KEEP_RUNS) -> None:
        self._database = Database(path, _SCHEMA, _VERSION)
        self._keep_runs = keep_runs
        self._lock = threading.Lock()
        self._sequences: dict[str, int] = {}
        self._pending: list[Event] = []
        self._written = time.monotonic()

    def start(self, request: str, facts: Mapping[str, Any] | None = None) -> Event:
        """Begin a run; the event that comes back carries its new id."""
        run = uuid.uuid4().hex[:12]
        with self._database.transaction() as rows:
            rows.execute(
                "INSERT INTO runs (id, request, started, status) VALUES (?, ?, ?, 'unfinished')",
                (run, request, time.time()),
            )
            old = "SELECT id FROM runs ORDER BY number DESC LIMIT -1 OFFSET ?"
            rows.execute(f"DELETE FROM events WHERE run IN ({old})", (self._keep_runs,))
            rows.execute(f"DELETE FROM runs WHERE id IN ({old})", (self._keep_runs,))
        event = self.append(run, "run started", facts=facts)
        self.flush()
        return event

    def append(self, run: str, kind: str, step: str | None = None, facts: Mapping[str, Any] | None = None) -> Event:
        """Add an event to a run."""
        with self._lock:
            sequence = self._sequences[run] = self._sequences.get(run, 0) + 1
            event = Event(run, sequence, time.time(), kind, step, dict(facts or {}))
            self._pending.append(event)
            due = time.monotonic() - self._written > _BATCH_SECONDS or len(self._pending) >= _BATCH_EVENTS
        if due:
            self.flush()
        return event

    def finish(self, run: str, status: str, facts: Mapping[str, Any] | None = None) -> Event:
        """End a run."""
        event = self.append(run, "run finished", facts={"status": status, **(facts or {})})
        self.flush()
        with self._database.transaction() as rows:
            rows.execute("UPDATE runs SET finished = ?, status = ? WHERE id = ?", (event.at, status, run))
        self._sequences.pop(run, None)
        return event

    def flush(self) -> None:
        """Commit what is pending."""
        with self._lock:
            pending, self._pending, self._written = self._pending, [], time.monotonic()
            if pending:
                with self._database.transaction() as rows:
                    rows.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)", map(_row, pending))

    def replay(self, run: str, after: int = 0) -> list[Event]:
        """Return the committed events of a run with a sequence number above `after`, in order."""
        query = (
            "SELECT run, sequence, at, kind, step, facts FROM events WHERE run = ? AND sequence > ? ORDER BY sequence"
        )
        return [_event(row) for row in self._database.rows(query, run, after)]

    def runs(self) -> list[RunInfo]:
        """Return the kept runs, the latest first."""
        query = "SELECT id, request, started, finished, status FROM runs ORDER BY number DESC"
        return [RunInfo(*row) for row in self._database.rows(query)]  # type: ignore[arg-type]

    def close(self) -> None:
        """Commit what is pending, and let go of the file."""
        self.flush()
        self._database.close()


def _row(event: Event) -> tuple[Any, ...]:
    facts = json.dumps(event.facts, ensure_ascii=False, separators=(",", ":"), default=str)
    return event.run, event.sequence, event.at, event.kind, event.step, facts


def _event(row: tuple[Any, ...]) -> Event:
    run, sequence, at, kind, step, facts = row
    return Event(run, sequence, at, kind, step, json.loads(facts))
