"""Whoever runs out of memory tries rung after rung, and says which."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from diptych.orchestrator.ladder import Ladder, is_out_of_memory
from diptych.tools.errors import ToolError


class OutOfMemoryError(RuntimeError):
    """As torch calls it."""


class RuntimeException(Exception):
    """As onnxruntime calls it."""

    __module__ = "onnxruntime.capi.onnxruntime_pybind11_state"


def wrapped(error: BaseException) -> ToolError:
    """An error raised from another one, as adapters do."""
    outer = ToolError("weights 'x' cannot be loaded")
    outer.__cause__ = error
    return outer


@pytest.mark.parametrize(
    "error, meant",
    [
        (MemoryError(), True),
        (OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), True),
        (RuntimeError("CUDA error: out of memory"), True),
        (
            RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"),
            True,
        ),
        (RuntimeException("Failed to allocate memory for requested buffer of size 4096"), True),
        (RuntimeException("Non-zero status code: std::bad_alloc"), True),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), True),
        (wrapped(RuntimeError("CUDA out of memory")), True),
        (wrapped(ValueError("bad shape")), False),
        (OSError(errno.ENOSPC, "No space left on device"), False),
        (RuntimeError("shapes do not match"), False),
        (RuntimeException("invalid graph"), False),
        (ValueError("the sign says: out of memory"), False),
        (ToolError("the sign says: out of memory"), False),
        (None, False),
    ],
)
def test_what_counts_as_out_of_memory(error: BaseException | None, meant: bool) -> None:
    assert is_out_of_memory(error) == meant


@dataclass
class World:
    """A device of simulated memory, on which a call takes `each` MiB beside what is in use."""

    free_mb: float
    each: float = 10.0
    caches: float = 0.0
    idle: float = 0.0
    low: float | None = None
    """What a call takes in the low-memory variant; None: there is none."""
    rungs: list[str] = field(default_factory=list)
    batches: list[tuple[int, bool]] = field(default_factory=list)

    @property
    def has_low_memory(self) -> bool:
        return self.low is not None

    def used_mb(self) -> float:
        return self.caches + self.idle

    def free_caches(self) -> int:
        self.free_mb, self.caches = self.free_mb + self.caches, 0.0
        return 0

    def evict(self) -> int:
        number = int(self.idle > 0)
        self.free_mb, self.idle = self.free_mb + self.idle, 0.0
        return number

    def make_way(self) -> int:
        return self.evict()

    def work(self, batch: Sequence[int], low_memory: bool) -> list[int]:
        self.batches.append((len(batch), low_memory))
        each = self.low if low_memory and self.low is not None else self.each
        if len(batch) * each > self.free_mb:
            raise OutOfMemoryError("CUDA out of memory")
        return [item * item for item in batch]

    def climb(self, items: Sequence[int]) -> list[int]:
        ladder = Ladder("draw", self.work, self, lambda facts: self.rungs.append(str(facts["rung"])))
        return ladder.climb(items)


FREE, EVICT, LOW, UP = "free caches", "evict idle models", "low-memory variant", "give up"
HALVES = ["halve the batch to 4", "halve the batch to 2", "halve the batch to 1"]


@pytest.mark.parametrize(
    "world, rungs, batches",
    [
        (World(80), [], [(8, False)]),
        (World(50, caches=30), [FREE], [(8, False)] * 2),
        (World(50, caches=10, idle=20), [FREE, EVICT], [(8, False)] * 3),
        (World(0, caches=10, idle=30), [FREE, EVICT, HALVES[0]], [(8, False)] * 3 + [(4, False)] * 2),
        # Nothing to evict: the same batch is not tried again.
        (World(35), [FREE, EVICT, *HALVES[:2]], [(8, False)] * 2 + [(4, False)] + [(2, False)] * 4),
        (World(10), [FREE, EVICT, *HALVES], [(8, False)] * 2 + [(4, False), (2, False)] + [(1, False)] * 8),
        (
            World(5, low=5),
            [FREE, EVICT, *HALVES, LOW],
            [(8, False)] * 2 + [(4, False), (2, False), (1, False)] + [(1, True)] * 8,
        ),
    ],
)
def test_each_rung_that_fits_is_found(world: World, rungs: list[str], batches: list[tuple[int, bool]]) -> None:
    assert world.climb(range(8)) == [item * item for item in range(8)]
    assert world.rungs == rungs and world.batches == batches


@pytest.mark.parametrize("count", [1, 8])
@pytest.mark.parametrize("low", [None, 5.0])
def test_giving_up_lists_every_rung(count: int, low: float | None) -> None:
    world = World(1, low=low)
    with pytest.raises(ToolError, match="tool 'draw' ran out of memory") as caught:
        world.climb(range(count))
    expected = [FREE, EVICT, *(HALVES if count == 8 else []), *([LOW] if low else []), UP]
    assert world.rungs == expected
    assert all(rung in str(caught.value) for rung in expected[:-1]) and "CUDA out of memory" in str(caught.value)
    assert "evict idle models (0)" in str(caught.value)


@pytest.mark.parametrize("failing", range(12))
def test_a_failure_at_any_position_is_recovered(failing: int) -> None:
    """One attempt in the whole climb fails, whichever it is: freeing caches is enough."""
    tries = 0
    rungs: list[str] = []

    def work(batch: Sequence[int], low_memory: bool) -> list[int]:
        nonlocal tries
        tries += 1
        if tries - 1 == failing:
            raise MemoryError
        return [item + 1 for item in batch]

    ladder = Ladder("draw", work, World(0), lambda facts: rungs.append(str(facts["rung"])))
    assert [ladder.climb([n])[0] for n in range(12)] == list(range(1, 13)) and rungs == [FREE]


def test_one_large_call_among_small_ones() -> None:
    """The batch shrinks for it and only it takes the low-memory variant's time; those before keep their results."""
    tried: list[tuple[tuple[int, ...], bool]] = []

    def work(batch: Sequence[int], low_memory: bool) -> list[int]:
        tried.append((tuple(batch), low_memory))
        if sum(batch) > (100 if low_memory else 10):
            raise MemoryError
        return list(batch)

    assert Ladder("draw", work, World(0, low=1), lambda facts: None).climb([1, 2, 50, 3]) == [1, 2, 50, 3]
    assert tried[-3:] == [((50,), False), ((50,), True), ((3,), True)] and ((1, 2), False) in tried


def test_events_tell_of_memory_before_and_after() -> None:
    heard: list[dict[str, object]] = []
    world = World(0, caches=4, idle=16, each=20)
    Ladder("draw", world.work, world, heard.append).climb([1])
    assert [(e["rung"], e["before_mb"], e["after_mb"], e["evicted"]) for e in heard] == [
        (FREE, 20, 16, 0),
        (EVICT, 16, 0, 1),
    ]
    assert {e["tool"] for e in heard} == {"draw"} and "CUDA out of memory" in str(heard[0]["reason"])


def test_other_errors_pass_at_once() -> None:
    def work(batch: Sequence[int], low_memory: bool) -> list[int]:
        raise ValueError("wrong shape")

    world = World(0)
    with pytest.raises(ValueError, match="wrong shape"):
        Ladder("draw", work, world, lambda facts: world.rungs.append("any")).climb([1, 2])
    assert world.rungs == []
