"""Processes die at any moment; what they had finished stays finished, and the rest is done after a restart.

`benchmarks/faults.py` does the same two hundred times.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from .fault_checks import Digests, Witness, calls_of, undisturbed
from .fault_driver import KINDS, Kill, Nursery

KILLS_OF_A_KIND = 5
SEEDS = (1, 2)
"""Of the plans; small pictures and large ones."""


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with Nursery() as nursery:
        yield nursery


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[int, dict[str, Digests]]:
    return {seed: undisturbed(seed, tmp_path_factory.mktemp("undisturbed")) for seed in SEEDS}


@pytest.mark.parametrize("number", range(KILLS_OF_A_KIND))
@pytest.mark.parametrize("kind", KINDS)
def test_a_killed_process_loses_nothing_that_was_finished(
    kind: str, number: int, nursery: Nursery, expected: dict[int, dict[str, Digests]], tmp_path: Path
) -> None:
    kill = Kill.draw(kind, random.Random(f"{kind} {number}"))
    seed = SEEDS[number % len(SEEDS)]
    witness = Witness(tmp_path)
    assert nursery.start(tmp_path, seed, kill) in (0, -9)
    witness.look()
    assert nursery.resume(tmp_path) == 0
    assert witness.judge(expected[seed]) == []


def test_a_run_that_died_before_its_first_step_keeps_its_plan_and_its_inputs(
    nursery: Nursery, expected: dict[int, dict[str, Digests]], tmp_path: Path
) -> None:
    witness = Witness(tmp_path)
    assert nursery.start(tmp_path, 2, Kill("event", 1)) == -9
    assert witness.unfinished() >= 1
    assert nursery.resume(tmp_path) == 0
    assert witness.judge(expected[2]) == []


def test_a_kill_while_resuming_is_survived_too(
    nursery: Nursery, expected: dict[int, dict[str, Digests]], tmp_path: Path
) -> None:
    witness = Witness(tmp_path)
    assert nursery.start(tmp_path, 1, Kill("tool", 4)) == -9
    witness.look()
    # In the middle of opening and reading: no step runs, so none can be blamed for the second death.
    assert nursery.resume(tmp_path, Kill("sql", 12)) == -9
    witness.look()
    assert nursery.resume(tmp_path) == 0
    assert witness.judge(expected[1]) == []


def test_there_is_nothing_to_resume_after_a_good_end(nursery: Nursery, tmp_path: Path) -> None:
    assert nursery.start(tmp_path, 1) == 0
    witness = Witness(tmp_path)
    before = witness.calls()
    assert nursery.resume(tmp_path) == 0
    assert before and witness.calls() == before


@pytest.mark.parametrize(("how", "code"), [("exit", 7), ("segfault", -11)])
def test_a_step_that_kills_the_process_twice_fails_by_name_and_the_others_go_on(
    how: str, code: int, nursery: Nursery, tmp_path: Path
) -> None:
    codes = [nursery.start(tmp_path, 1, how=how), nursery.resume(tmp_path), nursery.resume(tmp_path)]
    assert codes == [code, code, 0]
    witness = Witness(tmp_path)
    ended = witness.ended()
    assert {request: status for request, (status, _, _) in ended.items()} == {
        "poisoned": "failed",
        "chain": "done",
        "fan": "done",
    }
    _, steps, reasons = ended["poisoned"]
    assert reasons.startswith("boom: ") and "died 2 times" in reasons
    assert set(steps) == {"before"}, "what the run had finished stays, and nothing after the step was tried"
    calls = calls_of(witness)
    assert calls["poisoned.boom"] == 2 and calls["poisoned.before"] == 1 and calls["poisoned.after"] == 0


def test_a_dead_process_that_nobody_has_waited_for_counts_as_dead(nursery: Nursery, tmp_path: Path) -> None:
    assert nursery.start(tmp_path, 1, Kill("tool", 4), keep_body=True) == -9
    assert nursery.resume(tmp_path) == 0
    ended = Witness(tmp_path).ended()
    assert ended and {status for status, _, _ in ended.values()} == {"done"}


def test_two_processes_share_a_home_from_its_first_moment(
    nursery: Nursery, expected: dict[int, dict[str, Digests]], tmp_path: Path
) -> None:
    with Nursery() as other, ThreadPoolExecutor(2) as both:
        homes = [tmp_path / str(number) for number in range(3)]
        for home in homes:
            home.mkdir()
            codes = list(both.map(lambda place, home=home: place.start(home, 1), [nursery, other]))
            assert codes == [0, 0]
    for home in homes:
        witness = Witness(home)
        assert witness.judge(expected[1]) == []
        assert witness.runs() == 2 * len(expected[1])


def test_two_processes_that_resume_at_once_share_the_runs(
    nursery: Nursery, expected: dict[int, dict[str, Digests]], tmp_path: Path
) -> None:
    assert nursery.start(tmp_path, 1, Kill("tool", 5)) == -9
    witness = Witness(tmp_path)
    witness.look()
    with Nursery() as other, ThreadPoolExecutor(2) as both:
        assert list(both.map(lambda place: place.resume(tmp_path), [nursery, other])) == [0, 0]
    assert witness.judge(expected[1]) == []
    assert set(witness.resumed().values()) == {1}
