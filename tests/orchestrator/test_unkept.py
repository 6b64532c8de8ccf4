"""A store that cannot be written while the log can: what is not kept is not logged as finished."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from diptych.orchestrator.log import Event, Log
from diptych.orchestrator.store import Store

from .small_tools import execute, picture, plan, statuses

PLAN = plan(["a lighten image=$photo amount=5", "b slow image=$a parts=100", "c lighten image=$b amount=7"], "c")
LARGE = picture(90, 4000)
"""Its results are files, not rows."""


def spoil(home: Path) -> None:
    """Put a file where the store writes its files first."""
    shutil.rmtree(home / "store" / "parts", ignore_errors=True)
    (home / "store" / "parts").write_text("in the way")


def mend(home: Path) -> None:
    (home / "store" / "parts").unlink()


def look_as_another_process(home: Path, run: str) -> tuple[set[str], set[str]]:
    """Return the steps that the log says are finished, and those of them whose results are not in the store."""
    log = Log(home / "log.db")
    finished = {str(event.step): event.facts["digests"] for event in log.replay(run) if event.kind == "step finished"}
    log.close()
    if not finished:
        return set(), set()
    store = Store(home / "store")
    lost = {step for step, digests in finished.items() if any(store.value(digest) is None for digest in digests)}
    store.close()
    return set(finished), lost


@pytest.mark.parametrize("mended", [False, True])
def test_what_cannot_be_kept_is_not_logged_as_finished(mended: bool, tmp_path: Path) -> None:
    finished: set[str] = set()
    lost: set[str] = set()
    runs: list[str] = []

    def look(event: Event) -> None:
        """Spoil the store once the inputs are kept; read later what a process that died then would leave."""
        if event.kind == "plan":
            runs.append(event.run)
            spoil(tmp_path)
        if event.kind == "step progress" and event.facts["done"] > 50:
            if mended and (tmp_path / "store" / "parts").is_file():
                mend(tmp_path)
            seen, gone = look_as_another_process(tmp_path, event.run)
            finished.update(seen)
            lost.update(gone)

    result = execute(PLAN, tmp_path, LARGE, on_event=look)
    assert statuses(result) == {"a": "done", "b": "done", "c": "done"}
    assert any("cannot keep results" in note for note in result.notes), result.notes
    assert not lost
    if mended:
        assert look_as_another_process(tmp_path, runs[0]) == ({"a", "b", "c"}, set())
        assert set(statuses(execute(PLAN, tmp_path, LARGE)).values()) == {"cached"}
    else:
        assert not finished
