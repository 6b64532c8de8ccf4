"""What the command line prints and where: answers on stdout, everything else on stderr, one object with --json."""

from __future__ import annotations

import difflib
import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TextIO

from rich.console import Console
from rich.markup import escape

from ..tools.errors import Cancelled, DiptychError, PlanError, Problem, Refusal, UsageError
from ..tools.weights import home

DONE, FAILED, USAGE, REFUSED, INTERRUPTED = 0, 1, 2, 3, 130
"""Exit codes."""

ANSWER_FIELDS = ("status", "answer", "outputs", "plan", "checks", "problems", "seconds")
"""What the object of --json holds, in this order, for every command that plans or runs."""


@dataclass
class Surface:
    """How one call of the command line speaks. Made once, from the arguments."""

    json: bool = False
    quiet: bool = False
    yes: bool = False
    """Whether downloads need not be asked for."""
    started: float = field(default_factory=time.monotonic)
    out: Console = field(default_factory=lambda: Console(highlight=False, soft_wrap=True))
    err: Console = field(default_factory=lambda: Console(stderr=True, highlight=False, soft_wrap=True))

    told: bool = False
    """Whether it was already said how the command ended."""
    _stdout: TextIO = field(default_factory=lambda: sys.stdout)

    @contextmanager
    def only_stdout(self) -> Iterator[None]:
        """With --json, send whatever libraries print to stdout, from Python or from C, to stderr instead."""
        if not self.json:
            yield
            return
        sys.stdout.flush()
        kept = os.dup(1)
        os.dup2(2, 1)
        with os.fdopen(kept, "w", encoding="utf-8") as self._stdout:
            try:
                yield
            finally:
                sys.stdout.flush()
                self._stdout.flush()
                os.dup2(self._stdout.fileno(), 1)

    @property
    def seconds(self) -> float:
        return round(time.monotonic() - self.started, 3)

    @property
    def lively(self) -> bool:
        """Whether progress is drawn: to a person who is looking."""
        return not self.quiet and self.err.is_terminal

    def say(self, text: str) -> None:
        """Print an answer; with --json it is part of the object instead."""
        if not self.json:
            self.out.print(escape(text))

    def show(self, renderable: Any) -> None:
        """Print a table or a tree as the answer, unless --json."""
        if not self.json:
            self.out.print(renderable)

    def note(self, text: str) -> None:
        """Print something worth knowing, on stderr."""
        if not self.quiet:
            self.err.print(f"[dim]{escape(text)}[/dim]")

    def warn(self, text: str) -> None:
        """Print something that went wrong, on stderr."""
        self.err.print(f"[bold red]diptych:[/bold red] {escape(text)}")

    def emit(self, document: Mapping[str, Any]) -> None:
        """Print the one object of --json."""
        if self.json:
            ordered = {name: document[name] for name in (*ANSWER_FIELDS, *document) if name in document}
            self._stdout.write(json.dumps(ordered, ensure_ascii=False) + "\n")
            self._stdout.flush()

    def complain(self, status: str, problems: Iterable[str | Problem]) -> None:
        """Print what went wrong, one line each; with --json as an object of the usual form."""
        messages = [str(problem) for problem in problems]
        if self.json:
            empty: dict[str, Any] = {"answer": None, "outputs": [], "plan": None, "checks": []}
            self.emit({"status": status, **empty, "problems": messages, "seconds": self.seconds})
        for message in messages:
            self.warn(message)


def guarded(surface: Surface, work: Callable[[], int]) -> int:
    """Run `work` and turn whatever it raises into one line on stderr and an exit code."""
    try:
        return work()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the reader has gone: nobody is left to tell
        return FAILED
    except (KeyboardInterrupt, Cancelled):
        surface.complain("failed", ["stopped; no picture was written, finished steps are kept for the next run"])
        return INTERRUPTED
    except DiptychError as error:
        return _explain(surface, error)
    except Exception as error:  # the last resort: a defect of ours, never a traceback for the user
        if hasattr(error, "format_message"):  # click's own usage errors; typer may bring its own copy of click
            surface.complain("failed", [_usage(error)])
            return USAGE
        if os.environ.get("DIPTYCH_DEBUG") == "1":
            raise
        surface.complain("failed", [_defect(error)])
        return FAILED


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean 'x'?` when a known word is near, else nothing."""
    near = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _explain(surface: Surface, error: DiptychError) -> int:
    if isinstance(error, Refusal):
        surface.complain("refused", getattr(error, "problems", [str(error)]))
        return REFUSED
    if isinstance(error, PlanError):
        unsupported = bool(error.problems) and all(problem.kind == "unsupported" for problem in error.problems)
        surface.complain("refused" if unsupported else "failed", error.problems)
        return REFUSED if unsupported else FAILED
    surface.complain("failed", [str(error)])
    return USAGE if isinstance(error, UsageError) else FAILED


def _usage(error: Any) -> str:
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "diptych"
    return f"{error.format_message()} (see '{path} --help')"


def _defect(error: Exception) -> str:
    """Write the traceback into a file and return the line that says where."""
    name = f"{type(error).__name__}: {error}".splitlines()[0]
    try:
        folder = home() / "logs"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / time.strftime("error-%Y%m%d-%H%M%S.txt")
        path.write_text("".join(traceback.format_exception(error)), encoding="utf-8")
    except OSError:
        return f"a defect in Diptych: {name}; set DIPTYCH_DEBUG=1 to see where"
    return f"a defect in Diptych: {name}; the details are in {path}"
