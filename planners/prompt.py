"""What a large language model is told: the catalogue, the format of a plan, the rules, a few examples.

The words stand in `prompt.md`. Whoever changes them raises `VERSION` in both places: it is recorded with a
plan, so that a plan can be traced back to what its author was told.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from ..tools.catalogue import Catalogue
from ..tools.errors import Problem
from ..tools.tool import Param, Tool
from ..tools.values import Image
from .planner import Turn

VERSION = 2


def system_prompt(catalogue: Catalogue) -> str:
    """Return the instructions, with one line for each tool of the catalogue."""
    tools = "\n".join(tool_line(tool) for tool in catalogue.values())
    return _template().replace("{{tools}}", tools)


@cache
def _template() -> str:
    return Path(__file__).with_name("prompt.md").read_text(encoding="utf-8").strip()


def tool_line(tool: Tool) -> str:
    """Return `blur(image: Image, mask?: Mask, strength?: 0..100 = 50) -> Image: Blur the selected pixels …`."""
    ports = [f"{port.name}{'' if port.required else '?'}: {port.type}" for port in tool.ports.values()]
    params = [_param(param) for param in tool.params.values()]
    return f"{tool.id}({', '.join(ports + params)}) -> {tool.output}: {tool.summary}"


def _param(param: Param) -> str:
    kind = _kind(param.schema)
    if param.required:
        return f"{param.name}: {kind}"
    default = "" if param.default in (None, "") else f" = {json.dumps(param.default)}"
    return f"{param.name}?: {kind}{default}"


def _kind(schema: Mapping[str, Any]) -> str:
    """Say in a word or two what a parameter takes."""
    if "anyOf" in schema:
        return _kind(next(part for part in schema["anyOf"] if part.get("type") != "null"))
    if "enum" in schema:
        return "|".join(map(json.dumps, schema["enum"]))
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    span = f" {low}..{high}" if low is not None and high is not None else ""
    words = {"string": "text", "boolean": "true|false", "array": "list of texts"}
    kind = words.get(schema.get("type", ""), str(schema.get("type", "value")))
    about = schema.get("description", "") if kind == "text" else ""
    return f"{kind}{span}" + (f" ({about})" if about else "")


def user_message(
    request: str,
    images: Mapping[str, Image],
    history: Sequence[Turn] = (),
    problems: Sequence[Problem] = (),
    examples: Sequence[Turn] = (),
) -> str:
    """Return the request with the inputs it is about, and quoted, similar ones, what happened before and was wrong."""
    inputs = [f"${name}: Image, {image.size_wh[0]} x {image.size_wh[1]} pixels" for name, image in images.items()]
    parts = ["Inputs:\n" + ("\n".join(inputs) or "none")]
    for turn in examples:
        parts.append("A similar request that was done well, on other images:\n" + quoted(_told(turn)))
    for turn in history:
        parts.append("Earlier in this session:\n" + quoted(_told(turn)))
    if problems:
        parts.append("The last plan did not work:\n" + quoted("\n".join(map(str, problems))))
    parts.append(f"Request: {request}")
    return "\n\n".join(parts)


def _told(turn: Turn) -> str:
    return f"{turn.request}\n{turn.plan.to_json()}"


def repair_message(problems: Sequence[Problem]) -> str:
    """Return what a model is told about its own answer: the problems word for word."""
    return (
        "This answer has problems:\n"
        + quoted("\n".join(map(str, problems)))
        + "\n\nAnswer again with the whole corrected JSON object."
    )


def quoted(text: str) -> str:
    """Mark every line as data; no text can end the block, whatever line breaks it holds."""
    return "\n".join(f"> {line}" for line in text.splitlines())
