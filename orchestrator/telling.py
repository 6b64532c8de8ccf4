"""What a run says while it goes on: events for the log and for whoever watches, results for the store."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from ..tools.errors import UsageError
from .calls import Held
from .engine import Engine
from .keeping import Keeper
from .lane import Cost
from .log import Event


class Teller:
    """The voice of one run; everything but `pass_on` may be called from any thread."""

    def __init__(self, engine: Engine, run: str) -> None:
        self._engine, self._run, self._append = engine, run, engine.log.append
        self._untold: deque[Event] = deque()
        self._warned = False
        self.keeper = Keeper(engine.log, engine.store, engine.estimates, self.warn)

    def emit(self, kind: str, step: str | None = None, facts: Mapping[str, Any] | None = None) -> None:
        """Say that something happened."""
        self._untold.append(self._append(self._run, kind, step, facts))

    def pass_on(self, on_event: Callable[[Event], None]) -> None:
        """Call `on_event` with what has happened since the last time."""
        while self._untold:
            on_event(self._untold.popleft())

    def of_models(self, kind: str, facts: Mapping[str, object]) -> None:
        """Say what became of a model."""
        self.emit(kind, None, facts)

    def keep(self, key: str, held: Held) -> None:
        """Put the result of a call into the store, if there is one."""
        store, values = self._engine.store, held.values
        if store is not None and values is not None:
            try:
                store.add(key, held.digests, values, many=held.many)
            except UsageError as error:
                self.warn(error)

    def cost(self, cost: Cost) -> None:
        """Note what a call took."""
        self._engine.estimates.record(cost.tool, cost.megapixels, cost.seconds, cost.memory_mb)

    def warn(self, error: UsageError) -> None:
        """Go on without keeping results: the run is worth more than its cache. Said once."""
        if not self._warned:
            self._warned = True
            self.emit("note", None, {"warning": str(error)})
