"""How well a prompt's promises are read: checklists beside the constraints of GenEval.

GenEval (Ghosh et al., NeurIPS 2023, arXiv 2310.11513) states for each prompt the classes, counts, colors and
positions that a picture is judged by. A reading is scored by the F1 of its atoms, an answer that cannot be read by
zero. What the constraints leave out counts as wrong, also where a long prompt says it.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...tools.errors import PlanError, UsageError
from ..checklist import Atom, Checklist, Relation, Thing, atoms_of, write_checklist

PARTS = ("object", "count", "color", "relation")
"""Kinds of atoms that GenEval has."""


@dataclass(frozen=True)
class Promise:
    """A prompt and what it promises."""

    prompt: str
    task: str
    """GenEval's name of the task, such as 'two_object'."""
    wanted: Checklist


@dataclass
class Reading:
    """What was counted."""

    scores: list[float] = field(default_factory=list)
    """F1 of the atoms, one per prompt."""
    tasks: dict[str, list[float]] = field(default_factory=dict)
    counts: dict[str, list[int]] = field(default_factory=lambda: {part: [0, 0, 0] for part in PARTS})
    """Kind of atom → how many were right, given, wanted."""
    failures: int = 0
    seconds: list[float] = field(default_factory=list)
    mistakes: list[dict[str, str]] = field(default_factory=list)

    def summary(self) -> dict[str, Any]:
        """Return the figures as plain values."""
        return {
            "prompts": len(self.scores),
            "f1": statistics.fmean(self.scores),
            "exact": statistics.fmean(score == 1 for score in self.scores),
            "failures": self.failures,
            "parts": {part: _part(*counts) for part, counts in self.counts.items()},
            "tasks": {task: statistics.fmean(scores) for task, scores in sorted(self.tasks.items())},
            "median_seconds": statistics.median(self.seconds),
        }


def load_promises(path: Path) -> list[Promise]:
    """Read a file of GenEval prompts, one JSON object a line. Raises UsageError where it cannot be read."""
    try:
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        return [Promise(row["prompt"], row["tag"], _wanted(row["include"])) for row in rows]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path.name!r} is no file of GenEval prompts: {error}") from None


def _wanted(include: Sequence[dict[str, Any]]) -> Checklist:
    things = tuple(Thing(entry["class"], entry["count"], entry.get("color", "")) for entry in include)
    placed = [(place, *entry["position"]) for place, entry in enumerate(include) if "position" in entry]
    return Checklist(things, tuple(Relation(*relation) for relation in placed))


def measure(read: Callable[[str], Checklist], promises: Iterable[Promise]) -> Reading:
    """Read every prompt and compare its atoms with the wanted ones."""
    found = Reading()
    for promise in promises:
        started = time.monotonic()
        given: frozenset[Atom] = frozenset()
        try:
            checklist = read(promise.prompt)
            given, said = atoms_of(checklist), write_checklist(checklist)
        except PlanError as error:
            found.failures += 1
            said = str(error)
        found.seconds.append(time.monotonic() - started)
        wanted = atoms_of(promise.wanted)
        score = f1_of(given, wanted)
        found.scores.append(score)
        found.tasks.setdefault(promise.task, []).append(score)
        for part, counts in found.counts.items():
            given_part, wanted_part = ({atom for atom in atoms if atom[0] == part} for atoms in (given, wanted))
            for place, atoms in enumerate((given_part & wanted_part, given_part, wanted_part)):
                counts[place] += len(atoms)
        if score < 1:
            found.mistakes.append({"prompt": promise.prompt, "wanted": write_checklist(promise.wanted), "given": said})
    return found


def f1_of(given: frozenset[Atom], wanted: frozenset[Atom]) -> float:
    """Return the F1 of two sets of atoms; 1 where both are empty."""
    return 2 * len(given & wanted) / (len(given) + len(wanted)) if given or wanted else 1.0


def _part(right: int, given: int, wanted: int) -> dict[str, float]:
    return {
        "precision": right / given if given else 1.0,
        "recall": right / wanted if wanted else 1.0,
        "f1": 2 * right / (given + wanted) if given + wanted else 1.0,
    }
