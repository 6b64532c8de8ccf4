"""Processes that are made to die: what `test_faults.py` and `benchmarks/faults.py` share.

    test ── lines of JSON ──▶ nursery (this file as a program; imports everything, opens nothing)
                                 └─ fork ──▶ a process that starts runs, or resumes them, and is killed

A forked process costs milliseconds where a new interpreter costs a second; each is a process of its own that opens
its own files, and SIGKILL leaves nothing of it. A kill comes after some time, or in the middle of the n-th SQL
statement, file operation, event or tool call: those are the moments at which half of something has been done.
"""

from __future__ import annotations

import faulthandler
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from diptych.planners.plan import Plan, parse_plan
from diptych.tools.catalogue import Catalogue
from diptych.tools.tool import tool
from diptych.tools.values import Image, Number, Verdict

ROOT = Path(__file__).parent.parent.parent
KINDS = ("time", "sql", "file", "event", "tool")
MOST = {"time": 0.3, "sql": 90, "file": 70, "event": 70, "tool": 40}
"""The latest moment of each kind that is drawn; a process that ends before it is not killed at all."""


LIMIT_SECONDS = 30
"""A process that hangs says where, and ends by SIGALRM (exit code -14)."""


@dataclass(frozen=True)
class Kill:
    """When a process is killed."""

    kind: str
    at: float
    """Seconds after its start for `time`, else how many of that kind it may do."""

    @classmethod
    def draw(cls, kind: str, dice: random.Random) -> Kill:
        """Return a random moment of that kind."""
        return cls(kind, dice.uniform(0, MOST[kind]) if kind == "time" else dice.randint(1, int(MOST[kind])))


# The tools: each appends a line to HOME/calls.txt when it is called, so that calls are counted across deaths.

_calls: int | None = None
_happened: Callable[[str], None] | None = None


def _note(tag: str, value: Image) -> None:
    if _calls is not None:
        os.write(_calls, f"{tag} {value.digest[:16]}\n".encode())
    if _happened is not None:
        _happened("tool")


@tool(family="editor")
def lighten(image: Image, amount: int = 1, work: float = 0.0, tag: str = "") -> Image:
    """Add to every pixel, in some time."""
    _note(tag, image)
    time.sleep(work)
    return Image((image.pixels.astype(int) + amount).clip(0, 255).astype(np.uint8))


@tool(family="editor")
def tiles(image: Image, number: int = 4, tag: str = "") -> list[Image]:
    """Cut the image into upright stripes."""
    _note(tag, image)
    return [Image(part.copy()) for part in np.array_split(image.pixels, number, axis=1)]


@tool(family="editor")
def join(images: list[Image], tag: str = "") -> Image:
    """Put images side by side."""
    _note(tag, images[0])
    return Image(np.concatenate([image.pixels for image in images], axis=1))


@tool(family="measure")
def mean(image: Image, tag: str = "") -> Number:
    """Measure the mean of all pixels."""
    _note(tag, image)
    return Number(float(image.pixels.mean()))


@tool(family="measure")
def is_bright(image: Image, level: float = 128.0, tag: str = "") -> Verdict:
    """Check that the image is bright."""
    _note(tag, image)
    return Verdict(float(image.pixels.mean()) >= level, 0.5, "")


@tool(family="editor")
def poison(image: Image, how: str = "exit", tag: str = "") -> Image:
    """Take the whole process down."""
    _note(tag, image)
    if how == "exit":
        os._exit(7)
    os.kill(os.getpid(), signal.SIGSEGV)
    time.sleep(10)
    return image


CATALOGUE = Catalogue([function.tool for function in (lighten, tiles, join, mean, is_bright, poison)])


# The plans: chains, fans, lists and conditions, of small results and of ones that are large enough for files.


def mixed_plans(seed: int) -> list[Plan]:
    """Return five plans; the last one has the steps of the first, under another request."""
    dice = random.Random(seed)
    plans = [_chain(dice), _fan(dice), _list(dice), _conditions(dice)]
    return [*plans, plans[0].model_copy(update={"request": "chain again"})]


def photo(seed: int) -> Image:
    """Return the picture that the plans of that seed edit: small ones, and ones that are kept as files."""
    size = (30, 40, 3) if seed % 2 else (200, 240, 3)
    return Image(np.random.default_rng(seed).integers(0, 200, size, np.uint8))


def _plan(name: str, steps: list[dict[str, Any]], *outputs: str) -> Plan:
    for step in steps:
        step["args"]["tag"] = f"{name}.{step['id']}"
    return parse_plan({"request": name, "inputs": {"photo": "Image"}, "steps": steps, "outputs": list(outputs)})


def _light(id: str, image: str, dice: random.Random, **more: Any) -> dict[str, Any]:
    args = {"image": image, "amount": dice.randint(1, 9), "work": dice.choice([0, 0, 0.002, 0.008])}
    return {"id": id, "tool": "lighten", "args": args, **more}


def _chain(dice: random.Random) -> Plan:
    steps = [_light(f"s{i}", f"$s{i - 1}" if i else "$photo", dice) for i in range(10)]
    return _plan("chain", steps, "$s9", "$s4")


def _fan(dice: random.Random) -> Plan:
    arms = [_light(f"arm{i}", "$photo", dice) for i in range(5)]
    union = {"id": "all", "tool": "join", "args": {"images": [f"${arm['id']}" for arm in arms]}}
    return _plan("fan", [*arms, union, _light("end", "$all", dice)], "$end")


