"""What is tried first: mending a picture, or drawing another."""

from __future__ import annotations

import pytest

from diptych.orchestrator.prospects import Prospects
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


def first(prospects: Prospects, best: Checked) -> str:
    choices = [(finding(), each) for each in (mended(1), drawn(1))]
    return prospects.ordered(choices, best, lambda each: 1)[0][1].change


@pytest.mark.parametrize(
    ("passed", "change"),
    [
        ([False], "seed 1"),
        ([True, False], "seed 1"),
        ([True] * 8 + [False], "local redraw 1"),
        ([True] * 6 + [False] * 3, "seed 1"),
    ],
    ids=["simple", "simple, half right", "crowded, one fault", "crowded, many faults"],
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


def test_what_draws_nothing_comes_first_and_findings_take_turns() -> None:
    one, two = finding("check_1"), finding("check_2")
    free = mended(5, "local recolor")
    choices = [(one, mended(1)), (one, mended(2)), (one, drawn(1)), (two, mended(3)), (two, drawn(1)), (two, free)]
    best = checked(*[True] * 8, False)
    ordered = Prospects(best).ordered(choices, best, lambda each: 0 if each is free else 1)
    changes = [candidate.change for _, candidate in ordered]
    assert changes == ["local recolor 5", "local redraw 1", "local redraw 3", "local redraw 2", "seed 1"]


def test_where_nothing_can_be_drawn_anew_the_order_is_that_of_the_ladder() -> None:
    choices = [(finding("check_1"), mended(1)), (finding("check_1"), mended(2)), (finding("check_2"), mended(3))]
    assert Prospects(checked(False)).ordered(choices, checked(False), lambda each: 0) == choices
