"""JSON Schema of plans, made from the catalogue, for constrained decoding.

`plan_schema` describes the whole document. `answer_schema` describes what a language model writes: the steps,
outputs and checks, or a refusal, or a question. Both need nothing that OpenAI's structured outputs, llama.cpp
and llguidance do not all know. Tool ids, argument names and choices are literals, so a constrained model
cannot invent one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..tools.catalogue import Catalogue
from ..tools.tool import NAME, REFERENCE, Tool, Type
from ..tools.values import KINDS

Schema = dict[str, Any]

CONDITION: Schema = {"type": "string", "pattern": f"^(not )?[$]{NAME}$"}

LENGTHS = {"minLength": 1, "maxLength": 400}
"""A constrained model that has lost its way closes a string after so many characters."""

DROPPED = {"title", "description", "default", "maxLength", "minLength"}
"""Keywords that structured outputs refuse or that only repeat what the prompt says."""


def plan_schema(catalogue: Catalogue) -> Schema:
    """Return the schema of a whole plan, as a workflow file holds it."""
    kinds = [str(Type(kind, many)) for kind in KINDS for many in (False, True)]
    named: Schema = {f"^{NAME}$": {"enum": kinds}}
    types: Schema = {"type": "object", "patternProperties": named, "additionalProperties": False}
    head: dict[str, Schema] = {"version": {"const": 1}, "request": {"type": "string"}, "inputs": types}
    return _object({**head, **_body(catalogue, max_steps=500)}, ["inputs", "steps", "outputs"])


def answer_schema(catalogue: Catalogue, *, max_steps: int = 40, strict: bool = False) -> Schema:
    """Return the schema of a model's answer: `{steps, outputs, checks}`, `{refuse}` or `{ask}`.

    `strict` gives the same in the form that OpenAI's structured outputs demand: one object at the root, every
    property required, null where there is nothing to say. `read_answer` reads both forms.
    """
    words: Schema = {"type": "string", **LENGTHS}
    body = {name: _bounded(schema) for name, schema in _body(catalogue, max_steps=max_steps).items()}
    if strict:
        flat = {"refuse": words, "ask": words, **body}
        return dict(_strict(_object(flat, [])))
    plan = _object(body, ["steps", "outputs"])
    return {"anyOf": [plan, _object({"refuse": words}, ["refuse"]), _object({"ask": words}, ["ask"])]}


def step_schema(tool: Tool) -> Schema:
    """Return the schema of one step that calls `tool`."""
    properties: dict[str, Schema] = {
        "id": {"type": "string", "pattern": f"^{NAME}$"},
        "tool": {"type": "string", "enum": [tool.id]},
        "args": tool.schema(),
        "when": CONDITION,
    }
    singles = [port.name for port in tool.ports.values() if not port.type.many]
    names = singles + [param.name for param in tool.params.values() if param.accepts]
    if names and not tool.output.many:
        properties["for_each"] = {"type": "string", "enum": names}
    return _object(properties, ["id", "tool", "args"])


def check_schema(tool: Tool) -> Schema:
    """Return the schema of one check: the tool's id, with its arguments beside it."""
    args = tool.schema()
    properties = {"check": {"type": "string", "enum": [tool.id]}, **args["properties"]}
    return _object(properties, ["check", *args["required"]])


def _body(catalogue: Catalogue, *, max_steps: int) -> dict[str, Schema]:
    steps = [step_schema(tool) for tool in catalogue.values()]
    checks = [check_schema(tool) for tool in catalogue.values() if tool.output == Type("Verdict")]
    body: dict[str, Schema] = {
        "steps": {"type": "array", "items": {"anyOf": steps}, "minItems": 1, "maxItems": max_steps},
        "outputs": {"type": "array", "items": REFERENCE, "minItems": 1, "maxItems": max_steps},
    }
    if checks:
        body["checks"] = {"type": "array", "items": {"anyOf": checks}, "maxItems": max_steps}
    return body


def _object(properties: Mapping[str, Schema], required: Sequence[str]) -> Schema:
    present = [name for name in required if name in properties]
    return {"type": "object", "properties": dict(properties), "required": present, "additionalProperties": False}


def _bounded(schema: Any) -> Any:
    """Drop what a decoder has no use for, and bound every free string and list."""
    if isinstance(schema, list):
        return [_bounded(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: value for key, value in schema.items() if key not in DROPPED}
    result = {key: _each(key, value) for key, value in kept.items()}
    if result.get("type") == "string" and not result.keys() & {"enum", "pattern"}:
        result.update(LENGTHS)
    if result.get("type") == "array":
        result.setdefault("maxItems", 20)
    return result


def _each(key: str, value: Any) -> Any:
    """Names of properties are no keywords: an argument may be called `title`."""
    if key == "properties":
        return {name: _bounded(schema) for name, schema in value.items()}
    return _bounded(value)


def _strict(schema: Any) -> Any:
    """Make every property required and let the formerly optional ones be null."""
    if isinstance(schema, list):
        return [_strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    result = {key: value if key == "properties" else _strict(value) for key, value in schema.items()}
    if result.get("type") == "string":
        for keyword in LENGTHS:
            result.pop(keyword, None)
    if "properties" in result:
        required = set(result.get("required", ()))
        inner = {name: _strict(value) for name, value in result["properties"].items()}
        result["properties"] = {name: _nullable(value, name in required) for name, value in inner.items()}
        result["required"] = list(inner)
    return result


def _nullable(schema: Schema, required: bool) -> Schema:
    return schema if required else {"anyOf": [schema, {"type": "null"}]}
