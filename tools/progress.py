"""How a long-running tool says how far it is, and learns that it should stop."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar

Hook = Callable[[int, int], None]
"""Called with (steps done, steps in all); raises Cancelled when the run is to stop."""

_hook: ContextVar[Hook | None] = ContextVar("diptych_progress", default=None)


def tick(done: int, total: int) -> None:
    """Report that `done` of `total` equal parts are finished; call it between them.

    Does nothing outside of a run. Raises Cancelled when the run was cancelled: let it pass.
    """
    hook = _hook.get()
    if hook:
        hook(done, total)


class watched:
    """Send the ticks of this thread to `hook` for the length of the block."""

    __slots__ = ("_hook", "_token")

    def __init__(self, hook: Hook) -> None:
        self._hook = hook

    def __enter__(self) -> None:
        self._token = _hook.set(self._hook)

    def __exit__(self, *error: object) -> None:
        _hook.reset(self._token)
