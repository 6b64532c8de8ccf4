"""Models come before they are needed, and wait on the host when they had to go."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import ClassVar, Self

import pytest

from diptych.orchestrator.eviction import least_recently_used
from diptych.orchestrator.pool import ModelPool
from diptych.tools.model import Model

from .small_models import LOADS, Bound, Clock, Weights, bound, name, use


@pytest.fixture(autouse=True)
def _fresh() -> None:
    LOADS.clear()


# Prefetch


class Gated(Weights):
    """A model whose load waits until it is let go."""

    started = threading.Event()
    gate = threading.Event()

    @classmethod
    def load(cls, source: str | Mapping[str, str], *, device: str = "cpu", dtype: str = "float32") -> Self:
        LOADS.append(str(source))
        cls.started.set()
        assert cls.gate.wait(20)
        if source == "broken":
            raise OSError("no such file")
        return cls(str(source))


def gated(source: str) -> Bound:
    binding = bound(source)
    binding.__dict__["model"] = Gated
    Gated.started.clear()
    Gated.gate.clear()
    return binding


def settled(pool: ModelPool) -> None:
    """Wait until no prefetch is under way."""
    for thread in threading.enumerate():
        if thread.name == "diptych-prefetch":
            thread.join(20)


def test_a_prefetch_overlaps_a_lease_and_is_not_loaded_twice() -> None:
    pool = ModelPool(1000)
    binding = gated("next")
    with pool.lease(bound("now")):
        assert pool.prefetch(binding) and Gated.started.wait(20)  # it loads while this lease is held
        assert not pool.prefetch(binding)  # it is on its way
        assert name("next") not in pool.resident()
    got: list[Model] = []

    def step() -> None:
        with pool.lease(binding) as model:
            got.append(model)

    thread = threading.Thread(target=step)
    thread.start()
    assert not got
    Gated.gate.set()
    thread.join(20)
    assert len(got) == 1 and LOADS == ["now", "next"] and not pool.prefetch(binding)


def test_an_error_of_a_prefetch_is_the_lease_s() -> None:
    pool = ModelPool(1000)
    binding = gated("broken")
    Gated.gate.set()
    assert pool.prefetch(binding)
    settled(pool)
    assert pool.loaded == [] and pool.resident() == set()
    with pytest.raises(OSError, match="no such file"), pool.lease(binding):
        pass
    assert LOADS == ["broken", "broken"]


@pytest.mark.parametrize(
    "due, loads",
    [
        ({"a": 9.0, "new": 1.0}, True),  # a is needed later
        ({"a": 1.0, "new": 9.0}, False),  # a is needed sooner
        ({"a": 1.0}, False),
        ({"new": 1.0}, True),
        ({}, False),  # nothing says that it is needed at all
    ],
)
def test_a_prefetch_evicts_only_what_is_needed_later(due: dict[str, float], loads: bool) -> None:
    pool = ModelPool(100, clock=Clock())
    use(pool, "a")
    pool.expect({name(source): seconds for source, seconds in due.items()})
    assert pool.prefetch(bound("new")) == loads
    settled(pool)
    assert pool.resident() == {name("new" if loads else "a")}


def test_a_prefetch_never_evicts_what_is_in_use() -> None:
    pool = ModelPool(100, clock=Clock())
    with pool.lease(bound("a")):
        pool.expect({name("new"): 0.0})
        assert not pool.prefetch(bound("new"))
    assert pool.resident() == {name("a")}


def test_a_prefetch_with_room_evicts_nothing() -> None:
    pool = ModelPool(200)
    use(pool, "a")
    assert pool.prefetch(bound("b"))
    settled(pool)
    assert pool.resident() == {name("a"), name("b")}


# Tiers: disk, host, device


class Luggage(Weights):
    """A model that can move to the host, where there is room; it notes its moves."""

    moves: ClassVar[list[str]] = []
    full = False

    def to_host(self) -> bool:
        self.moves.append(f"{self.source} to host")
        if type(self).full:
            raise MemoryError
        return True

    def to_device(self) -> None:
        self.moves.append(f"{self.source} to device")


def luggage(source: str) -> Bound:
    binding = bound(source)
    binding.__dict__["model"] = Luggage
    return binding


def travel(pool: ModelPool, sources: str, device: str = "simulated") -> list[str]:
    """Use models in turn, forgetting earlier moves; return the moves."""
    Luggage.moves.clear()
    for source in sources:
        with pool.lease(luggage(source), device=device):
            pass
    return list(Luggage.moves)


def test_an_evicted_model_waits_on_the_host() -> None:
    pool = ModelPool(100, host_mb=100, policy=least_recently_used)
    assert travel(pool, "aba") == ["a to host", "b to host", "a to device"] and LOADS == ["a", "b"]
    assert pool.resident() == {name("a", "simulated")} and len(pool.loaded) == 2


def test_a_full_host_lets_go_of_the_worst() -> None:
    pool = ModelPool(100, host_mb=100, policy=least_recently_used)
    travel(pool, "abc")  # a goes to the host, and from there for b
    assert {resident.name for resident in pool.loaded} == {name("b", "simulated"), name("c", "simulated")}
    assert travel(pool, "a") == ["c to host"] and LOADS == ["a", "b", "c", "a"]


@pytest.mark.parametrize(
    "host_mb, device, full", [(0, "simulated", False), (50, "simulated", False), (900, "cpu", False)]
)
def test_without_room_on_the_host_a_model_is_dropped(host_mb: float, device: str, full: bool) -> None:
    pool = ModelPool(100, host_mb=host_mb)
    assert travel(pool, "ab", device) == [] and len(pool.loaded) == 1
    travel(pool, "a", device)
    assert LOADS == ["a", "b", "a"]


def test_a_move_that_fails_drops_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Luggage, "full", True)
    pool = ModelPool(100, host_mb=900)
    assert travel(pool, "ab") == ["a to host"] and len(pool.loaded) == 1
    assert travel(pool, "a") == ["b to host"] and LOADS == ["a", "b", "a"]


def test_a_way_back_that_fails_loads_again(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = ModelPool(100, host_mb=900)
    travel(pool, "ab")

    def fail(self: Luggage) -> None:
        raise RuntimeError("CUDA out of memory")

    with monkeypatch.context() as patch, pytest.raises(RuntimeError, match="out of memory"):
        patch.setattr(Luggage, "to_device", fail)
        travel(pool, "a")
    travel(pool, "a")
    assert LOADS == ["a", "b", "a"] and name("a", "simulated") in pool.resident()


def test_a_model_that_cannot_move_is_dropped() -> None:
    pool = ModelPool(100, host_mb=900)
    for source in "ab":
        with pool.lease(bound(source), device="simulated"):
            pass
    assert len(pool.loaded) == 1


def test_evicting_what_is_idle_spares_the_rest() -> None:
    pool = ModelPool(1000)
    use(pool, "a", "b", "c")
    heard: list[object] = []
    with pool.lease(bound("a")):
        gone = pool.evict_idle(lambda kind, facts: heard.append(facts["model"]), keep={name("b")})
    assert gone == heard == [name("c")] and pool.resident() == {name("a"), name("b")}


def test_everything_at_once_keeps_its_promises() -> None:
    """Leases of one and two models, prefetches, expectations and evictions from many threads."""
    pool = ModelPool(300, host_mb=200)
    inside: dict[str, int] = dict.fromkeys("abcdef", 0)
    wrong: list[str] = []

    def work(sources: str) -> None:
        for place, source in enumerate(sources * 20):
            other = sources[(place + 1) % len(sources)]
            pool.expect({name(other, "simulated"): 1.0, name(source, "simulated"): 2.0})
            pool.prefetch(luggage(other), device="simulated")
            if place % 7 == 0:
                pool.evict_idle()
            first, second = sorted((source, other))
            one_lease = pool.lease(luggage(first), device="simulated")
            with one_lease as one, pool.lease(luggage(second), device="simulated") as two:
                for model, wanted in ((one, first), (two, second)):
                    inside[wanted] += 1
                    assert isinstance(model, Luggage)
                    if inside[wanted] > 1 or model.source != wanted:
                        wrong.append(wanted)
                if not {name(first, "simulated"), name(second, "simulated")} <= pool.resident():
                    wrong.append("evicted while in use")
                inside[first] -= 1
                inside[second] -= 1

    threads = [threading.Thread(target=work, args=(sources,)) for sources in ("abc", "cde", "efa", "bdf")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    settled(pool)
    assert not wrong and not any(thread.is_alive() for thread in threads)
    assert sum(resident.leases for resident in pool.loaded) == 0
    assert sum(resident.memory_mb for resident in pool.loaded if resident.on_device) <= 800  # four pairs in use at most
    use_again = [luggage(source) for source in "abcdef"]
    for binding in use_again:
        with pool.lease(binding, device="simulated"):
            pass
    assert sum(resident.memory_mb for resident in pool.loaded if resident.on_device) <= 300
    assert sum(resident.memory_mb for resident in pool.loaded if not resident.on_device) <= 200
