"""What lives on a worker of a Ray cluster: the models, one lane, and the values it has seen last.

Nothing that arrives here is code: a call names its tool by id and its inputs by digest, the catalogue is loaded
from what is installed on the worker, and values travel in the project's own encoding.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib import import_module
from typing import Any

from ..tools.catalogue import Catalogue, load_catalogue
from ..tools.errors import Cancelled, UsageError
from ..tools.values import Value, decode
from .calls import Call, Held, Wire
from .lane import Cost, Failure, Lane, Outcome
from .pool import ModelPool, device_budget_mb
from .remote_parcels import Parcel, digests_of, unpacked_profile

CACHE_BYTES = 1 << 30
"""Bound of the values that a worker keeps, so that a step finds the result of the one before it."""


@dataclass
class Reply:
    """What a worker sends back: plain values and encoded ones."""

    outcomes: list[dict[str, Any]] = field(default_factory=list)
    """Per call `{values: [bytes], digests, many}`, `{failure: {message, …}}` or `{cancelled}`."""
    missing: list[str] = field(default_factory=list)
    """Digests that are not here: nothing was computed, and the call must be sent again with their values."""
    costs: list[dict[str, Any]] = field(default_factory=list)
    models: list[tuple[str, dict[str, object]]] = field(default_factory=list)
    """What the pool told: models that were loaded and dropped."""


@dataclass
class _Watch:
    """How far a call is, and whether it is to stop."""

    stop: bool = False
    done: int = 0
    total: int = 0


class Worker:
    """The actor. One `attempt` at a time works on one of its threads, `beat` answers on another one meanwhile."""

    def __init__(self, profile: Mapping[str, Any], catalogue: str | None, share: float) -> None:
        self._profile = unpacked_profile(profile)
        self._catalogue = catalogue_called(catalogue)
        self._pool = ModelPool(device_budget_mb(self._profile.device) * share)
        self._values = _Values(CACHE_BYTES)
        self._watches: dict[str, _Watch] = {}
        self._lock = threading.Lock()

    def attempt(self, parcels: Sequence[Parcel], refs: Mapping[str, Any], token: str) -> dict[str, Any]:
        """Make the calls; `refs` lead to the encoded values of inputs that may not be here. Returns a `Reply`."""
        watch = self._watch(token)
        try:
            wanted = {digest for parcel in parcels for digest in digests_of(parcel)}
            inputs = Inputs(self._values.fetch(wanted, refs))
            if len(inputs.values) < len(wanted):
                return asdict(Reply(missing=sorted(wanted - inputs.values.keys())))
            return asdict(self._make(parcels, inputs, watch))
        finally:
            with self._lock:
                self._watches.pop(token, None)

    def beat(self, token: str, stop: bool) -> tuple[int, int]:
        """Return how far the call is, (done, total), and make it give up at its next tick if `stop`."""
        watch = self._watch(token)
        watch.stop = watch.stop or stop
        return watch.done, watch.total

    def _watch(self, token: str) -> _Watch:
        with self._lock:
            while len(self._watches) > 100:  # beats that came after their call had ended
                self._watches.pop(next(iter(self._watches)))
            return self._watches.setdefault(token, _Watch())

    def _make(self, parcels: Sequence[Parcel], inputs: Inputs, watch: _Watch) -> Reply:
        reply = Reply()

        def hook(done: int, total: int) -> None:
            watch.done, watch.total = done, total
            if watch.stop:
                raise Cancelled("the run was cancelled")

        def note(cost: Cost) -> None:
            reply.costs.append(asdict(cost))

        lane = Lane(self._profile, self._pool, lambda kind, facts: reply.models.append((kind, facts)), note)
        try:
            calls = [self._call(parcel, inputs) for parcel in parcels]
        except UsageError as error:
            reply.outcomes = [self._pack(Failure(str(error)))] * len(parcels)
            return reply
        reply.outcomes = [self._pack(outcome) for outcome in lane.attempt(calls, hook)]
        return reply

    def _call(self, parcel: Parcel, inputs: Inputs) -> Call:
        tool = self._catalogue.get(parcel["tool"])
        if tool is None or tool.version != parcel["version"]:
            has = "does not have it" if tool is None else f"has version {tool.version}"
            raise UsageError(
                f"tool {parcel['tool']!r}, version {parcel['version']}: the worker {has}; "
                "install the same Diptych and the same tool packages on every machine"
            )
        wires = {port: Wire(tuple(digests), many) for port, (digests, many) in parcel["wires"].items()}
        return Call(parcel["key"], tool, wires, parcel["params"], inputs)

    def _pack(self, outcome: Outcome) -> dict[str, Any]:
        if isinstance(outcome, Failure):
            return {"failure": asdict(outcome)}
        if isinstance(outcome, Cancelled):
            return {"cancelled": str(outcome)}
        values = outcome.values or ()
        for value in values:
            self._values.put(value)
        return {
            "values": [value.encode() for value in values],
            "digests": list(outcome.digests),
            "many": outcome.many,
        }


@dataclass(frozen=True)
class Inputs:
    """The inputs of some calls by digest: the source that the calls take them from."""

    values: Mapping[str, Value]

    def held(self, name: str) -> Held:
        """Return what is known of a digest: the value itself."""
        return Held.of(self.values[name])

    def value(self, name: str) -> Value:
        """Return the value of a digest."""
        return self.values[name]


class _Values:
    """The values seen last, by digest."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes, self._bytes = max_bytes, 0
        self._values: OrderedDict[str, Value] = OrderedDict()
        self._lock = threading.Lock()

    def fetch(self, digests: Iterable[str], refs: Mapping[str, Any]) -> dict[str, Value]:
        """Return those values that are here or that `refs` lead to."""
        import ray

        found: dict[str, Value] = {}
        for digest in digests:
            value = self._values.get(digest)
            if value is None and digest in refs:
                value = decode(ray.get(refs[digest]))
            if value is not None:
                found[digest] = value
                self.put(value)
        return found

    def put(self, value: Value) -> None:
        """Keep a value; the least recently used ones make room."""
        digest = value.digest
        with self._lock:
            if digest not in self._values:
                self._bytes += value.nbytes
            self._values[digest] = value
            self._values.move_to_end(digest)
            while self._bytes > self._max_bytes:
                _, oldest = self._values.popitem(last=False)
                self._bytes -= oldest.nbytes


def catalogue_called(name: str | None) -> Catalogue:
    """Return the installed tools, or the `Catalogue` that a `module:NAME` leads to. Raises UsageError."""
    if name is None:
        return load_catalogue()
    module, _, attribute = name.partition(":")
    try:
        found = getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise UsageError(f"there is no catalogue {name!r}: {error}; give module:NAME") from None
    if not isinstance(found, Catalogue):
        raise UsageError(f"{name!r} is {type(found).__name__}, not a Catalogue; give module:NAME of one")
    return found
