"""The log can be read late, again, from elsewhere, and after a crash."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from diptych.orchestrator.log import Log
from diptych.orchestrator.store import Store
from diptych.tools.values import Text


def test_a_late_reader_sees_the_same(tmp_path: Path) -> None:
    log = Log(tmp_path / "log.db")
    run = log.start("blur it").run
    told = [log.append(run, "step finished", "a", {"seconds": 0.5, "cached": False}), log.finish(run, "done")]
    events = Log(tmp_path / "log.db").replay(run)
    assert events[1:] == told and [event.sequence for event in events] == [1, 2, 3]
    assert Log(tmp_path / "log.db").replay(run, after=2) == told[1:]


def test_whatever_is_said_can_be_read_again(tmp_path: Path) -> None:
    log = Log(tmp_path / "log.db")
    run = log.start("what").run
    log.append(run, "note", None, {"file": tmp_path, "half": "a\ud800b", "share": float("nan")})
    log.append(run, "note", None, {"file": tmp_path, "list": ("a", 1, None, True), "share": float("inf")})
    log.flush()
    _, half, whole = [event.facts for event in log.replay(run)]
    assert half["half"] == "a\ud800b" and half["file"] == str(tmp_path) and half["share"] != half["share"]
    assert whole == {"file": str(tmp_path), "list": ["a", 1, None, True], "share": float("inf")}


def test_many_events_are_all_there_in_order(tmp_path: Path) -> None:
    log = Log(tmp_path / "log.db")
    run = log.start("many").run
    for number in range(2, 235):
        log.append(run, "step progress", "a", {"done": number})
        if number % 77 == 0:
            log.flush()
    log.flush()
    events = log.replay(run)
    assert [event.sequence for event in events] == list(range(1, 235))
    assert [event.facts["done"] for event in events[1:]] == list(range(2, 235))


def test_runs_are_listed_latest_first_and_bounded(tmp_path: Path) -> None:
    log = Log(tmp_path / "log.db", keep_runs=2)
    runs = [log.start(f"request {number}").run for number in range(4)]
    log.finish(runs[3], "failed")
    assert [(run.request, run.status) for run in log.runs()] == [("request 3", "failed"), ("request 2", "unfinished")]
    assert log.replay(runs[0]) == [] and log.runs()[0].finished is not None


def test_a_run_that_ends_commits_nothing_of_another(tmp_path: Path) -> None:
    log = Log(tmp_path / "log.db")
    first, second = log.start("first").run, log.start("second").run
    log.append(second, "step finished", "a")
    mark = log.mark()
    log.append(second, "step finished", "b")
    log.finish(first, "done")
    late = Log(tmp_path / "log.db")
    assert [event.kind for event in late.replay(first)] == ["run started", "run finished"]
    assert [event.step for event in late.replay(second)] == [None]
    log.flush(mark)
    assert [event.step for event in late.replay(second)] == [None, "a"]


KILLED = """
import sys, threading
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from tests.orchestrator.small_tools import execute, plan
def tell(event):
    if event.kind == "step progress":
        print("running", flush=True)
execute(plan(["a lighten image=$photo", "b slow image=$a parts=100000"], "b"), Path(sys.argv[1]), on_event=tell)
"""


def test_a_killed_run_is_visible_and_everything_stays_readable(tmp_path: Path) -> None:
    root = str(Path(__file__).parents[2])
    run = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path), root], stdout=subprocess.PIPE)
    assert run.stdout is not None
    assert run.stdout.readline() == b"running\n" and run.stdout.readline() == b"running\n"
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    run.stdout.close()
    log = Log(tmp_path / "log.db")
    (info,) = log.runs()
    assert info.status == "unfinished" and info.finished is None
    assert log.replay(info.id)[0].kind == "run started"
    store = Store(tmp_path / "store")
    store.put("key", Text("still works"))
    assert store.get("key") == Text("still works") and not list(tmp_path.rglob("*.part"))
