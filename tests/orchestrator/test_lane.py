"""Calls on a lane: batches, outcomes of their own, measurements, and the ladder with a real pool."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
import pytest

from diptych.orchestrator.calls import Call, Held, Wire
from diptych.orchestrator.lane import Cost, Failure, Lane
from diptych.orchestrator.pool import ModelPool, lease_name
from diptych.tools.errors import Cancelled, ToolError
from diptych.tools.model import Model
from diptych.tools.profiles import Binding, Profile
from diptych.tools.tool import Tool, tool
from diptych.tools.values import Image, Number, Text

LOG: list[str] = []
ROOM = {"ordinary": 100, "frugal": 100}
"""How many calls at once a model can make."""


class Counter(Model):
    """A model that runs out of memory when it gets more than there is room for."""

    memory_mb: ClassVar[int] = 100
    has_low_memory: ClassVar[bool] = True

    def __init__(self, kind: str) -> None:
        self.kind = kind

    @classmethod
    def load(
        cls, source: str | Mapping[str, str], *, device: str = "cpu", dtype: str = "float32", low_memory: bool = False
    ) -> Self:
        kind = "frugal" if low_memory else "ordinary"
        LOG.append(f"load {kind}")
        if ROOM[kind] < 0:
            raise MemoryError
        return cls(kind)

    def take(self, calls: int) -> None:
        LOG.append(f"{self.kind} {calls}")
        if calls > ROOM[self.kind]:
            raise MemoryError


class Bound(Binding):
    """A binding to `Counter`."""

    @cached_property
    def model(self) -> type[Model]:
        return Counter


def double(number: int) -> Number:
    if number == 13:
        raise ToolError("13 brings bad luck", hint="take 12")
    if number == 99:
        raise Cancelled("stopped")
    return Number(2 * number)


@tool(family="measure", models={"counter": Counter}, batch_size=4)
def twice(number: int, *, counter: Counter) -> Number:
    """Double a number."""
    counter.take(1)
    return double(number)


@twice.batched
def _(calls: Sequence[Mapping[str, Any]]) -> list[Number]:
    calls[0]["counter"].take(len(calls))
    return [double(call["number"]) for call in calls]


@tool(family="measure")
def plain(number: int) -> Number:
    """Double a number, without a batched form."""
    LOG.append("plain")
    return double(number)


@tool(family="measure")
def forgetful(number: int) -> Number:
    """Double a number; its batched form loses one, or gives something else."""
    return double(number)


@forgetful.batched
def _(calls: Sequence[Mapping[str, Any]]) -> list[Any]:
    results: list[Any] = [double(call["number"]) for call in calls]
    return results[1:] if calls[0]["number"] == 0 else [Text("one"), *results[1:]]


@tool(family="measure")
def width(image: Image, number: int) -> Number:
    """Measure how wide an image is."""
    return Number(image.size_wh[0])


@width.batched
def _(calls: Sequence[Mapping[str, Any]]) -> list[Number]:
    return [width(call["image"], call["number"]) for call in calls]


class Photos:
    """Where references lead: images by name, the name is their width."""

    def held(self, name: str) -> Held:
        return Held.of(self.value(name))

    def value(self, name: str) -> Image:
        if name == "lost":
            raise ToolError("the kept result was lost")
        return Image(np.zeros((1000, int(name), 3), np.uint8))


class Here:
    """A lane with everything it says."""

    def __init__(self, budget_mb: float = 1000) -> None:
        self.events: list[tuple[str, dict[str, object]]] = []
        self.costs: list[Cost] = []
        profile = Profile("test", "", bindings={"counter": Bound("counter", "counter", "weights")})
        self.pool = ModelPool(budget_mb)
        self.lane = Lane(profile, self.pool, lambda kind, facts: self.events.append((kind, facts)), self.costs.append)

    def outcomes(self, chosen: Tool, numbers: Sequence[int], *, wires: Sequence[str] = (), stop: int = -1) -> list[Any]:
        """Make calls; return numbers, messages of failures, and Cancelled."""
        ticks = 0

        def hook(done: int, total: int) -> None:
            nonlocal ticks
            ticks += 1
            if ticks == stop:
                raise Cancelled("stopped")

        names: Sequence[str] = wires or [""] * len(numbers)
        calls = [
            Call(str(n), chosen, {"image": Wire((name,), False)} if name else {}, {"number": n}, Photos())
            for n, name in zip(numbers, names, strict=True)
        ]
        return [self._plain(outcome) for outcome in self.lane.attempt(calls, hook)]

    @staticmethod
    def _plain(outcome: Any) -> Any:
        if isinstance(outcome, Held):
            assert isinstance(outcome.result, Number)
            return outcome.result.number
        return outcome.message if isinstance(outcome, Failure) else type(outcome)

    @property
    def rungs(self) -> list[object]:
        return [facts["rung"] for kind, facts in self.events if kind == "memory"]


@pytest.fixture(autouse=True)
def _fresh() -> None:
    LOG.clear()
    ROOM.update(ordinary=100, frugal=100)


UNLUCKY = "13 brings bad luck (take 12)"


@pytest.mark.parametrize(
    "chosen, numbers, outcomes, made",
    [
        (twice, [5], [10], ["ordinary 1"]),
        (twice, [1, 2, 3], [2, 4, 6], ["ordinary 3"]),
        (twice, [1, 2, 3, 4, 5, 6], [2, 4, 6, 8, 10, 12], ["ordinary 4", "ordinary 2"]),
        (twice, [1, 2, 3, 4, 5], [2, 4, 6, 8, 10], ["ordinary 4", "ordinary 1"]),
        (twice, [1, 13, 3], [2, UNLUCKY, 6], ["ordinary 3", *["ordinary 1"] * 3]),
        (plain, [1, 13, 3], [2, UNLUCKY, 6], ["plain"] * 3),
        (plain, [], [], []),
        (twice, [], [], []),
    ],
)
def test_each_call_has_its_own_outcome(chosen: Any, numbers: list[int], outcomes: list[Any], made: list[str]) -> None:
    here = Here()
    assert here.outcomes(chosen.tool, numbers) == outcomes
    assert [line for line in LOG if not line.startswith("load")] == made


def test_a_batch_that_loses_a_result_is_made_one_by_one() -> None:
    here = Here()
    assert here.outcomes(forgetful.tool, [0, 1]) == [0, 2]
    assert [kind for kind, _ in here.events] == ["note"]
    assert "got 2 calls and gave 1 results" in str(here.events[0][1]["warning"])


def test_one_result_of_a_wrong_type_fails_one_call() -> None:
    message = "tool 'forgetful' returned Text, but its signature promises Number (mend the tool)"
    assert Here().outcomes(forgetful.tool, [1, 2, 3]) == [message, 4, 6]


def test_an_input_that_is_lost_fails_one_call() -> None:
    outcomes = Here().outcomes(width.tool, [1, 2, 3], wires=["10", "lost", "30"])
    assert outcomes == [10, "the kept result was lost", 30]


def test_costs_are_shared_out() -> None:
    here = Here()
    here.outcomes(width.tool, [1, 2, 3], wires=["500", "1000", "2000"])
    assert [cost.megapixels for cost in here.costs] == [0.5, 1.0, 2.0]
    assert len({cost.seconds for cost in here.costs}) == 1 and {cost.tool for cost in here.costs} == {"width@1"}


@pytest.mark.parametrize("numbers", [[1], [1, 2, 3]])
def test_a_cancelled_call_is_cancelled(numbers: list[int]) -> None:
    here = Here()
    assert here.outcomes(twice.tool, numbers, stop=1) == [Cancelled] * len(numbers) and LOG == []
    assert here.outcomes(twice.tool, [99] * len(numbers)) == [Cancelled] * len(numbers)


def test_a_profile_without_the_model_is_named() -> None:
    here = Here()
    lane = Lane(Profile("bare", ""), here.pool, lambda kind, facts: None, here.costs.append)
    calls = [Call(str(n), twice.tool, {}, {"number": n}, Photos()) for n in (1, 2)]
    outcomes = lane.attempt(calls, lambda done, total: None)
    assert [o.message for o in outcomes if isinstance(o, Failure)] == ["profile 'bare' has no counter"] * 2


FREE, EVICT, HALF, LOW = "free caches", "evict idle models", "halve the batch to", "low-memory variant"


@pytest.mark.parametrize(
    "room, rungs, last",
    [
        ({"ordinary": 4}, [], "ordinary 4"),
        ({"ordinary": 2}, [FREE, EVICT, f"{HALF} 2"], "ordinary 2"),
        ({"ordinary": 1}, [FREE, EVICT, f"{HALF} 2", f"{HALF} 1"], "ordinary 1"),
        ({"ordinary": 0, "frugal": 1}, [FREE, EVICT, f"{HALF} 2", f"{HALF} 1", LOW], "frugal 1"),
    ],
)
def test_a_batch_goes_up_the_ladder(room: dict[str, int], rungs: list[str], last: str) -> None:
    ROOM.update(room)
    here = Here()
    assert here.outcomes(twice.tool, [1, 2, 3, 4]) == [2, 4, 6, 8]
    assert here.rungs == rungs and LOG[-1] == last


def test_idle_models_go_before_the_batch_shrinks() -> None:
    here = Here()
    with here.pool.lease(Bound("other", "counter", "idle")):
        pass
    ROOM["ordinary"] = 0
    here.outcomes(twice.tool, [1])
    assert here.rungs == [FREE, EVICT, LOW]
    gone = [facts["model"] for kind, facts in here.events if kind == "model evicted"]
    names = [lease_name(Bound("any", "counter", source), "cpu", "float32") for source in ("idle", "weights")]
    assert gone == names  # the model itself only when its low-memory variant comes


def test_what_helped_is_remembered() -> None:
    ROOM.update(ordinary=0, frugal=1)
    here = Here()
    here.outcomes(twice.tool, [1])
    LOG.clear()
    here.events.clear()
    assert here.outcomes(twice.tool, [2]) == [4] and LOG == ["frugal 1"] and here.rungs == []


@pytest.mark.parametrize("kind", ["ordinary", "both"])
def test_a_load_that_lacks_memory(kind: str) -> None:
    ROOM.update(ordinary=-1, frugal=-1 if kind == "both" else 4)
    here = Here()
    (outcome,) = here.outcomes(twice.tool, [1])
    if kind == "ordinary":
        assert outcome == 2 and LOG[-2:] == ["load frugal", "frugal 1"]
    else:
        tried = "tried without success: free caches, evict idle models (0), low-memory variant"
        assert outcome.startswith("tool 'twice' ran out of memory (MemoryError") and tried in outcome
