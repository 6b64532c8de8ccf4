"""What is tried, in this order, when a call runs out of memory; each rung is an event.

    free caches          what lies around unused goes back to the system
    evict idle models    those that no step uses, but not the ones of this call
    halve the batch      again and again, down to one call at a time
    low-memory variant   the same weights, in parts or in tiles: slower
    give up              a ToolError that lists all of it

What helped stays so for the rest of the batch. The logic is pure: what work is, and how memory is freed, is given.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from ..tools.errors import ToolError

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

_WORDS = (
    *("out of memory", "can't allocate memory", "cannot allocate memory", "failed to allocate memory"),
    *("not enough memory", "insufficient memory", "bad_alloc"),
)
_LIBRARIES = ("onnxruntime", "cv2", "torch")
"""Libraries that raise errors of their own classes; words count in theirs, and in a plain RuntimeError."""


def is_out_of_memory(error: BaseException | None) -> bool:
    """Say whether an error, or one that it was raised from, means that memory was lacking.

    MemoryError, torch.OutOfMemoryError, ENOMEM, and errors of runtimes that only say so in words.
    """
    while error is not None:
        names = {kind.__name__ for kind in type(error).__mro__}
        own = type(error) is RuntimeError or type(error).__module__.partition(".")[0] in _LIBRARIES
        if isinstance(error, MemoryError) or "OutOfMemoryError" in names:
            return True
        if isinstance(error, OSError) and error.errno == errno.ENOMEM:
            return True
        if own and any(words in str(error).lower() for words in _WORDS):
            return True
        error = error.__cause__
    return False


class Relief(Protocol):
    """How memory is had: by the pool and the device, or in a test by nothing at all."""

    @property
    def has_low_memory(self) -> bool:
        """Whether there is a low-memory variant."""

    def used_mb(self) -> float:
        """Return how much of the device is in use."""

    def free_caches(self) -> int:
        """Give back what nobody uses; return 0: no model was evicted."""

    def evict(self) -> int:
        """Evict the models that nobody uses, those of the call left out; return how many."""

    def make_way(self) -> int:
        """Evict also those of the call, whose low-memory variant comes instead; return how many."""


@dataclass
class Ladder(Generic[_Item, _Result]):
    """One climb: `work` makes a batch of calls, in little memory when its second argument is True.

    `tell` hears of each rung: `rung`, `tool`, `reason` (what was lacking), and the memory in use before and after
    it, in MiB. `tool` is what the error names. Errors that are not of memory pass.
    """

    tool: str
    work: Callable[[Sequence[_Item], bool], list[_Result]]
    relief: Relief
    tell: Callable[[dict[str, object]], None]
    low_memory: bool = False
    """Whether the low-memory variant is in use, from the start or by now."""
    _tried: list[str] = field(default_factory=list)

    def climb(self, items: Sequence[_Item]) -> list[_Result]:
        """Return a result for each item. Raises ToolError that lists the rungs when none helped."""
        results: list[_Result] = []
        size = len(items)
        while len(results) < len(items):
            batch = items[len(results) : len(results) + size]
            reason = self._try(batch, results)
            if reason is not None:
                size = self._next_rung(len(batch), reason)
        return results

    def _try(self, batch: Sequence[_Item], results: list[_Result]) -> str | None:
        """Add the results of a batch, or return in words how memory was lacking."""
        try:
            results += self.work(batch, self.low_memory)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            # Only words leave this block: the error holds the frames, and they hold the tensors.
            return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        return None

    def _next_rung(self, size: int, reason: str) -> int:
        """Free memory in the next way that there is, and return the size of the batch to go on with."""
        if not self._tried:
            self._take("free caches", reason, self.relief.free_caches)
            return size
        if len(self._tried) == 1 and self._take("evict idle models", reason, self.relief.evict):
            return size
        if size > 1:
            self._take(f"halve the batch to {size // 2}", reason, self.relief.free_caches)
            return size // 2
        if self.relief.has_low_memory and not self.low_memory:
            self.low_memory = True
            self._take("low-memory variant", reason, self.relief.make_way)
            return size
        self._take("give up", reason, self.relief.free_caches)
        raise ToolError(
            f"tool {self.tool!r} ran out of memory ({reason}); tried without success: {', '.join(self._tried[:-1])}",
            hint="take smaller pictures, close other programs, or choose a profile with smaller models",
        )

    def _take(self, rung: str, reason: str, action: Callable[[], int]) -> int:
        """Take one rung: act, remember it, and tell of it; return how many models were evicted."""
        before_mb = self.relief.used_mb()
        evicted = action()
        facts: dict[str, object] = {"rung": rung, "tool": self.tool, "reason": reason, "evicted": evicted}
        self.tell({**facts, "before_mb": before_mb, "after_mb": self.relief.used_mb()})
        self._tried.append(f"{rung} ({evicted})" if rung.startswith("evict") else rung)
        return evicted
