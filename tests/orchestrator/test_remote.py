"""Runs on a real Ray cluster of this machine: the same results, and what a lost worker costs."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("ray")

from diptych.orchestrator import map_plan
from diptych.orchestrator.calls import Call, Held, Wire
from diptych.orchestrator.engine import Engine, StepRecord
from diptych.orchestrator.lane import Failure
from diptych.orchestrator.lanes import Lanes
from diptych.orchestrator.pool import ModelPool
from diptych.orchestrator.remote import RETRIES, Workers, executors
from diptych.orchestrator.remote_cluster import address_of
from diptych.orchestrator.work import shelf
from diptych.planners.plan import Plan
from diptych.tools.catalogue import Catalogue
from diptych.tools.errors import Cancelled, ToolError, UsageError
from diptych.tools.images import save_image
from diptych.tools.profiles import Profile, load_profile
from diptych.tools.progress import Hook, tick
from diptych.tools.tool import tool
from diptych.tools.values import Image, Number

from .small_tools import CALLS, FUNCTIONS, picture, plan

EMBEDDED = load_profile("embedded")
ROOT = Path(__file__).parents[2]
NAME = "tests.orchestrator.test_remote:CATALOGUE"


@tool(family="measure")
def process(image: Image, turn: int = 0) -> Number:
    """Measure the number of the process that this runs in."""
    return Number(float(os.getpid()))


@tool(family="editor")
def die_once(image: Image, mark: str) -> Image:
    """End the process the first time."""
    if not Path(mark).exists():
        Path(mark).touch()
        os._exit(9)
    return image


@tool(family="editor")
def die(image: Image) -> Image:
    """End the process every time."""
    os._exit(9)


@tool(family="editor")
def stay(image: Image, mark: str) -> Image:
    """Go on until told to stop."""
    for part in range(4000):
        Path(mark).touch()
        tick(part, 4000)
        time.sleep(0.01)
    return image


CATALOGUE = Catalogue([*(f.tool for f in FUNCTIONS), process.tool, die_once.tool, die.tool, stay.tool])  # type: ignore[attr-defined]
MANY = plan(
    [
        *("a lighten image=$photo amount=5", "h halves image=$a", "l lighten image=$h for_each=image"),
        *("j join images=$l", "m bright image=$j", "k blacken image=$j mask=$m", "r mean image=$k"),
        *("s say words=hello number=$r", "b refuse_mask image=$k"),
    ],
    "k s",
)


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    import ray

    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    ray.init(
        "local",
        num_cpus=2,
        include_dashboard=False,
        object_store_memory=80 << 20,
        log_to_driver=False,
        configure_logging=False,
        _node_ip_address="127.0.0.1",
        runtime_env={"env_vars": {"PYTHONPATH": str(ROOT)}},
    )
    try:
        with Workers("ray", EMBEDDED, NAME) as made:
            yield made
    finally:
        ray.shutdown()


def run(document: Plan, home: Path, workers: Workers | None = None, value: Image | None = None) -> list[StepRecord]:
    """Run a plan over a picture, here or on the workers."""
    kept, pool = shelf(home), ModelPool(100)
    engine = Engine(CATALOGUE, EMBEDDED, pool, kept.log, kept.estimates, Lanes(pool, 2), kept.store)
    if workers:
        engine = Engine(
            *(CATALOGUE, EMBEDDED, pool, kept.log, kept.estimates, Lanes(pool, 2), kept.store),
            executor=workers.executor,
        )
    return engine.run(document, {"photo": value or picture()}, run=kept.log.start("").run)


@dataclass(frozen=True)
class One:
    """A source in which every name leads to one picture."""

    picture: Image

    def held(self, name: str) -> Held:
        return Held.of(self.picture)

    def value(self, name: str) -> Image:
        return self.picture


class Lost(One):
    """A source that knows the digest of a picture, but has it no more."""

    def value(self, name: str) -> Image:
        raise ToolError("the kept result was lost")


def call(id: str, source: One | None = None, key: str = "k", **params: Any) -> Call:
    """Return a call of a tool over one picture."""
    return Call(key, CATALOGUE[id], {"image": Wire(("photo",), False)}, params, source or One(picture()))


def attempt(workers: Workers, *calls: Call, hook: Hook | None = None, told: list[str] | None = None) -> list[Any]:
    """Make calls on workers; `told` gets what the listener hears."""

    def listener(kind: str, facts: dict[str, object]) -> None:
        if told is not None:
            told.append(kind)

    lane = workers.executor(None, listener, lambda cost: None)
    return list(lane.attempt(calls, hook or (lambda done, total: None)))


def numbers(outcomes: Sequence[Any]) -> list[float]:
    return [outcome.result.number for outcome in outcomes]


def test_a_run_on_workers_gives_the_digests_of_a_local_run(workers: Workers, tmp_path: Path) -> None:
    local, remote = run(MANY, tmp_path / "here"), run(MANY, tmp_path / "there", workers)
    facts = [[(r.id, r.status, r.digests, r.error) for r in records] for records in (local, remote)]
    assert facts[0] == facts[1]
    assert [r.status for r in remote] == ["done"] * 8 + ["failed"]
    again = run(MANY, tmp_path / "there")
    assert [r.status for r in again[:8]] == ["cached"] * 8, "a local run finds what the workers made"


def test_work_is_done_elsewhere_and_a_batch_in_one_place(workers: Workers) -> None:
    calls = [call("process", key=str(turn), turn=turn) for turn in range(3)]
    found = numbers(attempt(workers, *calls))
    assert len(set(found)) == 1 and found[0] != os.getpid()


def test_a_value_is_put_once_and_stays_with_its_worker(workers: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    value, put = picture(31), workers._ray.put
    puts: list[bytes] = []

    def counted(data: bytes) -> Any:
        puts.append(data)
        return put(data)

    monkeypatch.setattr(workers._ray, "put", counted)
    found = {numbers(attempt(workers, call("process", One(value), str(n), turn=n)))[0] for n in range(4)}
    assert len(puts) == 1 and len(found) == 1, "the worker that has the value makes all the calls"


def test_a_value_that_a_worker_let_go_is_sent_again(workers: Workers) -> None:
    value = picture(32)
    for slot in workers._slots:
        slot.known.add(value.digest)  # it has never seen it
    assert isinstance(attempt(workers, call("mean", One(value)))[0], Held)


def test_a_killed_worker_costs_only_its_call(workers: Workers, tmp_path: Path) -> None:
    told: list[str] = []
    outcome = attempt(workers, call("die_once", mark=str(tmp_path / "died")), told=told)[0]
    assert isinstance(outcome, Held) and outcome.digests == (picture().digest,) and told == ["worker lost"]


def test_a_run_survives_the_loss_of_all_workers(workers: Workers, tmp_path: Path) -> None:
    document = plan(["a slow image=$photo parts=100", "b lighten image=$a", "c lighten image=$b amount=7"], "c")

    def kill() -> None:
        time.sleep(0.4)
        for slot in workers._slots:
            workers._ray.kill(slot.actor)

    killer = threading.Thread(target=kill)
    killer.start()
    remote = run(document, tmp_path / "there", workers, picture(55))
    killer.join()
    assert [r.digests for r in remote] == [r.digests for r in run(document, tmp_path / "here", None, picture(55))]


def test_a_map_runs_on_workers(workers: Workers, tmp_path: Path) -> None:
    photos, document = tmp_path / "photos", plan(["a lighten image=$photo", "b threshold image=$a"], "b")
    photos.mkdir()
    for number in range(6):
        save_image(picture(number), photos / f"{number}.png")
    CALLS.clear()
    options: dict[str, Any] = {"catalogue": CATALOGUE, "metadata": False}
    summary = map_plan(document, photos, tmp_path / "out", workers=workers, home=tmp_path / "home", **options)
    assert (summary.done, summary.failed, sum(CALLS.values())) == (6, 0, 0), summary.problems
    map_plan(document, photos, tmp_path / "local", home=tmp_path / "other", **options)
    for path in (tmp_path / "out").glob("*.png"):
        assert path.read_bytes() == (tmp_path / "local" / path.name).read_bytes()
    assert sum(CALLS.values()) == 12


def test_a_call_that_kills_every_worker_fails_by_name(workers: Workers) -> None:
    told: list[str] = []
    outcome = attempt(workers, call("die"), told=told)[0]
    assert isinstance(outcome, Failure) and "'die' lost its worker 3 times" in outcome.message
    assert told == ["worker lost"] * (1 + RETRIES)
    assert isinstance(attempt(workers, call("mean"))[0], Held), "others go on"


def test_progress_comes_back_and_cancel_reaches_the_worker(workers: Workers, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []

    def hook(done: int, total: int) -> None:
        seen.append((done, total))
        if done:
            raise Cancelled("enough")

    outcome = attempt(workers, call("stay", mark=str(tmp_path / "alive")), hook=hook)[0]
    assert isinstance(outcome, Cancelled) and 0 < seen[-1][0] < 4000 and seen[-1][1] == 4000
    (tmp_path / "alive").unlink()
    time.sleep(0.1)
    assert not (tmp_path / "alive").exists(), "the tool has stopped"


@pytest.mark.parametrize(
    ("id", "complaint"),
    [
        ("refuse", "try another page"),
        ("crash", "tool 'crash' broke: KeyError"),
        ("leave", "SystemExit"),
        ("lie", "Image"),
    ],
)
def test_what_a_tool_does_wrong_is_told_as_it_is_here(workers: Workers, id: str, complaint: str) -> None:
    outcome = attempt(workers, call(id))[0]
    assert isinstance(outcome, Failure) and complaint in outcome.message


def test_an_input_that_cannot_be_had_fails_the_call(workers: Workers) -> None:
    outcome = attempt(workers, call("mean", Lost(picture(99))))[0]
    assert isinstance(outcome, Failure) and "was lost" in outcome.message


def test_another_version_of_a_tool_is_refused(workers: Workers) -> None:
    newer = replace(call("process"), tool=replace(CATALOGUE["process"], version=7))
    outcome = attempt(workers, newer)[0]
    assert isinstance(outcome, Failure) and "version 7: the worker has version 1" in outcome.message


def test_a_big_picture_makes_the_way_there_and_back(workers: Workers) -> None:
    value = Image(np.random.default_rng(0).integers(0, 255, (2000, 3000, 3), np.uint8))
    outcome = attempt(workers, call("lighten", One(value), amount=0))[0]
    assert isinstance(outcome, Held) and outcome.digests == (value.digest,)


@pytest.mark.parametrize(
    ("on", "complaint"),
    [
        ("moon", "give local, ray, ray://auto or ray://HOST:PORT"),
        ("ray://", "ray://HOST:PORT"),
        ("ray://somewhere", "ray://HOST:PORT"),
    ],
)
def test_addresses_that_are_none(on: str, complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        address_of(on)


def test_nobody_at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ray.is_initialized", lambda: False)
    with pytest.raises(UsageError, match="nothing answers there"):
        Workers("ray://127.0.0.1:9", EMBEDDED)


def test_a_gpu_profile_needs_a_gpu(workers: Workers) -> None:
    with pytest.raises(UsageError, match="no whole GPU, and profile 'far' runs on cuda"):
        Workers("ray", Profile("far", "", device="cuda"), NAME)


def test_local_means_this_process() -> None:
    assert executors("local", EMBEDDED) is None


@pytest.mark.parametrize("name", ["nowhere:X", "tests.orchestrator.small_tools:NOTHING", "os:path"])
def test_a_catalogue_that_is_none(name: str) -> None:
    with pytest.raises(UsageError, match="give module:NAME"):
        executors("ray", EMBEDDED, name)
