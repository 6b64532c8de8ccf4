"""How a tool says how far it is, learns that it should stop, and tells what is no error but should be known."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextvars import ContextVar

Hook = Callable[[int, int], None]
"""Called with (steps done, steps in all); raises Cancelled when the run is to stop."""

Say = Callable[[str], None]
"""Called with a sentence for the person who started the run."""

_watcher: ContextVar[watched | None] = ContextVar("diptych_progress", default=None)
_logger = logging.getLogger(__name__)


def note(sentence: str) -> None:
    """Tell what is no error, but may explain a result: a word that a model does not know, a prompt that was cut.

    It is in the log and the result of the run; outside of a run it is logged as a warning.
    """
    watcher = _watcher.get()
    if watcher and watcher.say:
        watcher.say(sentence)
    else:
        _logger.warning(sentence)


def tick(done: int, total: int) -> None:
    """Report that `done` of `total` equal parts are finished; call it between them.

    Does nothing outside of a run. Raises Cancelled when the run was cancelled: let it pass.
    """
    watcher = _watcher.get()
    if watcher:
        watcher.hook(done, total)


class watched:
    """Send the ticks of this thread to `hook`, and its notes to `say`, for the length of the block."""

    __slots__ = ("_token", "hook", "say")

    def __init__(self, hook: Hook, say: Say | None = None) -> None:
        self.hook, self.say = hook, say

    def __enter__(self) -> None:
        self._token = _watcher.set(self)

    def __exit__(self, *error: object) -> None:
        _watcher.reset(self._token)
