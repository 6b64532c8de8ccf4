"""The memory of a device: how full it is, what a block of work adds, and giving back what only lies in caches."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from .estimates import Measure, measured

SHARE_OF_MEMORY = 0.5
"""Part of the machine's memory that models may fill when no budget is given."""
_MB = 1 << 20


class Memory(Protocol):
    """What the pool and the ladder ask of a device; tests give one that is only simulated."""

    def used_mb(self, device: str) -> float:
        """Return how much is in use now, in MiB; 0 where the system does not tell."""

    def free_caches(self, device: str) -> None:
        """Give back what nobody uses any more."""

    def measured(self, device: str) -> AbstractContextManager[Measure]:
        """Measure the block: seconds, and the memory that it went on to hold (device) or reached at most (host)."""


class SystemMemory:
    """The memory there is."""

    def used_mb(self, device: str) -> float:
        """Return what torch has reserved on a GPU, or the resident size of this process."""
        if device.startswith("cuda"):
            import torch

            return float(torch.cuda.memory_reserved(device)) / _MB
        try:
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            return pages * os.sysconf("SC_PAGE_SIZE") / _MB
        except (OSError, ValueError, AttributeError):  # not Linux
            return 0.0

    def free_caches(self, device: str) -> None:
        """Collect garbage, and let torch return its cached blocks to the driver."""
        gc.collect()
        torch = sys.modules.get("torch")  # a process that never used it has no cache of it
        if torch is not None and device.startswith("cuda"):
            torch.cuda.empty_cache()

    @contextmanager
    def measured(self, device: str) -> Iterator[Measure]:
        """Measure the block; on a GPU by what torch has allocated there since."""
        if not device.startswith("cuda"):
            with measured() as cost:
                yield cost
            return
        import torch

        before = torch.cuda.memory_allocated(device)
        with measured() as cost:
            yield cost
        cost.memory_mb = max(float(torch.cuda.memory_allocated(device) - before) / _MB, 0.0)


def host_budget_mb() -> float:
    """Return what models may hold of the host's memory, in MiB."""
    try:
        return SHARE_OF_MEMORY * os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / _MB
    except (AttributeError, ValueError, OSError):  # systems without sysconf
        return 4096.0
