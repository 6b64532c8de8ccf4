"""What helped on this machine, kept in the home folder: against a kind of finding, or in a kind of work.

The best order in which to try things that help or not, each with its own chance and cost, is by chance per second.
Until something is known of a kind of finding the order is that of the ladder.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from .database import Database

_SCHEMA = """
CREATE TABLE repairs (kind TEXT NOT NULL, way TEXT NOT NULL, tries REAL NOT NULL, helped REAL NOT NULL,
    seconds REAL NOT NULL, PRIMARY KEY (kind, way)) WITHOUT ROWID
"""
_VERSION = 1
_MEMORY_OF = 50.0
"""Tries of one way after which older ones count half: tools and photos change."""
_DOUBT = 2.0
"""How many tries the order of the ladder weighs."""
_LEAST_SECONDS = 0.02
_Item = TypeVar("_Item")


@dataclass(frozen=True)
class Odds:
    """How one way fared: of repair, against one kind of finding; or of doing one kind of work."""

    tries: float = 0.0
    helped: float = 0.0
    seconds: float = 0.0
    """All tries together."""


class Experience:
    """Odds by kind and way, in one file. Safe from any thread; processes add to the same file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._opened: Database | None = None
        self._lock = threading.Lock()

    @property
    def _database(self) -> Database:
        """Opened when it is first needed: most runs repair nothing."""
        with self._lock:
            if self._opened is None:
                self._opened = Database(self._path, _SCHEMA, _VERSION)
            return self._opened

    def record(self, kind: str, way: str, helped: bool, seconds: float) -> None:
        """Add one try. Raises UsageError when it cannot be written."""
        with self._database.transaction() as rows:
            found = rows.execute("SELECT tries, helped, seconds FROM repairs WHERE kind=? AND way=?", (kind, way))
            tries, good, spent = next(found, (0.0, 0.0, 0.0))
            fade = 0.5 if tries >= _MEMORY_OF else 1.0
            line = (kind, way, tries * fade + 1, good * fade + helped, spent * fade + seconds)
            rows.execute("INSERT OR REPLACE INTO repairs VALUES (?, ?, ?, ?, ?)", line)

    def known(self, kind: str) -> dict[str, Odds]:
        """Return the odds of every way that was tried in one kind."""
        rows = self._database.rows("SELECT way, tries, helped, seconds FROM repairs WHERE kind = ?", kind)
        return {str(way): Odds(*map(float, figures)) for way, *figures in rows}  # type: ignore[arg-type]

    def ranked(self, kind: str, items: Sequence[_Item], way: Callable[[_Item], str]) -> list[_Item]:
        """Return the items, given in the order of the ladder, by chance of help per second."""
        known = self.known(kind)
        if not known:
            return list(items)
        total = sum(odds.tries for odds in known.values())
        usual = sum(odds.seconds for odds in known.values()) / total
        places = {name: place for place, name in enumerate(dict.fromkeys(map(way, items)))}

        def worth(item: _Item) -> float:
            odds = known.get(way(item), Odds())
            guess = 1 / (2 + places[way(item)])
            chance = (odds.helped + _DOUBT * guess) / (odds.tries + _DOUBT)
            seconds = (odds.seconds + _DOUBT * usual) / (odds.tries + _DOUBT)
            return chance / max(seconds, _LEAST_SECONDS)

        return sorted(items, key=worth, reverse=True)

    def kinds(self) -> list[str]:
        """Return every kind in which something was tried."""
        return [str(kind) for (kind,) in self._database.rows("SELECT DISTINCT kind FROM repairs ORDER BY kind")]

    def clear(self) -> int:
        """Forget everything; return how many pairs of kind and way that were."""
        with self._database.transaction() as rows:
            return rows.execute("DELETE FROM repairs").rowcount

    def close(self) -> None:
        """Let go of the file; closing twice is harmless."""
        if self._opened is not None:
            self._opened.close()
