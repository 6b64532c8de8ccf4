"""From what a language model wrote to a plan: read it, check it, tell the model what is wrong, try again."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from ..tools.catalogue import Catalogue
from ..tools.errors import PlanError, Problem, Refusal
from .plan import Plan, parse_plan
from .prompt import repair_message
from .validate import validate

Message = dict[str, Any]
"""`{"role": "system" | "user" | "assistant", "content": …}`"""


def converse(
    ask: Callable[[list[Message]], str],
    messages: list[Message],
    *,
    request: str,
    inputs: Mapping[str, str],
    catalogue: Catalogue,
    repairs: int,
) -> Plan:
    """Return the first valid plan that `ask` gives; after each invalid one the model is told its problems.

    `repairs` is how often that happens. Raises PlanError with the problems of the last answer, and Refusal.
    """
    for turn in range(repairs + 1):
        text = ask(messages)
        try:
            plan = read_answer(text, request=request, inputs=inputs)
            problems = validate(plan, catalogue)
            if not problems:
                return plan
            failure = PlanError(problems)
        except PlanError as error:
            failure = error
        if turn == repairs:
            raise failure
        messages = [
            *messages,
            {"role": "assistant", "content": text},
            {"role": "user", "content": repair_message(failure.problems)},
        ]
    raise ValueError(f"repairs must not be negative, not {repairs}")


def read_answer(text: str, *, request: str, inputs: Mapping[str, str]) -> Plan:
    """Return the plan in a model's answer, bare, fenced or with words around it; it is not validated yet.

    Raises Refusal for a refusal or a question, PlanError for anything that is not a plan.
    """
    document = _drop_nulls(_json_object(text))
    words = {key: str(document.pop(key)).strip() for key in ("refuse", "ask") if key in document}
    if words.get("refuse"):
        raise Refusal(f"this cannot be done: {words['refuse']}", missing=[words["refuse"]])
    if words.get("ask"):
        raise Refusal(words["ask"], question=words["ask"])
    head = {"version": 1, "request": request, "inputs": dict(inputs)}
    return parse_plan({**document, **head})


def _json_object(text: str) -> dict[str, Any]:
    if not text.strip():
        raise _malformed("the answer is empty; write one JSON object")
    start = text.find("{")
    if start < 0:
        raise _malformed(f"the answer holds no JSON object: {text.strip()[:80]!r}")
    try:
        document, _ = json.JSONDecoder().raw_decode(text, start)
    except json.JSONDecodeError as error:
        cut = error.pos >= len(text.rstrip()) - 1 or "Unterminated" in error.msg
        what = "is cut off" if cut else f"is not valid JSON: {error.msg.lower()}"
        raise _malformed(f"the answer {what} at character {error.pos}; write one complete JSON object") from None
    except RecursionError:
        raise _malformed("the answer is nested too deeply") from None
    return dict(document)


def _drop_nulls(value: Any) -> Any:
    """Strict decoding writes null for everything that is left out."""
    if isinstance(value, dict):
        return {key: _drop_nulls(item) for key, item in value.items() if item is not None}
    return [_drop_nulls(item) for item in value] if isinstance(value, list) else value


def _malformed(message: str) -> PlanError:
    return PlanError([Problem(message, kind="malformed")])
