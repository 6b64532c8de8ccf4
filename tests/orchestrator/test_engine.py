"""Plans run, know what they have done before, and contain whatever goes wrong."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from diptych.orchestrator import Control, Event
from diptych.tools.values import Image, Number, Text

from .kept import damage
from .small_tools import CALLS, STARTED, execute, picture, plan, statuses

CHAIN = ["a lighten image=$photo amount=5", "b threshold image=$a level=150", "c lighten image=$b amount=3"]


@pytest.fixture(autouse=True)
def _fresh() -> None:
    CALLS.clear()
    STARTED.clear()


def test_values_flow_to_the_output(tmp_path: Path) -> None:
    result = execute(plan(CHAIN, "c"), tmp_path)
    assert result.status == "done" and list(result.outputs) == ["c"]
    image = result.outputs["c"]
    assert isinstance(image, Image)
    assert image.pixels[0, 0, 0] == 255 and image.pixels[0, 1, 0] == 3


def test_a_second_run_calls_no_tool(tmp_path: Path) -> None:
    first = execute(plan(CHAIN, "c"), tmp_path)
    CALLS.clear()
    second = execute(plan(CHAIN, "c"), tmp_path)
    assert not CALLS and set(statuses(second).values()) == {"cached"}
    assert second.outputs == first.outputs


def test_without_the_store_everything_runs(tmp_path: Path) -> None:
    for _ in range(2):
        execute(plan(CHAIN, "c"), tmp_path, use_store=False)
    assert CALLS == {"lighten": 4, "threshold": 2}


def test_an_unchanged_result_stops_the_rerun(tmp_path: Path) -> None:
    execute(plan(CHAIN, "c"), tmp_path)
    changed = ["a lighten image=$photo amount=6", *CHAIN[1:]]
    assert statuses(execute(plan(changed, "c"), tmp_path)) == {"a": "done", "b": "done", "c": "cached"}


def test_a_changed_parameter_runs_only_its_cone(tmp_path: Path) -> None:
    steps = ["a lighten image=$photo amount=1", "b lighten image=$a amount=2", "x lighten image=$photo amount=9"]
    steps += ["c join images=$b,$x"]
    execute(plan(steps, "c"), tmp_path)
    steps[1] = "b lighten image=$a amount=4"
    assert statuses(execute(plan(steps, "c"), tmp_path)) == {"a": "cached", "b": "done", "x": "cached", "c": "done"}


def test_a_failure_stops_only_its_dependents_and_names_the_root(tmp_path: Path) -> None:
    steps = ["a refuse image=$photo", "b lighten image=$a", "c lighten image=$b", "d lighten image=$photo"]
    result = execute(plan(steps, "c d"), tmp_path)
    assert result.status == "failed" and list(result.outputs) == ["d"]
    assert statuses(result) == {"a": "failed", "b": "skipped", "c": "skipped", "d": "done"}
    assert result.steps[2].error == "step 'a' failed: the page has no text (try another page)"
    assert [str(problem) for problem in result.problems] == ["step 'a': the page has no text (try another page)"]


@pytest.mark.parametrize(
    ("tool", "words"),
    [
        ("crash", "tool 'crash' broke: KeyError: 'missing'"),
        ("leave", "tool 'leave' broke: SystemExit: 3"),
        ("scribble", "tool 'scribble' tried to change its input"),
        ("lie", "tool 'lie' returned ndarray, but its signature promises Image"),
    ],
)
def test_a_faulty_tool_is_contained_and_named(tool: str, words: str, tmp_path: Path) -> None:
    photo = picture()
    before = photo.pixels.copy()
    result = execute(plan([f"a {tool} image=$photo", "b lighten image=$photo"], "a b"), tmp_path, photo)
    assert statuses(result) == {"a": "failed", "b": "done"}
    assert result.steps[0].error is not None and result.steps[0].error.startswith(words)
    assert "Traceback" not in str(result.to_json())
    assert np.array_equal(photo.pixels, before)


@pytest.mark.parametrize(
    ("level", "when", "ended"),
    [(0, "$v", "done"), (255, "$v", "passed through"), (0, "not_$v", "passed through"), (255, "not_$v", "done")],
)
def test_a_condition_runs_the_step_or_hands_its_image_on(level: int, when: str, ended: str, tmp_path: Path) -> None:
    steps = [f"v is_bright image=$photo level={level}", f"a lighten image=$photo when={when}", "b lighten image=$a"]
    result = execute(plan(steps, "b"), tmp_path)
    assert statuses(result) == {"v": "done", "a": ended, "b": "done"}
    image = result.outputs["b"]
    assert isinstance(image, Image) and image.pixels[0, 1, 0] == (120 if ended == "done" else 110)


def test_a_pass_through_needs_no_mask(tmp_path: Path) -> None:
    steps = [
        "v is_bright image=$photo level=255",
        "m refuse_mask image=$photo",
        "a blacken image=$photo mask=$m when=$v",
    ]
    assert statuses(execute(plan(steps, "a"), tmp_path)) == {"v": "done", "m": "failed", "a": "passed through"}


def test_nothing_to_hand_on_is_skipped(tmp_path: Path) -> None:
    steps = ["v is_bright image=$photo level=255", "m bright image=$photo when=$v", "a blacken image=$photo mask=$m"]
    result = execute(plan(steps, "a"), tmp_path)
    assert result.status == "done" and statuses(result) == {"v": "done", "m": "skipped", "a": "skipped"}
    assert result.steps[2].error == "the condition $v of step 'm' is false"


def test_for_each_keeps_one_result_per_item(tmp_path: Path) -> None:
    steps = ["h halves image=$photo", "a lighten image=$h for_each=image", "j join images=$a"]
    result = execute(plan(steps, "j"), tmp_path)
    image = result.outputs["j"]
    assert isinstance(image, Image) and image.pixels.shape == (4, 6, 3) and CALLS["lighten"] == 2
    other = picture().pixels.copy()
    other[:, 5] = 7  # only the right half changes
    CALLS.clear()
    assert statuses(execute(plan(steps, "j"), tmp_path, Image(other))) == {"h": "done", "a": "done", "j": "done"}
    assert CALLS["lighten"] == 1


@pytest.mark.parametrize("lanes", [1, 2])
def test_an_item_that_fails_ends_its_step_once(lanes: int, tmp_path: Path) -> None:
    steps = ["h halves image=$photo", "a refuse image=$h for_each=image", "j join images=$a", "b lighten image=$photo"]
    result = execute(plan(steps, "j b"), tmp_path, lanes=lanes)
    assert statuses(result) == {"h": "done", "a": "failed", "j": "skipped", "b": "done"}
    assert CALLS["refuse"] <= lanes


def test_numbers_and_words_reach_parameters(tmp_path: Path) -> None:
    steps = ["n mean image=$photo", "s say words=hello number=$n", "t say words=$s number=1"]
    result = execute(plan(steps, "t n"), tmp_path)
    assert result.outputs["t"] == Text("hello 117 1") and result.outputs["n"] == Number(117)
    assert result.answer == "t: hello 117 1\n117"


def test_checks_report_and_do_not_fail_the_run(tmp_path: Path) -> None:
    checks: list[dict[str, Any]] = [
        {"check": "is_bright", "image": "$a"},
        {"check": "is_bright", "image": "$a", "level": 1},
    ]
    result = execute(plan(["a lighten image=$photo"], "a", checks), tmp_path)
    assert result.status == "done" and [check["passed"] for check in result.checks] == [False, True]


def test_cancel_stops_a_running_step_and_starts_no_other(tmp_path: Path) -> None:
    cancel = threading.Event()

    def stop() -> None:
        STARTED.wait()
        cancel.set()

    threading.Thread(target=stop).start()
    steps = ["k lighten image=$photo", "a slow image=$k", "b lighten image=$a"]
    result = execute(plan(steps, "b k"), tmp_path, control=Control(cancel))
    assert result.status == "cancelled" and list(result.outputs) == ["k"]
    assert statuses(result) == {"k": "done", "a": "cancelled", "b": "cancelled"} and CALLS["lighten"] == 1


def test_events_tell_the_whole_run(tmp_path: Path) -> None:
    events: list[Event] = []
    execute(plan(CHAIN, "c"), tmp_path, on_event=events.append)
    kinds = [event.kind for event in events]
    assert kinds[0] == "run started" and kinds[-1] == "run finished"
    assert [event.step for event in events if event.kind == "step finished"] == ["a", "b", "c"]
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))


def test_a_step_is_announced_when_it_may_be_slow_or_proves_to_be(tmp_path: Path) -> None:
    def announced(*lines: str) -> list[str | None]:
        events: list[Event] = []
        execute(plan(lines, "z"), tmp_path, on_event=events.append)
        return [event.step for event in events if event.kind == "step started"]

    quick = [f"q{i} lighten image=${f'q{i - 1}' if i else 'photo'} amount=1" for i in range(40)]
    found = announced(*quick, "z slow image=$q39 parts=1")
    assert found[0] == "q0" and found[-1] == "z" and len(found) < 20  # of both tools nothing is known at first
    assert announced("z slow image=$photo parts=200") == ["z"]


def test_a_damaged_blob_is_computed_again(tmp_path: Path) -> None:
    first = execute(plan(CHAIN, "c"), tmp_path)
    from diptych.orchestrator import work

    work._shelf.cache_clear()
    CALLS.clear()
    assert damage(tmp_path / "store")
    changed = [*CHAIN[:2], "c lighten image=$b amount=4"]
    result = execute(plan(changed, "c"), tmp_path)
    assert result.status == "done" and CALLS == {"lighten": 2, "threshold": 1}
    assert execute(plan(CHAIN, "c"), tmp_path).outputs == first.outputs
