"""Results that were computed once, kept across runs: content-addressed, bounded in bytes, shared by processes.

    HOME/store/index.db              key of a call → digests of its result; digest → size and last use
    HOME/store/blobs/ab/ab34….value  one encoded value, named by its digest

A blob appears whole or not at all. Whatever is read is compared with its name: a damaged blob is dropped and the
result counts as unknown, so that the call is simply made again.
"""

from __future__ import annotations

import json
import shutil
import threading
import uuid
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..tools.errors import UsageError
from ..tools.values import Value, decode
from .database import Database

DEFAULT_BYTES = 4 << 30
DEFAULT_MEMORY_BYTES = 256 << 20
ROOM_AFTER_PRUNING = 0.9
"""Share of the bound that is left when old blobs had to go: pruning is then rare."""

_SCHEMA = """
CREATE TABLE blobs (digest TEXT PRIMARY KEY, bytes INTEGER NOT NULL, used INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX blobs_by_use ON blobs (used);
CREATE TABLE results (key TEXT PRIMARY KEY, digests TEXT NOT NULL, many INTEGER NOT NULL, used INTEGER NOT NULL)
    WITHOUT ROWID;
CREATE INDEX results_by_use ON results (used)
"""
_VERSION = 1
_MOST_RESULTS = 200_000
_NOW = "(SELECT 1 + coalesce(max(used), 0) FROM blobs)"
"""Use is counted, not clocked: a clock that jumps must not decide what is thrown away."""


@dataclass(frozen=True)
class Stored:
    """What a key leads to: the digests of one value, or of a list of them."""

    digests: tuple[str, ...]
    many: bool = False


