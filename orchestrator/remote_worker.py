"""What lives on a worker of a Ray cluster: the models, one lane, and the values it has seen last.

Nothing that arrives here is code: a call names its tool by id and its inputs by digest, a line is steps of a plan,
the catalogue is loaded from what is installed on the worker, and values travel in the project's own encoding.

In a line each step gets the result of the one before as it is, and its key is made here, by the same rule as
everywhere. What has been made is encoded and sent while the next step runs.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib import import_module
from typing import Any

from ..planners.plan import Step
from ..tools.catalogue import Catalogue, load_catalogue
from ..tools.errors import Cancelled, ToolError, UsageError
from ..tools.tool import Tool
from .calls import Binder, Call, Held, Wire
from .lane import Cost, Failure, Lane, Outcome
from .pool import ModelPool, device_budget_mb
from .remote_parcels import Beat, Line, Made, Parcel, Reply, digests_beside, digests_of, packed, unpacked_profile
from .remote_values import Inputs, LastValues, Names

CACHE_BYTES = 1 << 30
"""Bound of the values that a worker keeps, so that a step finds the result of the one before it."""


@dataclass
class _Step:
    """What one step of a task gave, until it is sent."""

    keys: list[str]
    outcomes: Sequence[Outcome] = ()
    costs: list[dict[str, Any]] = field(default_factory=list)
    models: list[tuple[str, dict[str, object]]] = field(default_factory=list)

    def packed(self) -> Made:
        return Made(keys=self.keys, outcomes=list(map(packed, self.outcomes)), costs=self.costs, models=self.models)


@dataclass
class _Watch:
    """How far a task is, what of it has not been sent yet, and whether it is to stop."""

    stop: bool = False
    done: int = 0
    total: int = 0
    key: str = ""
    count: int = 0
    """Steps that are made; what is `unsent` of them are the last ones."""
    unsent: list[_Step] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def hook(self, done: int, total: int) -> None:
        self.done, self.total = done, total
        if self.stop:
            raise Cancelled("the run was cancelled")

    def add(self, step: _Step) -> None:
        """Take in what a step gave."""
        with self.lock:
            self.unsent.append(step)
            self.count += 1
            self.key, self.done, self.total = "", 0, 0  # those of the step that has ended

    def beat(self) -> Beat:
        """Return how far the task is, with everything that has not been sent."""
        with self.lock:
            fresh, self.unsent = self.unsent, []
            at, key, done, total = self.count, self.key, self.done, self.total
        made = [step.packed() for step in fresh]  # not under the lock: it takes a while, and the next step runs
        return Beat(at=at, key=key, done=done, total=total, made=made)


class Worker:
    """The actor. One `attempt` at a time works on one of its threads, `beat` answers on another one meanwhile."""

    def __init__(self, profile: Mapping[str, Any], catalogue: str | None, share: float) -> None:
        self._profile = unpacked_profile(profile)
        self._catalogue = catalogue_called(catalogue)
        self._pool = ModelPool(device_budget_mb(self._profile.device) * share)
        self._values = LastValues(CACHE_BYTES)
        self._watches: dict[str, _Watch] = {}
        self._lock = threading.Lock()

    def attempt(self, parcels: Sequence[Parcel], line: Line | None, refs: Mapping[str, Any], token: str) -> Reply:
        """Make the calls and, where they succeed, the line that follows.

        `refs` lead to the encoded values of inputs that may not be here.
        """
        watch = self._watch(token)
        try:
            wanted = {digest for parcel in parcels for digest in digests_of(parcel)}
            wanted.update(digests_beside(line) if line else ())
            inputs = Inputs(self._values.fetch(wanted, refs))
            missing = sorted(wanted - inputs.values.keys())
            if not missing:
                self._make(parcels, line, inputs, watch)
            return Reply(missing=missing, last=watch.beat())
        finally:
            with self._lock:
                self._watches.pop(token, None)

    def beat(self, token: str) -> Beat:
        """Return how far a task is and what it has made since the last beat."""
        return self._watch(token).beat()

    def stop(self, token: str) -> None:
        """Make a task give up at its next tick."""
        self._watch(token).stop = True

    def _watch(self, token: str) -> _Watch:
        with self._lock:
            while len(self._watches) > 100:  # beats that came after their task had ended
                self._watches.pop(next(iter(self._watches)))
            return self._watches.setdefault(token, _Watch())

    def _make(self, parcels: Sequence[Parcel], line: Line | None, inputs: Inputs, watch: _Watch) -> None:
        keys = [parcel["key"] for parcel in parcels]
        try:
            calls = [self._call(parcel, inputs) for parcel in parcels]
        except UsageError as error:
            watch.add(_Step(keys, [Failure(str(error))] * len(parcels)))
            return
        (result, *_) = self._attempt(calls, watch)
        if line and isinstance(result, Held):
            self._follow(line, result, inputs, watch)

    def _follow(self, line: Line, result: Held, inputs: Inputs, watch: _Watch) -> None:
        """Make the steps of a line up to the first that fails, or that does not even come to a call.

        Whoever sent the line makes that one alone, and so hears what is wrong with it in the usual way.
        """
        names = Names({line["first"]: result})
        for name, (digests, many) in line["outside"].items():
            names.results[name] = Held(tuple(digests), many, tuple(inputs.values[digest] for digest in digests))
        bind = Binder(self._profile, names).bind
        for document, version in line["steps"]:
            step = Step(**document)
            try:
                (call,) = bind(step, self._tool(step.tool, version))
            except (ToolError, UsageError):
                return
            watch.key = call.key
            (outcome,) = self._attempt([call], watch)
            if not isinstance(outcome, Held):
                return
            names.results[step.id] = outcome

    def _attempt(self, calls: Sequence[Call], watch: _Watch) -> Sequence[Outcome]:
        made = _Step([call.key for call in calls])

        def note(cost: Cost) -> None:
            made.costs.append(asdict(cost))

        lane = Lane(self._profile, self._pool, lambda kind, facts: made.models.append((kind, facts)), note)
        made.outcomes = lane.attempt(calls, watch.hook)
        for outcome in made.outcomes:
            for value in (outcome.values or ()) if isinstance(outcome, Held) else ():
                self._values.put(value)
        watch.add(made)
        return made.outcomes

    def _call(self, parcel: Parcel, inputs: Inputs) -> Call:
        tool = self._tool(parcel["tool"], parcel["version"])
        wires = {port: Wire(tuple(digests), many) for port, (digests, many) in parcel["wires"].items()}
        return Call(parcel["key"], tool, wires, parcel["params"], inputs)

    def _tool(self, id: str, version: int) -> Tool:
        tool = self._catalogue.get(id)
        if tool is None or tool.version != version:
            has = "does not have it" if tool is None else f"has version {tool.version}"
            raise UsageError(
                f"tool {id!r}, version {version}: the worker {has}; "
                "install the same Diptych and the same tool packages on every machine"
            )
        return tool


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
