"""What a request is made of, and what it becomes."""

from __future__ import annotations

from dataclasses import dataclass, field

from .slots import Slot


@dataclass(frozen=True)
class Example:
    """One training pair."""

    request: str
    inputs: tuple[str, ...]
    answer: str
    """The shorthand of the plan, or a `refuse` or `ask` line."""
    kinds: tuple[str, ...]
    """The intents it is made of."""


@dataclass
class Clause:
    """One wish."""

    kind: str
    """Its intent."""
    text: str
    slots: dict[str, Slot] = field(default_factory=dict)
    """What its blanks are filled with."""
