"""A tool is a typed function: its signature is its schema, its docstring is what a planner reads.

    @tool(family="segmenter", models={"segmenter": Segmenter})
    def segment(image: Image, boxes: Detections, *, segmenter: Segmenter) -> Mask:
        '''Select the exact pixels of the objects inside `boxes`.'''

Arguments annotated with a value type are *ports* (wired to other steps), plain types are *parameters*
(written into the plan), and the names in `models` are injected by the engine and never seen by a planner.

A tool that gains from several calls at once may say how. It gets the keyword arguments of each, all with the same
models, and returns one result for each, the same as one by one:

    @segment.batched
    def _(calls: Sequence[Mapping[str, Any]]) -> list[Mask]:
        return calls[0]["segmenter"].segment_many([call["image"] for call in calls], …)
"""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Annotated, Any, Literal, ParamSpec, Protocol, TypeVar, Union, cast, get_args, get_origin

from pydantic import ConfigDict, TypeAdapter, ValidationError

from .values import KINDS, Value

NAME = "[A-Za-z_][A-Za-z0-9_]{0,63}"
"""What the inputs and steps of a plan can be called, as a pattern."""
REFERENCE = {"type": "string", "pattern": f"^[$]{NAME}$"}
"""JSON Schema of a reference to one of them."""
Family = Literal["generator", "editor", "detector", "segmenter", "captioner", "classifier", "measure"]
Panel = Literal["generative", "discriminative", "plain"]
Hiding = Literal["removes", "obscures"]
MaskUse = Literal["edits", "keeps", "takes", "traces"]
Batch = Callable[[Sequence[Mapping[str, Any]]], Sequence[Any]]
"""Keyword arguments of several calls of one tool → a result for each, in their order."""

_Arguments = ParamSpec("_Arguments")
_Returned_co = TypeVar("_Returned_co", covariant=True)
_BatchFunction = TypeVar("_BatchFunction", bound=Batch)


@dataclass(frozen=True)
class Type:
    """The type of an edge: a kind of value, or a list of them."""

    kind: str
    many: bool = False

    def __str__(self) -> str:
        return f"List[{self.kind}]" if self.many else self.kind

    @classmethod
    def parse(cls, text: str) -> Type:
        """Read `Image` or `List[Image]`. Raises ValueError that names the known kinds."""
        many = text.startswith("List[") and text.endswith("]")
        kind = text[5:-1] if many else text
        if kind not in KINDS:
            raise ValueError(f"unknown type {text!r}; known: {', '.join(KINDS)}, and List[…] of each")
        return cls(kind, many)


@dataclass(frozen=True)
class Port:
    """An argument that takes a value from the plan's inputs or another step."""

    name: str
    type: Type
    required: bool


@dataclass(frozen=True)
class Param:
    """An argument that is written into the plan."""

    name: str
    annotation: Any
    required: bool
    default: Any = None

    @cached_property
    def _adapter(self) -> TypeAdapter[Any]:
        return TypeAdapter(self.annotation, config=ConfigDict(strict=False))

    @cached_property
    def schema(self) -> dict[str, Any]:
        """JSON Schema of the parameter: type, range, choices, default."""
        schema = self._adapter.json_schema()
        return schema if self.required else {**schema, "default": self.default}

    @cached_property
    def _shapes(self) -> list[dict[str, Any]]:
        return [self.schema, *self.schema.get("anyOf", ())]

    @cached_property
    def types(self) -> frozenset[str]:
        """JSON types of the values that it takes."""
        return frozenset(shape["type"] for shape in self._shapes if "type" in shape)

    @cached_property
    def choices(self) -> tuple[Any, ...]:
        """The only values that it takes; empty where there are too many to list."""
        return next((tuple(shape["enum"]) for shape in self._shapes if "enum" in shape), ())

    @cached_property
    def takes_color(self) -> bool:
        """Whether it takes the names of colors, and not just any words."""
        return "string" in self.types and not self.choices and self.fits("red") and not self.fits("qx qx")

    @property
    def accepts(self) -> tuple[str, ...]:
        """Kinds of value that a reference in this place may have: words take Text and Number, numbers take Number."""
        kinds = {"string": ("Text", "Number"), "number": ("Number",), "integer": ("Number",)}
        found = [kinds[s["type"]] for s in self._shapes if s.get("type") in kinds and "enum" not in s]
        return found[0] if found else ()

    def check(self, value: Any) -> Any:
        """Return `value` as the tool wants it. Raises ValueError that says what is accepted."""
        try:
            return self._adapter.validate_python(value)
        except ValidationError as error:
            reasons = "; ".join(detail["msg"].removeprefix("Value error, ") for detail in error.errors())
            raise ValueError(f"{value!r} does not fit: {reasons[0].lower() + reasons[1:]}") from None

    def fits(self, value: Any) -> bool:
        """Return whether the tool takes a value."""
        try:
            self.check(value)
        except ValueError:
            return False
        return True


