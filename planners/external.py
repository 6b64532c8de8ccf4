"""A catalogue of tools that are not ours, from a JSON file: to plan with them, not to run them.

    {"tools": [
      {"name": "OCR", "description": "Read all text on the image.",
       "inputs": [{"name": "image", "type": "Image"}], "output": "Text"},
      {"name": "Search", "description": "Search the web.",
       "inputs": [{"name": "query", "type": "text"},
                  {"name": "k", "type": "integer", "required": false, "default": 10}], "output": "Text"}]}

Types that begin with a capital are values that flow along edges: `Image`, `List[Image]`, or any kind of your own,
like `Audio`. `text`, `number`, `integer`, `boolean` and `texts` are written into the plan; a text may also be a
reference to a Text or a Number, a number one to a Number. `choices` lists the texts that are allowed. `family` may
say what sort of tool it is; otherwise the output says it.

The Catalogue that comes out is like any other: validation, schema, shorthand, grammar and prompt work with it.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ..tools.catalogue import Catalogue
from ..tools.errors import ToolError, UsageError
from ..tools.tool import NAME, Family, Param, Port, Tool, Type
from .notation import arguments

ADAPTER = Path(__file__).parent / "adapter" / "external.safetensors"
"""What the embedded planner plans with where a catalogue is not ours: it has learnt to read descriptions."""
MAX_BYTES = 2_000_000
_LONGEST_SUMMARY = 160
"""Characters of a description that a small model is told."""
_SENTENCE = re.compile(r"(?<=[.!?])\s+")
_ELSEWHERE = "a catalogue file"
_KIND = r"[A-Z][A-Za-z0-9]{0,31}"
_PLAIN: dict[str, Any] = {"text": str, "number": float, "integer": int, "boolean": bool, "texts": list[str]}
_FAMILY_OF: dict[str, Family] = {
    "Detections": "detector",
    "Layout": "detector",
    "Mask": "segmenter",
    "Labels": "classifier",
    "Number": "measure",
    "Verdict": "measure",
}

Name = Annotated[str, Field(pattern=f"^{NAME}$")]
Edge = Annotated[str, Field(pattern=rf"^({_KIND}|List\[{_KIND}\])$")]
Words = Annotated[str, Field(max_length=1000)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ExternalInput(_Part):
    """One argument of a tool."""

    name: Name
    type: Edge | Literal["text", "number", "integer", "boolean", "texts"]
    description: Words = ""
    required: bool = True
    default: Any = None
    choices: list[str] = []

    @model_validator(mode="after")
    def _sound(self) -> ExternalInput:
        if self.choices and self.type != "text":
            raise ValueError(f"input {self.name!r}: only a text has choices, not {self.type}")
        return self


class ExternalTool(_Part):
    """One tool, as the file describes it."""

    name: Name
    description: Annotated[str, Field(min_length=1, max_length=1000)]
    inputs: list[ExternalInput] = []
    output: Edge
    family: Family | None = None

    @model_validator(mode="after")
    def _sound(self) -> ExternalTool:
        names = [entry.name for entry in self.inputs]
        for name in {name for name in names if names.count(name) > 1}:
            raise ValueError(f"tool {self.name!r} has two inputs called {name!r}")
        return self


class ExternalCatalogue(_Part):
    """The whole file."""

    tools: Annotated[list[ExternalTool], Field(min_length=1, max_length=2000)]


def external(document: Any) -> Catalogue:
    """Return the tools of a document in the format above. Raises UsageError that says where it is not in it."""
    try:
        return Catalogue(_tool(entry) for entry in ExternalCatalogue.model_validate(document).tools)
    except ValidationError as error:
        detail = error.errors()[0]
        place = ".".join(str(part) for part in detail["loc"])
        raise UsageError(f"catalogue, {place or 'document'}: {detail['msg']}") from None


def load_external(path: str | Path) -> Catalogue:
    """Read a catalogue file of at most 2 MB. Raises UsageError where it cannot be read or is not in the format."""
    path = Path(path)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UsageError(f"catalogue {path.name!r} has more than {MAX_BYTES:,} bytes")
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"catalogue {path.name!r} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"catalogue {path.name!r} is not JSON: {error}") from None
    return external(document)


def is_external(catalogue: Catalogue) -> bool:
    """Whether some of the tools come from a catalogue file."""
    return any(tool.function.__module__ == _ELSEWHERE for tool in catalogue.values())


def told(catalogue: Catalogue) -> str:
    """Return what a model that does not know a catalogue is told before the request: its tools, one a line."""
    return "\n".join(["Write the request as calls of these tools:", *map(_line, catalogue.values())])


def _line(tool: Tool) -> str:
    required = [name for name, argument in arguments(tool) if argument.required]
    return f"{tool.id} {' '.join(required)} - {_brief(tool.summary)}"


def _brief(summary: str) -> str:
    """Return as many sentences of a description as are short together, at least one, cut off where it is long."""
    brief = ""
    for sentence in _SENTENCE.split(summary):
        if brief and len(brief) + len(sentence) >= _LONGEST_SUMMARY:
            break
        brief = f"{brief} {sentence}".strip()
    return brief if len(brief) <= 2 * _LONGEST_SUMMARY else brief[: 2 * _LONGEST_SUMMARY].rsplit(" ", 1)[0] + " …"


def _tool(entry: ExternalTool) -> Tool:
    ports = {i.name: Port(i.name, _type(i.type), i.required) for i in entry.inputs if i.type not in _PLAIN}
    params = {i.name: _param(i) for i in entry.inputs if i.type in _PLAIN}
    output = _type(entry.output)
    family = entry.family or _family(output, any(port.type.kind == "Image" for port in ports.values()))
    panel: Any = {"generator": "generative", "editor": "plain"}.get(family, "discriminative")
    summary = " ".join(entry.description.split())
    return Tool(entry.name, family, panel, 1, summary, ports, params, output, {}, _not_here(entry.name))


def _type(text: str) -> Type:
    """Read a type as it stands: unlike our own catalogue's, its kinds are not limited to the values that we have."""
    return Type(text[5:-1], many=True) if text.startswith("List[") else Type(text)


def _param(entry: ExternalInput) -> Param:
    annotation = Literal[tuple(entry.choices)] if entry.choices else _PLAIN[entry.type]
    if entry.description:
        annotation = Annotated[annotation, Field(description=" ".join(entry.description.split()))]
    if not entry.required:
        annotation = annotation | None
    return Param(entry.name, annotation, entry.required, entry.default)


def _family(output: Type, takes_image: bool) -> Family:
    if output.kind == "Image":
        return "editor" if takes_image else "generator"
    return _FAMILY_OF.get(output.kind, "captioner")


def _not_here(name: str) -> Any:
    def call(**arguments: Any) -> NoReturn:
        raise ToolError(f"the tool {name!r} comes from a catalogue file: it can be planned with, not run")

    call.__module__, call.__qualname__ = _ELSEWHERE, name
    return call
