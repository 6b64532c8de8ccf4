"""Kinds of mistakes: what was wanted, what was given, how often, for example where."""

from __future__ import annotations

from typing import Any

import pytest

from diptych.planners.evaluation.harness import Row, score
from diptych.planners.evaluation.items import Item, Wanted
from diptych.planners.evaluation.mistakes import mistakes
from diptych.planners.plan import Plan, parse_plan
from diptych.tools.catalogue import load_catalogue

CATALOGUE = load_catalogue()


def plan(*steps: tuple[str, dict[str, Any]]) -> Plan:
    document = [{"id": f"s{i}", "tool": tool, "args": args} for i, (tool, args) in enumerate(steps)]
    return parse_plan({"inputs": {"photo": "Image"}, "steps": document, "outputs": [f"$s{len(steps) - 1}"]})


PHOTO = {"image": "$photo"}
FIND = ("detect", {**PHOTO, "query": "face"})
BLUR = plan(FIND, ("segment", {**PHOTO, "boxes": "$s0"}), ("blur", {**PHOTO, "mask": "$s1"}))
SUBJECT = plan(("subject", PHOTO), ("blur", {**PHOTO, "mask": "$s0"}))
DOG = plan(("detect", {**PHOTO, "query": "dog"}), *[(s.tool, s.args) for s in BLUR.steps[1:]])
DARK, DARKER = plan(("adjust", {**PHOTO, "brightness": -20})), plan(("adjust", {**PHOTO, "brightness": -40}))
CHAIN = plan(("grayscale", PHOTO), ("blur", {"image": "$s0"}))
LOOSE = plan(("blur", PHOTO), ("grayscale", {"image": "$s0"}))


def pair(wanted: Wanted, given: Plan | str, answer: str = "plan", request: str = "do it") -> tuple[Item, Row]:
    made = given if isinstance(given, Plan) else None
    scores = score(wanted, answer, made, CATALOGUE)
    told = made.document() if made else given
    row = Row("1", "kind", request, wanted.note, wanted.answer or "", answer, told, scores)  # type: ignore[arg-type]
    return Item("1", request, ("photo",), "kind", wanted), row


def found(*pairs: tuple[Item, Row]) -> list[tuple[str, str, int]]:
    items, rows = zip(*pairs, strict=True)
    return [(each.sort, each.what, each.items) for each in mistakes(items, rows, CATALOGUE)]


@pytest.mark.parametrize(
    ("wanted", "given", "expected"),
    [
        (BLUR, BLUR, []),
        (BLUR, SUBJECT, [("tools", "detect + segment → subject", 1)]),
        (SUBJECT, BLUR, [("tools", "subject → detect + segment", 1)]),
        (BLUR, DOG, [("argument", "detect.query: another value", 1)]),
        (DARK, DARKER, [("argument", "adjust.brightness: another value", 1)]),
        (DARK, plan(("adjust", PHOTO)), [("argument", "adjust.brightness: left out", 1)]),
        (
            plan(("blur", PHOTO)),
            plan(("blur", {**PHOTO, "strength": 9})),
            [("argument", "blur.strength: not asked for", 1)],
        ),
        (plan(("blur", PHOTO)), CHAIN, [("tools", "nothing → grayscale", 1)]),
        (
            CHAIN,
            LOOSE,
            [
                ("edge", "grayscale.image: from photo → from blur", 1),
                ("edge", "blur.image: from grayscale → from photo", 1),
            ],
        ),
    ],
)
def test_what_differs(wanted: Plan, given: Plan, expected: list[tuple[str, str, int]]) -> None:
    assert found(pair(Wanted(plan=wanted), given)) == expected


def test_wrong_sorts_of_answers() -> None:
    refusal = "this cannot be done"
    pairs = [
        pair(Wanted(plan=BLUR), refusal, "refuse"),
        pair(Wanted("refuse"), BLUR),
        pair(Wanted("refuse"), refusal, "refuse"),
        pair(Wanted(None), refusal, "refuse"),
        pair(Wanted(plan=BLUR), "no plan", "failed"),
        pair(Wanted(plan=DARK), "no plan", "failed"),
    ]
    assert found(*pairs) == [
        ("answer", "plan → failed", 2),
        ("answer", "plan → refuse", 1),
        ("answer", "refuse → plan", 1),
    ]


def test_sets_that_know_less_than_a_plan() -> None:
    known = Wanted(tools=("detect", "count"), arguments=(("detect", "query", "'face'"),))
    assert found(pair(known, BLUR)) == [("tools", "count → segment + blur", 1)]
    assert found(pair(Wanted(does=lambda plan: False), DARK)) == [("job", "kind → adjust", 1)]
    assert found(pair(Wanted(does=lambda plan: True), DARK)) == []


def test_the_most_frequent_comes_first_with_its_first_examples() -> None:
    pairs = [pair(Wanted(plan=BLUR), SUBJECT, request="once")]
    pairs += [pair(Wanted(plan=DARK), DARKER, request=f"darker {n}") for n in range(5)]
    items, rows = zip(*pairs, strict=True)
    first, second = mistakes(items, rows, CATALOGUE)
    assert (first.what, first.items, second.items) == ("adjust.brightness: another value", 5, 1)
    assert [example.request for example in first.examples] == ["darker 0", "darker 1", "darker 2"]
    assert (first.examples[0].wanted, first.examples[0].given) == ("-20", "-40")
    assert len(mistakes(items, rows, CATALOGUE, most=1)) == 1
    assert mistakes(items, rows[:1], CATALOGUE) == [second]
