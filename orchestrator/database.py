"""The SQLite files under the home folder: opened one way, shared by threads and processes."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ..tools.errors import UsageError

BUSY_SECONDS = 30.0
"""How long one process waits for another one's transaction."""
_DAMAGED = {"SQLITE_CORRUPT", "SQLITE_NOTADB"}


class Database:
    """Two connections, one that writes and one that reads, in WAL mode: readers never wait for a writer.

    `version` is the layout of the tables; a file of a later one is refused, and an older one is made anew,
    because everything kept here can be computed again. `on_new` is called when the tables have just been made;
    `page_bytes` is the page size of a new file. What is committed survives the death of the process; a power cut may
    take the last moments, never the file. Raises UsageError that names the file and the fix when it cannot be opened.
    """

    def __init__(
        self,
        path: Path,
        schema: str,
        version: int,
        on_new: Callable[[], None] = lambda: None,
        page_bytes: int = 4096,
    ) -> None:
        self.path = path
        self._process = os.getpid()
        self._lock = threading.RLock()
        self._reading = threading.Lock()
        with self._explained():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = _connect(path)
            try:
                found = self._connection.execute("PRAGMA user_version").fetchone()[0]
            except sqlite3.DatabaseError as error:
                if isinstance(error, sqlite3.OperationalError):
                    raise
                self._start_over()  # the file is not a database: a disk fault, or another program
                found = 0
            self._connection.execute(f"PRAGMA page_size={page_bytes}")
            self._migrate(schema, version, found, on_new)
            self._seen = self._data_version()
            self._reader = _connect(path)
            self._reader.execute("PRAGMA query_only=1")

    def _start_over(self) -> None:
        self._connection.close()
        for suffix in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
        self._connection = _connect(self.path)

    def _migrate(self, schema: str, version: int, found: int, on_new: Callable[[], None]) -> None:
        if found > version:
            raise UsageError(
                f"{str(self.path)!r} was written by a later Diptych (layout {found}, this one knows {version}); "
                "upgrade, or set DIPTYCH_HOME to another folder"
            )
        self._switch_to_wal()
        self._connection.execute("PRAGMA synchronous=NORMAL")
        if found == version:
            return
        with self.transaction() as rows:
            if rows.execute("PRAGMA user_version").fetchone()[0] == version:
                return  # another process was quicker
            tables = rows.execute("SELECT name FROM sqlite_master WHERE type='table'").fetchall()
            for (table,) in tables:
                rows.execute(f'DROP TABLE "{table}"')
            for statement in filter(str.strip, schema.split(";")):
                rows.execute(statement)
            rows.execute(f"PRAGMA user_version={version}")
            on_new()

    def _switch_to_wal(self) -> None:
        """Switch; SQLite itself does not wait here while another process is making the file."""
        until = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                self._connection.execute("PRAGMA journal_mode=WAL")
                return
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > until:
                    raise
                time.sleep(0.01)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Yield the connection inside one transaction: all of it is kept, or none.

        Raises UsageError when the disk is full or the file cannot be written.
        """
        self._check_process()
        with self._lock, self._explained():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def rows(self, query: str, *values: object) -> list[tuple[object, ...]]:
        """Return the rows of a query that changes nothing: what is committed, whatever a transaction is doing."""
        self._check_process()
        try:
            with self._reading:
                return self._reader.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise self._error(error) from None

    def changed_by_others(self) -> bool:
        """Say whether anybody else has written since this was asked last, or since the file was opened."""
        with self._lock, self._explained():
            before, self._seen = self._seen, self._data_version()
            return self._seen != before

    def _data_version(self) -> int:
        """Return a number that changes when another connection than the one that writes here commits."""
        return int(self._connection.execute("PRAGMA data_version").fetchone()[0])

    def close(self) -> None:
        """Close the connections; closing twice is harmless."""
        with self._lock, self._reading:
            self._reader.close()
            self._connection.close()

    def _check_process(self) -> None:
        """SQLite's locks and this object's are void after a fork: a child that wrote would damage the file."""
        if os.getpid() != self._process:
            raise UsageError(f"{str(self.path)!r} was opened before this process was forked; open it again here")

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise self._error(error) from None

    def _error(self, error: Exception) -> UsageError:
        if getattr(error, "sqlite_errorname", "") in _DAMAGED:
            return UsageError(f"{str(self.path)!r} is damaged ({error}); delete it, and it is made anew")
        return UsageError(
            f"cannot use {str(self.path)!r}: {error}; free some space, check the permissions, "
            "or set DIPTYCH_HOME to another folder"
        )


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
