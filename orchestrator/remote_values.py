"""The values that a worker of a cluster has: those it has seen last, and those that the calls of a task take."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..tools.values import Value, decode
from .calls import Held, Result


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


@dataclass(frozen=True)
class Names:
    """What the steps of a line take, by the names of the plan: a source like that of a run."""

    results: dict[str, Held] = field(default_factory=dict)

    def held(self, name: str) -> Held:
        """Return an input, or the result of a step of the line."""
        return self.results[name]

    def value(self, name: str) -> Result:
        """Return its value."""
        return self.results[name].result


class LastValues:
    """The values seen last, by digest, up to a number of bytes."""

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
