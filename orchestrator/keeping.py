"""The I/O lane: makes what a run has produced durable, beside the lanes that compute.

Results go first and events second, so that a step whose end is in the log has its result in the store: whatever the
moment at which the process dies, a finished step is not made again. (Not so once the store cannot be written: the log
goes on then, and the run says so.)
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType

from ..tools.errors import UsageError
from .estimates import Estimates
from .log import Log
from .store import Store

_PAUSE_SECONDS = 0.1
"""Between two rounds, so that what many quick steps produce goes into one transaction."""


class Keeper:
    """Flushes while its block lasts, and once more at its end.

    `on_trouble` hears, on the I/O lane, of a disk that is full or cannot be written; the run goes on.
    """

    def __init__(
        self, log: Log, store: Store | None, estimates: Estimates, on_trouble: Callable[[UsageError], None]
    ) -> None:
        self._log, self._store, self._estimates = log, store, estimates
        self._on_trouble = on_trouble
        self._one_at_a_time = threading.Lock()
        self._wanted = threading.Event()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="diptych-io", daemon=True)

    def __enter__(self) -> Keeper:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._wanted.set()
        self._thread.join()
        self.flush()

    def poke(self) -> None:
        """There is something to keep."""
        if not self._wanted.is_set():
            self._wanted.set()

    def flush(self) -> None:
        """Make everything durable that was produced before this call."""
        with self._one_at_a_time:
            mark = self._log.mark()
            try:
                if self._store is not None:
                    self._store.flush()
                self._estimates.flush()
            except UsageError as error:
                self._on_trouble(error)
            try:
                self._log.flush(mark)
            except UsageError as error:
                self._on_trouble(error)

    def _keep(self) -> None:
        while not self._over.is_set():
            self._wanted.wait()
            self._wanted.clear()
            self.flush()
            self._over.wait(_PAUSE_SECONDS)
