"""Calls that can pass a network together."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

_Item = TypeVar("_Item")


def alike(items: Sequence[_Item], kind: Callable[[_Item], Hashable]) -> list[list[int]]:
    """Return the places of the items, those of one kind together, in the order in which each kind first comes."""
    groups: dict[Hashable, list[int]] = {}
    for place, item in enumerate(items):
        groups.setdefault(kind(item), []).append(place)
    return list(groups.values())
