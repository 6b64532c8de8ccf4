"""Steps that misbehave fail by name, alone, and leave the run, the store and the next run as they should be."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from diptych.orchestrator import Event, Policy
from diptych.tools.errors import UsageError
from diptych.tools.values import Text

from .bad_tools import LIE_MB, RAISES, RELEASE, execute, in_process
from .small_tools import plan, statuses


@pytest.fixture(autouse=True)
def _released() -> Iterator[None]:
    RELEASE.clear()
    yield
    RELEASE.set()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ("give image=$photo what=none", "tool 'give' returned NoneType, but its signature promises Image"),
        ("give image=$photo what=list", "tool 'give' returned a list of Image, but its signature promises Image"),
        ("give image=$photo what=class", "tool 'give' returned ABCMeta, but its signature promises Image"),
        ("give image=$photo what=generator", "tool 'give' returned generator, but its signature promises Image"),
        ("give_list image=$photo", "tool 'give_list' returned a list of Image, Text, but its signature promises List"),
        ("give_unreadable image=$photo", "tool 'give_unreadable' broke: TypeError"),
    ],
)
def test_a_wrong_type_is_named(call: str, words: str, tmp_path: Path) -> None:
    result = execute(plan([f"a {call}", "b lighten image=$photo"], "a b"), tmp_path)
    assert statuses(result) == {"a": "failed", "b": "done"}
    assert (result.steps[0].error or "").startswith(words)
    assert str(result.problems[0]).startswith("step 'a': ")


def test_a_changed_list_of_inputs_is_a_list_of_its_own(tmp_path: Path) -> None:
    steps = ["a lighten image=$photo", "b empty_list images=$photo,$a", "c join images=$photo,$a,$b"]
    result = execute(plan(steps, "c"), tmp_path)
    assert statuses(result) == {"a": "done", "b": "done", "c": "done"}


def test_changed_labels_change_nothing_for_others(tmp_path: Path) -> None:
    steps = ["a colors image=$photo", "b add_color labels=$a", "c spell labels=$a"]
    result = execute(plan(steps, "b c"), tmp_path, lanes=1)
    assert statuses(result) == {"a": "done", "b": "failed", "c": "done"}
    assert "tool 'add_color'" in (result.steps[1].error or "")
    assert result.outputs["c"] == Text("red 75%, blue 25%")


@pytest.mark.parametrize("tool", ["stuck", "endless"])
def test_a_step_that_never_returns_fails_by_name_and_keeps_no_lane(tool: str, tmp_path: Path) -> None:
    steps = [f"a {tool} image=$photo", "b lighten image=$photo", "c lighten image=$b", "d lighten image=$a"]
    result = execute(plan(steps, "a c d"), tmp_path, policy=Policy(step_timeout=0.3), lanes=1)
    assert statuses(result) == {"a": "failed", "b": "done", "c": "done", "d": "skipped"}
    assert f"tool {tool!r}" in (result.steps[0].error or "") and "0.3 s" in (result.steps[0].error or "")
    again = execute(plan(["e lighten image=$photo amount=7"], "e"), tmp_path)
    assert again.status == "done"


@pytest.mark.timeout(30)
@pytest.mark.parametrize("what", sorted(RAISES))
def test_whatever_a_tool_raises_is_contained(what: str, tmp_path: Path) -> None:
    steps = [f"a throw image=$photo what={what}", "b lighten image=$photo", "c lighten image=$a"]
    result = execute(plan(steps, "a b c"), tmp_path)
    assert statuses(result) == {"a": "failed", "b": "done", "c": "skipped"}
    error = result.steps[0].error or ""
    assert error.startswith("tool 'throw' ") and what in error


def test_an_endless_message_is_cut(tmp_path: Path) -> None:
    result = execute(plan(["a throw_a_book image=$photo"], "a"), tmp_path)
    assert result.status == "failed" and len(result.steps[0].error or "") < 20_000


def test_what_a_tool_prints_is_not_collected(tmp_path: Path) -> None:
    script = """
