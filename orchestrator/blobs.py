"""The store on disk: an index and small values in SQLite, large values as files, bounded in bytes.

    HOME/store/index.db              key of a call → digests of its result; digest → size, last use, small values
    HOME/store/blobs/ab/ab34….value  one large value, named by its digest
    HOME/store/parts/…               files that are being written

A row of `blobs` is a promise that the value is there. Files come first and are moved into place inside the
transaction that adds their rows; a blob that is thrown away loses its row first and is noted as doomed, and its file
goes in a second transaction, unless another process has put it back meanwhile. So whenever a process dies, every row
keeps its promise, and what it left half done is finished when the store is opened the next time.

Use is counted, not clocked: a clock that jumps must not decide what is thrown away.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Container, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from ..tools.values import Value, decode
from .blob_files import BlobFiles
from .database import Database

SMALL_BYTES = 16 << 10
"""Values up to this size live in the database: below it a row is cheaper to write than a file (measured)."""
ROOM_AFTER_PRUNING = 0.9
"""Share of the bound that is left when old blobs had to go: pruning is then rare."""
MOST_RESULTS = 200_000
_ROW_BYTES = 300
"""What a blob takes in the index, beside its bytes."""
_PAGE_BYTES = 8192
_LISTED = "SELECT value FROM json_each(?)"
_FIND = """
SELECT results.digests, many, blobs.id FROM results LEFT JOIN blobs ON digest = results.digests WHERE key = ?
"""
"""Answers at once for a result of one value; lists have to be looked up part by part."""
_ADD_BLOB = "INSERT INTO blobs (digest, bytes, used, data) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
_ADD_RESULT = "INSERT INTO results (digests, many, used, key) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
_AT_ONCE = 500
"""Files removed in one transaction: other processes do not wait for long."""
_VERSION = 2
_SCHEMA = """
CREATE TABLE blobs (id INTEGER PRIMARY KEY, digest TEXT UNIQUE NOT NULL, bytes INTEGER NOT NULL,
    used INTEGER NOT NULL, data BLOB);
CREATE INDEX blobs_by_use ON blobs (used, bytes);
CREATE TABLE results (key TEXT PRIMARY KEY, digests TEXT NOT NULL, many INTEGER NOT NULL, used INTEGER NOT NULL)
    WITHOUT ROWID;
