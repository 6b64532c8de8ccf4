"""Pictures made from a description: what is drawn anew, what is left alone; and one such repair for real."""

from __future__ import annotations

from pathlib import Path

import pytest

from diptych.orchestrator import Repair, run_plan
from diptych.orchestrator.promises import promised
from diptych.orchestrator.rungs import LADDER
from diptych.orchestrator.situation import Candidate, Situation
from diptych.orchestrator.verdicts import Finding, Kind
from diptych.planners.checklist import Checklist, Relation, Thing
from diptych.planners.plan import Check, Plan, Step, parse_plan
from diptych.planners.validate import validate
from diptych.tools.catalogue import load_catalogue
from diptych.tools.tiny.geneval import colors_of
from diptych.tools.tiny.shape_finder import find_shapes
from diptych.tools.values import Detections
from tests.photos import photo

CATALOGUE = load_catalogue()
PICTURE = photo("coffee")
TWO = Detections([[10, 10, 60, 60], [90, 10, 140, 60]], ("circle",) * 2, [0.9, 0.8], "circle")  # type: ignore[arg-type]
CIRCLE_AND_STAR = Checklist((Thing("circle", 2, "red"), Thing("star", 1, "blue")), (Relation(0, "left of", 1),))


def drawing(checklist: Checklist, prompt: str = "a scene") -> Plan:
    args = {"prompt": prompt, "width": 64, "height": 64, "seed": 7}
    plan = parse_plan({"inputs": {}, "steps": [{"id": "a", "tool": "generate", "args": args}], "outputs": ["$a"]})
    return plan.model_copy(update={"checks": promised(checklist, "$a")})


def tried(plan: Plan, check: int, kind: Kind, rung: str = "local", maker: str = "a") -> list[Candidate]:
    """Return what a rung would try when a check failed so; all of them are valid plans with the same promises."""
    step = plan.checked_steps()[check]
    finding = Finding(step.id, step, kind, "so", maker, PICTURE, PICTURE, TWO)
    found = list(LADDER[rung](Situation(plan, finding, CATALOGUE)))  # type: ignore[index]
    assert [problem for each in found for problem in validate(each.plan, CATALOGUE)] == []
    assert all([c.check for c in each.plan.checks] == [c.check for c in plan.checks] for each in found)
    return found


def prompts(plan: Plan) -> list[str]:
    return [str(step.args["prompt"]) for step in plan.steps if step.tool == "inpaint"]


def test_a_missing_thing_is_drawn_where_it_belongs_first() -> None:
    found = tried(drawing(CIRCLE_AND_STAR), 0, "too few")
    assert found[0].way == "local add unasked" and found[1].way == "local add room"
    assert prompts(found[1].plan) == ["a red circle"]
    area = found[1].plan.step("a__room")
    assert area.args["side"] == "left of" and found[1].plan.step(str(area.args["of"])[1:]).tool == "pick"
    assert any("side" not in step.args for each in found for step in each.plan.steps if step.tool == "room")


def test_where_the_other_end_of_a_relation_is_missing_it_is_turned_round() -> None:
    found = tried(drawing(CIRCLE_AND_STAR), 2, "too few")
    assert found[1].plan.step("a__room").args["side"] == "right of" and prompts(found[1].plan) == ["a blue star"]


def test_a_color_is_given_before_a_thing_is_drawn_anew() -> None:
    ways = [each.way for each in tried(drawing(CIRCLE_AND_STAR), 1, "wrong color")]
    assert ways[0] == "local recolor" and ways[1:5] == ["local redraw"] * 4 and ways[-1] == "local erase"


def test_what_may_be_none_is_drawn_again_in_its_place() -> None:
    plan = drawing(CIRCLE_AND_STAR)
    doubt = Check.model_validate({"check": "resembles", "image": "$a", "query": "star", "least": 0.4})
    found = tried(plan.model_copy(update={"checks": [*plan.checks, doubt]}), 5, "doubted")
    assert [each.way for each in found] == ["local redraw"] * 4 and prompts(found[0].plan) == ["a blue star"]


def test_a_picture_drawn_anew_is_told_from_a_repair() -> None:
    plan = drawing(CIRCLE_AND_STAR)
    assert all(each.anew for each in tried(plan, 0, "too few", "nudge"))
    assert not any(each.anew for each in tried(plan, 0, "too few"))


def test_either_end_of_a_relation_may_move() -> None:
    changes = [each.change for each in tried(drawing(CIRCLE_AND_STAR), 4, "wrong place")]
    assert changes[0].startswith("'circle' drawn again left of 'star'")
    assert changes[-1].startswith("'star' drawn again right of 'circle'")


def test_of_too_many_each_that_stands_out_may_go() -> None:
    ways = [each.way for each in tried(drawing(CIRCLE_AND_STAR), 0, "too many")]
    assert ways == [f"local erase {which}" for which in ("smallest", "leftmost", "rightmost", "topmost", "bottommost")]


@pytest.mark.parametrize("kind", ["too few", "too many", "wrong color", "wrong place"])
def test_new_steps_depend_on_the_check_that_failed(kind: Kind) -> None:
    check = {"wrong color": 1, "wrong place": 4}.get(kind, 0)
    for each in tried(drawing(CIRCLE_AND_STAR), check, kind):
        seen = next(step for step in each.plan.steps if step.tool in ("shows", "colored", "placed"))
        assert seen.when is None
        assert {step.when for step in each.plan.steps if step.id not in ("a", seen.id)} == {f"not ${seen.id}"}


def test_a_repaired_picture_can_be_repaired_again() -> None:
    first = tried(drawing(CIRCLE_AND_STAR), 0, "too few")[1].plan
    second = tried(first, 2, "too few", maker="a__inpaint")
    assert second[1].plan.outputs == ["$a__inpaint_2"]
    seeds = [each.plan for each in tried(first, 2, "too few", "nudge", maker="a__inpaint") if each.in_all]
    assert seeds and all([step.id for step in plan.steps] == ["a"] and plan.outputs == ["$a"] for plan in seeds)


def test_only_seeds_are_drawn_anew() -> None:
    ways = {each.way for each in tried(drawing(CIRCLE_AND_STAR), 0, "too few", "nudge")}
    assert ways == {"nudge generate.seed"}


def test_photos_are_not_filled_with_what_they_lack() -> None:
    steps = [
        Step(id="b", tool="blur", args={"image": "$photo"}),
    ]
    plan = Plan(inputs={"photo": "Image"}, steps=steps, outputs=["$b"], checks=promised(CIRCLE_AND_STAR, "$b"))
    assert [
        each for each in tried(plan, 0, "too few", maker="b") if "inpaint" in {s.tool for s in each.plan.steps}
    ] == []


def test_what_the_prompt_forgot_is_drawn(tmp_path: Path) -> None:
    """The checks ask for a thing that the prompt does not name: only a look at the picture can tell."""
    plan = drawing(Checklist((Thing("circle", 1, "red"), Thing("square", 1, "blue"))), "a red circle")
    repair = Repair(rungs=("local",), generator_calls=8, seconds=300, tries=40, learn=False)
    result = run_plan(plan, {}, profile="tiny", home=tmp_path, repair=repair)
    assert result.status == "done" and result.search and result.search.first_score < 1 == result.search.score
    seen = find_shapes(result.pictures[0])
    named = set(zip(colors_of(result.pictures[0], seen), seen.labels, strict=True))
    assert {("red", "circle"), ("blue", "square")} <= named
    assert all(attempt.share < 1 for attempt in result.search.attempts)