import resource
execute(plan(["a shout image=$photo megabytes=1"], "a"), home)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
result = execute(plan(["a shout image=$photo megabytes=100"], "a"), home)
answer = {"status": result.status, "grown_mb": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024}
"""
    answer = in_process(script, tmp_path)
    assert answer["status"] == "done" and answer["grown_mb"] < 30
    assert sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()) < 2 << 20


@pytest.mark.parametrize("child", ["exit", "sys_exit", "go_on"])
def test_a_forked_child_takes_no_part_in_the_run(child: str, tmp_path: Path) -> None:
    script = f"""
from diptych.orchestrator.log import Log
result = execute(plan(["a fork image=$photo child={child}", "b note_process image=$a"], "b"), home)
gone = reap()
events = Log(home / "log.db").replay(result.run_id)
answer = {{"status": result.status, "gone": gone, "pid": os.getpid(), "kinds": [event.kind for event in events]}}
"""
    answer = in_process(script, tmp_path)
    assert answer["status"] == "done"
    assert answer["gone"], "the child went on after its call"
    assert (tmp_path / "calls.txt").read_text().split() == [str(answer["pid"])]
    assert answer["kinds"].count("step finished") == 2 and answer["kinds"].count("run finished") == 1


@pytest.mark.parametrize("file", ["store/index.db", "log.db", "estimates.db"])
def test_files_of_a_later_version_are_refused_and_left_alone(file: str, tmp_path: Path) -> None:
    (tmp_path / file).parent.mkdir(exist_ok=True)
    connection = sqlite3.connect(tmp_path / file)
    connection.execute("CREATE TABLE later (x)")
    connection.execute("PRAGMA user_version=99")
    connection.commit()
    connection.close()
    with pytest.raises(UsageError, match=rf"{Path(file).name}.*later Diptych.*upgrade"):
        execute(plan(["a lighten image=$photo"], "a"), tmp_path)
    connection = sqlite3.connect(tmp_path / file)
    assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("later",)]
    connection.close()


def test_a_clock_that_jumps_back_changes_no_order(tmp_path: Path) -> None:
    script = """
from itertools import count
from diptych.orchestrator.log import Log
ticks = count()
real = time.time
time.time = lambda: real() - 3600.0 * next(ticks)
steps = ["a lighten image=$photo", "b lighten image=$a amount=3", "c lighten image=$b amount=4"]
events = []
first = execute(plan(steps, "c"), home, on_event=events.append)
second = execute(plan(steps, "c"), home)
kept = Log(home / "log.db", keep_runs=2)
third = kept.start("third").run
answer = {
    "cached": sorted(set(statuses(second).values())),
    "sequence": [event.sequence for event in kept.replay(second.run_id)],
    "falling": all(a.at > b.at for a, b in zip(events, events[1:])),
    "ends": [event.step for event in events if event.kind == "step finished"],
    "runs": [run.id == id for run, id in zip(kept.runs(), [third, second.run_id], strict=True)],
    "seconds": min([first.seconds, second.seconds, *(record.seconds for record in first.steps)]),
}
"""
    answer = in_process(script, tmp_path)
    assert answer["falling"], "the clock of this test does not jump"
    assert answer["cached"] == ["cached"] and answer["ends"] == ["a", "b", "c"]
    assert answer["sequence"] == list(range(1, len(answer["sequence"]) + 1))
    assert answer["runs"] == [True, True], "the oldest run is dropped, whatever its date"
    assert answer["seconds"] >= 0


def test_a_model_that_needs_more_than_it_states_is_told(tmp_path: Path) -> None:
    events: list[Event] = []
    result = execute(plan(["a believe image=$photo"], "a"), tmp_path, on_event=events.append)
    assert result.status == "done"
    told = [event.facts for event in events if event.kind == "memory"]
    assert len(told) == 1 and "liar" in told[0]["model"]
    assert told[0]["stated_mb"] == 1 and told[0]["measured_mb"] > 0.8 * LIE_MB
