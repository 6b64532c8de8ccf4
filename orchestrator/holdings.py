"""The values of one run: held while somebody needs them, loaded again when not, computed again when lost."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from ..tools.errors import ToolError
from ..tools.values import Value
from .calls import Held, Result
from .store import Store


class Holdings:
    """What references lead to; the source that calls take their inputs from.

    `again` computes the result of a step once more: for a blob that was damaged or pruned meanwhile.
    """

    def __init__(self, store: Store | None, again: Callable[[str], tuple[Value, ...]]) -> None:
        self._store = store
        self._again = again
        self._held: dict[str, Held] = {}
        self._digests: set[str] = set()
        """Everything that was held; the store does not prune it."""
        self._healing = threading.RLock()
        if store is not None:
            store.protect(self._digests)

    def put(self, name: str, held: Held) -> None:
        """Hold the content of an input or a finished step; what the store has of it stays there."""
        self._held[name] = held
        self._digests.update(held.digests)

    def find(self, name: str) -> Held | None:
        return self._held.get(name)

    def held(self, name: str) -> Held:
        """Return the content of an input or finished step."""
        return self._held[name]

    def value(self, name: str) -> Result:
        """Return a value, wherever it has to be taken from. Raises ToolError when a lost one cannot be made again."""
        held = self._held[name]
        values = held.values
        if values is None:
            with self._healing:
                values = held.values = held.values or self.loaded(held) or self._made_again(name, held)
        return values if held.many else values[0]

    def loaded(self, held: Held) -> tuple[Value, ...] | None:
        """Return the values from the store, or None when any of them is not there."""
        if self._store is None:
            return None
        values = tuple(value for digest in held.digests if (value := self._store.value(digest)) is not None)
        return values if len(values) == len(held.digests) else None

    def lasting(self, held: Held | None) -> Result | None:
        """Return a value as long as it is held or kept; nothing is computed."""
        values = (held.values or self.loaded(held)) if held else None
        if held is None or values is None:
            return None
        return values if held.many else values[0]

    def let_go(self, name: str) -> None:
        """Drop the pixels that nobody waits for; the store has them."""
        if self._store is not None and name in self._held:
            self._held[name].values = None

    def close(self) -> None:
        """Let the store prune what this run needed, and let go of the run: records outlive it and hold on to this."""
        self._again = _nobody
        if self._store is not None:
            self._store.release(self._digests)

    def _made_again(self, name: str, held: Held) -> tuple[Value, ...]:
        values = self._again(name)
        if tuple(value.digest for value in values) != held.digests:
            raise ToolError(
                f"the kept result of {name!r} was lost, and its tool gave another one when it ran again",
                hint="run the plan once more",
                retryable=True,
            )
        return values


def _nobody(name: str) -> tuple[Value, ...]:
    raise ToolError(f"the result of {name!r} was lost after its run had ended", hint="run the plan once more")


def together(results: Sequence[Held | None]) -> Held:
    """Return the list that a step gives from the results of its calls; values are held when all parts hold theirs."""
    parts = [part for part in results if part is not None]
    digests = tuple(digest for part in parts for digest in part.digests)
    items = [part.values for part in parts if part.values is not None]
    values = tuple(value for item in items for value in item) if len(items) == len(parts) else None
    return Held(digests, True, values)
