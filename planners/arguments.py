"""Checks of one step's arguments against the signature of its tool."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..tools.catalogue import Catalogue
from ..tools.errors import Problem
from ..tools.tool import Param, Port, Tool, Type
from .plan import Step, referenced
from .structure import bridge, nearest

Types = Mapping[str, Type | None]
"""Name of an input or step → its type, None where that is unknown."""

CONDITIONS = (Type("Verdict"), Type("Number"))
"""What `when` can ask."""


def plainly_fits(step: Step, tool: Tool, types: Types) -> bool:
    """Say whether a step needs no further look: all it gives are references of the very types that its ports take.

    That is most steps of most plans, and quicker to see than to look for everything that could be wrong.
    """
    if step.for_each is not None or len(step.args) < len(tool.required):
        return False
    for name, value in step.args.items():
        port = tool.ports.get(name)
        source = referenced(value)
        if port is None or source is None or types.get(source) != port.type:
            return False
    return all([argument.name in step.args for argument in tool.required])


def check_arguments(step: Step, catalogue: Catalogue, types: Types) -> Iterator[Problem]:
    """Yield unknown, missing and unfitting arguments; dangling references are reported elsewhere."""
    tool = catalogue[step.tool]
    for name, value in step.args.items():
        if name in tool.ports:
            yield from _port(step, tool.ports[name], value, catalogue, types)
        elif name in tool.params:
            yield from _param(step, tool.params[name], value, catalogue, types)
        else:
            known = nearest(name, [*tool.ports, *tool.params])
            yield Problem(f"{tool.id!r} has no such argument{known}", step.id, name)
    for argument in tool.required:
        if argument.name not in step.args:
            yield Problem(f"is missing; {_example(argument, step, types)}", step.id, argument.name)


def check_iteration(step: Step, tool: Tool) -> Iterator[Problem]:
    """Yield what is wrong with `for_each`; the type of the list is checked with the arguments."""
    name = step.for_each
    if name is None:
        return
    names = [*tool.ports, *tool.params]
    if name not in names:
        yield Problem(f"for_each names {name!r}, which {tool.id!r} does not take{nearest(name, names)}", step.id)
    elif name in tool.ports and tool.ports[name].type.many:
        yield Problem(f"{tool.id!r} takes the whole list at once; leave for_each out", step.id, name)
    elif name not in step.args:
        yield Problem(f"for_each runs over {name!r}, which has no value; give it a reference to a list", step.id, name)
    elif tool.output.many:
        yield Problem(f"{tool.id!r} already gives {tool.output}; a list of lists is not possible", step.id, name)


def check_condition(step: Step, catalogue: Catalogue, types: Types) -> Iterator[Problem]:
    """Yield what is wrong with `when`."""
    given = types.get(step.when.rpartition("$")[2]) if step.when else None
    if given is None or given in CONDITIONS:
        return
    reference = (step.when or "").removeprefix("not ")
    chain = bridge(given.kind, "Verdict", catalogue) if not given.many else []
    fix = f"put {_chain(chain)} between them" if chain else "ask for one of these"
    yield Problem(f"expects Verdict or Number, but {reference!r} gives {given}; {fix}", step.id, "when")


def _port(step: Step, port: Port, value: Any, catalogue: Catalogue, types: Types) -> Iterator[Problem]:
    if value is None and not port.required:
        return
    wanted = Type(port.type.kind, many=True) if step.for_each == port.name else port.type
    items = value if isinstance(value, list) else [value]
    if isinstance(value, list) and (not port.type.many or step.for_each):
        yield Problem(f"expects {wanted}, one reference, not a list of {len(value)}", step.id, port.name)
        return
    if value == []:
        yield Problem(f"expects {wanted}, but the list is empty; {_example(port, step, types)}", step.id, port.name)
    if isinstance(value, list):
        wanted = Type(port.type.kind)
    for item in items:
        name = referenced(item)
        if name is None:
            yield Problem(_not_a_reference(item, wanted, step, types), step.id, port.name)
        else:
            yield from _edge(step, port.name, name, wanted, catalogue, types)


def _param(step: Step, param: Param, value: Any, catalogue: Catalogue, types: Types) -> Iterator[Problem]:
    if step.for_each == param.name and not referenced(value):
        message = f"for_each runs over a reference to a list, not over {_short(value)}"
        yield Problem(message, step.id, param.name)
    elif isinstance(value, list) and any(map(referenced, value)):
        yield Problem("takes plain values only, no references in its list", step.id, param.name)
    elif name := referenced(value):
        if not param.accepts:
            yield Problem(f"takes a plain value, not the reference '${name}'; {_value(param)}", step.id, param.name)
        else:
            wanted = [Type(kind, many=step.for_each == param.name) for kind in param.accepts]
            if types.get(name) not in wanted:
                yield from _edge(step, param.name, name, wanted[0], catalogue, types)
    else:
        try:
            param.check(value)
        except ValueError as error:
            yield Problem(str(error), step.id, param.name)


def _edge(step: Step, argument: str, name: str, wanted: Type, catalogue: Catalogue, types: Types) -> Iterator[Problem]:
    given = types.get(name)
    if given is None or given == wanted:
        return
    fix = _fix(step, argument, name, given, wanted, catalogue, types)
    yield Problem(f"expects {wanted}, but '${name}' gives {given}; {fix}", step.id, argument)


def _fix(step: Step, argument: str, name: str, given: Type, wanted: Type, catalogue: Catalogue, types: Types) -> str:
    if given.kind == wanted.kind:
        if given.many:
            return f'add "for_each": "{argument}" to run once per item'
        return "leave for_each out" if step.for_each == argument else f'write ["${name}"]'
    chain = bridge(given.kind, wanted.kind, catalogue)
    if chain:
        return f"put {_chain(chain)} between them{', once per item' if given.many else ''}"
    return f"use {_offers(step, wanted, types)}"


def _chain(tools: list[str]) -> str:
    return " and then ".join(map(repr, tools))


def _offers(step: Step, wanted: Type, types: Types) -> str:
    """Up to three names of the plan that have the wanted type, or the type itself."""
    names = [f"'${name}'" for name, given in types.items() if given == wanted and name != step.id]
    return " or ".join(names[:3]) or f"a step that gives {wanted}"


def _not_a_reference(value: Any, wanted: Type, step: Step, types: Types) -> str:
    if isinstance(value, str) and value in types:
        return f"expects a reference to {wanted}, not the text {value!r}; write '${value}'"
    return f"expects a reference to {wanted}, not {_short(value)}; use {_offers(step, wanted, types)}"


def _example(argument: Port | Param, step: Step, types: Types) -> str:
    if isinstance(argument, Port):
        return f"give a reference to {argument.type}: {_offers(step, argument.type, types)}"
    return _value(argument)


def _value(param: Param) -> str:
    """Say in words what a parameter takes."""
    schemas = [param.schema, *param.schema.get("anyOf", ())]
    for schema in schemas:
        if "enum" in schema:
            return f"give one of {', '.join(map(repr, schema['enum']))}"
    kinds = [schema["type"] for schema in schemas if "type" in schema]
    words = {"string": "text", "integer": "a whole number", "number": "a number", "array": "a list of texts"}
    about = next((schema["description"] for schema in schemas if "description" in schema), "")
    return f"give {words.get(kinds[0], 'true or false') if kinds else 'a value'}{f': {about}' if about else ''}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:59] + "…"
