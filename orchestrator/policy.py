"""How a run is to be carried out, and the handle with which a person steers it while it runs."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ..tools.errors import UsageError
from .search import Review


@dataclass(frozen=True)
class Policy:
    """What to do with steps that take too long or fail. A value: compare, copy and log it.

    Raises UsageError for a time that is not above 0, and for fewer than no retries.
    """

    step_timeout: float | None = None
    """Seconds after which a step has failed; None: never. A tool that does not tick cannot be stopped: its lane is
    then replaced by a new one and whatever it still gives is thrown away."""
    retries: int = 0
    """How often a call that failed in a way that may pass (`ToolError.retryable`) is made again."""
    priority: int = 0
    """Runs with a higher number go first."""
    batch_generative: bool = False
    """Let generative steps of one model run as one call. Quicker, but then a picture is not, to the last bit, the one
    that its seed gives alone."""

    def __post_init__(self) -> None:
        seconds = self.step_timeout
        if seconds is not None and not (seconds > 0 and math.isfinite(seconds)):
            raise UsageError(f"a step cannot have {seconds:g} seconds; give a number above 0, or leave the limit out")
        if self.retries < 0:
            raise UsageError(f"a call cannot be made again {self.retries} times; give 0 or more retries")


DEFAULT_POLICY = Policy()


class Control:
    """Steers one run from any thread: cancel it or one of its steps, pause it, let it go on, change its priority.

    Give it to `run` or `run_plan`; what is asked of it before the run has begun holds from its start.
    """

    def __init__(self, cancel: threading.Event | None = None, *, review: Review | None = None) -> None:
        self.review = review
        """Asked about each repair, in the thread of the run: a person may keep it, take it back, or end there."""
        self.cancelled = cancel or threading.Event()
        """Set when the run is to stop; a thread may wait for it."""
        self.paused = False
        self.priority: int | None = None
        self.stopped_steps: set[str] = set()
        self._listener: Callable[[], None] = lambda: None

    def cancel(self) -> None:
        """Stop the run: running steps are asked to give up, nothing more starts, what is finished is kept."""
        self.cancelled.set()
        self._listener()

    def cancel_step(self, step: str) -> None:
        """Stop one step; what needs it is skipped, the others go on."""
        self.stopped_steps.add(step)
        self._listener()

    def pause(self) -> None:
        """Start no more steps until `go_on`; running ones finish."""
        self.paused = True
        self._listener()

    def go_on(self) -> None:
        """End a pause."""
        self.paused = False
        self._listener()

    def set_priority(self, priority: int) -> None:
        """Let the run go before those with a lower number."""
        self.priority = priority
        self._listener()

    def attach(self, listener: Callable[[], None]) -> None:
        """Call `listener`, from the thread that asked, after every change."""
        self._listener = listener

    def within(self, seconds: float) -> Control:
        """Return the control of a part of the run: it hears what this one is asked, and gives up after `seconds`."""
        part = Control(_Until(self.cancelled, time.monotonic() + seconds))

        def pass_on() -> None:
            part.paused, part.priority = self.paused, self.priority
            part.stopped_steps |= self.stopped_steps
            part._listener()

        self.attach(pass_on)
        pass_on()
        return part

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Let the first Ctrl-C of the block cancel the run in good order; the second one ends the program."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.getsignal(signal.SIGINT)

        def stop(number: int, frame: Any) -> None:
            self.cancelled.set()  # and nothing else: the main thread may hold any lock at this moment
            signal.signal(signal.SIGINT, before)

        signal.signal(signal.SIGINT, stop)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)


class _Until(threading.Event):
    """Set with another event, which it sets in turn, and from a moment on."""

    def __init__(self, other: threading.Event, deadline: float) -> None:
        super().__init__()
        self._other, self._deadline = other, deadline

    def is_set(self) -> bool:
        return self._other.is_set() or time.monotonic() >= self._deadline

    def set(self) -> None:
        super().set()
        self._other.set()
