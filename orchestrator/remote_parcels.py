"""What travels between this process and the workers of a cluster: plain values, digests, and encoded values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, TypedDict

from ..planners.plan import Step
from ..tools.catalogue import Catalogue
from ..tools.errors import Cancelled, ToolError
from ..tools.profiles import Binding, Profile
from ..tools.values import Value, decode
from .calls import Call, Held, Source
from .lane import Failure, Outcome


class Parcel(TypedDict):
    """One call on its way to a worker; several calls of one tool make a batch."""

    key: str
    tool: str
    version: int
    wires: Mapping[str, tuple[Sequence[str], bool]]
    """Port → (digests, whether it takes a list)."""
    params: Mapping[str, Any]


class Line(TypedDict):
    """The steps that follow a call, each of which takes the result of the one before."""

    first: str
    """The step that the call is of."""
    steps: Sequence[tuple[Mapping[str, Any], int]]
    """(a step as plain values, the version of its tool), in order."""
    outside: Mapping[str, tuple[Sequence[str], bool]]
    """What else they take: name of an input or finished step → (digests, whether it is a list)."""


class Made(TypedDict):
    """What a worker made of a call, of a batch, or of one step of a line."""

    keys: list[str]
    outcomes: list[dict[str, Any]]
    """Per call `{values: [bytes], digests, many}`, `{failure: {message, …}}` or `{cancelled}`."""
    costs: list[dict[str, Any]]
    models: list[tuple[str, dict[str, object]]]
    """What the pool told: models that were loaded and dropped."""


class Beat(TypedDict):
    """How far a task is. Each result is in one beat and in no other."""

    at: int
    """How many of its steps are made, and so which one runs."""
    key: str
    """The key of that step, where it is one of a line; else empty."""
    done: int
    total: int
    made: list[Made]
    """The last ones of those that are made."""


class Reply(TypedDict):
    """How a task ended."""

    missing: list[str]
    """Digests that are not with the worker: nothing was computed, and the task must be sent again with their values."""
    last: Beat


def digests_of(parcel: Parcel) -> list[str]:
    """Return the inputs of a call."""
    return [digest for digests, _ in parcel["wires"].values() for digest in digests]


def packed_profile(profile: Profile) -> dict[str, Any]:
    """Return a profile as plain values."""
    bindings = {capability: asdict(binding) for capability, binding in profile.bindings.items()}
    facts = {"name": profile.name, "summary": profile.summary, "device": profile.device, "dtype": profile.dtype}
    return {**facts, "bindings": bindings}


def unpacked_profile(document: Mapping[str, Any]) -> Profile:
    """Return the profile of plain values."""
    bindings = {capability: Binding(**facts) for capability, facts in document["bindings"].items()}
    return Profile(**{**document, "bindings": bindings})


def parcel_of(call: Call) -> Parcel:
    """Return a call as plain values."""
    wires = {}
    for port, wire in call.wires.items():
        digests = wire.digests(call.source)
        wires[port] = ([digests] if isinstance(digests, str) else list(digests or ()), wire.many)
    return Parcel(key=call.key, tool=call.tool.id, version=call.tool.version, wires=wires, params=dict(call.params))


def line_of(first: Step, steps: Sequence[Step], catalogue: Catalogue, source: Source) -> Line:
    """Return the steps that follow `first` as plain values."""
    own = {first.id, *(step.id for step in steps)}
    names = {name for step in steps for _, name in step.references} - own
    outside = {name: (list(held.digests), held.many) for name in sorted(names) for held in [source.held(name)]}
    documents = [(step.model_dump(mode="json", exclude_none=True), catalogue[step.tool].version) for step in steps]
    return Line(first=first.id, steps=documents, outside=outside)


def digests_beside(line: Line) -> list[str]:
    """Return the inputs of a line that its steps do not make themselves."""
    return [digest for digests, _ in line["outside"].values() for digest in digests]


def finder(calls: Sequence[Call], line: Line | None = None) -> Callable[[str], Value]:
    """Return what finds the value of a digest among the inputs of some calls, and of the line that follows."""
    wires = [(call, wire) for call in calls for wire in call.wires.values()]
    outside = line["outside"] if line else {}

    def find(digest: str) -> Value:
        for call, wire in wires:
            digests = wire.digests(call.source)
            flat = [digests] if isinstance(digests, str) else list(digests or ())
            if digest in flat:
                values = wire.value(call.source)
                return values[flat.index(digest)] if isinstance(values, list) else values
        for name, (found, _) in outside.items():
            if digest in found:
                result = calls[0].source.value(name)
                return result[list(found).index(digest)] if isinstance(result, tuple) else result
        raise KeyError(digest)

    return find


def packed(outcome: Outcome) -> dict[str, Any]:
    """Return an outcome as plain values and encoded ones."""
    if isinstance(outcome, Failure):
        return {"failure": asdict(outcome)}
    if isinstance(outcome, Cancelled):
        return {"cancelled": str(outcome)}
    values = [value.encode() for value in outcome.values or ()]
    return {"values": values, "digests": list(outcome.digests), "many": outcome.many}


def outcome_of(outcome: Mapping[str, Any]) -> Outcome:
    """Return the outcome in a reply. Raises ToolError when a value is not the one that its digest names."""
    if "failure" in outcome:
        return Failure(**outcome["failure"])
    if "cancelled" in outcome:
        return Cancelled(outcome["cancelled"])
    values = tuple(decode(data) for data in outcome["values"])
    held = Held(tuple(value.digest for value in values), outcome["many"], values)
    if held.digests != tuple(outcome["digests"]):
        raise ToolError("a result changed on its way from the worker", hint="run the plan once more", retryable=True)
    return held