CREATE TABLE doomed (digest TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE total (bytes INTEGER NOT NULL, results INTEGER NOT NULL, used INTEGER NOT NULL);
INSERT INTO total VALUES (0, 0, 0)
"""


@dataclass(slots=True)
class Stored:
    """What a key leads to: the digests of one value, or of a list of them."""

    digests: tuple[str, ...]
    many: bool = False


@dataclass
class Batch:
    """What one transaction writes."""

    results: dict[str, Stored] = field(default_factory=dict)
    """By key; each of these keys is also in `found`, and their digests in `used`."""
    values: dict[str, Value] = field(default_factory=dict)
    """All values of the results, by digest."""
    nbytes: int = 0
    """About what they take in memory."""
    found: dict[str, None] = field(default_factory=dict)
    """Keys that were put or asked for, the last one last."""
    used: dict[str, None] = field(default_factory=dict)
    """Digests that were put or asked for, the last one last."""

    def touch(self, key: str, digests: Iterable[str]) -> None:
        """Note the use of a result and its parts."""
        found, used = self.found, self.used
        found.pop(key, None)
        found[key] = None
        for digest in digests:
            used.pop(digest, None)
            used[digest] = None

    def add(self, later: Batch) -> None:
        """Take in what came later."""
        self.results |= later.results
        self.values |= later.values
        self.nbytes += later.nbytes
        self.found |= later.found
        self.used |= later.used


@dataclass(slots=True)
class _Blob:
    """One value on its way to the disk: its bytes when it is small, the file it was written to when it is not."""

    digest: str
    size: int
    value: Value
    data: bytes | None
    part: Path | None = None


class Blobs:
    """The durable half of the store. Raises UsageError when the folder cannot be used; safe from any thread."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._files = BlobFiles(folder)
        # A new index knows no file: nothing would ever bound those that are there.
        self._database = Database(folder / "index.db", _SCHEMA, _VERSION, self._files.forget, _PAGE_BYTES)
        self._files.sweep_parts()
        self._sweep_doomed()

    def find(self, key: str) -> Stored | None:
        """Return what the key leads to, if all of it is there."""
        rows = self._database.rows(_FIND, key)
        if not rows:
            return None
        digests, many, blob = rows[0]
        stored = Stored(tuple(str(digests).split()), bool(many))
        return stored if blob is not None or self._all_there(stored.digests) else None

    def keys(self) -> set[str]:
        """Return every key, whether or not all of its result is still there."""
        return {str(key) for (key,) in self._database.rows("SELECT key FROM results")}

    def results(self) -> int:
        """Return how many keys there are, about."""
        return int(str(self._database.rows("SELECT results FROM total")[0][0]))

    def changed_by_others(self) -> bool:
        """Say whether another process has written since this was asked last."""
        return self._database.changed_by_others()

    def _all_there(self, digests: tuple[str, ...]) -> bool:
        query = f"SELECT count(*) FROM blobs WHERE digest IN ({_LISTED})"
        return self._database.rows(query, json.dumps(digests))[0][0] == len(set(digests))

    def read(self, digest: str) -> Value | None:
        """Return a value, or None when there is none. Raises ValueError or OSError when it cannot be trusted."""
        rows = self._database.rows("SELECT data FROM blobs WHERE digest = ?", digest)
        if not rows:
            return None
        data = rows[0][0]
        value = decode(data if isinstance(data, bytes) else self._files.path(digest).read_bytes())
        if value.digest != digest:
            raise ValueError(f"holds {value.digest}")
        return value

    def write(self, batch: Batch, pinned: Container[str]) -> set[str]:
        """Make a batch durable, all of it or nothing; returns the digests that had to go, none of them pinned."""
        blobs: list[_Blob] = []
        try:
            for digest, value in batch.values.items():
                blobs.append(self._prepare(digest, value))
            with self._database.transaction() as rows:
                dropped = self._insert(rows, batch, blobs, pinned)
        finally:
            for blob in blobs:
                if blob.part:
                    self._files.discard(blob.part)
        if dropped:
            self._sweep_doomed()
        return dropped

    def drop(self, digest: str) -> None:
        """Throw a damaged blob away."""
        with self._database.transaction() as rows:
            self._remove(rows, rows.execute("SELECT id, digest, bytes FROM blobs WHERE digest = ?", (digest,)))
        self._sweep_doomed()

    def close(self) -> None:
        """Let go of the files."""
        self._database.close()

    # Writing

    def _prepare(self, digest: str, value: Value) -> _Blob:
        buffers = value.buffers()
        size = sum(map(len, buffers))
        if size <= SMALL_BYTES:
            return _Blob(digest, size + _ROW_BYTES, value, b"".join(buffers))
        part = None if self._files.has(digest) else self._files.write_part(buffers)
        return _Blob(digest, size + _ROW_BYTES, value, None, part)

    def _move_into_place(self, blob: _Blob) -> None:
        """Under the write lock: no other process removes the file before its row is there."""
        if blob.part is None or not blob.part.is_file():  # it was there a moment ago, or a stranger swept the part
            if self._files.has(blob.digest):
                return
            blob.part = self._files.write_part(blob.value.buffers())
        self._files.adopt(blob.part, blob.digest)
        blob.part = None

    def _insert(self, rows: sqlite3.Connection, batch: Batch, blobs: list[_Blob], pinned: Container[str]) -> set[str]:
        for blob in blobs:
            if blob.data is None:
                self._move_into_place(blob)
                rows.execute("DELETE FROM doomed WHERE digest = ?", (blob.digest,))
        held, results, used = rows.execute("SELECT bytes, results, used FROM total").fetchone()
        first = used + 1
        held += self._insert_blobs(rows, blobs, {digest: first + turn for turn, digest in enumerate(batch.used)})
        results += self._insert_results(rows, batch, {key: first + turn for turn, key in enumerate(batch.found)})
        used = first + max(len(batch.used), len(batch.found))
        if results > MOST_RESULTS:
            results -= self._forget_results(rows, results - int(MOST_RESULTS * ROOM_AFTER_PRUNING))
        rows.execute("UPDATE total SET bytes = ?, results = ?, used = ?", (held, results, used))
        return self._prune(rows, held, pinned) if held > self._max_bytes else set()

    @staticmethod
    def _insert_blobs(rows: sqlite3.Connection, blobs: list[_Blob], turns: dict[str, int]) -> int:
        """Add the rows that are not there yet, note the uses of the others, and return the bytes that were added."""
        lines = [(blob.digest, blob.size, turns[blob.digest], blob.data) for blob in blobs]
        added = rows.executemany(_ADD_BLOB, lines).rowcount
        written = {blob.digest for blob in blobs} if added == len(blobs) else set[str]()
        uses = [(turn, digest) for digest, turn in turns.items() if digest not in written]
        rows.executemany("UPDATE blobs SET used = ? WHERE digest = ?", uses)
        if added == len(blobs):
            return sum([blob.size for blob in blobs])
        latest = "SELECT bytes FROM blobs ORDER BY id DESC LIMIT ?"  # a new id is higher than all before it
        return int(rows.execute(f"SELECT coalesce(sum(bytes), 0) FROM ({latest})", (added,)).fetchone()[0])

    @staticmethod
    def _insert_results(rows: sqlite3.Connection, batch: Batch, turns: dict[str, int]) -> int:
        """Add or replace the results, note the uses of the others, and return how many were added."""

        lines = [(" ".join(kept.digests), kept.many, turns[key], key) for key, kept in batch.results.items()]
        added = rows.executemany(_ADD_RESULT, lines).rowcount
        if added < len(lines):
            rows.executemany("UPDATE results SET digests = ?, many = ?, used = ? WHERE key = ?", lines)
        uses = [(turn, key) for key, turn in turns.items() if key not in batch.results]
        rows.executemany("UPDATE results SET used = ? WHERE key = ?", uses)
        return added

    # Throwing away

    @staticmethod
    def _forget_results(rows: sqlite3.Connection, number: int) -> int:
        """Drop the keys least recently used and return how many went."""
        oldest = "SELECT key FROM results ORDER BY used LIMIT ?"
        return rows.execute(f"DELETE FROM results WHERE key IN ({oldest})", (number,)).rowcount

    def _prune(self, rows: sqlite3.Connection, held: int, pinned: Container[str]) -> set[str]:
        """Drop the blobs least recently used until there is room again."""
        excess = held - int(self._max_bytes * ROOM_AFTER_PRUNING)
        victims: list[tuple[int, str, int]] = []
        for victim in rows.execute("SELECT id, digest, bytes FROM blobs ORDER BY used"):
            if excess <= 0:
                break
            if victim[1] not in pinned:
                victims.append(victim)
                excess -= victim[2]
        return self._remove(rows, victims)

    @staticmethod
    def _remove(rows: sqlite3.Connection, victims: Iterable[tuple[int, str, int]]) -> set[str]:
        victims = list(victims)
        ids = [(victim[0],) for victim in victims]
        rows.executemany(
            "INSERT OR IGNORE INTO doomed SELECT digest FROM blobs WHERE id = ? AND data IS NULL",
            ids,
        )
        rows.executemany("DELETE FROM blobs WHERE id = ?", ids)
        rows.execute("UPDATE total SET bytes = bytes - ?", (sum(victim[2] for victim in victims),))
        return {victim[1] for victim in victims}

    def _sweep_doomed(self) -> None:
        """Remove the files that have lost their rows."""
        while self._database.rows("SELECT 1 FROM doomed LIMIT 1"):
            with self._database.transaction() as rows:
                doomed = rows.execute("SELECT digest FROM doomed LIMIT ?", (_AT_ONCE,)).fetchall()
                for (digest,) in doomed:
                    self._files.path(digest).unlink(missing_ok=True)
                rows.executemany("DELETE FROM doomed WHERE digest = ?", doomed)
