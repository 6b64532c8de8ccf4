"""Which model goes when memory is needed. A policy is a value: give a pool another one to change its mind."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Literal

from ..tools.model import Model

_SOONEST = 0.01
"""Seconds: a next use that is due, or overdue, counts as this far away."""
_MOST_IN_SETS = 10
"""Idle models of which every set is looked at; of more, those that are worth least per MiB."""


@dataclass(eq=False)
class Resident:
    """One model that is loaded, or about to be."""

    name: str
    """What identifies its weights, device and precision."""
    device: str = "cpu"
    model: Model | None = None
    tier: Literal["device", "host"] = "device"
    """Where its weights are, or are on their way to."""
    memory_mb: float = 0.0
    """What is set aside for it: measured when it was loaded, or stated by the profile where that is more."""
    load_seconds: float = 0.0
    """Measured: from disk to device."""
    move_seconds: float = 0.0
    """Measured: from host to device; 0 when it never made that way."""
    last_use: int = 0
    """Place in the order of all uses."""
    next_use: float = math.inf
    """Seconds from now until it is probably needed; fresh whenever a policy is asked."""
    leases: int = 0
    """Steps that hold it or wait for it."""
    turn: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def on_device(self) -> bool:
        """Whether it can be used at once."""
        return self.model is not None and self.tier == "device"

    @property
    def reload_seconds(self) -> float:
        """What it costs to have it back."""
        return self.move_seconds or self.load_seconds


Policy = Callable[[Sequence[Resident], float], list[Resident]]
"""From the models that nobody uses and the MiB that are missing to those that go; all of them if that is too few."""


def least_recently_used(idle: Sequence[Resident], missing_mb: float) -> list[Resident]:
    """Drop the models whose last use is longest ago."""
    return _until_enough(sorted(idle, key=lambda resident: resident.last_use), missing_mb)


def next_use(idle: Sequence[Resident], missing_mb: float) -> list[Resident]:
    """Drop the set of models that is missed least: dear ones to reload, and those needed soon, stay.

    A model that is dropped is paid for once, at its next use: keeping it is worth reload seconds / seconds until
    then. Of the sets that give enough memory, the one that is worth least goes.
    """
    # Belady's rule (farthest next use goes) is this where all models are alike. Weighting it by the reload, and
    # choosing whole sets instead of one model after the other, cost least of what benchmarks/eviction.py compares.
    order = sorted(idle, key=lambda resident: (_worth(resident) / max(resident.memory_mb, 1.0), resident.last_use))
    few = order[:_MOST_IN_SETS]
    sets: list[tuple[Resident, ...]] = [c for count in range(1, len(few) + 1) for c in combinations(few, count)]
    enough = [chosen for chosen in sets if sum(resident.memory_mb for resident in chosen) >= missing_mb]
    if not enough:
        return _until_enough(order, missing_mb)
    least = min(enough, key=_loss)
    return list(least)


def _worth(resident: Resident) -> float:
    """Return the seconds of reloading per second of waiting for the next use."""
    return resident.reload_seconds / max(resident.next_use, _SOONEST)


def _loss(residents: tuple[Resident, ...]) -> tuple[float, int, int]:
    """Return what orders sets: what they are worth, then how many they are, then how lately they were used."""
    return sum(map(_worth, residents)), len(residents), sum(resident.last_use for resident in residents)


def _until_enough(order: Sequence[Resident], missing_mb: float) -> list[Resident]:
    """Return the first of `order` that make up `missing_mb`, or all."""
    chosen: list[Resident] = []
    for resident in order:
        if sum(victim.memory_mb for victim in chosen) >= missing_mb:
            break
        chosen.append(resident)
    return chosen
