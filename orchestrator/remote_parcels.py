"""What travels between this process and the workers of a cluster: plain values, digests, and encoded values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, TypedDict

from ..tools.errors import Cancelled, ToolError
from ..tools.profiles import Binding, Profile
from ..tools.values import Value, decode
from .calls import Call, Held
from .lane import Failure, Outcome


class Parcel(TypedDict):
    """One call on its way to a worker; several calls of one tool make a batch."""

    key: str
    tool: str
    version: int
    wires: Mapping[str, tuple[Sequence[str], bool]]
    """Port → (digests, whether it takes a list)."""
    params: Mapping[str, Any]


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


def finder(calls: Sequence[Call]) -> Callable[[str], Value]:
    """Return what finds the value of a digest among the inputs of some calls."""

    wires = [(call, wire) for call in calls for wire in call.wires.values()]

    def find(digest: str) -> Value:
        for call, wire in wires:
            digests = wire.digests(call.source)
            flat = [digests] if isinstance(digests, str) else list(digests or ())
            if digest in flat:
                values = wire.value(call.source)
                return values[flat.index(digest)] if isinstance(values, list) else values
        raise KeyError(digest)

    return find


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
