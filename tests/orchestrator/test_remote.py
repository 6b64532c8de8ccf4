"""Runs on a real Ray cluster of this machine: the same results, and what a lost worker costs."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

pytest.importorskip("ray")

from diptych.orchestrator import map_plan, work
from diptych.orchestrator.calls import Call, Held, Wire
from diptych.orchestrator.engine import Engine, StepRecord
from diptych.orchestrator.lane import Failure
from diptych.orchestrator.lanes import Lanes
from diptych.orchestrator.log import Event
from diptych.orchestrator.policy import Control, Policy
from diptych.orchestrator.pool import ModelPool
from diptych.orchestrator.remote import Slot, Workers
from diptych.orchestrator.remote_choosing import choose_for_cluster
from diptych.orchestrator.remote_cluster import address_of
from diptych.orchestrator.remote_errand import Errand, Load
from diptych.orchestrator.remote_lane import RETRIES, RemoteLane
from diptych.orchestrator.remote_lines import Lines
from diptych.orchestrator.work import shelf
from diptych.planners.plan import Plan
from diptych.tools.catalogue import Catalogue
from diptych.tools.errors import Cancelled, ToolError, UsageError
from diptych.tools.images import save_image
from diptych.tools.profiles import Profile, load_profile
from diptych.tools.profiles.choosing import OVERRIDE
from diptych.tools.progress import Hook, tick
from diptych.tools.tool import tool
from diptych.tools.values import Image, Number

from .kept import damage
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


@tool(family="editor")
def sign(image: Image, book: str, name: str, wait_for: str = "") -> Image:
    """Write the name and the process into a book, lighten the image, and wait until a file is there."""
    with Path(book).open("a") as lines:
        lines.write(f"{name} {os.getpid()}\n")
    for part in range(6000):
        if not wait_for or Path(wait_for).exists():
            break
        tick(part, 6000)
        time.sleep(0.01)
    return Image(np.minimum(image.pixels, 254) + np.uint8(1))


@tool(family="editor")
def flaky(image: Image, mark: str) -> Image:
    """Fail the first time, in a way that may pass."""
    if not Path(mark).exists():
        Path(mark).touch()
        raise ToolError("the printer is warming up", retryable=True)
    return image


OWN = (process, die_once, die, stay, sign, flaky)
CATALOGUE = Catalogue([function.tool for function in (*FUNCTIONS, *OWN)])  # type: ignore[attr-defined]
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


def run(
    document: Plan, home: Path, workers: Workers | None = None, value: Image | None = None, **options: Any
) -> list[StepRecord]:
    """Run a plan over a picture, here or on the workers."""
    kept, pool = shelf(home), ModelPool(100)
    engine = Engine(CATALOGUE, EMBEDDED, pool, kept.log, kept.estimates, Lanes(pool, 2), kept.store)
    if workers:
        engine = replace(engine, executor=workers.executor(document))
    return engine.run(document, {"photo": value or picture()}, run=kept.log.start("").run, **options)


def signing(names: str, book: Path, **waits: Path) -> list[str]:
    """Return the steps of a plan that is one line, each of which signs a book; some wait for a file."""
    line = zip(["photo", *names], names, strict=False)
    ends = {name: f" wait_for={path}" for name, path in waits.items()}
    return [f"{name} sign image=${before} book={book} name={name}{ends.get(name, '')}" for before, name in line]


def signed(book: Path) -> dict[str, list[str]]:
    """Return name → the processes that signed it."""
    found: dict[str, list[str]] = {}
    for line in book.read_text().splitlines() if book.exists() else ():
        name, process = line.split()
        found.setdefault(name, []).append(process)
    return found


def facts(records: Sequence[StepRecord]) -> list[tuple[Any, ...]]:
    return [(record.id, record.status, record.digests, record.error) for record in records]


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

    def listener(kind: str, facts: Mapping[str, object]) -> None:
        if told is not None:
            told.append(kind)

    lines = Lines(Plan(inputs={"photo": "Image"}), CATALOGUE)
    lane = RemoteLane(workers, lines, None, listener, lambda cost: None)
    return list(lane.attempt(calls, hook or (lambda done, total: None)))


def numbers(outcomes: Sequence[Any]) -> list[float]:
    return [outcome.result.number for outcome in outcomes]


def test_a_run_on_workers_gives_the_digests_of_a_local_run(workers: Workers, tmp_path: Path) -> None:
    local, remote = run(MANY, tmp_path / "here"), run(MANY, tmp_path / "there", workers)
    assert facts(local) == facts(remote)
    assert [r.status for r in remote] == ["done"] * 8 + ["failed"]
    again = run(MANY, tmp_path / "there")
    assert [r.status for r in again[:8]] == ["cached"] * 8, "a local run finds what the workers made"


def test_a_line_is_one_task_on_one_worker(workers: Workers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[Load] = []

    class Counted(Errand):
        def __init__(self, workers: Workers, slot: Slot, load: Load, *rest: Any) -> None:
            sent.append(load)
            super().__init__(workers, slot, load, *rest)

    monkeypatch.setattr("diptych.orchestrator.remote_lane.Errand", Counted)
    document = plan(signing("abcdef", tmp_path / "book"), "f", [{"check": "is_bright", "image": "$f"}])
    events: list[Event] = []
    remote = run(document, tmp_path / "there", workers, on_event=events.append)
    assert len(sent) == 1, "one hop for six steps and a check"
    assert len({process for found in signed(tmp_path / "book").values() for process in found}) == 1
    local_events: list[Event] = []
    local = run(document, tmp_path / "here", on_event=local_events.append)
    assert facts(local) == facts(remote)
    assert [told(event) for event in events] == [told(event) for event in local_events], "each step has its own"
    again = run(document, tmp_path / "there")
    assert {record.status for record in again} == {"cached"}, "each step has its key and its kept result"
    assert all(record.value == other.value for record, other in zip(again, local, strict=True))


def told(event: Event) -> tuple[Any, ...]:
    """Return what an event says, without times."""
    return event.kind, event.step, {name: fact for name, fact in event.facts.items() if name != "seconds"}


def test_a_killed_worker_costs_a_line_only_the_step_that_ran(workers: Workers, tmp_path: Path) -> None:
    book, go_on = tmp_path / "book", tmp_path / "go_on"
    document = plan(signing("abcde", book, c=go_on), "e")

    def kill(event: Event) -> None:
        """Kill all workers once the result of b has come; c runs meanwhile, and is let go on its next worker."""
        if (event.kind, event.step) == ("step finished", "b") and not go_on.exists():
            while "c" not in signed(book):
                time.sleep(0.01)
            for slot in workers._slots:
                workers.ray.kill(slot.actor)
            while psutil.pid_exists(int(signed(book)["c"][0])):
                time.sleep(0.01)
            go_on.touch()

    remote = run(document, tmp_path / "there", workers, on_event=kill)
    assert [record.status for record in remote] == ["done"] * 5
    assert {name: len(found) for name, found in signed(book).items()} == {"a": 1, "b": 1, "c": 2, "d": 1, "e": 1}
    assert facts(run(document, tmp_path / "here")) == facts(remote)


def test_whoever_kills_its_workers_in_a_line_is_named(workers: Workers, tmp_path: Path) -> None:
    steps = [*signing("ab", tmp_path / "book"), "c die image=$b", "d lighten image=$c"]
    records = run(plan(steps, "d"), tmp_path / "there", workers)
    assert [record.status for record in records] == ["done", "done", "failed", "skipped"]
    assert "'die' lost its worker 3 times" in (records[2].error or "")


def test_a_step_of_a_line_is_tried_again_by_itself(workers: Workers, tmp_path: Path) -> None:
    book, mark = tmp_path / "book", tmp_path / "mark"
    steps = [*signing("ab", book), f"c flaky image=$b mark={mark}", "d lighten image=$c"]
    failed = run(plan(steps, "d"), tmp_path / "home", workers)
    assert [record.status for record in failed] == ["done", "done", "failed", "skipped"]
    mark.unlink()
    records = run(plan(steps, "d"), tmp_path / "other", workers, policy=Policy(retries=1))
    assert [record.status for record in records] == ["done"] * 4
    assert {name: len(found) for name, found in signed(book).items()} == {"a": 2, "b": 2}, "once in each run"


def test_a_line_ends_where_the_results_are_known(workers: Workers, tmp_path: Path) -> None:
    book, go_on = tmp_path / "book", tmp_path / "go_on"
    go_on.touch()
    rest = signing("abc", book, a=go_on)
    rest[0] = rest[0].replace("$photo", "$t")
    run(plan(["t threshold image=$photo level=120", *rest], "c"), tmp_path / "home")
    go_on.unlink()  # a would now take a minute
    book.unlink()
    records = run(plan(["t threshold image=$photo level=130", *rest], "c"), tmp_path / "home", workers)
    assert [record.status for record in records] == ["done", "cached", "cached", "cached"]
    for slot in [workers.take((), lambda done, total: None) for _ in workers._slots]:
        workers.give_back(slot)  # all of them are free: nothing goes on there
    assert set(signed(book)) <= {"a"}


def test_a_cancelled_line_stops_on_its_worker(workers: Workers, tmp_path: Path) -> None:
    book, control = tmp_path / "book", Control()

    def stop(event: Event) -> None:
        if event.kind == "step progress" and event.step == "b":
            control.cancel()

    document = plan(signing("abc", book, b=tmp_path / "never"), "c")
    records = run(document, tmp_path / "home", workers, on_event=stop, control=control)
    assert [record.status for record in records] == ["done", "cancelled", "cancelled"]
    assert list(signed(book)) == ["a", "b"]


def test_a_kept_result_that_was_lost_is_made_again_by_a_worker(workers: Workers, tmp_path: Path) -> None:
    chain = ["a lighten image=$photo amount=5", "b lighten image=$a amount=7"]
    before = run(plan(chain, "b"), tmp_path / "here", value=picture(70, 64))
    shelf(tmp_path / "here").store.flush()
    work._shelf.cache_clear()
    assert damage(tmp_path / "here" / "store")
    changed = plan([chain[0], "b lighten image=$a amount=8"], "b")
    after = run(changed, tmp_path / "here", workers, picture(70, 64))
    assert [record.status for record in after] == ["cached", "done"] and after[0].digests == before[0].digests


def test_work_is_done_elsewhere_and_a_batch_in_one_place(workers: Workers) -> None:
    calls = [call("process", key=str(turn), turn=turn) for turn in range(3)]
    found = numbers(attempt(workers, *calls))
    assert len(set(found)) == 1 and found[0] != os.getpid()


def test_a_value_is_put_once_and_stays_with_its_worker(workers: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    value, put = picture(31), workers.ray.put
    puts: list[bytes] = []

    def counted(data: bytes) -> Any:
        puts.append(data)
        return put(data)

    monkeypatch.setattr(workers.ray, "put", counted)
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
            workers.ray.kill(slot.actor)

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


def test_a_run_with_another_profile_than_its_workers_is_refused(workers: Workers, tmp_path: Path) -> None:
    document, kept, pool = plan(["a lighten image=$photo"], "a"), shelf(tmp_path), ModelPool(100)
    engine = Engine(CATALOGUE, load_profile("tiny"), pool, kept.log, kept.estimates, Lanes(pool, 2))
    with pytest.raises(UsageError, match="for profile 'tiny', but the workers have 'embedded'"):
        workers.executor(document)(engine, lambda kind, facts: None, lambda cost: None)


def test_auto_is_judged_by_the_cluster(workers: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(OVERRIDE)
    monkeypatch.setattr("diptych.tools.profiles.choosing.look", lambda: pytest.fail("this machine was judged"))
    choice = choose_for_cluster(workers.ray, "auto")
    assert choice.profile == EMBEDDED
    assert "judged by the Ray cluster (2 CPU, no GPU), not by the one you are at" in str(choice)


@pytest.mark.parametrize("name", ["nowhere:X", "tests.orchestrator.small_tools:NOTHING", "os:path"])
def test_a_catalogue_that_is_none(name: str) -> None:
    with pytest.raises(UsageError, match="give module:NAME"):
        Workers("ray", EMBEDDED, name)
