"""From a step of a plan to calls of a function: references become values, and each call gets its key.

Keys need only the digests of what is connected, so a step whose result is known is settled without loading a pixel.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..planners.plan import Step, referenced
from ..tools.errors import ToolError
from ..tools.model import Model
from ..tools.profiles import Profile
from ..tools.tool import Param, Port, Tool, Type
from ..tools.values import KINDS, Number, Text, Value, Verdict
from .keys import Digests, revisions, step_key

Result = Value | tuple[Value, ...]
"""What flows along one edge: a value, or a list of them."""


@dataclass
class Held:
    """A result by its content; the values themselves may have been let go, and are loaded again when needed."""

    digests: tuple[str, ...]
    many: bool
    values: tuple[Value, ...] | None = None

    @classmethod
    def of(cls, result: Result) -> Held:
        """Hold a result; this is where its digest is computed."""
        values = result if isinstance(result, tuple) else (result,)
        return cls(tuple(value.digest for value in values), isinstance(result, tuple), values)

    @property
    def result(self) -> Result:
        """The values; only while they are held."""
        assert self.values is not None
        return self.values if self.many else self.values[0]


class Source(Protocol):
    """Where references lead."""

    def held(self, name: str) -> Held:
        """Return what is known of an input or finished step."""

    def value(self, name: str) -> Result:
        """Return its value, loading or computing it again where it was let go."""


@dataclass(slots=True)
class Wire:
    """What is connected to one port: whole results, or one item of a list."""

    names: tuple[str, ...]
    many: bool
    item: int | None = None

    def digests(self, source: Source) -> Digests:
        """Return the content that arrives here."""
        flat = [digest for name in self.names for digest in source.held(name).digests]
        if self.many:
            return flat
        return flat[self.item or 0]

    def value(self, source: Source) -> Value | list[Value]:
        """Return what the tool gets."""
        results = [source.value(name) for name in self.names]
        flat = [value for result in results for value in (result if isinstance(result, tuple) else (result,))]
        return flat if self.many else flat[self.item or 0]


@dataclass(slots=True)
class Call:
    """One call of a tool, ready to be made."""

    key: str
    tool: Tool
    wires: Mapping[str, Wire]
    params: Mapping[str, Any]
    source: Source = field(repr=False, compare=False)
    """Where its inputs come from: the run that it belongs to."""

    def arguments(self) -> dict[str, Value | list[Value]]:
        """Load the values of all ports."""
        return {port: wire.value(self.source) for port, wire in self.wires.items()}

    def __call__(self, arguments: Mapping[str, Value | list[Value]], models: Mapping[str, Model]) -> Result:
        """Call the function. Raises ToolError when what it returns is not what its signature says."""
        return check_type(self.tool, self.tool.function(**arguments, **self.params, **models))


def bind(step: Step, tool: Tool, profile: Profile, source: Source) -> list[Call]:
    """Return the calls that a step stands for: one, or one per item of its list.

    Raises ToolError when a value that was computed does not fit the parameter it is meant for.
    """
    if step.for_each is None:
        return [_bind_one(step, tool, profile, source, None)]
    name = referenced(step.args[step.for_each])
    assert name is not None
    return [_bind_one(step, tool, profile, source, item) for item in range(len(source.held(name).digests))]


def _bind_one(step: Step, tool: Tool, profile: Profile, source: Source, item: int | None) -> Call:
    wires: dict[str, Wire] = {}
    for port in tool.ports.values():
        wire = _wire(port, step.args.get(port.name), item if port.name == step.for_each else None, source)
        if wire:
            wires[port.name] = wire
    params = {
        param.name: _param(step, tool, param, item if param.name == step.for_each else None, source)
        for param in tool.params.values()
    }
    inputs = {port: wires[port].digests(source) if port in wires else None for port in tool.ports}
    key = step_key(tool.id, tool.version, params, revisions(tool, profile), inputs)
    return Call(key, tool, wires, params, source)


def _wire(port: Port, value: Any, item: int | None, source: Source) -> Wire | None:
    names = tuple(name for name in map(referenced, value if isinstance(value, list) else [value]) if name)
    if not names:
        return None
    if not port.type.many and item is None and source.held(names[0]).many:
        raise ToolError(f"argument {port.name!r} expects {port.type}, but '${names[0]}' gives a list of them")
    return Wire(names, port.type.many, item)


def _param(step: Step, tool: Tool, param: Param, item: int | None, source: Source) -> Any:
    value = step.args.get(param.name, param.default)
    name = referenced(value)
    if name:
        value = _plain(source.value(name), item, words="Text" in param.accepts)
    elif param.name not in step.args:
        return value
    try:
        return param.check(value)
    except ValueError as error:
        origin = f", which '${name}' gives" if name else ""
        raise ToolError(f"argument {param.name!r} of {tool.id!r}: {error}{origin}") from None


def _plain(result: Result, item: int | None, *, words: bool) -> Any:
    value = result[item or 0] if isinstance(result, tuple) else result
    if isinstance(value, Text):
        return value.text
    if isinstance(value, Number):
        return f"{value.number:g}" if words else value.number
    raise ToolError(f"a parameter takes Text or Number, not {value.kind}")


def check_type(tool: Tool, returned: Any) -> Result:
    """Return what a tool gave, a list of it as a tuple. Raises ToolError naming the tool and both types."""
    wanted = KINDS[tool.output.kind]
    if not tool.output.many and isinstance(returned, wanted):
        return returned
    if tool.output.many and isinstance(returned, (list, tuple)) and all(isinstance(v, wanted) for v in returned):
        return tuple(returned)
    if isinstance(returned, (list, tuple)):
        given = f"a list of {', '.join(sorted({type(v).__name__ for v in returned})) or 'nothing'}"
    else:
        given = type(returned).__name__
    raise ToolError(
        f"tool {tool.id!r} returned {given}, but its signature promises {tool.output}", hint="mend the tool"
    )


def truth(result: Result) -> bool:
    """Return what a result means as a condition: a Verdict passed, a Number is not 0, anything else is there."""
    if isinstance(result, Verdict):
        return result.passed
    if isinstance(result, Number):
        return result.number != 0
    return not isinstance(result, tuple) or len(result) > 0


def through(step: Step, tool: Tool, types: Mapping[str, Type | None]) -> str | None:
    """Return the name whose value the step hands on when its condition keeps it from running, or None.

    It is the first port, in the order of the signature, that is connected to something of the step's own type.
    """
    wanted = Type(tool.output.kind, many=tool.output.many or step.for_each is not None)
    names = [referenced(step.args.get(port)) for port in tool.ports]
    return next((name for name in names if name and types.get(name) == wanted), None)


def conditions(steps: list[Step]) -> set[str]:
    """Return the names that any step's `when` asks."""
    return {step.when.rpartition("$")[2] for step in steps if step.when}
