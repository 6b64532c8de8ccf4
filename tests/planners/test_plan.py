"""The Plan document: what it accepts, what it says when it does not, and that it survives a round trip."""

from __future__ import annotations

import json
from typing import Any

import pytest

from diptych.planners.plan import Check, Plan, Step, parse_plan, referenced
from diptych.tools.errors import PlanError
from tests.planners.plans import DOG_TO_CAT, step


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("$photo", "photo"),
        ("$a_1", "a_1"),
        ("photo", None),
        ("$", None),
        ("$5 off", None),
        ("$a b", None),
        ("$a.b", None),
        ("", None),
        (5, None),
        (None, None),
        (["$a"], None),
    ],
)
def test_references(value: Any, name: str | None) -> None:
    assert referenced(value) == name


def test_references_of_a_step() -> None:
    call = step("c", "collage", images=["$a", "$b"], layout="row", when="not $q")
    assert list(call.references) == [("images", "a"), ("images", "b"), ("when", "q")]


def test_a_changed_copy_has_references_of_its_own() -> None:
    step = Step(id="s", tool="t", args={"image": "$a"})
    assert step.references == (("image", "a"),)
    assert step.model_copy(update={"args": {"image": "$b"}}).references == (("image", "b"),)


def test_round_trip() -> None:
    assert parse_plan(DOG_TO_CAT.to_json()) == DOG_TO_CAT
    assert parse_plan(DOG_TO_CAT.document()) == DOG_TO_CAT
    assert "for_each" not in DOG_TO_CAT.to_json()


def test_steps_by_id_and_checks_as_steps() -> None:
    assert DOG_TO_CAT.step("area").tool == "segment"
    with pytest.raises(KeyError):
        DOG_TO_CAT.step("nope")
    assert DOG_TO_CAT.checked_steps()[0] == Step(
        id="check_1", tool="shows", args={"image": "$cat", "query": "cat", "count": 1}
    )
    assert Check(check="absent").args == {}


MALFORMED: dict[str, tuple[Any, list[str]]] = {
    "not JSON": ("{", ["plan field document: invalid JSON: EOF while parsing an object at line 1 column 1"]),
    "a list": ("[]", ["plan field document: input should be an object"]),
    "an unknown field": ({"step": []}, ["plan field step: extra inputs are not permitted"]),
    "another version": ({"version": 2}, ["plan field version: input should be 1"]),
    "an id with a space": (
        {"steps": [{"id": "a b", "tool": "blur"}]},
        ["plan field steps.0.id: string should match pattern '^[A-Za-z_][A-Za-z0-9_]{0,63}$'"],
    ),
    "an output without dollar": (
        {"outputs": ["cat"]},
        ["plan field outputs.0: string should match pattern '^\\$[A-Za-z_]\\w*$'"],
    ),
    "two faults": (
        {"steps": [{"id": "a"}, {"tool": "blur"}]},
        ["plan field steps.0.tool: field required", "plan field steps.1.id: field required"],
    ),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_documents(name: str) -> None:
    document, messages = MALFORMED[name]
    with pytest.raises(PlanError) as caught:
        parse_plan(document)
    assert [str(problem) for problem in caught.value.problems] == messages
    assert {problem.kind for problem in caught.value.problems} == {"malformed"}


@pytest.mark.parametrize("depth", [50, 5000])
def test_deep_nesting_ends_in_a_plan_or_an_error(depth: int) -> None:
    text = json.dumps({"steps": [{"id": "a", "tool": "b", "args": {"x": 0}}]}).replace(
        "0}", "[" * depth + "]" * depth + "}"
    )
    try:
        assert isinstance(parse_plan(text), Plan)
    except PlanError as error:
        assert error.problems
