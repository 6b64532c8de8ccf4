"""Word banks and phrase templates: text files in `phrases/`, sections in brackets, one entry a line."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "phrases"
SMALL = ("slightly", "a bit", "a little", "gently", "a tad", "a little bit", "subtly", "just slightly")
LARGE = ("a lot", "heavily", "strongly", "very much", "massively", "dramatically", "really", "considerably")


def phrases() -> dict[str, tuple[str, ...]]:
    """Return what requests to the planner are worded with."""
    return sections(FOLDER)


@cache
def sections(folder: Path) -> dict[str, tuple[str, ...]]:
    """Return every section of every file of a folder, in order, without duplicates."""
    found: dict[str, dict[str, None]] = {}
    for path in sorted(folder.glob("*.txt")):
        current: dict[str, None] = {}
        for line in path.read_text(encoding="utf-8").splitlines():
            heading = re.fullmatch(r"\[(\w+)\]\s*", line)
            if heading:
                current = found.setdefault(heading[1], {})
            elif line.strip() and not line.startswith("#"):
                current[line.strip()] = None
    return {name: tuple(lines) for name, lines in found.items()}


def holdout(lines: Iterable[str], section: str, *, test: bool) -> list[str]:
    """Split phrases so that the test split is worded in ways that training never sees: one in ten, by hash."""
    return list(_split(tuple(lines), section, test))


@cache
def _split(lines: tuple[str, ...], section: str, test: bool) -> tuple[str, ...]:
    """Return the half that is asked for; every example asks a dozen times."""
    return tuple(line for line in lines if (_bucket(f"{section}:{line}") == 0) == test) or lines


def _bucket(text: str) -> int:
    import hashlib

    return hashlib.sha256(text.encode()).digest()[0] % 10
