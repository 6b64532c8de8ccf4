"""Models that hold nothing, and a simulated device: what tests put into a pool."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import ClassVar, Self

from diptych.orchestrator.estimates import Measure
from diptych.orchestrator.pool import ModelPool, lease_name
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


def use(pool: ModelPool, *names: str) -> None:
    for name in names:
        with pool.lease(bound(name)):
            pass
