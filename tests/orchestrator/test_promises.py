"""What a description promises of the picture made from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from diptych.orchestrator import run
from diptych.orchestrator.planning import Limits, completed
from diptych.orchestrator.promises import described_checks, promised, refuse_contradictions
from diptych.planners.checklist import Checklist, Relation, Thing
from diptych.planners.plan import Check, Plan, parse_plan
from diptych.tools.catalogue import load_catalogue
from diptych.tools.errors import PlanError, Refusal
from diptych.tools.profiles import load_profile

CATALOGUE = load_catalogue()
SCENE = Checklist((Thing("circle", 2, "red"), Thing("star", 1, "blue")), (Relation(0, "left of", 1),))


def told(checks: list[Check]) -> list[str]:
    shown = [{k: v for k, v in check.args.items() if k not in ("image", "among")} for check in checks]
    return [f"{check.check} " + " ".join(map(str, args.values())) for check, args in zip(checks, shown, strict=True)]


def drawing(prompt: str = "two red circles left of a blue star", **more: object) -> Plan:
    steps = [{"id": "a", "tool": "generate", "args": {"prompt": prompt}}]
    return parse_plan({"inputs": {}, "steps": steps, "outputs": ["$a"], **more})


@pytest.mark.parametrize(
    ("checklist", "checks"),
    [
        (Checklist((Thing("bench"),)), ["shows bench"]),
        (Checklist((Thing("cow"), Thing("clock"))), ["shows cow", "shows clock"]),
        (Checklist((Thing("dog", 0),)), ["absent dog"]),
        (Checklist((Thing("car", 1, "red"),)), ["shows car", "colored car red"]),
        (Checklist((Thing("clock", 3), Thing("cat"))), ["shows clock 3", "shows cat 1"]),
        (Checklist((Thing("apple", 3), Thing("apple", 5))), ["shows apple 8"]),
        (Checklist((Thing("cup", 1, "red"), Thing("cup", 1, "blue"))), ["shows red cup", "shows blue cup"]),
        (Checklist((Thing("sign"),), texts=("OPEN",)), ["shows sign", "reads OPEN"]),
        (Checklist(), []),
        (
            SCENE,
            ["shows circle 2", "colored circle red", "shows star 1", "colored star blue", "placed circle left of star"],
        ),
    ],
)
def test_one_check_per_atom(checklist: Checklist, checks: list[str]) -> None:
    found = promised(checklist, "$a")
    assert told(found) == checks and all(check.args["image"] == "$a" for check in found)


def replacing(mask: str = "$b") -> Plan:
    steps = [
        {"id": "a", "tool": "detect", "args": {"image": "$photo", "query": "dog"}},
        {"id": "b", "tool": "segment", "args": {"image": "$photo", "boxes": "$a"}},
        {"id": "c", "tool": "grow", "args": {"mask": "$b"}},
        {"id": "d", "tool": "invert", "args": {"mask": "$b"}},
        {"id": "e", "tool": "inpaint", "args": {"image": "$photo", "mask": mask, "prompt": "a black cat"}},
    ]
    return parse_plan({"inputs": {"photo": "Image"}, "steps": steps, "outputs": ["$e"]})


def test_what_takes_the_place_of_a_thing_is_to_be_seen_there() -> None:
    cat = Checklist((Thing("cat", 1, "black"),), texts=("MEOW",))
    for mask in ("$b", "$c"):
        checks = described_checks(replacing(mask), CATALOGUE, lambda prompt: cat)
        assert [(check.check, check.args["inside"], check.args["image"]) for check in checks] == [
            ("shows", mask, "$e"),
            ("colored", mask, "$e"),
        ]
    assert described_checks(replacing("$d"), CATALOGUE, lambda prompt: cat) == []  # a background takes no thing's place


def test_a_thing_is_told_from_the_others_that_are_to_be_there() -> None:
    among = [check.args.get("among") for check in promised(SCENE, "$a")]
    assert among == [["star"], ["star"], ["circle"], ["circle"], None]
    three = Checklist((Thing("dog"), Thing("cat"), Thing("cow", 0)), (Relation(0, "above", 1),))
    assert [check.args.get("among") for check in promised(three, "$a")] == [["cat"], ["dog"], None, None]


def test_a_plan_gets_the_checks_of_its_descriptions_once() -> None:
    plan = drawing()
    checks = described_checks(plan, CATALOGUE, lambda prompt: SCENE)
    assert len(checks) == 5
    again = plan.model_copy(update={"checks": checks})
    assert described_checks(again, CATALOGUE, lambda prompt: SCENE) == []


def test_what_cannot_be_read_promises_nothing() -> None:
    def unreadable(prompt: str) -> Checklist:
        raise PlanError([])

    assert described_checks(drawing(), CATALOGUE, unreadable) == []


def test_a_check_that_the_profile_cannot_make_is_left_out() -> None:
    plan = drawing()
    tiny, embedded = (Limits(CATALOGUE, load_profile(name)) for name in ("tiny", "embedded"))
    checks = [check.check for check in completed(plan, tiny, lambda prompt: SCENE).checks]
    assert checks[:5] == [check.check for check in promised(SCENE, "$a")] and checks[5:] == ["resembles"] * 2
    assert completed(plan, embedded, lambda prompt: SCENE).checks == []


NONE_OF_IT = Checklist((Thing("circle", 1, "red"), Thing("circle", 0)))


def test_what_no_picture_can_show_is_refused_before_anything_is_drawn() -> None:
    with pytest.raises(Refusal, match="there is to be 1 red circle, and there is to be no circle"):
        completed(
            drawing("a red circle without a circle"), Limits(CATALOGUE, load_profile("tiny")), lambda _: NONE_OF_IT
        )


@pytest.mark.parametrize(
    ("request_", "asked"),
    [
        ("draw a red circle with no circle", ["draw a red circle with no circle"]),
        ("please paint a red circle.", []),
    ],
)
def test_a_request_is_read_where_the_plan_leaves_part_of_it_out(request_: str, asked: list[str]) -> None:
    seen: list[str] = []
    plan = drawing("a red circle", request=request_)
    refuse_contradictions(plan, CATALOGUE, lambda prompt: seen.append(prompt) or Checklist())  # type: ignore[func-returns-value]
    assert seen == asked


def test_a_contradictory_request_ends_at_once_and_says_why(tmp_path: Path) -> None:
    result = run("draw a red blue circle with no circle", profile="tiny", home=tmp_path)
    assert result.status == "refused" and result.plan is None and result.steps == []
    assert result.answer is not None and "circle, and there is to be no circle" in result.answer
