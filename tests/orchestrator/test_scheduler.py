"""The choice of the next call: priorities, fairness, affinity with bounded delay, batches."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from diptych.orchestrator.scheduler import Scheduler, Task

A, B = frozenset({"a"}), frozenset({"b"})


def scheduler(*runs: str, patience: float = 5.0) -> Scheduler:
    made = Scheduler(patience)
    for run in runs:
        made.enter(run)
    return made


def drain(line: Scheduler, resident: frozenset[str] = frozenset()) -> list[tuple[str, ...]]:
    """Take until nothing is left, keeping one model in memory; return the jobs of each batch."""
    order = []
    while batch := line.take("cpu", resident):
        resident = batch[0].models or resident
        order.append(tuple(task.job for task in batch))
    return order


def test_the_longest_way_goes_first() -> None:
    line = scheduler("r")
    for name, rank in (("x", 1.0), ("y", 3.0), ("z", 2.0)):
        line.add(Task("r", rank, "t", job=name))
    assert drain(line) == [("y",), ("z",), ("x",)]


def test_a_call_is_alone_unless_another_waits_or_it_must() -> None:
    line = scheduler("r", "other")
    call = Task("r", 1.0, "t")
    assert line.alone(call)
    assert not line.alone(Task("r", 1.0, "t", A))
    line.pause("r", True)
    assert not line.alone(call)
    line.pause("r", False)
    line.add(Task("other", 1.0, "t"))
    assert not line.alone(call)


def test_a_b_a_b_loads_two_models_not_four() -> None:
    line = scheduler("r")
    for rank, (name, models) in enumerate([("a1", A), ("b1", B), ("a2", A), ("b2", B)]):
        line.add(Task("r", 10.0 - rank, "t", models, job=name))
    assert drain(line) == [("a1",), ("a2",), ("b1",), ("b2",)]


def test_affinity_delays_no_longer_than_patience() -> None:
    line = scheduler("r", patience=5.0)
    line.add(Task("r", 1.0, "t", B, since=0.0, job="b"))
    for number in range(3):
        line.add(Task("r", 9.0, "t", A, since=4.0, job=f"a{number}"))
    assert line.take("cpu", A, now=4.5)[0].job == "a0"
    assert line.take("cpu", A, now=5.5)[0].job == "b"


def test_the_run_that_had_least_goes_first_and_priority_beats_it() -> None:
    line = scheduler("long", "short")
    for run in ("long", "short"):
        line.add(Task(run, 1.0, "t", job=run))
    line.served("long", 3.0)
    line.enter("late")
    line.add(Task("late", 1.0, "t", job="late"))
    assert drain(line) == [("short",), ("late",), ("long",)]
    for run in ("long", "short"):
        line.add(Task(run, 1.0, "t", job=run))
    line.set_priority("long", 1)
    assert drain(line) == [("long",), ("short",)]


def test_a_paused_run_waits_and_a_busy_model_is_left_alone() -> None:
    line = scheduler("r", "s")
    line.add(Task("r", 1.0, "t", A, job="r"))
    line.add(Task("s", 1.0, "t", B, job="s"))
    line.pause("r", True)
    assert line.take("cpu", (), B) == []
    assert line.take("cpu")[0].job == "s"
    line.pause("r", False)
    assert line.take("cpu")[0].job == "r"


def test_like_calls_of_all_runs_make_one_batch() -> None:
    line = scheduler("r", "s")
    for run, name in (("r", "r1"), ("s", "s1"), ("r", "r2"), ("s", "s2")):
        line.add(Task(run, 1.0, "detect@1", A, batch=3, job=name))
    line.add(Task("s", 1.0, "detect@2", A, batch=3, job="other version"))
    assert drain(line) == [("r1", "r2", "s1"), ("s2",), ("other version",)]


def test_lanes_take_their_own_kind() -> None:
    line = scheduler("r")
    line.add(Task("r", 1.0, "t", A, lane="device", job="gpu"))
    assert line.take("cpu") == [] and line.take("device")[0].job == "gpu"


TASKS = st.lists(
    st.tuples(st.sampled_from("rst"), st.floats(0, 9), st.sampled_from("tu"), st.sampled_from([frozenset(), A, B])),
    max_size=30,
)


@given(tasks=TASKS, left=st.sampled_from("rst"))
def test_every_call_is_taken_once_or_leaves_with_its_run(
    tasks: list[tuple[str, float, str, frozenset[str]]], left: str
) -> None:
    line = scheduler(*"rst")
    for number, (run, rank, tool, models) in enumerate(tasks):
        line.add(Task(run, rank, tool, models, batch=2, job=number))
    line.leave(left)
    taken = [job for batch in drain(line) for job in batch]
    assert sorted(taken) == [number for number, task in enumerate(tasks) if task[0] != left]
    assert not any(line.waiting.values())