class Store:
    """Results by key and values by digest, under one folder.

    `max_bytes` bounds the blobs on disk, `memory_bytes` the decoded values that are kept at hand; the least
    recently used go first. Raises UsageError when the folder cannot be used.
    """

    def __init__(
        self, folder: Path, *, max_bytes: int = DEFAULT_BYTES, memory_bytes: int = DEFAULT_MEMORY_BYTES
    ) -> None:
        self.folder = folder
        self.max_bytes = max_bytes
        self._recent = _Recent(memory_bytes)
        self._used: set[str] = set()
        self._lock = threading.Lock()
        self._database = Database(folder / "index.db", _SCHEMA, _VERSION, on_new=self._forget_blobs)
        self._held = self._measure()

    def find(self, key: str) -> Stored | None:
        """Return what the key leads to, if all of it is still there; no blob is read."""
        rows = self._database.rows("SELECT digests, many FROM results WHERE key = ?", key)
        if not rows:
            return None
        stored = Stored(tuple(json.loads(str(rows[0][0]))), bool(rows[0][1]))
        if not all(digest in self._recent or self._path(digest).is_file() for digest in stored.digests):
            return None
        with self._lock:
            self._used.update(stored.digests)
        return stored

    def value(self, digest: str) -> Value | None:
        """Return the value of that content, or None when it is not here or damaged; a damaged blob is dropped."""
        value = self._recent.get(digest)
        if value is not None:
            return value
        try:
            value = decode(self._path(digest).read_bytes())
            if value.digest != digest:
                raise ValueError(f"holds {value.digest}")
        except FileNotFoundError:
            return None
        except (OSError, ValueError):
            self._drop([digest])
            return None
        self._recent.put(value)
        return value

    def get(self, key: str) -> Value | tuple[Value, ...] | None:
        """Return the result of a call, or None when any part of it has to be computed again."""
        stored = self.find(key)
        if stored is None:
            return None
        values = [value for value in map(self.value, stored.digests) if value is not None]
        if len(values) < len(stored.digests):
            return None
        return tuple(values) if stored.many else values[0]

    def put(self, key: str, result: Value | Sequence[Value]) -> None:
        """Keep the result of a call. Raises UsageError when the disk is full or the folder cannot be written."""
        many = not isinstance(result, Value)
        values: Sequence[Value] = [result] if isinstance(result, Value) else result
        sizes = {value.digest: self._write(value) for value in values}
        row = (key, json.dumps([value.digest for value in values]), many)
        with self._database.transaction() as rows:
            for digest, size in sizes.items():
                rows.execute(f"INSERT OR REPLACE INTO blobs VALUES (?, ?, {_NOW})", (digest, size))
            rows.execute(f"INSERT OR REPLACE INTO results VALUES (?, ?, ?, {_NOW})", row)
        self._note_uses()
        self._held += sum(sizes.values())
        if self._held > self.max_bytes:
            self._prune()

    def close(self) -> None:
        """Write down what was used, and let go of the files."""
        self._note_uses()
        self._database.close()

    def _path(self, digest: str) -> Path:
        return self.folder / "blobs" / digest[:2] / f"{digest}.value"

    def _write(self, value: Value) -> int:
        """Lay down one blob and return its size."""
        self._recent.put(value)
        path = self._path(value.digest)
        try:
            return path.stat().st_size
        except FileNotFoundError:
            pass
        data = value.encode()
        part = path.with_name(f"{uuid.uuid4().hex}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            part.write_bytes(data)
            part.replace(path)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise UsageError(
                f"cannot keep results in {str(self.folder)!r}: {error.strerror or error}; "
                "free some space, or set DIPTYCH_HOME to another folder"
            ) from None
        return len(data)

    def _note_uses(self) -> None:
        with self._lock:
            used, self._used = self._used, set()
        if used:
            with self._database.transaction() as rows:
                rows.executemany(f"UPDATE blobs SET used = {_NOW} WHERE digest = ?", [(digest,) for digest in used])

    def _measure(self) -> int:
        return int(str(self._database.rows("SELECT coalesce(sum(bytes), 0) FROM blobs")[0][0]))

    def _prune(self) -> None:
        """Drop the least recently used blobs until there is room again, and the oldest keys beyond a bound."""
        self._held = self._measure()
        excess = self._held - int(self.max_bytes * ROOM_AFTER_PRUNING)
        victims: list[str] = []
        if self._held > self.max_bytes:
            for digest, size in self._database.rows("SELECT digest, bytes FROM blobs ORDER BY used"):
                if excess <= 0:
                    break
                victims.append(str(digest))
                excess -= int(str(size))
        self._drop(victims)
        with self._database.transaction() as rows:
            rows.execute(
                "DELETE FROM results WHERE key IN (SELECT key FROM results ORDER BY used DESC LIMIT -1 OFFSET ?)",
                (_MOST_RESULTS,),
            )

    def _drop(self, digests: Sequence[str]) -> None:
        with self._database.transaction() as rows:
            rows.executemany("DELETE FROM blobs WHERE digest = ?", [(digest,) for digest in digests])
        for digest in digests:
            self._recent.drop(digest)
            self._path(digest).unlink(missing_ok=True)
        self._held = self._measure()

    def _forget_blobs(self) -> None:
        """Remove blobs that no index knows: nothing would ever bound them."""
        shutil.rmtree(self.folder / "blobs", ignore_errors=True)


class _Recent:
    """The values used last, bounded by the bytes of their arrays."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._values: OrderedDict[str, Value] = OrderedDict()
        self._lock = threading.Lock()

    def __contains__(self, digest: str) -> bool:
        return digest in self._values

    def get(self, digest: str) -> Value | None:
        with self._lock:
            if digest in self._values:
                self._values.move_to_end(digest)
            return self._values.get(digest)

    def put(self, value: Value) -> None:
        with self._lock:
            if value.digest not in self._values:
                self._bytes += value.nbytes
            self._values[value.digest] = value
            self._values.move_to_end(value.digest)
            while self._bytes > self._max_bytes:
                _, oldest = self._values.popitem(last=False)
                self._bytes -= oldest.nbytes

    def drop(self, digest: str) -> None:
        with self._lock:
            value = self._values.pop(digest, None)
            self._bytes -= value.nbytes if value else 0
