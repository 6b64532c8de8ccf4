"""What the engine itself costs, beside its peers: `make bench-engine`.

Chains of no-op steps (a number plus one), every first run in an empty folder, every contestant in a process of its
own that stays; they take turns within each round, so that whatever else the machine does meets all of them alike.
The figure of a contestant is its best round; the medians stand beside it. Diptych is timed with everything that
`run_plan` does (checks of the plan, log, store, provenance); the peers from their compiled graph to their answer.
Everybody's files are made and opened before the clock starts.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine_graphs import LANE_SECONDS, cone, diamond, four_lanes  # the folder of this script is on the path

ROOT = Path(__file__).parent.parent
PEERS = ROOT / "benchmarks" / "peers"
PEER_PYTHON = ROOT / ".venv-bench" / "bin" / "python"
WARM_UP_STEPS = 10
ROUNDS = {10: 7, 100: 7, 1_000: 3, 10_000: 3}
"""Length of the chain → how often each contestant runs it."""


@dataclass(frozen=True)
class Contestant:
    """One way to run the chain."""

    name: str
    script: str
    mode: str
    longest: int
    """Longer chains would take minutes, or more depth than the library has."""
    own: bool = False
    """Whether it runs in the environment of the product."""

    @property
    def python(self) -> str:
        return sys.executable if self.own else str(PEER_PYTHON)


CONTESTANTS = (
    Contestant("diptych", "diptych_chain.py", "run_plan", 10_000, own=True),
    Contestant("diptych, engine alone", "diptych_chain.py", "bare", 10_000, own=True),
    Contestant("langgraph in memory", "langgraph_chain.py", "memory", 1_000),
    Contestant("langgraph with SQLite", "langgraph_chain.py", "sqlite", 1_000),
    Contestant("hamilton with disk cache", "hamilton_chain.py", "disk", 1_000),
    Contestant("dask threaded, keeps nothing", "dask_chain.py", "threaded", 10_000),
    Contestant("by hand, one thread, SQLite", "byhand_chain.py", "kept", 10_000),
)
Microseconds = dict[str, dict[int, dict[str, list[float]]]]
"""Contestant → length of the chain → `cold`, `cached` or `checking` → microseconds per step, one for each round."""


class Process:
    """A contestant that waits for requests."""

    def __init__(self, contestant: Contestant) -> None:
        self._mode, self._script = contestant.mode, contestant.script
        self._process = subprocess.Popen(
            [contestant.python, str(PEERS / contestant.script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "LANGSMITH_TRACING": "false"},
        )

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *error: object) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()

    def run(self, steps: int) -> dict[str, float]:
        """Return the microseconds per step of one round, which starts from an empty folder."""
        assert self._process.stdin and self._process.stdout
        folder = tempfile.mkdtemp()
        try:
            self._process.stdin.write(json.dumps({"mode": self._mode, "steps": steps, "folder": folder}) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        if not line:
            raise SystemExit(f"{self._script} ({self._mode}) ended without an answer")
        return {name: seconds / steps * 1e6 for name, seconds in json.loads(line).items()}


def race(contestants: Sequence[Contestant]) -> Microseconds:
    """Let the contestants take turns at every length."""
    figures: Microseconds = {c.name: defaultdict(lambda: defaultdict(list)) for c in contestants}
    with ExitStack() as stack:
        processes = {c: stack.enter_context(Process(c)) for c in contestants}
        for process in processes.values():
            process.run(WARM_UP_STEPS)
        for steps, rounds in ROUNDS.items():
            for _ in range(rounds):
                for contestant, process in processes.items():
                    if steps <= contestant.longest:
                        for name, value in process.run(steps).items():
                            figures[contestant.name][steps][name].append(value)
    return figures


def best(figures: Microseconds, name: str, steps: int, what: str = "cold") -> float:
    """Return the microseconds per step of the best round."""
    return min(figures[name][steps][what])


def chain_goals(figures: Microseconds) -> list[dict[str, Any]]:
    """Return what the chains had to reach: ratios to peers at their best of the lengths they ran."""

    def ratio(peer: str, what: str = "cold") -> float:
        """Return the smallest ratio over the lengths that both ran."""
        lengths = [steps for steps in figures[peer] if steps >= 100]
        return min(best(figures, peer, n, what) / best(figures, "diptych", n, what) for n in lengths)

    flatness = best(figures, "diptych", 10_000) / best(figures, "diptych", 100)
    return [
        at_most("cost per step at 10,000 steps against 100, cold", flatness, 1.3),
        at_least("times faster than LangGraph with SQLite", ratio("langgraph with SQLite"), 20),
        at_least("times faster than Hamilton with its disk cache", ratio("hamilton with disk cache"), 12),
        at_least("times faster than LangGraph in memory", ratio("langgraph in memory"), 1),
        at_least("times faster than Hamilton, everything cached", ratio("hamilton with disk cache", "cached"), 10),
    ]


def graph_goals(shape: dict[str, float], lanes: float, photo: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what the other graphs had to reach."""
    extra = len(set(photo["ran"]) ^ set(photo["needed"]))
    return [
        at_most("diamond: seconds over its critical path", shape["seconds"] / shape["critical"], 1.05),
        at_most(f"four independent steps of {LANE_SECONDS} s on four lanes, seconds", lanes, 0.55),
        at_most("changed parameter: steps that ran and need not, or need and did not", extra, 0),
    ]


def at_most(name: str, value: float, goal: float) -> dict[str, Any]:
    """Return a goal that is met up to and including a value."""
    return {"name": name, "value": round(value, 3), "goal": goal, "better": "lower", "met": value <= goal}


def at_least(name: str, value: float, goal: float) -> dict[str, Any]:
    """Return a goal that is met from a value on."""
    return {"name": name, "value": round(value, 2), "goal": goal, "better": "higher", "met": value >= goal}


def table(figures: Microseconds) -> list[dict[str, Any]]:
    """Return a row per contestant and length: microseconds per step, best and median."""
    return [
        {
            "contestant": name,
            "steps": steps,
            **{f"{what}_us": round(min(values), 1) for what, values in rows.items()},
            **{f"{what}_us_median": round(statistics.median(values), 1) for what, values in rows.items()},
            "rounds": len(rows["cold"]),
        }
        for name, lengths in figures.items()
        for steps, rows in lengths.items()
    ]


def machine() -> dict[str, Any]:
    """Say what it ran on."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return {
        "cores": os.cpu_count(),
        "architecture": platform.machine(),
        "system": platform.system(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "load_before": load,
    }


def main() -> None:
    about = machine()
    shape, lanes, photo = diamond(), four_lanes(), cone()
    figures = race(CONTESTANTS)
    goals = [*chain_goals(figures), *graph_goals(shape, lanes, photo)]
    rows = table(figures)
    result = {
        "machine": about,
        "microseconds_per_step": rows,
        "diamond": shape,
        "four_lanes_seconds": lanes,
        "changed_parameter": photo,
        "goals": goals,
    }
    path = ROOT / "benchmarks" / "results" / "engine.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    for row in rows:
        print("  ".join(f"{key} {value}" for key, value in row.items() if "median" not in key))
    for goal in goals:
        print(f"{'met   ' if goal['met'] else 'MISSED'}  {goal['name']}: {goal['value']} (goal {goal['goal']})")


if __name__ == "__main__":
    main()
