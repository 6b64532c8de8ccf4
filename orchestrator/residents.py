"""Which models are where, and which go when another one comes: bookkeeping only, under the pool's lock.

Nothing is loaded, moved or waited for here. A model that nobody uses has a free turn, so that taking it never waits.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Collection, Mapping

from .eviction import Policy, Resident

_USUAL_GAP = 60.0
_LONGEST_GAP = 600.0
"""Seconds between two uses of a model: what is taken for one that was used once, and the most that is believed."""
_FRESH = 0.2
"""Weight of the latest gap in the mean."""


class Residents:
    """The models on one device within `budget_mb`, and those that went to the host within `host_mb`."""

    def __init__(self, budget_mb: float, host_mb: float, policy: Policy, clock: Callable[[], float]) -> None:
        self.budget_mb, self.host_mb = budget_mb, host_mb
        self._policy, self._now = policy, clock
        self._all: dict[str, Resident] = {}
        self._due: dict[str, float] = {}
        self._gaps: dict[str, float] = {}
        """Mean seconds between two uses of a model, also of one that is gone."""
        self._used: dict[str, float] = {}
        self._uses = itertools.count(1)

    def loaded(self) -> list[Resident]:
        """Return what is in memory, on the device or the host."""
        return [resident for resident in self._all.values() if resident.model is not None]

    def expect(self, next_uses: Mapping[str, float]) -> None:
        """Note in how many seconds models are needed; others not within what is known."""
        now = self._now()
        self._due = {name: now + seconds for name, seconds in next_uses.items()}

    def claim(self, name: str, device: str) -> Resident:
        """Return the model of that name, which is not idle from now on."""
        resident = self._all.setdefault(name, Resident(name, device))
        resident.leases += 1
        return resident

    def give_back(self, resident: Resident, *, used: bool = True) -> None:
        """End a claim, which was a use of the model or an eviction; what is not in memory is forgotten."""
        resident.leases -= 1
        if used:
            self._note_use(resident)
        if resident.model is None and not resident.leases:
            self._all.pop(resident.name, None)

    def claim_early(self, name: str, device: str, wanted_mb: float) -> tuple[Resident, list[Resident]] | None:
        """Claim a model, and its turn, before a step needs it; return it and those that make room.

        None when it is there, on its way, or would take the place of one that is needed sooner.
        """
        known = self._all.get(name)
        if known is not None and (known.leases or known.on_device):
            return None
        own = self._due.get(name, math.inf)
        later = [resident for resident in self.idle() if self._due.get(resident.name, math.inf) > own]
        resident = known or Resident(name, device)
        missing_mb = self._missing_mb(resident, wanted_mb)
        if missing_mb > sum(other.memory_mb for other in later):
            return None
        self.claim(name, device)
        resident = self._all[name]
        resident.turn.acquire()
        return resident, self._make_room(resident, wanted_mb, later)

    def reserve(self, resident: Resident, wanted_mb: float) -> list[Resident]:
        """Set memory aside for a claimed model; return the idle ones that make room, withdrawn."""
        return self._make_room(resident, wanted_mb, self.idle())

    def idle(self) -> list[Resident]:
        """Return the models on the device that nobody uses, each with the time to its next use."""
        now = self._now()
        found = [resident for resident in self._all.values() if not resident.leases and resident.on_device]
        for resident in found:
            resident.next_use = self._next_use(resident.name, now)
        return found

    def _next_use(self, name: str, now: float) -> float:
        """Return the seconds until a model is needed.

        One that no pending step needs comes after all that do, and then, if runs go on as they have, after the mean
        time between its uses.
        """
        if name in self._due:
            return max(self._due[name] - now, 0.0)
        known = max(self._due.values(), default=now) - now
        return max(known, 0.0) + self._gaps.get(name, _USUAL_GAP)

    def _note_use(self, resident: Resident) -> None:
        now, name = self._now(), resident.name
        if name in self._used:
            gap = min(now - self._used[name], _LONGEST_GAP)
            self._gaps[name] = gap + (1 - _FRESH) * (self._gaps.get(name, gap) - gap)
        self._used[name] = now
        resident.last_use = next(self._uses)

    def withdraw(self, victims: Collection[Resident]) -> None:
        """Take idle models out of the count of the device, each claimed with its turn until it is settled."""
        for victim in victims:
            victim.leases += 1
            victim.turn.acquire()
            victim.tier = "host"

    def host_has_room(self, victim: Resident) -> bool:
        """Whether a withdrawn model may go to the host; models there that are missed less are dropped for it."""
        if victim.device == "cpu":
            return False
        others = [r for r in self.loaded() if r.tier == "host" and r is not victim]
        missing_mb = sum(other.memory_mb for other in others) + victim.memory_mb - self.host_mb
        if missing_mb <= 0:
            return True
        dropped = self._policy([*(other for other in others if not other.leases), victim], missing_mb)
        if victim in dropped or sum(other.memory_mb for other in dropped) < missing_mb:
            return False
        for other in dropped:
            del self._all[other.name]
        return True

    def others_in_use(self, resident: Resident) -> bool:
        """Whether any other model is claimed."""
        return any(other.leases for other in self._all.values() if other is not resident)

    def drop_idle(self) -> None:
        """Forget every model that nobody uses."""
        self._all = {name: resident for name, resident in self._all.items() if resident.leases}

    def _make_room(self, resident: Resident, wanted_mb: float, idle: list[Resident]) -> list[Resident]:
        missing_mb = self._missing_mb(resident, wanted_mb)
        victims = self._policy(idle, missing_mb) if missing_mb > 0 else []
        self.withdraw(victims)
        resident.memory_mb, resident.tier = wanted_mb, "device"
        return victims

    def _missing_mb(self, resident: Resident, wanted_mb: float) -> float:
        """Return by how much the budget is passed when that model takes so much."""
        others = (other for other in self._all.values() if other is not resident and other.tier == "device")
        return sum(other.memory_mb for other in others) + wanted_mb - self.budget_mb
