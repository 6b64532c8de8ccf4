"""What tests do to a store behind its back."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path


def damage(folder: Path) -> int:
    """Change the last byte of every blob under `folder`, rows and files, and return how many there were."""
    files = list(folder.rglob("*.value"))
    for file in files:
        data = file.read_bytes()
        file.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with closing(sqlite3.connect(next(folder.rglob("index.db")))) as connection, connection:
        rows = connection.execute("SELECT id, data FROM blobs WHERE data IS NOT NULL").fetchall()
        changed = [(data[:-1] + bytes([data[-1] ^ 1]), id) for id, data in rows]
        connection.executemany("UPDATE blobs SET data = ? WHERE id = ?", changed)
    return len(files) + len(rows)
