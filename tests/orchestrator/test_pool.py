"""Models are loaded once, lent to one step at a time, and dropped only when nobody uses them."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from functools import cached_property
from typing import ClassVar, Self

import pytest

from diptych.orchestrator.pool import ModelPool
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
    pool = ModelPool(250)
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
