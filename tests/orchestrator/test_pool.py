"""Models are loaded once, lent to one step at a time, and evicted only when nobody uses them."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Self

import pytest

from diptych.orchestrator.estimates import Estimates, Measure
from diptych.orchestrator.eviction import Policy, Resident, least_recently_used, next_use
from diptych.orchestrator.memory import SystemMemory
from diptych.orchestrator.pool import ModelPool, lease_name
from diptych.orchestrator.turns import Ahead, next_uses
from diptych.tools.model import Model
from diptych.tools.profiles import Binding

LOADS: list[str] = []


class Weights(Model):
    """A model that holds nothing; its stated memory is what counts."""

    memory_mb: ClassVar[int] = 100

    def __init__(self, source: str) -> None:
        self.source = source

    @classmethod
    def load(cls, source: str | Mapping[str, str], *, device: str = "cpu", dtype: str = "float32") -> Self:
        LOADS.append(str(source))
        return cls(str(source))


class Bound(Binding):
    """A binding to `Weights`."""

    @cached_property
    def model(self) -> type[Model]:
        return Weights


def bound(name: str, memory_mb: int = 100) -> Bound:
    return Bound("detector", "weights", name, memory_mb=memory_mb)


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Device:
    """A simulated device: loading a model takes what `costs` says of it, in seconds and MiB; others nothing."""

    def __init__(self, **costs: tuple[float, float]) -> None:
        self._costs = costs

    def used_mb(self, device: str) -> float:
        return 0.0

    def free_caches(self, device: str) -> None:
        return None

    @contextmanager
    def measured(self, device: str) -> Iterator[Measure]:
        result = Measure()
        yield result
        result.seconds, result.memory_mb = self._costs.get(LOADS[-1], (0.0, 0.0)) if LOADS else (0.0, 0.0)


def name(source: str, device: str = "cpu") -> str:
    return lease_name(bound(source), device, "float32")


@pytest.fixture(autouse=True)
def _fresh() -> None:
    LOADS.clear()


def use(pool: ModelPool, *names: str) -> None:
    for name in names:
        with pool.lease(bound(name)):
            pass


def test_a_model_stays_between_leases() -> None:
    pool = ModelPool(1000)
    use(pool, "a", "a", "b", "a")
    assert LOADS == ["a", "b"] and len(pool.loaded) == 2


def test_the_least_recently_used_model_goes() -> None:
    pool = ModelPool(250, policy=least_recently_used)
    use(pool, "a", "b", "a", "c", "a", "b")
    assert LOADS == ["a", "b", "c", "b"]


def test_a_leased_model_is_never_dropped() -> None:
    pool = ModelPool(100)
    heard: list[str] = []
    with pool.lease(bound("a")) as first:
        with pool.lease(bound("b"), listener=lambda kind, facts: heard.append(kind)):
            assert {resident.model for resident in pool.loaded} >= {first}
        assert heard == ["model loaded"]
    use(pool, "a")
    assert LOADS == ["a", "b"]


def test_one_step_at_a_time_under_stress() -> None:
    pool = ModelPool(150)
    inside: dict[str, int] = {"a": 0, "b": 0, "c": 0}
    crowded: list[str] = []

    def work(names: str) -> None:
        for name in names * 30:
            with pool.lease(bound(name)) as model:
                assert isinstance(model, Weights) and model.source == name
                inside[name] += 1
                crowded.extend([name] * (inside[name] > 1))
                inside[name] -= 1

    threads = [threading.Thread(target=work, args=(names,)) for names in ("abc", "cab", "bca", "aab")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not crowded and sum(resident.leases for resident in pool.loaded) == 0


def idle(name: str, memory_mb: float, reload: float, next_use: float, last_use: int = 0) -> Resident:
    found = Resident(name, memory_mb=memory_mb, load_seconds=reload, last_use=last_use)
    found.next_use = next_use
    return found


@pytest.mark.parametrize(
    "policy, residents, missing_mb, gone",
    [
        (least_recently_used, [idle("a", 9, 1, 1, 5), idle("b", 9, 1, 9, 6), idle("c", 9, 1, 5, 4)], 9, "c"),
        (least_recently_used, [idle("a", 9, 1, 1, 5), idle("b", 9, 1, 9, 6), idle("c", 9, 1, 5, 4)], 10, "ca"),
        (next_use, [idle("a", 9, 1, 1), idle("b", 9, 1, 9), idle("c", 9, 1, 5)], 9, "b"),
        # Ten times as dear to reload, five times as far away: it stays.
        (next_use, [idle("a", 9, 1, 2), idle("b", 9, 10, 10)], 9, "a"),
        # Two that are cheap together go instead of one that is dear.
        (next_use, [idle("a", 5, 1, 9), idle("b", 5, 1, 9), idle("c", 10, 9, 9)], 10, "ab"),
        # A small one that would not be enough is not dropped in vain.
        (next_use, [idle("a", 1, 1, 9), idle("b", 10, 9, 9)], 10, "b"),
        # Alike in all: the one that was not used for longest.
        (next_use, [idle("a", 9, 1, 5, 7), idle("b", 9, 1, 5, 6)], 9, "b"),
        # Due now, and never measured: no division by nothing.
        (next_use, [idle("a", 9, 0, 0, 1), idle("b", 9, 0, 0, 2)], 9, "a"),
        (next_use, [idle("a", 9, 1, 5), idle("b", 9, 1, 6)], 99, "ab"),
        (next_use, [], 9, ""),
        (next_use, [idle(c, 1, 1, 20 - i) for i, c in enumerate("abcdefghijklmn")], 2, "ab"),
    ],
)
def test_which_models_go(policy: Policy, residents: list[Resident], missing_mb: float, gone: str) -> None:
    assert sorted(resident.name for resident in policy(residents, missing_mb)) == sorted(gone)


def test_a_model_that_pending_steps_need_stays() -> None:
    pool = ModelPool(250, clock=Clock(), memory=Device(a=(1, 0), b=(1, 0), c=(1, 0)))
    use(pool, "a", "b")
    pool.expect({name("a"): 5.0, name("c"): 1.0})
    use(pool, "c")
    assert pool.resident() == {name("a"), name("c")}
    pool.expect({name("b"): 1.0, name("c"): 2.0, name("a"): 60.0})
    use(pool, "b")
    assert pool.resident() == {name("b"), name("c")}


def test_time_that_passes_brings_a_use_nearer() -> None:
    clock = Clock()
    pool = ModelPool(250, clock=clock, memory=Device(a=(1, 0), b=(3, 0), c=(1, 0)))
    use(pool, "a", "b")
    pool.expect({name("a"): 10.0, name("b"): 12.0})
    clock.now = 9.9  # a in 0.1 s, b, three times as dear, in 2.1 s
    use(pool, "c")
    assert pool.resident() == {name("a"), name("c")}


def test_what_no_pending_step_needs_is_judged_by_how_often_it_was_used() -> None:
    clock = Clock()
    pool = ModelPool(250, clock=clock, memory=Device(often=(1, 0), rare=(1, 0), new=(1, 0)))
    for now, used in ((0, "rare"), (10, "often"), (20, "often"), (200, "rare"), (205, "often")):
        clock.now = now
        use(pool, used)
    use(pool, "new")
    assert pool.resident() == {name("often"), name("new")}


def test_memory_that_was_understated_is_known_the_second_time(tmp_path: Path) -> None:
    estimates = Estimates(tmp_path / "estimates.db")
    device = Device(liar=(1, 180), a=(1, 0), b=(1, 0))
    heard: list[tuple[str, dict[str, object]]] = []

    def fill(pool: ModelPool) -> None:
        use(pool, "a", "b")
        with pool.lease(bound("liar"), listener=lambda kind, facts: heard.append((kind, facts))):
            pass

    first = ModelPool(300, memory=device, estimates=estimates)
    fill(first)
    assert len(first.resident()) == 3  # 100 MiB were stated, and fitted
    lie = next(facts for kind, facts in heard if kind == "memory")
    assert lie == {"model": name("liar"), "stated_mb": 100.0, "measured_mb": 180}
    estimates.close()
    second = ModelPool(300, memory=device, estimates=Estimates(tmp_path / "estimates.db"))
    fill(second)
    assert len(second.resident()) == 2


def test_memory_is_not_remembered_while_others_are_at_work(tmp_path: Path) -> None:
    estimates = Estimates(tmp_path / "estimates.db")
    pool = ModelPool(1000, memory=Device(a=(1, 0), b=(1, 700)), estimates=estimates)
    with pool.lease(bound("a")), pool.lease(bound("b")):
        assert {resident.memory_mb for resident in pool.loaded} == {100}
    assert estimates.predict(f"load:{name('b')}", 0.0) is None


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


def test_the_memory_of_this_process() -> None:
    memory = SystemMemory()
    before = memory.used_mb("cpu")
    with memory.measured("cpu") as cost:
        block = bytearray(200 << 20)
        block[:: 1 << 12] = b"x" * len(block[:: 1 << 12])
    assert memory.used_mb("cpu") > before + 150 and cost.memory_mb > 150
    del block
    memory.free_caches("cpu")
    assert memory.used_mb("cpu") < before + 150


# Looking ahead


@pytest.mark.parametrize(
    "runs, expected",
    [
        ([], {}),
        ([Ahead(0, [])], {}),
        ([Ahead(0, [("a", 2), ("b", 3), ("a", 1), ("c", 1)])], {"a": 1, "b": 3, "c": 7}),
        # The second run has been served less, until both have had as much.
        ([Ahead(4, [("a", 2)]), Ahead(0, [("b", 3), ("b", 3), ("c", 1)])], {"b": 1, "a": 7, "c": 9}),
        ([Ahead(0, [("ab", 2)]), Ahead(0, [("", 5), ("c", 1)])], {"a": 1, "b": 1, "c": 8}),
    ],
)
def test_runs_take_turns(runs: list[Ahead], expected: dict[str, float]) -> None:
    assert next_uses(runs, 1.0) == expected


def test_looking_ahead_has_an_end() -> None:
    assert next_uses([Ahead(0, [("a", 1), ("b", 1), ("c", 1)])], most=2) == {"a": 0, "b": 1}


def test_a_load_that_fails_leaves_the_pool_as_it_was() -> None:
    class Broken(Weights):
        @classmethod
        def load(cls, source: str | Mapping[str, str], *, device: str = "cpu", dtype: str = "float32") -> Self:
            raise OSError("no such file")

    binding = bound("x")
    binding.__dict__["model"] = Broken
    pool = ModelPool(100)
    with pytest.raises(OSError, match="no such file"), pool.lease(binding):
        pass
    use(pool, "x")
    assert LOADS == ["x"]
