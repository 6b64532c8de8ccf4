"""What cannot be repaired, or not for long: the loop ends, says why, and the best result comes back."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from diptych.orchestrator import Control, Repair, Result
from diptych.tools.errors import UsageError

from .repair_tools import (
    CALLS,
    GONE,
    KEPT,
    STARTED,
    THREE,
    drawing,
    hiding,
    repaired,
    rungs,
    search_of,
    seen,
    verdicts,
)

LOCAL = Repair(rungs=("local",), learn=False)


@pytest.fixture(autouse=True)
def fresh_tools() -> Iterator[None]:
    CALLS.clear()
    STARTED.clear()
    yield


def test_promises_that_contradict_each_other(tmp_path: Path) -> None:
    there = {"check": "counted", "image": "$out", "query": "red", "count": 1}
    result = repaired(hiding("find_some", "wipe", there, GONE), tmp_path, repair=LOCAL)
    assert verdicts(result) == [True, False] and set(rungs(result)) == {"local: rolled back"}
    assert search_of(result).stopped == "nothing is left to try: what helps 'none_left' breaks 'counted'"
    assert len(seen(result.pictures[0], "red")) == 1, "the first picture, not the broken one"


def test_nothing_to_verify(tmp_path: Path) -> None:
    result = repaired(hiding("find_some", "wipe"), tmp_path)
    assert result.status == "done" and result.search is None


def test_a_check_that_cannot_be_made(tmp_path: Path) -> None:
    dirty = {"check": "broken", "image": "$out"}
    result = repaired(hiding("find", "wipe", dirty), tmp_path)
    assert verdicts(result) == [None] and result.search is None and "lens is dirty" in result.checks[0]["reason"]
    beside = repaired(hiding("find_some", "wipe", dirty, GONE), tmp_path, repair=LOCAL)
    assert verdicts(beside) == [None, True] and rungs(beside) == ["local: kept"]


@pytest.mark.parametrize(
    ("budget", "why"),
    [
        ({"tries": 0}, "the budget of 0 tries is used up"),
        ({"seconds": 0}, "the budget of 0 s is used up"),
        ({"rungs": ()}, "nothing is left to try"),
    ],
)
def test_no_budget(budget: dict[str, Any], why: str, tmp_path: Path) -> None:
    result = repaired(hiding("find_some", "wipe", GONE), tmp_path, repair=Repair(**budget))
    assert result.status == "done" and verdicts(result) == [False] and result.pictures
    assert search_of(result).stopped == why and not search_of(result).attempts


def test_generator_calls_are_counted(tmp_path: Path) -> None:
    budget = Repair(rungs=("nudge",), tries=50, generator_calls=3, learn=False)
    result = repaired(drawing("paint", 9, 1), tmp_path, repair=budget)
    assert CALLS["paint"] == 1 + 3 and len(search_of(result).attempts) == 3
    assert search_of(result).stopped == "the budget of 3 generator calls is used up"


def test_a_generator_that_gives_the_same_for_ever(tmp_path: Path) -> None:
    result = repaired(drawing("stamp", 2, 5), tmp_path, repair=Repair(rungs=("nudge",), tries=50, learn=False))
    assert CALLS["stamp"] == 2 and rungs(result) == ["nudge: rolled back"]
    assert "the same picture as before" in search_of(result).attempts[0].reason
    assert result.status == "done" and result.pictures


def test_a_check_that_flickers(tmp_path: Path) -> None:
    flickering = {"check": "moody", "image": "$photo", "query": "red"}
    document = hiding("find_some", "idle", GONE, flickering)
    result = repaired(document, tmp_path, repair=Repair(tries=50, learn=False), use_store=False)
    assert "'moody' says now this, now that" in search_of(result).stopped
    assert result.status == "done" and len(search_of(result).attempts) < 50


def test_a_repair_that_fails(tmp_path: Path) -> None:
    result = repaired(hiding("find_some", "once", GONE, KEPT), tmp_path, repair=LOCAL)
    assert result.status == "done" and verdicts(result) == [False, True] and len(seen(result.pictures[0], "red")) == 1
    assert set(rungs(result)) == {"local: failed"} and "worn out" in search_of(result).attempts[0].reason


def test_a_repair_that_takes_too_long(tmp_path: Path) -> None:
    budget = Repair(rungs=("local",), seconds=0.5, learn=False)
    result = repaired(hiding("find_some", "dawdle", GONE), tmp_path, repair=budget)
    assert rungs(result) == ["local: stopped"] and search_of(result).stopped == "the budget of 0.5 s is used up"
    assert result.status == "done" and result.pictures and verdicts(result) == [False]


def stopped_while_it_repairs(stop: Callable[[], None], home: Path, control: Control) -> Result:
    """Run with a repair that takes ten seconds, and call `stop` when that has begun."""
    watch = threading.Thread(target=lambda: STARTED.wait(60) and stop())
    watch.start()
    result = repaired(hiding("find_some", "dawdle", GONE), home, repair=LOCAL, control=control)
    watch.join()
    return result


def test_ctrl_c_gives_the_best_so_far(tmp_path: Path) -> None:
    result = stopped_while_it_repairs(lambda: os.kill(os.getpid(), signal.SIGINT), tmp_path, Control())
    assert result.status == "done" and len(seen(result.pictures[0], "red")) == 1
    assert search_of(result).stopped == "it was stopped" and rungs(result) == ["local: stopped"]


def test_a_control_cancels_the_repair(tmp_path: Path) -> None:
    control = Control()
    result = stopped_while_it_repairs(control.cancel, tmp_path, control)
    assert result.status == "done" and search_of(result).stopped == "it was stopped"


def test_the_time_of_a_repair_does_not_cancel_the_control(tmp_path: Path) -> None:
    control = Control()
    budget = Repair(rungs=("local",), seconds=0.3, learn=False)
    repaired(hiding("find_some", "dawdle", GONE), tmp_path, repair=budget, control=control)
    assert not control.cancelled.is_set()


def test_a_part_of_a_run_hears_what_the_whole_is_asked() -> None:
    whole = Control()
    whole.cancel_step("early")
    part, heard = whole.within(60), list[str]()
    part.attach(lambda: heard.append("asked"))
    whole.pause()
    whole.set_priority(3)
    whole.cancel_step("late")
    assert part.paused and part.priority == 3 and part.stopped_steps == {"early", "late"} and len(heard) == 3
    assert not part.cancelled.is_set()
    part.cancelled.set()
    assert whole.cancelled.is_set(), "Ctrl-C is for the whole run"
    assert Control().within(0).cancelled.is_set()


def test_a_file_of_experience_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "repairs.db").mkdir()
    result = repaired(hiding("find_some", "wipe", GONE), tmp_path, THREE, repair=Repair())
    assert verdicts(result) == [True]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"tries": -1}, "'tries' of a repair must be 0 or more, not -1"),
        ({"seconds": float("nan")}, "'seconds' of a repair must be 0 or more, not nan"),
        ({"rungs": ("magic",)}, "no repair is called 'magic'; known: preserve, local, nudge, swap, replan"),
    ],
)
def test_a_policy_that_makes_no_sense(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Repair(**wrong)
