"""What must hold after processes have died: read from the files they left, with nothing but what they share."""

from __future__ import annotations

import sqlite3
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from diptych.orchestrator import run_plan
from diptych.orchestrator.log import Event, Log
from diptych.orchestrator.store import Store
from diptych.planners.plan import Plan
from diptych.tools.values import decode

from .fault_driver import CATALOGUE, mixed_plans, photo

Digests = dict[str, tuple[str, ...]]
"""Output → content."""


def undisturbed(seed: int, home: Path) -> dict[str, Digests]:
    """Return what the plans of a seed give when nobody dies: request → outputs."""
    expected: dict[str, Digests] = {}
    for plan in mixed_plans(seed):
        result = run_plan(plan, {"photo": photo(seed)}, home=home, catalogue=CATALOGUE)
        assert result.status == "done", result.problems
        digests = {record.id: record.digests for record in result.steps}
        expected[plan.request] = {name: digests[name] for name in _outputs(plan)}
    return expected


def _outputs(plan: Plan) -> list[str]:
    return [output.removeprefix("$") for output in plan.outputs]


@dataclass
class Witness:
    """Looks into a home after each death, and says at the end what was wrong."""

    home: Path
    finished: set[str] = field(default_factory=set)
    """Tags of the steps whose end is in the log."""
    seen: int = 0
    """Calls that had been made when it looked last."""
    faults: list[str] = field(default_factory=list)

    def look(self) -> None:
        """After a death: were steps called whose end had been in the log before? Which ends are there now?"""
        calls = self.calls()
        twice = sorted({tag for tag in calls[self.seen :] if tag in self.finished})
        self.faults += [f"{tag} was finished, and was called again" for tag in twice]
        self.seen = len(calls)
        self.finished |= self._ends()

    def calls(self) -> list[str]:
        """Return the tag of every call so far."""
        path = self.home / "calls.txt"
        return [line.split()[0] for line in path.read_text().splitlines()] if path.exists() else []

    def _ends(self) -> set[str]:
        """Return the tags of finished steps; equal steps of two runs have one tag, as they have one key."""
        if not (self.home / "log.db").exists():
            return set()
        log = Log(self.home / "log.db")
        try:
            return {
                f"{run.request.removesuffix(' again')}.{event.step}"
                for run in log.runs()
                for event in log.replay(run.id)
                if event.kind == "step finished"
            }
        finally:
            log.close()

    def unfinished(self) -> int:
        """Return how many runs were accepted and are not finished."""
        if not (self.home / "log.db").exists():
            return 0
        return sum(status == "unfinished" for status, _, _ in self.ended().values())

    def judge(self, expected: dict[str, Digests]) -> list[str]:
        """After the last restart: every fault, in words; `expected` is what the runs give undisturbed."""
        self.look()
        self.faults += self._judge_runs(expected)
        self.faults += self._judge_files()
        return self.faults

    def ended(self) -> dict[str, tuple[str, Digests, str]]:
        """Return request → (status, content of every step, reasons of failures)."""
        log = Log(self.home / "log.db")
        try:
            return {run.request: (run.status, *_told(log.replay(run.id))) for run in log.runs()}
        finally:
            log.close()

    def runs(self) -> int:
        """Return how many runs were accepted."""
        return len(self._events())

    def resumed(self) -> Counter[str]:
        """Return run → how often it was resumed, for those that were."""
        return Counter(event.run for events in self._events() for event in events if event.kind == "run resumed")

    def _events(self) -> list[list[Event]]:
        """Return the events of every run."""
        log = Log(self.home / "log.db")
        try:
            return [log.replay(run.id) for run in log.runs()]
        finally:
            log.close()

    def _judge_runs(self, expected: dict[str, Digests]) -> list[str]:
        faults: list[str] = []
        store = Store(self.home / "store")
        for request, (status, steps, reasons) in self.ended().items():
            if status != "done":
                faults.append(f"run {request!r} is {status}: {reasons}")
                continue
            for name, digests in expected[request].items():
                if steps.get(name) != digests:
                    faults.append(f"run {request!r}: output {name!r} is another one")
                elif any(store.value(digest) is None for digest in digests):
                    faults.append(f"run {request!r}: output {name!r} is not in the store")
        store.close()
        return faults

    def _judge_files(self) -> list[str]:
        faults: list[str] = []
        for path in sorted(path for path in self.home.rglob("*") if path.is_file()):
            name = path.relative_to(self.home).as_posix()
            if path.suffix == ".db":
                faults += [f"{name}: {fault}" for fault in _integrity(path)]
            elif path.suffix == ".value":
                faults += [f"{name} is torn"] if _torn(path) else []
            elif name != "calls.txt" and not path.name.endswith((".db-wal", ".db-shm")):
                faults.append(f"{name} was left over")
        return faults


def _told(events: list[Event]) -> tuple[Digests, str]:
    ends = [event for event in events if event.kind in ("step finished", "step passed through")]
    reasons = [f"{e.step}: {e.facts.get('reason')}" for e in events if e.kind == "step failed"]
    reasons += [str(e.facts["reason"]) for e in events if e.kind == "run finished" and "reason" in e.facts]
    return {str(event.step): tuple(event.facts["digests"]) for event in ends}, "; ".join(reasons)


def _integrity(path: Path) -> list[str]:
    connection = sqlite3.connect(path)
    try:
        answers = [row[0] for row in connection.execute("PRAGMA integrity_check")]
    finally:
        connection.close()
    return [answer for answer in answers if answer != "ok"]


def _torn(path: Path) -> bool:
    try:
        return decode(path.read_bytes()).digest != path.stem
    except ValueError:
        return True


def calls_of(witness: Witness) -> Counter[str]:
    """Return how often each step was called over all lives."""
    return Counter(witness.calls())
