"""The I/O lane: makes what a run has produced durable, beside the lanes that compute.

Results go first and events second, so that a step whose end is in the log has its result in the store: whatever the
moment at which the process dies, a finished step is not made again. While the store cannot be written, the run goes on
in memory and says so, and its log waits with it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType

from ..tools.errors import UsageError
from .estimates import Estimates
from .log import Log
from .store import Store

_PAUSE_SECONDS = 0.02
"""Between two rounds, so that what many quick steps produce goes into one transaction."""


class Keeper:
    """Flushes from `start` until its block ends, and once more at that end.

    `on_trouble` hears, on the I/O lane, of a disk that is full or cannot be written; the run goes on.
    """

    def __init__(
        self, log: Log, store: Store | None, estimates: Estimates, on_trouble: Callable[[UsageError], None]
    ) -> None:
        self._log, self._store, self._estimates = log, store, estimates
        self._on_trouble = on_trouble
        self._one_at_a_time = threading.Lock()
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Keeper:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        if self._thread:
            self._thread.join()
        self.flush()

    def start(self) -> None:
        """Begin to flush. A run that is over in a moment does without: it is written down in one go."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._keep, name="diptych-io", daemon=True)
            self._thread.start()

    def flush(self) -> None:
        """Make everything durable that was produced before this call."""
        with self._one_at_a_time:
            mark = self._log.mark()
            try:
                if self._store is not None:
                    self._store.flush()
            except UsageError as error:
                self._on_trouble(error)
                return  # what is not kept is not logged as finished: both wait for the next flush
            try:
                self._log.flush(mark)
                self._estimates.flush()
            except UsageError as error:
                self._on_trouble(error)

    def _keep(self) -> None:
        while not self._over.wait(_PAUSE_SECONDS):
            self.flush()
