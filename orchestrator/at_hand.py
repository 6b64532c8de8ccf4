"""What the store of a process has at hand beside the disk; the store's lock guards it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Set

from ..tools.values import Value

_VALUE_BYTES = 1024
"""What a value takes in memory beside its arrays, about."""


class Protected:
    """Whatever is in any of some sets; others may fill them meanwhile."""

    def __init__(self) -> None:
        self.sets: list[Set[str]] = []

    def __contains__(self, digest: object) -> bool:
        return any(digest in digests for digests in self.sets)


class Recent:
    """The values used last, bounded by the bytes of their arrays."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._values: OrderedDict[str, tuple[Value, int]] = OrderedDict()

    def get(self, digest: str) -> Value | None:
        """Return a value if it is at hand; it counts as used."""
        entry = self._values.get(digest)
        if entry is None:
            return None
        self._values.move_to_end(digest)
        return entry[0]

    def put(self, digest: str, value: Value) -> int:
        """Keep a value at hand and return about how many bytes it takes."""
        entry = self._values.get(digest)
        if entry is not None:
            self._values.move_to_end(digest)
            return entry[1]
        size = value.nbytes + _VALUE_BYTES
        self._values[digest] = (value, size)
        self._bytes += size
        while self._bytes > self._max_bytes:
            _, (_, oldest) = self._values.popitem(last=False)
            self._bytes -= oldest
        return size
