"""Which models the pending graphs need when: a look ahead over all runs that share a lane."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Sequence
from dataclasses import dataclass

MOST_TURNS = 400
"""Steps that are looked at; what comes later has no bearing on what goes now."""


@dataclass(frozen=True)
class Ahead:
    """What a run has still to do on the lane."""

    served: float
    """Lane seconds that it has had, the expected ones of what it does now included."""
    steps: Sequence[tuple[Collection[str], float]]
    """Leases and expected seconds of each step that has not begun, in the order in which they will start."""


def next_uses(runs: Sequence[Ahead], wait: float = 0.0, most: int = MOST_TURNS) -> dict[str, float]:
    """Return lease name → seconds until its first use, when the lane is free in `wait` seconds.

    The runs take turns as the scheduler lets them: always the one that has been served least. Without that, every
    run would seem to need its next model at once, and the pool could not tell whose turn comes first: it reloaded up
    to 10 % more in benchmarks/eviction.py. Looks at most `most` turns ahead.
    """
    line = [(run.served, place, 0) for place, run in enumerate(runs) if run.steps]
    heapq.heapify(line)
    found: dict[str, float] = {}
    now = wait
    for _ in range(most):
        if not line:
            break
        served, place, number = heapq.heappop(line)
        leases, seconds = runs[place].steps[number]
        for lease in leases:
            found.setdefault(lease, now)
        now += seconds
        if number + 1 < len(runs[place].steps):
            heapq.heappush(line, (served + seconds, place, number + 1))
    return found
