"""Tools that misbehave, beyond those of `small_tools`; and a way to run them in a process of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from diptych.orchestrator import Result, run_plan
from diptych.planners.plan import Plan
from diptych.tools.catalogue import Catalogue
from diptych.tools.errors import ToolError
from diptych.tools.model import Model
from diptych.tools.profiles import Binding, Profile
from diptych.tools.progress import tick
from diptych.tools.tool import tool
from diptych.tools.values import Image, Labels, Text

from .small_tools import join, lighten, picture

ROOT = Path(__file__).parent.parent.parent
RELEASE = threading.Event()
"""Lets `stuck` return, at the end of a test."""
LIE_MB = 300
"""What `Liar` really holds."""


@tool(family="editor")
def give(image: Image, what: str = "none") -> Image:
    """Return something else than an image."""
    wrong: dict[str, Any] = {"none": None, "list": [image], "class": Image, "generator": (part for part in [image])}
    return wrong[what]  # type: ignore[no-any-return]


@tool(family="editor")
def give_list(image: Image) -> list[Image]:
    """Return a list in which not everything is an image."""
    return [image, Text("no image")]  # type: ignore[list-item]


@tool(family="captioner")
def give_unreadable(image: Image) -> Text:
    """Return a value that cannot be written down."""
    return Text(b"bytes")  # type: ignore[arg-type]


@tool(family="captioner")
def colors(image: Image) -> Labels:
    """Name some colors."""
    return Labels({"red": 0.75, "blue": 0.25})


@tool(family="captioner")
def add_color(labels: Labels) -> Labels:
    """Change the labels that were given."""
    labels.scores["green"] = 1.0  # type: ignore[index]
    return labels


@tool(family="captioner")
def spell(labels: Labels) -> Text:
    """Write the labels out."""
    return Text(str(labels))


@tool(family="editor")
def empty_list(images: list[Image]) -> Image:
    """Empty the list that was given."""
    first = images[0]
    images.clear()
    return first


@tool(family="editor")
def stuck(image: Image) -> Image:
    """Wait for something that does not come, without a tick."""
    RELEASE.wait(60)
    return image


@tool(family="editor")
def endless(image: Image) -> Image:
    """Tick for ever."""
    while not RELEASE.wait(0.01):
        tick(0, 1)
    return image


class Unprintable(Exception):
    """An error that cannot even say what it is."""

    def __str__(self) -> str:
        raise ValueError("no words")


def _too_deep(depth: int) -> int:
    return _too_deep(depth + 1) + 1


RAISES: dict[str, Callable[[], object]] = {
    "KeyboardInterrupt": lambda: _throw(KeyboardInterrupt()),
    "GeneratorExit": lambda: _throw(GeneratorExit()),
    "MemoryError": lambda: _throw(MemoryError()),
    "StopIteration": lambda: next(iter(())),
    "RecursionError": lambda: _too_deep(0),
    "Unprintable": lambda: _throw(Unprintable()),
}


def _throw(error: BaseException) -> None:
    raise error


@tool(family="editor")
def throw(image: Image, what: str) -> Image:
    """Raise."""
    RAISES[what]()
    return image


@tool(family="editor")
def throw_a_book(image: Image) -> Image:
    """Raise an error with five million characters."""
    raise ToolError("word " * 1_000_000)


@tool(family="editor")
def shout(image: Image, megabytes: int = 1) -> Image:
    """Print, by Python, past it, and from a process that it starts."""
    line = "x" * (1 << 20)
    for _ in range(megabytes):
        print(line)
        os.write(1, line.encode())
    subprocess.run([sys.executable, "-c", f"print('x' * {megabytes << 20})"], check=True)
    return image


@tool(family="editor")
def fork(image: Image, child: str = "exit") -> Image:
    """Split the process: the child leaves at once, leaves as a script does, or goes on as if it were the parent."""
    pid = os.fork()
    if pid == 0:
        if child == "exit":
            os._exit(0)
        if child == "sys_exit":
            sys.exit(0)
    else:
        CHILDREN.append(pid)
    return image


CHILDREN: list[int] = []
"""Processes that `fork` made."""


@tool(family="editor")
def note_process(image: Image) -> Image:
    """Write down which process called this, and how often."""
    file = os.open(os.environ["CALLS"], os.O_APPEND | os.O_CREAT | os.O_WRONLY)
    os.write(file, f"{os.getpid()}\n".encode())
    os.close(file)
    return image


class Liar(Model):
    """Says that it needs one MiB."""

    memory_mb: ClassVar[int] = 1

    def __init__(self) -> None:
        self.weights = np.ones(LIE_MB << 17)  # 8 bytes each

    @classmethod
    def load(cls, source: str | Mapping[str, str], *, device: str = "cpu", dtype: str = "float32") -> Self:
        return cls()


@tool(family="editor", models={"liar": Liar})
def believe(image: Image, *, liar: Liar) -> Image:
    """Use a model."""
    return Image(image.pixels + int(liar.weights[0]) - 1)


class LiarBinding(Binding):
    """A binding to `Liar`."""

    @cached_property
    def model(self) -> type[Model]:
        return Liar


PROFILE = Profile("bad", "for tests", bindings={"liar": LiarBinding("liar", "liar", "embedded:liar")})
FUNCTIONS: Sequence[Callable[..., Any]] = (
    *(lighten, join, give, give_list, give_unreadable, colors, add_color, spell, empty_list, stuck, endless),
    *(throw, throw_a_book, shout, fork, note_process, believe),
)
CATALOGUE = Catalogue([function.tool for function in FUNCTIONS])  # type: ignore[attr-defined]


def execute(document: Plan, home: Path, **options: Any) -> Result:
    """Run a plan over one small picture."""
    return run_plan(document, {"photo": picture()}, home=home, catalogue=CATALOGUE, profile=PROFILE, **options)


def reap(seconds: float = 10.0) -> bool:
    """Wait for the processes that `fork` made; False when one of them goes on for longer."""
    end = time.monotonic() + seconds
    while CHILDREN and time.monotonic() < end:
        CHILDREN[:] = [pid for pid in CHILDREN if os.waitpid(pid, os.WNOHANG) == (0, 0)]
        time.sleep(0.02)
    for pid in CHILDREN:
        os.kill(pid, 9)
    return not CHILDREN


def in_process(script: str, home: Path, *, seconds: float = 60.0) -> dict[str, Any]:
    """Run lines that set `answer`, in a process of their own whose output nobody reads; return the answer."""
    head = "import json, os, sys, time\nfrom pathlib import Path\nfrom tests.orchestrator.bad_tools import *\n"
    head += f"from tests.orchestrator.small_tools import plan, statuses\nhome = Path({str(home)!r})\n"
    tail = "\n(home / 'answer.json').write_text(json.dumps(answer))\n"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)])}
    environment["CALLS"] = str(home / "calls.txt")
    done = subprocess.run(
        [sys.executable, "-c", head + script + tail],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        timeout=seconds,
        env=environment,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    answer: dict[str, Any] = json.loads((home / "answer.json").read_text())
    return answer
