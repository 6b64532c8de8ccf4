"""The local library: requests whose plan ran and passed its checks, as examples for later requests.

It is one SQLite file in the home folder, holds requests and plans and never a picture, keeps the latest 2,000, and
goes nowhere. `diptych library --clear` empties it, DIPTYCH_LIBRARY=off keeps it from growing and from being read.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeVar

import numpy as np

from ..tools.catalogue import Catalogue
from ..tools.errors import PlanError, ToolError
from ..tools.switches import is_on
from ..tools.values.base import Array
from ..tools.weights import home
from .plan import Plan, parse_plan
from .planner import Turn
from .retrieval import vector_of
from .validate import validate

Result = TypeVar("Result")

FILE = "library.db"
SWITCH = "DIPTYCH_LIBRARY"
MOST = 2000
"""Entries that are kept; the ones that were used longest ago go first."""
LEAST = 0.5
"""Cosine below which a request is not similar."""


class Library:
    """The library of one home folder. Whatever is wrong with its file, planning goes on without it."""

    def __init__(self, folder: str | Path | None = None) -> None:
        """`folder`: the home; by default that of `diptych.tools.weights.home`."""
        self.path = Path(folder or home()) / FILE

    def add(self, request: str, plan: Plan) -> None:
        """Keep a plan that ran and passed its checks; the same request again replaces it."""
        if not enabled() or not request.strip():
            return
        entry = (" ".join(request.split()), _kept(plan).to_json())

        def keep(database: sqlite3.Connection) -> None:
            database.execute(
                "insert into solved (request, plan) values (?, ?) on conflict (request) do update "
                "set plan = excluded.plan, used = julianday('now')",
                entry,
            )
            newest = "select request from solved order by used desc, rowid desc limit ?"
            database.execute(f"delete from solved where request not in ({newest})", (MOST,))

        self._with(keep, None)

    def nearest(self, request: str, catalogue: Catalogue, count: int = 3) -> list[Turn]:
        """Return the plans of the most similar requests that are valid with this catalogue, the nearest first.

        Empty where the sentence embedding is not on this machine.
        """
        rows = self._rows() if enabled() else []
        if not rows:
            return []
        try:
            wanted = vector_of(request)
            scored = [(float(self._vector(row) @ wanted), row) for row in rows]
        except ToolError:
            return []
        scored.sort(key=lambda pair: -pair[0])
        near = [solved for score, row in scored[:count] if score >= LEAST and (solved := _solved(row[0], row[1]))]
        return [entry for entry in near if not validate(entry.plan, catalogue)]

    def clear(self) -> int:
        """Forget everything; return how many plans that were."""
        return self._with(lambda database: database.execute("delete from solved").rowcount, 0, make=False)

    def __len__(self) -> int:
        count = "select count(*) from solved"
        return self._with(lambda database: int(database.execute(count).fetchone()[0]), 0, make=False)

    def _rows(self) -> list[tuple[str, str, bytes | None]]:
        everything = "select request, plan, vector from solved"
        return self._with(lambda database: database.execute(everything).fetchall(), [], make=False)

    def _vector(self, row: tuple[str, str, bytes | None]) -> Array:
        """Return the vector of an entry; made when it is first needed, so that a run is not kept waiting for it."""
        if row[2] is not None:
            return np.frombuffer(row[2], np.float32)
        vector = vector_of(row[0])
        change = "update solved set vector = ? where request = ?"
        self._with(lambda database: database.execute(change, (vector.tobytes(), row[0])), None)
        return vector

    def _with(self, work: Callable[[sqlite3.Connection], Result], otherwise: Result, *, make: bool = True) -> Result:
        """Return what `work` gives inside one transaction, or `otherwise` where there can be no database.

        `make`: a file that is not there is made. What is deleted is overwritten on the disk.
        """
        if not make and not self.path.exists():
            return otherwise
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.path, timeout=5)) as database, database:
                database.execute("pragma secure_delete = on")
                database.execute(
                    "create table if not exists solved "
                    "(request text primary key, plan text not null, vector blob, "
                    "used real not null default (julianday('now')))"
                )
                return work(database)
        except (OSError, sqlite3.Error):
            return otherwise


def enabled() -> bool:
    """Whether the library may be read and written: not with DIPTYCH_LIBRARY=off."""
    return is_on(SWITCH)


def _kept(plan: Plan) -> Plan:
    """Return a plan without what belongs to one run: its words, and the seeds that were drawn for it."""
    steps = [
        step.model_copy(update={"args": {name: value for name, value in step.args.items() if name != "seed"}})
        for step in plan.steps
    ]
    return plan.model_copy(update={"request": "", "steps": steps})


def _solved(request: str, text: str) -> Turn | None:
    try:
        return Turn(request, parse_plan(text))
    except PlanError:
        return None  # written by another version
