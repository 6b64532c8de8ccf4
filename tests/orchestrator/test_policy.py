"""What a person can do to a run while it goes on, and what a policy makes of slow and failing steps."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from diptych.orchestrator import Control, Event, Policy, Result, run_plan
from diptych.planners.plan import Plan
from diptych.tools.catalogue import Catalogue
from diptych.tools.errors import ToolError, UsageError
from diptych.tools.progress import tick
from diptych.tools.tool import tool
from diptych.tools.values import Image

from .small_tools import FUNCTIONS, picture, plan, statuses

LEFT: Counter[str] = Counter()
BATCHES: list[int] = []
GATE = threading.Event()


@tool(family="editor")
def flaky(image: Image) -> Image:
    """Fail as often as LEFT says, in a way that may pass."""
    if LEFT["flaky"]:
        LEFT["flaky"] -= 1
        raise ToolError("the device is busy", retryable=True)
    return image


@tool(family="editor")
def wait(image: Image) -> Image:
    """Wait until the gate opens; give up when asked to."""
    while not GATE.is_set():
        tick(0, 1)
        time.sleep(0.005)
    return image


@tool(family="editor")
def stuck(image: Image) -> Image:
    """Wait until the gate opens, deaf to everything."""
    GATE.wait(30)
    return image


@tool(family="editor")
def many(image: Image, amount: int = 0) -> Image:
    """Add an amount; several calls at once where there are several."""
    BATCHES.append(1)
    return Image((image.pixels + amount).astype("uint8"))


@many.batched  # type: ignore[attr-defined, untyped-decorator]
def _(calls: Sequence[Mapping[str, Any]]) -> list[Image]:
    BATCHES.append(len(calls))
    return [Image((call["image"].pixels + call["amount"]).astype("uint8")) for call in calls]


CATALOGUE = Catalogue([f.tool for f in (*FUNCTIONS, flaky, wait, stuck, many)])  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def _fresh() -> None:
    LEFT.clear()
    BATCHES.clear()
    GATE.clear()


def execute(document: Plan, home: Path, value: Image | None = None, **options: Any) -> Result:
    return run_plan(document, {"photo": value or picture()}, home=home, catalogue=CATALOGUE, **options)


@pytest.mark.parametrize(("failures", "retries", "status"), [(2, 2, "done"), (2, 1, "failed"), (1, 0, "failed")])
def test_a_retry_is_made_only_as_often_as_the_policy_says(
    failures: int, retries: int, status: str, tmp_path: Path
) -> None:
    LEFT["flaky"] = failures
    events: list[Event] = []
    document = plan(["a flaky image=$photo"], "a")
    result = execute(document, tmp_path, policy=Policy(retries=retries), on_event=events.append)
    assert result.status == status
    assert sum(event.kind == "step retried" for event in events) == min(failures, retries)


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        ({"step_timeout": 0}, "0 seconds; give a number above 0"),
        ({"step_timeout": -1.5}, "-1.5 seconds"),
        ({"step_timeout": float("nan")}, "nan seconds"),
        ({"step_timeout": float("inf")}, "inf seconds"),
        ({"retries": -1}, "-1 times; give 0 or more"),
    ],
)
def test_a_policy_that_means_nothing_is_refused(facts: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        Policy(**facts)


def test_what_cannot_pass_is_not_retried(tmp_path: Path) -> None:
    events: list[Event] = []
    result = execute(plan(["a refuse image=$photo"], "a"), tmp_path, policy=Policy(retries=5), on_event=events.append)
    assert result.status == "failed" and not any(event.kind == "step retried" for event in events)


@pytest.mark.parametrize("slow", ["wait", "stuck"])
def test_a_step_that_takes_too_long_fails_by_name_and_frees_its_lane(slow: str, tmp_path: Path) -> None:
    steps = [f"a {slow} image=$photo", "b lighten image=$a", "c lighten image=$photo", "d lighten image=$c"]
    result = execute(plan(steps, "b d"), tmp_path, policy=Policy(step_timeout=0.2), lanes=1)
    GATE.set()
    assert statuses(result) == {"a": "failed", "b": "skipped", "c": "done", "d": "done"}
    assert result.steps[0].error == f"tool '{slow}' took longer than 0.2 s; give it more time"


def test_one_step_can_be_cancelled(tmp_path: Path) -> None:
    control = Control()

    def watch(event: Event) -> None:
        if event.kind == "step started" and event.step == "a":
            control.cancel_step("a")

    steps = ["a wait image=$photo", "b lighten image=$a", "c lighten image=$photo"]
    result = execute(plan(steps, "b c"), tmp_path, control=control, on_event=watch)
    assert statuses(result) == {"a": "cancelled", "b": "skipped", "c": "done"}
    assert result.steps[1].error == "step 'a' was cancelled"


def test_a_step_cancelled_beforehand_never_starts(tmp_path: Path) -> None:
    control = Control()
    control.cancel_step("b")
    result = execute(plan(["a lighten image=$photo", "b stuck image=$a"], "a b"), tmp_path, control=control)
    assert statuses(result) == {"a": "done", "b": "cancelled"}


def test_a_paused_run_starts_nothing_until_it_goes_on(tmp_path: Path) -> None:
    control = Control()
    control.pause()
    seen: list[Event] = []
    ended: list[Result] = []
    document = plan(["a lighten image=$photo"], "a")
    run = threading.Thread(
        target=lambda: ended.append(execute(document, tmp_path, control=control, on_event=seen.append))
    )
    run.start()
    while not any(event.kind == "plan" for event in seen):
        time.sleep(0.01)
    time.sleep(0.15)
    assert not any(event.kind == "step started" for event in seen)
    control.go_on()
    run.join()
    assert ended[0].status == "done"


def test_like_steps_of_two_runs_make_one_batched_call(tmp_path: Path) -> None:
    """Both runs wait behind a slow step on the only lane they share; then their calls go together."""
    from diptych.orchestrator import work
    from diptych.orchestrator.lanes import Lanes

    lanes = Lanes(work.pool("cpu"), 1)
    results: dict[int, Result] = {}

    def go(number: int) -> None:
        document = plan(
            ["w wait image=$photo", "a many image=$photo amount=1", "b many image=$photo amount=2"], "w a b"
        )
        results[number] = execute(document, tmp_path, picture(40 + number), use_store=False, lanes=lanes)

    runs = [threading.Thread(target=go, args=(number,)) for number in range(2)]
    for run in runs:
        run.start()
    while sum(lanes.scheduler.waiting.values()) < 5:
        time.sleep(0.01)
    GATE.set()
    for run in runs:
        run.join()
    assert BATCHES == [4]
    for number, result in results.items():
        pixels = [result.outputs[name].pixels[0, 1, 0] for name in "ab"]  # type: ignore[union-attr]
        assert pixels == [41 + number, 42 + number]
