"""From a step of a plan to calls of a function: references become values, and each call gets its key.

Keys need only the digests of what is connected, so a step whose result is known is settled without loading a pixel.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from ..planners.plan import Step, referenced
from ..tools.errors import ToolError
from ..tools.model import Model
from ..tools.profiles import Profile
from ..tools.tool import Port, Tool, Type
from ..tools.values import KINDS, Number, Text, Value, Verdict
from .keys import Digests, StepKey, revisions, written

Result = Value | tuple[Value, ...]
"""What flows along one edge: a value, or a list of them."""


@dataclass(slots=True)
class Held:
    """A result by its content; the values themselves may have been let go, and are loaded again when needed."""

    digests: tuple[str, ...]
    many: bool
    values: tuple[Value, ...] | None = None

    @classmethod
    def of(cls, result: Result) -> Held:
        """Hold a result; this is where its digest is computed."""
        if isinstance(result, tuple):
            return cls(tuple([value.digest for value in result]), True, result)
        return cls((result.digest,), False, (result,))

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
        if len(self.names) == 1 and not self.many:
            return source.held(self.names[0]).digests[self.item or 0]
        return [digest for name in self.names for digest in source.held(name).digests]

    def value(self, source: Source) -> Value | list[Value]:
        """Return what the tool gets."""
        if len(self.names) == 1 and not self.many:
            result = source.value(self.names[0])
            return result[self.item or 0] if isinstance(result, tuple) else result
        results = [source.value(name) for name in self.names]
        return [value for result in results for value in (result if isinstance(result, tuple) else (result,))]


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


class _Common(NamedTuple):
    """What all calls of one tool have in common."""

    key: StepKey
    defaults: dict[str, Any]
    plain: str
    """The defaults as they stand in a key: most calls give no parameter."""
    ports: list[Port]
    """In the order of their names, as in a key."""


class Binder:
    """Makes the calls of the steps of one run, which takes its values from `source`."""

    def __init__(self, profile: Profile, source: Source) -> None:
        self._profile, self._source = profile, source
        self._common: dict[str, _Common] = {}

    def bind(self, step: Step, tool: Tool) -> list[Call]:
        """Return the calls that a step stands for: one, or one per item of its list.

        Raises ToolError when a value that was computed does not fit the parameter it is meant for.
        """
        if step.for_each is None:
            return [self._one(step, tool, None)]
        name = referenced(step.args[step.for_each])
        assert name is not None
        return [self._one(step, tool, item) for item in range(len(self._source.held(name).digests))]

    def _one(self, step: Step, tool: Tool, item: int | None) -> Call:
        common = self._common.get(tool.id) or self._prepare(tool)
        source, args = self._source, step.args
        wires: dict[str, Wire] = {}
        inputs: list[Digests] = []
        for port in common.ports:
            name = port.name
            value = args.get(name)
            if value:
                wire = wires[name] = _wire(port, value, item if name == step.for_each else None, source)
                inputs.append(wire.digests(source))
            else:
                inputs.append(None)
        if len(wires) == len(args):
            return Call(common.key.of(common.plain, inputs), tool, wires, common.defaults, source)
        params = dict(common.defaults)
        for name, value in args.items():
            if name in params:
                params[name] = _param(tool, name, value, item if name == step.for_each else None, source)
        return Call(common.key.of(written(params), inputs), tool, wires, params, source)

    def _prepare(self, tool: Tool) -> _Common:
        defaults = {param.name: param.default for param in tool.params.values()}
        ports = sorted(tool.ports.values(), key=lambda port: port.name)
        key = StepKey(tool.id, tool.version, revisions(tool, self._profile), [port.name for port in ports])
        common = self._common[tool.id] = _Common(key, defaults, written(defaults), ports)
        return common


def _wire(port: Port, value: Any, item: int | None, source: Source) -> Wire:
    """Return what leads to a port; the references in a valid plan are `$` and a name."""
    names = (value[1:],) if isinstance(value, str) else tuple([reference[1:] for reference in value])
    if item is None and not port.type.many and source.held(names[0]).many:
        raise ToolError(f"argument {port.name!r} expects {port.type}, but '${names[0]}' gives a list of them")
    return Wire(names, port.type.many, item)


def _param(tool: Tool, param: str, value: Any, item: int | None, source: Source) -> Any:
    name = referenced(value)
    if name:
        value = _plain(source.value(name), item, words="Text" in tool.params[param].accepts)
    try:
        return tool.params[param].check(value)
    except ValueError as error:
        origin = f", which '${name}' gives" if name else ""
        raise ToolError(f"argument {param!r} of {tool.id!r}: {error}{origin}") from None


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
