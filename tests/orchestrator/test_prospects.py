"""What is tried first: mending a picture, or drawing another."""

from __future__ import annotations

import pytest

from diptych.orchestrator.prospects import Prospects, chances, things
from diptych.orchestrator.result import Result
from diptych.orchestrator.situation import Candidate
from diptych.orchestrator.verdicts import Checked, Finding
from diptych.planners.plan import Plan, Step, parse_plan

STEP = Step(id="check_1", tool="shows", args={"query": "circle"})


def plan(seed: int = 0) -> Plan:
    args = {"prompt": "a circle", "seed": seed}
    return parse_plan({"inputs": {}, "steps": [{"id": "a", "tool": "generate", "args": args}], "outputs": ["$a"]})


def checked(*passed: bool) -> Checked:
    rows = [{"check": "shows", "args": {}, "passed": each, "score": float(each), "reason": ""} for each in passed]
    return Checked(plan(), Result("done", checks=rows))


def finding(id: str = "check_1") -> Finding:
    return Finding(id, STEP, "too few", "so")


def drawn(seed: int) -> Candidate:
    return Candidate("nudge", "nudge generate.seed", f"seed {seed}", plan(seed), anew=True, in_all=True)


def mended(seed: int, way: str = "local redraw") -> Candidate:
    return Candidate("local", way, f"{way} {seed}", plan(100 + seed), in_all=True)


def first(prospects: Prospects, best: Checked, left: int = 4) -> str:
    choices = [(finding(), each) for each in (mended(1), drawn(1))]
    return prospects.ordered(choices, best, lambda each: 1, left)[0][1].change


@pytest.mark.parametrize(
    ("passed", "change"),
    [
        ([False], "seed 1"),
        ([True] * 8 + [False], "local redraw 1"),
        ([True] * 6 + [False] * 3, "seed 1"),
    ],
    ids=["simple", "crowded, one fault", "crowded, many faults"],
)
def test_the_shorter_way_to_a_right_picture_comes_first(passed: list[bool], change: str) -> None:
    best = checked(*passed)
    assert first(Prospects(best), best) == change


def test_what_does_not_help_is_not_gone_on_with() -> None:
    best = checked(*[True] * 8, False)
    prospects = Prospects(best)
    for _ in range(4):
        prospects.note(mended(1), best, kept=False)
    assert first(prospects, best) == "seed 1"
    for _ in range(4):
        prospects.note(drawn(1), checked(*[False] * 9), kept=False)
    assert first(prospects, best) == "local redraw 1"


def test_what_cannot_be_mended_in_the_calls_that_are_left_is_drawn_anew() -> None:
    best = checked(*[True] * 8, False, False)
    assert first(Prospects(best), best, left=1) == "seed 1"
    assert chances(2, 10, 1, helps=1.0, holds=0.5)[0] == 0.0


def test_the_chances_are_those_of_every_course_that_things_can_take() -> None:
    mended, redrawn = chances(1, 2, 1, helps=0.5, holds=0.9)
    assert mended == pytest.approx(0.5)
    assert redrawn == pytest.approx(0.81)
    mended, redrawn = chances(1, 2, 2, helps=0.5, holds=0.9)
    assert mended == pytest.approx(0.5 + 0.5 * 0.81)
    assert redrawn == pytest.approx(0.81 + 0.19 * 0.81)
    assert chances(0, 3, 4, 0.5, 0.5) == chances(2, 3, 0, 0.5, 0.5) == (0.0, 0.0)


def test_checks_of_one_phrase_are_about_one_thing() -> None:
    def row(passed: bool | None, **args: str) -> dict[str, object]:
        return {"check": "shows", "args": args, "passed": passed, "score": 0.0, "reason": ""}

    rows = [
        row(True, query="circle"),
        row(False, query="circle", color="red"),
        row(True, query="star"),
        row(False, query="star", of="circle"),  # says nothing while the circle is wrong
        row(None, query="ring"),  # nobody knows: no reason to draw it anew
        row(False, query="ring", of="star"),
    ]
    assert things(Checked(plan(), Result("done", checks=rows))) == [False, True, True, False]


def test_what_draws_nothing_comes_first_and_findings_take_turns() -> None:
    one, two = finding("check_1"), finding("check_2")
    free = mended(5, "local recolor")
    choices = [(one, mended(1)), (one, mended(2)), (one, drawn(1)), (two, mended(3)), (two, drawn(1)), (two, free)]
    best = checked(*[True] * 8, False)
    ordered = Prospects(best).ordered(choices, best, lambda each: 0 if each is free.plan else 1, 4)
    changes = [candidate.change for _, candidate in ordered]
    assert changes == ["local recolor 5", "local redraw 1", "local redraw 3", "local redraw 2", "seed 1"]


def test_where_nothing_can_be_drawn_anew_the_order_is_that_of_the_ladder() -> None:
    choices = [(finding("check_1"), mended(1)), (finding("check_1"), mended(2)), (finding("check_2"), mended(3))]
    assert Prospects(checked(False)).ordered(choices, checked(False), lambda each: 0, 4) == choices
