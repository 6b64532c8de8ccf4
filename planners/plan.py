"""The Plan: one JSON document that an LLM writes, a file holds, a PNG carries, and a run replays."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..tools.errors import PlanError, Problem
from ..tools.tool import NAME

REFERENCE = re.compile(r"\$([A-Za-z_]\w*)")
Name = Annotated[str, Field(pattern=f"^{NAME}$")]
Reference = Annotated[str, Field(pattern=r"^\$[A-Za-z_]\w*$")]


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Step(_Document):
    """One call of a tool."""

    id: Name
    tool: str
    args: dict[str, Any] = {}
    """Argument → `$name` of an input or step (a list of them for a list port), or a plain JSON value."""
    for_each: str | None = None
    """Name of the argument that holds a list: the step runs once per item and gives a list."""
    when: Annotated[str, Field(pattern=r"^(not )?\$[A-Za-z_]\w*$")] | None = None
    """Run only if this Verdict passed or Number is not 0; otherwise hand the image through unchanged."""

    @cached_property
    def references(self) -> tuple[tuple[str, str], ...]:
        """(argument, referenced name) of each reference; the condition comes as argument `when`."""
        found: list[tuple[str, str]] = []
        for argument, value in self.args.items():
            for item in value if isinstance(value, list) else (value,):
                name = referenced(item)
                if name:
                    found.append((argument, name))
        if self.when:
            found.append(("when", self.when.rpartition("$")[2]))
        return tuple(found)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy with other fields; its references are its own."""
        copy = super().model_copy(update=update, deep=deep)
        copy.__dict__.pop("references", None)
        return copy


class Check(BaseModel):
    """A promise about the result: the id of a tool that gives a Verdict, and its arguments beside it."""

    model_config = ConfigDict(frozen=True, extra="allow")

    check: str

    @property
    def args(self) -> dict[str, Any]:
        return dict(self.model_extra or {})


class Plan(_Document):
    """A graph of tool calls over named inputs."""

    version: Literal[1] = 1
    request: str = ""
    inputs: dict[Name, str] = {}
    """Input name → type, e.g. `{"photo": "Image"}`."""
    steps: list[Step] = []
    outputs: list[Reference] = []
    checks: list[Check] = []

    def step(self, id: str) -> Step:
        """Return the step called `id`. Raises KeyError."""
        for step in self.steps:
            if step.id == id:
                return step
        raise KeyError(id)

    def checked_steps(self) -> list[Step]:
        """Return the checks as steps, called `check_1`, `check_2`, …"""
        return [Step(id=f"check_{i}", tool=c.check, args=c.args) for i, c in enumerate(self.checks, 1)]

    def to_json(self, indent: int | None = None) -> str:
        """Serialise; keys and values that are at their default are left out of steps."""
        return self.model_dump_json(indent=indent, exclude_defaults=False, exclude_none=True)

    def document(self) -> dict[str, Any]:
        """Return the plan as plain JSON values."""
        return self.model_dump(mode="json", exclude_none=True)


def referenced(value: Any) -> str | None:
    """Return the name in `$name`, or None when the value is not a reference."""
    if not isinstance(value, str) or value[:1] != "$":
        return None
    match = REFERENCE.fullmatch(value)
    return match[1] if match else None


def parse_plan(document: Mapping[str, Any] | str | bytes) -> Plan:
    """Read a plan from JSON text or plain values. Raises PlanError with every malformed field."""
    try:
        if isinstance(document, (str, bytes)):
            return Plan.model_validate_json(document)
        return Plan.model_validate(document)
    except ValidationError as error:
        raise PlanError([_malformed(detail, document) for detail in error.errors()]) from None


def _malformed(detail: Any, document: Any) -> Problem:
    place = ".".join(str(part) for part in detail["loc"])
    message = detail["msg"][:1].lower() + detail["msg"][1:]
    return Problem(f"plan field {place or 'document'}: {message}", kind="malformed")