@dataclass(frozen=True)
class Tool:
    """What a planner can call."""

    id: str
    family: Family
    panel: Panel
    version: int
    summary: str
    """First paragraph of the docstring."""
    ports: Mapping[str, Port]
    params: Mapping[str, Param]
    output: Type
    models: Mapping[str, type]
    """Model argument → the protocol its adapter fulfils; the argument's name is the capability."""
    function: Callable[..., Any] = field(repr=False)
    batch: Batch | None = field(default=None, repr=False)
    """Makes several calls at once; None: they are made one after the other."""
    batch_size: int = 8
    """Most calls that `batch` gets at once."""
    hides: Hiding | None = None
    """What an editor does to the things it is pointed at: `removes` them, `obscures` them so that they cannot be made
    out, or neither."""
    reshapes: bool = False
    """Whether a pixel no longer lies where it lay after an edit."""
    mask_use: MaskUse = "edits"
    """What the mask of an editor says: the place that it `edits`, and no other; what it `keeps` while all around is
    replaced; what it `takes` out into another picture; or the shape that it `traces`."""
    widens: bool = False
    """Whether a mask that it gives selects at least what the masks select that it takes."""
    planned: bool = True
    """Whether planners are told of it; what only makes sense after a look at a result is for the repair loop."""

    @cached_property
    def required(self) -> tuple[Port | Param, ...]:
        """The arguments that every call has to give."""
        arguments: list[Port | Param] = [*self.ports.values(), *self.params.values()]
        return tuple(argument for argument in arguments if argument.required)

    @property
    def generative(self) -> bool:
        return self.panel == "generative"

    def schema(self) -> dict[str, Any]:
        """JSON Schema of a step's `args`."""
        refs = {"anyOf": [REFERENCE, {"type": "array", "items": REFERENCE, "minItems": 1}]}
        properties: dict[str, Any] = {
            p.name: {**(refs if p.type.many else REFERENCE), "title": str(p.type)} for p in self.ports.values()
        }
        for param in self.params.values():
            schema = param.schema
            takes_text = schema.get("type") == "string"
            properties[param.name] = schema if takes_text or not param.accepts else {"anyOf": [schema, REFERENCE]}
        required = [argument.name for argument in self.required]
        return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


class ToolFunction(Protocol[_Arguments, _Returned_co]):
    """A function that is a tool: callable as it was written, with two attributes more."""

    tool: Tool
    """What it is to a planner and an engine."""

    def __call__(self, *args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Returned_co: ...

    def batched(self, function: _BatchFunction, /) -> _BatchFunction:
        """Declare how several calls are made at once; the decorated function itself is returned as it is."""


def tool(
    *,
    family: Family,
    panel: Panel | None = None,
    models: Mapping[str, type] | None = None,
    version: int = 1,
    batch_size: int = 8,
    hides: Hiding | None = None,
    reshapes: bool = False,
    mask_use: MaskUse = "edits",
    widens: bool = False,
    planned: bool = True,
) -> Callable[[Callable[_Arguments, _Returned_co]], ToolFunction[_Arguments, _Returned_co]]:
    """Declare a function to be a tool; it stays callable as it is, and `function.tool` describes it.

    `panel` follows from the family (generator: generative; editor: plain; the rest: discriminative) unless
    given. Raise `version` whenever the same arguments give another result, so that kept results are not reused.
    `batch_size` is the most calls that the form declared with `function.batched`, if any, gets at once. `hides` says
    that things are gone, or cannot be made out, after the edit, `reshapes` that pixels have moved, `mask_use` what
    its mask stands for, and `widens` that a mask becomes no smaller: from that follows what is checked afterwards.
    Planners are not told of a tool that is not `planned`.
    """
    chosen: Panel = panel or {"generator": "generative", "editor": "plain"}.get(family, "discriminative")  # type: ignore[assignment]

    def describe(function: Callable[_Arguments, _Returned_co]) -> ToolFunction[_Arguments, _Returned_co]:
        declared = cast("ToolFunction[_Arguments, _Returned_co]", function)
        described = _describe(function, family, chosen, dict(models or {}), version)
        declared.tool = replace(described, batch_size=batch_size, planned=planned)
        declared.tool = replace(declared.tool, hides=hides, reshapes=reshapes, mask_use=mask_use, widens=widens)

        def batched(batch: _BatchFunction) -> _BatchFunction:
            declared.tool = replace(declared.tool, batch=batch)
            return batch

        declared.batched = batched  # type: ignore[method-assign]
        return declared

    return describe


def _describe(
    function: Callable[..., Any], family: Family, panel: Panel, models: dict[str, type], version: int
) -> Tool:
    hints = typing.get_type_hints(function, include_extras=True)
    ports: dict[str, Port] = {}
    params: dict[str, Param] = {}
    for name, argument in inspect.signature(function).parameters.items():
        if name in models:
            continue
        required = argument.default is inspect.Parameter.empty
        edge = edge_type(hints[name])
        if edge:
            ports[name] = Port(name, edge, required)
        else:
            params[name] = Param(name, hints[name], required, None if required else argument.default)
    output = edge_type(hints["return"])
    if output is None:
        raise TypeError(f"tool {function.__name__!r} must return a value type, not {hints['return']!r}")
    if not function.__doc__:
        raise TypeError(f"tool {function.__name__!r} needs a docstring: it is what a planner reads")
    summary = " ".join(inspect.cleandoc(function.__doc__).split("\n\n")[0].split())
    return Tool(function.__name__, family, panel, version, summary, ports, params, output, models, function)


def edge_type(annotation: Any) -> Type | None:
    """Return the edge type of an annotation (`Image`, `Image | None`, `list[Image]`), or None for a parameter."""
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in (Union, types.UnionType):
        inner = [a for a in get_args(annotation) if a is not type(None)]
        return edge_type(inner[0]) if len(inner) == 1 else None
    if get_origin(annotation) is list:
        item = edge_type(get_args(annotation)[0])
        return Type(item.kind, many=True) if item else None
    if isinstance(annotation, type) and issubclass(annotation, Value):
        return Type(annotation.kind)
    return None
