"""The schema admits what validation admits, and is one that the decoders can use."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest

from diptych.planners.schema import answer_schema, check_schema, plan_schema, step_schema
from tests.planners.accepting import fits
from tests.planners.plans import CATALOGUE, DOG_TO_CAT

ANSWER = {"steps": DOG_TO_CAT.document()["steps"], "outputs": ["$cat"]}


def test_a_whole_plan_fits() -> None:
    assert fits(plan_schema(CATALOGUE), DOG_TO_CAT.document())


@pytest.mark.parametrize("answer", [ANSWER, {"refuse": "making a video"}, {"ask": "which dog?"}])
def test_answers_fit(answer: dict[str, Any]) -> None:
    assert fits(answer_schema(CATALOGUE), answer)


MISFITS: list[tuple[tuple[str | int, ...], Any]] = [
    (("steps", 0, "tool"), "detects"),
    (("steps", 0, "args", "image"), "photo"),
    (("steps", 0, "args", "query"), ""),
    (("steps", 0, "args", "extra"), 1),
    (("steps", 0, "id"), "two words"),
    (("steps", 0, "for_each"), "query2"),
    (("steps",), []),
    (("outputs",), []),
    (("outputs", 0), "cat"),
    (("more",), 1),
]


@pytest.mark.parametrize(("place", "value"), MISFITS)
def test_misfits(place: tuple[str | int, ...], value: Any) -> None:
    answer: Any = copy.deepcopy(ANSWER)
    inner = answer
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    assert not fits(answer_schema(CATALOGUE), answer)


@pytest.mark.parametrize(
    ("images", "accepted"), [("$a", True), (["$a", "$b"], True), ([], False), ("a", False), (["a"], False)]
)
def test_list_ports_take_one_list_or_several_references(images: Any, accepted: bool) -> None:
    assert (
        fits(step_schema(CATALOGUE["collage"]), {"id": "a", "tool": "collage", "args": {"images": images}}) == accepted
    )


def test_tools_that_give_or_take_lists_cannot_run_per_item() -> None:
    assert "for_each" not in step_schema(CATALOGUE["crop_each"])["properties"]
    assert "images" not in step_schema(CATALOGUE["collage"])["properties"].get("for_each", {}).get("enum", [])


def test_checks_have_their_arguments_beside_the_tool() -> None:
    assert fits(check_schema(CATALOGUE["shows"]), {"check": "shows", "image": "$a", "query": "cat"})
    assert not fits(check_schema(CATALOGUE["shows"]), {"check": "shows", "image": "$a"})


def objects(schema: Any) -> Iterator[dict[str, Any]]:
    """Every schema of an object inside a schema."""
    if isinstance(schema, dict):
        if schema.get("type") == "object":
            yield schema
        for value in schema.values():
            yield from objects(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from objects(value)


def test_the_strict_form_is_what_structured_outputs_demand() -> None:
    """platform.openai.com/docs/guides/structured-outputs: root object, all required, closed, few keywords."""
    schema = answer_schema(CATALOGUE, strict=True)
    assert (schema["type"], "anyOf" in schema) == ("object", False)
    for part in objects(schema):
        assert part["required"] == list(part["properties"])
        assert part["additionalProperties"] is False
    text = json.dumps(schema)
    assert [
        k for k in ("oneOf", "allOf", "minLength", "maxLength", "default", "const", "$ref") if f'"{k}":' in text
    ] == []
    assert sum(len(part["properties"]) for part in objects(schema)) <= 5000
    assert len(text) <= 120_000


NULL = {"refuse": None, "ask": None, "steps": None, "outputs": None, "checks": None}
BLUR = {"id": "a", "tool": "blur", "args": {"image": "$photo", "mask": None, "strength": None}}


@pytest.mark.parametrize(
    "answer",
    [
        {**NULL, "refuse": "making a video"},
        {**NULL, "ask": "which dog?"},
        {**NULL, "steps": [{**BLUR, "when": None, "for_each": None}], "outputs": ["$a"]},
    ],
)
def test_the_strict_form_takes_nulls(answer: dict[str, Any]) -> None:
    assert fits(answer_schema(CATALOGUE, strict=True), answer)


@pytest.mark.parametrize(
    "schema", [plan_schema(CATALOGUE), answer_schema(CATALOGUE), answer_schema(CATALOGUE, strict=True)]
)
def test_llguidance_reads_it(schema: dict[str, Any]) -> None:
    """llguidance is also what llama.cpp decodes with in xllamacpp."""
    from llguidance import LLMatcher

    grammar = LLMatcher.grammar_from_json_schema(schema)
    assert LLMatcher.validate_grammar(grammar) == ""
