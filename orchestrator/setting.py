"""`--set STEP.ARGUMENT=VALUE`: one argument of a plan changed for one call, read as its tool declares it."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ..planners.plan import Check, Plan, Step, referenced
from ..tools.catalogue import Catalogue
from ..tools.errors import UsageError
from ..tools.tool import Param, Tool


class Setting(NamedTuple):
    """One change, not read yet: the value is still text."""

    step: str
    argument: str
    text: str

    def __str__(self) -> str:
        return f"--set {self.step}.{self.argument}={self.text}"


def parse_settings(given: Sequence[str]) -> list[Setting]:
    """Read `STEP.ARGUMENT=VALUE` options. Raises UsageError for another form, and for an argument set twice."""
    settings: list[Setting] = []
    for option in given:
        place, equals, text = option.partition("=")
        step, dot, argument = place.partition(".")
        if not (equals and dot and step and argument):
            raise UsageError(f"--set {option!r} is not STEP.ARGUMENT=VALUE; write for example --set cat.strength=0.6")
        settings.append(Setting(step, argument, text))
        if [(each.step, each.argument) for each in settings].count((step, argument)) > 1:
            raise UsageError(f"{settings[-1]}: argument {argument!r} of step {step!r} is set twice; set it once")
    return settings


def with_settings(plan: Plan, settings: Sequence[Setting], catalogue: Catalogue) -> Plan:
    """Return the plan with these arguments changed; checks are called `check_1`, `check_2`, … as in a run.

    What a value means is for the tool to say: words are taken as they are, anything else is read as JSON. `$name`
    is a reference, as in a plan. Raises UsageError that names the step, the argument and both sides.
    """
    changed = {step.id: step for step in (*plan.steps, *plan.checked_steps())}
    for setting in settings:
        step = changed.get(setting.step)
        if step is None:
            raise UsageError(f"{setting}: the plan has no step {setting.step!r}{_instead(setting.step, changed)}")
        value = _value(setting, _tool(setting, step, catalogue))
        changed[step.id] = step.model_copy(update={"args": {**step.args, setting.argument: value}})
    steps = [changed[step.id] for step in plan.steps]
    checks = [
        Check.model_validate({"check": check.check, **changed[step.id].args})
        for check, step in zip(plan.checks, plan.checked_steps(), strict=True)
    ]
    return plan.model_copy(update={"steps": steps, "checks": checks})


def _tool(setting: Setting, step: Step, catalogue: Catalogue) -> Tool:
    tool = catalogue.get(step.tool)
    if tool is None:
        raise UsageError(
            f"{setting}: step {step.id!r} calls {step.tool!r}, and no tool is called so; see diptych tools"
        )
    arguments = [*tool.ports, *tool.params]
    if setting.argument not in arguments:
        raise UsageError(
            f"{setting}: step {step.id!r} calls {tool.id!r}, which has no argument {setting.argument!r}"
            f"{_instead(setting.argument, arguments)}"
        )
    return tool


def _value(setting: Setting, tool: Tool) -> Any:
    """Return what the text of a setting means. Raises UsageError that shows what was expected and what was given."""
    param = tool.params.get(setting.argument)
    place = f"{setting}: step {setting.step!r}, argument {setting.argument!r}"
    if param is None:
        names = setting.text.split(",")
        if not all(map(referenced, names)):
            kind = tool.ports[setting.argument].type
            raise UsageError(f"{place} takes {kind}, not {setting.text!r}; name an input or a step, such as '$photo'")
        return names if tool.ports[setting.argument].type.many else setting.text
    if referenced(setting.text) and param.accepts:
        return setting.text
    try:
        return param.check(_read(setting.text, param))
    except ValueError as error:
        raise UsageError(f"{place} takes {_wanted(param.schema)}, but {error}") from None


def _read(text: str, param: Param) -> Any:
    """Return the text itself where words are wanted, else what it says as JSON; `null` is none, where that may be."""
    kinds = [shape.get("type") for shape in _shapes(param.schema)]
    if "string" in kinds:
        return None if text == "null" and "null" in kinds else text
    try:
        return json.loads(text)
    except ValueError:
        return text  # the tool's own check says what is wrong with it


def _shapes(schema: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    return [schema, *schema.get("anyOf", ())]


def _wanted(schema: Mapping[str, Any]) -> str:
    """Say what a parameter takes, from its schema."""
    choices = [choice for shape in _shapes(schema) for choice in shape.get("enum", ())]
    if choices:
        return f"one of {', '.join(map(str, choices))}"
    parts = [_kind(shape) for shape in _shapes(schema) if "type" in shape]
    return " or ".join(parts) or "another value"


def _kind(shape: Mapping[str, Any]) -> str:
    names = {"string": "words", "boolean": "true or false", "null": "null", "array": "a list such as [1, 2]"}
    names |= {"integer": "a whole number", "number": "a number"}
    bounds = [
        f"{words} {shape[key]:g}"
        for key, words in (
            *(("minimum", "from"), ("exclusiveMinimum", "above")),
            *(("maximum", "to"), ("exclusiveMaximum", "below")),
        )
        if key in shape
    ]
    return " ".join([names.get(shape["type"], str(shape["type"])), *bounds])


def _instead(word: str, known: Iterable[str]) -> str:
    names = list(known)
    near = difflib.get_close_matches(word, names, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"{hint}; it has: {', '.join(names) or 'none'}"
