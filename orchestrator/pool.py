"""Loaded models, lent to steps and dropped when memory is needed.

One step at a time holds a lease on a model (not every runtime may be called from two threads), and a leased model
is never dropped. A model loads outside of everybody else's lock: the others go on working meanwhile.
"""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from ..tools.model import Model
from ..tools.profiles import Binding
from .estimates import measured

SHARE_OF_MEMORY = 0.5
"""Part of the machine's memory that models may fill when no budget is given."""

Listener = Callable[[str, dict[str, object]], None]
"""Called with (`model loaded` or `model evicted`, facts)."""


@dataclass
class Resident:
    """One model that is loaded, or about to be."""

    name: str
    """What identifies its weights, device and precision."""
    model: Model | None = None
    memory_mb: float = 0.0
    """Measured when it was loaded, or what the profile states where that is more."""
    load_seconds: float = 0.0
    last_use: int = 0
    leases: int = 0
    """Steps that hold it or wait for it."""
    turn: threading.Lock = field(default_factory=threading.Lock, repr=False)


Policy = Callable[[Sequence[Resident]], Resident]
"""Chooses which of the models that nobody uses is dropped."""


def least_recently_used(idle: Sequence[Resident]) -> Resident:
    """Drop the model whose last use is longest ago."""
    return min(idle, key=lambda resident: resident.last_use)


class ModelPool:
    """Models within a budget in MiB of one device.

    When everything that is loaded is in use, the next model is loaded beyond the budget rather than making two
    steps wait for each other for ever.
    """

    def __init__(self, budget_mb: float | None = None, *, policy: Policy = least_recently_used) -> None:
        self.budget_mb = _default_budget_mb() if budget_mb is None else budget_mb
        self._policy = policy
        self._residents: dict[str, Resident] = {}
        self._clock = itertools.count(1)
        self._lock = threading.Lock()

    @property
    def loaded(self) -> list[Resident]:
        """What is in memory now."""
        with self._lock:
            return [resident for resident in self._residents.values() if resident.model is not None]

    @contextmanager
    def lease(
        self,
        binding: Binding,
        *,
        device: str = "cpu",
        dtype: str = "float32",
        listener: Listener = lambda kind, facts: None,
    ) -> Iterator[Model]:
        """Lend the model of a binding for the length of the block, loading it if need be.

        Raises what `Model.load` raises (ToolError), and UsageError for an adapter that does not exist.
        """
        resident = self._claim(lease_name(binding, device, dtype))
        try:
            with resident.turn:
                if resident.model is None:
                    self._load(resident, binding, device, dtype, listener)
                assert resident.model is not None
                yield resident.model
        finally:
            with self._lock:
                resident.leases -= 1
                resident.last_use = next(self._clock)
                if resident.model is None and not resident.leases:
                    self._residents.pop(resident.name, None)

    def clear(self) -> None:
        """Drop every model that nobody uses."""
        with self._lock:
            self._residents = {name: r for name, r in self._residents.items() if r.leases}

    def _claim(self, name: str) -> Resident:
        with self._lock:
            resident = self._residents.setdefault(name, Resident(name))
            resident.leases += 1
            return resident

    def _load(self, resident: Resident, binding: Binding, device: str, dtype: str, listener: Listener) -> None:
        model_class = binding.model
        stated = float(binding.memory_mb or model_class.memory_mb)
        self._make_room(stated, listener)
        with measured() as cost:
            model = model_class.load(binding.source, device=device, dtype=dtype, **binding.options)
        with self._lock:
            resident.model = model
            resident.load_seconds = cost.seconds
            resident.memory_mb = max(cost.memory_mb, stated)
        facts = {"model": resident.name, "seconds": cost.seconds, "memory_mb": resident.memory_mb, "stated_mb": stated}
        listener("model loaded", facts)

    def _make_room(self, wanted_mb: float, listener: Listener) -> None:
        """Drop idle models until `wanted_mb` fits, or until none is idle."""
        dropped: list[Resident] = []
        with self._lock:
            while sum(r.memory_mb for r in self._residents.values()) + wanted_mb > self.budget_mb:
                idle = [r for r in self._residents.values() if not r.leases]
                if not idle:
                    break
                victim = self._policy(idle)
                del self._residents[victim.name]
                dropped.append(victim)
        for victim in dropped:
            victim.model = None
            listener("model evicted", {"model": victim.name, "memory_mb": victim.memory_mb})


def lease_name(binding: Binding, device: str, dtype: str) -> str:
    """Return what identifies a loaded model; leases on several are taken in the order of these names."""
    return f"{binding.revision}:{device}:{dtype}:{sorted(binding.options.items())}"


def device_budget_mb(device: str) -> float:
    """Return what the models may hold on a device: its own memory for a GPU, a share of the host's for a CPU."""
    if device.startswith("cuda"):
        import torch

        if torch.cuda.is_available():
            return float(torch.cuda.get_device_properties(device).total_memory) / (1 << 20)
    return _default_budget_mb()


def _default_budget_mb() -> float:
    try:
        return SHARE_OF_MEMORY * os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / (1 << 20)
    except (AttributeError, ValueError, OSError):  # systems without sysconf
        return 4096.0