def _list(dice: random.Random) -> Plan:
    steps = [
        {"id": "cut", "tool": "tiles", "args": {"image": "$photo", "number": 5}},
        _light("each", "$cut", dice, for_each="image"),
        {"id": "all", "tool": "join", "args": {"images": "$each"}},
        {"id": "number", "tool": "mean", "args": {"image": "$all"}},
    ]
    return _plan("list", steps, "$all", "$number")


def _conditions(dice: random.Random) -> Plan:
    steps = [
        {"id": "bright", "tool": "is_bright", "args": {"image": "$photo", "level": dice.choice([10, 250])}},
        _light("yes", "$photo", dice, when="$bright"),
        _light("no", "$yes", dice, when="not $bright"),
        _light("last", "$no", dice),
    ]
    return _plan("conditions", steps, "$last", "$no")


def poisoned_plans(how: str) -> list[Plan]:
    """Return a plan with a step that kills the process, and two harmless ones."""
    dice = random.Random(1)
    steps = [
        _light("before", "$photo", dice),
        {"id": "boom", "tool": "poison", "args": {"image": "$before", "how": how}},
    ]
    return [_plan("poisoned", [*steps, _light("after", "$boom", dice)], "$after", "$before"), _chain(dice), _fan(dice)]


# In the process that dies.


@contextmanager
def _deadly(kill: Kill | None) -> Iterator[Callable[[str], None]]:
    """Count what happens; the process ends at the moment that `kill` names. `time` is the nursery's business."""
    count = 0
    lock = threading.Lock()

    def happened(kind: str) -> None:
        nonlocal count
        if kill is None or kill.kind != kind:
            return
        with lock:
            count += 1
            if count >= kill.at:
                os.kill(os.getpid(), signal.SIGKILL)

    def audit(event: str, args: tuple[Any, ...]) -> None:
        writes = event == "open" and isinstance(args[1], str) and set(args[1]) & set("wax+")
        if writes or event in ("os.rename", "os.mkdir", "os.remove"):
            happened("file")

    connect = sqlite3.connect

    def watched(*args: Any, **options: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*args, **options)
        connection.set_trace_callback(lambda statement: happened("sql"))
        return connection

    sqlite3.connect = watched  # type: ignore[assignment]
    if kill and kill.kind == "file":
        sys.addaudithook(audit)
    yield happened


def _live(request: dict[str, Any], home: Path) -> None:
    """Start the runs of a request all at once, or resume those that are there."""
    global _calls, _happened
    from diptych.orchestrator import resume, run_plan

    kill = Kill(**request["kill"]) if request["kill"] else None
    _calls = os.open(home / "calls.txt", os.O_APPEND | os.O_CREAT | os.O_WRONLY)
    with _deadly(kill) as happened:
        _happened = happened
        if request["do"] == "resume":
            resume(home=home, on_event=lambda event: happened("event"), catalogue=CATALOGUE)
            return
        plans = poisoned_plans(request["how"]) if request["how"] else mixed_plans(request["seed"])
        inputs = {"photo": photo(request["seed"])}

        def go(plan: Plan) -> None:
            run_plan(plan, inputs, home=home, catalogue=CATALOGUE, on_event=lambda event: happened("event"))

        threads = [threading.Thread(target=go, args=(plan,)) for plan in plans]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def _nursery() -> None:
    """Fork a process per request and say how it ended."""
    import diptych.orchestrator.api  # noqa: F401  (loaded once, for all children)

    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork()
        if child == 0:
            faulthandler.dump_traceback_later(LIMIT_SECONDS - 1)
            signal.alarm(LIMIT_SECONDS)
            status = 1
            try:
                _live(request, Path(request["home"]))
                status = 0
            finally:
                sys.stderr.flush()
                os._exit(status)
        kill = request["kill"]
        if kill and kill["kind"] == "time":
            time.sleep(kill["at"])
            os.kill(child, signal.SIGKILL)
        print(_end_of(child, bury=not request["keep_body"]), flush=True)


def _end_of(child: int, *, bury: bool) -> int:
    """Wait for a process and return its exit code; unless it is buried, the system still lists it."""
    if bury:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    end = os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    assert end is not None
    return -end.si_status if end.si_code != os.CLD_EXITED else end.si_status


# In the process that watches.


class Nursery:
    """Where processes come from; use it as a context."""

    def __init__(self) -> None:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OMP_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
            cwd=ROOT,
        )

    def __enter__(self) -> Nursery:
        return self

    def __exit__(self, *error: object) -> None:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def start(self, home: Path, seed: int, kill: Kill | None = None, *, how: str = "", keep_body: bool = False) -> int:
        """Start the runs of a seed, or those with a step that dies in the way `how`; return the exit code (-9: killed).

        `keep_body`: do not wait for the dead process, so that the system goes on listing it.
        """
        return self._ask("start", home, kill, seed=seed, how=how, keep_body=keep_body)

    def resume(self, home: Path, kill: Kill | None = None) -> int:
        """Resume what is unfinished; return the exit code, -9 when killed."""
        return self._ask("resume", home, kill, keep_body=False)

    def _ask(self, do: str, home: Path, kill: Kill | None, **more: Any) -> int:
        assert self._process.stdin and self._process.stdout
        request = {"do": do, "home": str(home), "kill": asdict(kill) if kill else None, **more}
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


if __name__ == "__main__":
    _nursery()
