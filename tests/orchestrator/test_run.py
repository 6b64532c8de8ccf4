"""The public functions: names, the planning loop, refusals, wrong usage."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

import diptych.orchestrator as orchestrator
from diptych.orchestrator import plan as make_plan
from diptych.orchestrator import preview, run, run_plan
from diptych.orchestrator.result import answer_of
from diptych.planners.plan import Plan
from diptych.tools.catalogue import Catalogue
from diptych.tools.errors import PlanError, Problem, Refusal, UsageError
from diptych.tools.values import Detections, Image, Labels, Number, Text, Value, Verdict

from .small_tools import CALLS, CATALOGUE, execute, picture, plan, statuses

GOOD = plan(["a lighten image=$photo"], "a")
BAD = plan(["a lighten image=$nothing"], "a")


class Scripted:
    """A planner with prepared answers; remembers which problems it was shown."""

    def __init__(self, *answers: Plan | Exception) -> None:
        self.answers = list(answers)
        self.shown: list[Sequence[Problem]] = []

    def plan(
        self,
        request: str,
        images: Sequence[Image],
        catalogue: Catalogue,
        history: Sequence[object] = (),
        problems: Sequence[Problem] = (),
    ) -> Plan:
        self.shown.append(problems)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def test_public_names() -> None:
    assert sorted(orchestrator.__all__) == [
        *("Control", "Event", "MapSummary", "Policy", "Provenance", "Repair", "Reply", "Result"),
        *("Session", "StepRecord"),
        *("ask", "map_plan", "plan", "preview", "read_provenance", "resume", "run", "run_plan"),
    ]
    assert all(getattr(orchestrator, name) for name in orchestrator.__all__)
    with pytest.raises(AttributeError):
        orchestrator.nothing  # noqa: B018


def test_importing_loads_no_model_library() -> None:
    heavy = "torch transformers diffusers cv2 onnxruntime scipy networkx"
    code = f"import sys, diptych.orchestrator\nsys.exit(str([m for m in {heavy.split()!r} if m in sys.modules] or ''))"
    lazy = "from diptych.orchestrator import run"
    for script in (code, f"{lazy}\n{code.replace(' networkx', '').replace(', ' + repr('networkx'), '')}"):
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
        assert done.stderr.strip() == ""


def test_a_sentence_and_a_picture_become_a_picture(tmp_path: Path) -> None:
    result = run("lighten it", picture().to_pil(), planner=Scripted(GOOD), catalogue=CATALOGUE, home=tmp_path)
    assert result.status == "done" and result.images[0].getpixel((1, 0)) == (110, 110, 110)
    assert result.run_id and result.to_json()["plan"]["outputs"] == ["$a"]


def test_problems_go_back_to_the_planner_twice(tmp_path: Path) -> None:
    planner = Scripted(BAD, PlanError([Problem("unreadable")]), GOOD)
    result = run("x", picture(), planner=planner, catalogue=CATALOGUE, home=tmp_path)
    assert result.status == "done" and [len(shown) for shown in planner.shown] == [0, 1, 1]
    assert "nothing" in planner.shown[1][0].message and planner.shown[2][0].message == "unreadable"


def test_a_plan_that_stays_wrong_fails_with_its_problems(tmp_path: Path) -> None:
    result = run("x", picture(), planner=Scripted(BAD, BAD, BAD), catalogue=CATALOGUE, home=tmp_path)
    assert result.status == "failed" and result.problems and not result.steps
    with pytest.raises(PlanError):
        make_plan("x", picture(), planner=Scripted(BAD, BAD, BAD), catalogue=CATALOGUE)


def test_a_refusal_is_a_result_from_run_and_an_error_from_plan(tmp_path: Path) -> None:
    answer = Refusal("this cannot be done: no tool for video")
    result = run("x", picture(), planner=Scripted(answer), catalogue=CATALOGUE, home=tmp_path)
    assert result.status == "refused" and result.answer == str(answer)
    with pytest.raises(Refusal):
        make_plan("x", picture(), planner=Scripted(answer), catalogue=CATALOGUE)


def test_what_the_profile_cannot_do_is_not_repaired_but_refused(tmp_path: Path) -> None:
    planner = Scripted(plan(["g edit image=$photo instruction=snow"], "g"))
    result = run("let it snow", picture(), planner=planner, home=tmp_path)
    assert result.status == "refused" and len(planner.shown) == 1
    assert (result.answer or "").startswith("step 'g': profile 'embedded' has no instruct editor")


@pytest.mark.parametrize("request_text", ["", "  \n", "x" * 10_000])
def test_a_request_that_is_none(request_text: str) -> None:
    with pytest.raises(UsageError, match="the request"):
        run(request_text, picture(), planner=Scripted())


@pytest.mark.parametrize(
    ("inputs", "words"),
    [({}, "'photo' is missing"), ({"photo": picture(), "x": picture()}, "'x' is none"), ({"photo": 3.0}, "not float")],
)
def test_wrong_inputs_are_named(inputs: dict[str, Value | float], words: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=words):
        run_plan(GOOD, inputs, catalogue=CATALOGUE, home=tmp_path)


def test_preview_marks_hits_before_anything_runs(tmp_path: Path) -> None:
    steps = ["a lighten image=$photo", "b threshold image=$a", "c lighten image=$b amount=7"]
    inputs = {"photo": picture()}
    fresh = preview(plan(steps, "c"), inputs, home=tmp_path, catalogue=CATALOGUE)
    assert [(row.step, row.cached, row.seconds) for row in fresh] == [(id, False, None) for id in "abc"]
    execute(plan(steps, "c"), tmp_path)
    CALLS.clear()
    steps[2] = "c lighten image=$b amount=8"
    rows = preview(plan(steps, "c"), inputs, home=tmp_path, catalogue=CATALOGUE)
    assert [row.cached for row in rows] == [True, True, False] and not CALLS
    assert rows[2].seconds is not None
    assert statuses(execute(plan(steps, "c"), tmp_path)) == {"a": "cached", "b": "cached", "c": "done"}


BOXES = Detections(np.zeros((2, 4), np.float32), ("STOP", "EXIT"), np.ones(2, np.float32), "text")
PEOPLE = Detections(np.zeros((2, 4), np.float32), ("person",) * 2, np.ones(2, np.float32), "person")


@pytest.mark.parametrize(
    ("outputs", "words"),
    [
        ({"a": picture()}, None),
        ({"a": Text("EXIT")}, "EXIT"),
        ({"a": Number(2, "person"), "b": Text("EXIT")}, "person: 2\nb: EXIT"),
        ({"a": Number(12.5, "%")}, "12.5 %"),
        ({"a": PEOPLE}, "person: 2"),
        ({"a": BOXES}, "text: 2 (STOP, EXIT)"),
        ({"a": Detections.empty("cat")}, "cat: 0"),
        ({"a": Verdict(True, 1.0, "2 faces")}, "yes: 2 faces"),
        ({"a": Labels({"red": 0.25, "blue": 0.75})}, "blue 75%, red 25%"),
        ({"a": (Text("one"), Text("two")), "b": picture()}, "one\ntwo"),
    ],
)
def test_answers(outputs: dict[str, Value], words: str | None) -> None:
    assert answer_of(outputs) == words
