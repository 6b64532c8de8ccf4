"""Models are loaded once, lent to one step at a time, and evicted only when nobody uses them."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Self

import pytest

from diptych.orchestrator import run_plan
from diptych.orchestrator.estimates import Estimates
from diptych.orchestrator.eviction import Policy, Resident, least_recently_used, next_use
from diptych.orchestrator.memory import SystemMemory
from diptych.orchestrator.pool import ModelPool
from diptych.orchestrator.turns import Ahead, next_uses
from diptych.planners.plan import parse_plan
from diptych.tools.catalogue import Catalogue
from diptych.tools.model import Model
from diptych.tools.profiles import Binding, Profile
from diptych.tools.tool import tool
from diptych.tools.values import Number

from .small_models import LOADS, Clock, Device, Weights, bound, name, use


@pytest.fixture(autouse=True)
def _fresh() -> None:
    LOADS.clear()


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


class Shared(Weights):
    """A model that several threads may use."""

    concurrent: ClassVar[bool] = True


class SharedBound(Binding):
    """A binding to `Shared`."""

    @cached_property
    def model(self) -> type[Model]:
        return Shared


SHARED = SharedBound("detector", "shared", "s", memory_mb=100)
MEETING = threading.Barrier(2)


@tool(family="measure", models={"detector": Shared})
def meet(number: Number, *, detector: Shared) -> Number:
    """Wait for another call that uses the same model."""
    MEETING.wait(timeout=30)
    return Number(number.number + 1)


def test_a_model_for_several_threads_is_lent_to_all_of_them_and_stays() -> None:
    pool = ModelPool(100)
    with pool.lease(SHARED) as one, pool.lease(SHARED) as other:
        assert one is other
        use(pool, "b")
        use(pool, "c")
    with pool.lease(SHARED) as later:
        assert later is one
    assert LOADS == ["s", "b", "c"]


def test_two_lanes_use_such_a_model_at_once(tmp_path: Path) -> None:
    steps = [{"id": name, "tool": "meet", "args": {"number": f"${name}{name}"}} for name in ("a", "b")]
    document = parse_plan({"inputs": {"aa": "Number", "bb": "Number"}, "steps": steps, "outputs": ["$a", "$b"]})
    profile = Profile("shared", "", bindings={"detector": SHARED})
    inputs = {"aa": Number(1), "bb": Number(2)}
    result = run_plan(document, inputs, profile=profile, catalogue=Catalogue([meet.tool]), home=tmp_path, lanes=2)
    assert result.outputs == {"a": Number(2), "b": Number(3)}, result.problems


def test_one_step_at_a_time_under_stress() -> None:
    pool = ModelPool(150)
    inside: dict[str, int] = {"a": 0, "b": 0, "c": 0}
    crowded: list[str] = []

    def work(names: str) -> None:
        for source in names * 30:
            with pool.lease(bound(source)) as model:
                assert isinstance(model, Weights) and model.source == source
                inside[source] += 1
                crowded.extend([source] * (inside[source] > 1))
                inside[source] -= 1

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
