"""What every value on an edge has in common: a digest, a codec, and no way to change it."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from .codec import dumps, pack

Array = NDArray[Any]


class Value(ABC):
    """An immutable, content-addressed value.

    A subclass says how it splits into named arrays and plain JSON facts (`parts`) and how it is put
    together again (`join`). Digest and codec follow from these two, so they cannot disagree.
    """

    kind: ClassVar[str]
    """The name used in signatures and plans, e.g. `Image`."""

    @abstractmethod
    def parts(self) -> tuple[dict[str, Array], dict[str, Any]]:
        """Return (arrays by name, JSON-serialisable facts)."""

    @classmethod
    @abstractmethod
    def join(cls, arrays: Mapping[str, Array], facts: Mapping[str, Any]) -> Self:
        """Inverse of `parts`."""

    @property
    def digest(self) -> str:
        """Sha256 over kind, facts, and the shape, dtype and bytes of each array; 64 hex digits, computed once.

        No `cached_property`: before Python 3.12 one lock of it lets no two threads compute digests at a time.
        """
        known: str | None = self.__dict__.get("_digest")
        if known is None:
            known = self.__dict__["_digest"] = self._hashed()
        return known

    def _hashed(self) -> str:
        arrays, facts = self.parts()
        state = hashlib.sha256(f"{self.kind}\0{dumps(facts)}\0".encode())
        for name in sorted(arrays):
            array = np.ascontiguousarray(arrays[name])
            state.update(f"{name}\0{array.dtype.str}\0{array.shape}\0".encode())
            state.update(array.reshape(-1).data if array.size else b"")
        return state.hexdigest()

    def buffers(self) -> list[Any]:
        """Return what `encode` joins: a header and views of the arrays, so that a large value is written uncopied."""
        arrays, facts = self.parts()
        return pack(arrays, self.kind, facts)

    def encode(self) -> bytes:
        """Serialise to safetensors: the arrays, with kind and facts in the header."""
        return b"".join(self.buffers())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Value) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    @property
    def nbytes(self) -> int:
        """Host memory held by the arrays, in bytes."""
        return sum([part.nbytes for part in vars(self).values() if isinstance(part, np.ndarray)])


def frozen(array: Array) -> Array:
    """Return a read-only, C-contiguous view or copy; writing to it raises ValueError."""
    result = np.ascontiguousarray(array)
    if result is array and array.flags.writeable:
        result = array.view()
    result.flags.writeable = False
    return result
