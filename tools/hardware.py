"""Which device models can compute on, and how much memory it has."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

DRIVERS = ("/dev/nvidiactl", "/dev/dxg", "/dev/kfd")
"""What lies where a driver of NVIDIA, of WSL or of AMD does."""


@dataclass(frozen=True)
class Card:
    """One GPU."""

    name: str
    memory_mb: int
    """All of its memory, free or not, in MiB."""

    def __str__(self) -> str:
        return f"{round(self.memory_mb / 1024)} GB"


@dataclass(frozen=True)
class Hardware:
    """What PyTorch can compute on here; `cpu` is always there besides."""

    device: Literal["cpu", "cuda", "mps"] = "cpu"
    cards: tuple[Card, ...] = ()
    """In the order of their numbers: a profile for `cuda` runs on the first one."""

    def __str__(self) -> str:
        if not self.cards:
            return "no GPU that PyTorch can use"
        others = f" (of {len(self.cards)}; models use the first)" if len(self.cards) > 1 else ""
        return f"{self.device} with {self.cards[0]}{others}"


@cache
def look() -> Hardware:
    """Ask PyTorch for the GPUs. It is imported only where a driver lies: that takes seconds."""
    if not _has_driver():
        return Hardware()
    try:
        import torch
    except (ImportError, OSError):  # OSError: one of its libraries is missing
        return Hardware()
    try:
        if torch.cuda.is_available():
            found = [torch.cuda.get_device_properties(i) for i in range(torch.cuda.device_count())]
            return Hardware("cuda", tuple(Card(card.name, card.total_memory >> 20) for card in found))
        if torch.backends.mps.is_available():
            return Hardware("mps", (Card("Apple GPU", torch.mps.recommended_max_memory() >> 20),))
    except RuntimeError:  # a driver that does not fit, or a card that is lost
        return Hardware()
    return Hardware()


def _has_driver() -> bool:
    """Say whether there may be a GPU, from the files of its driver."""
    return sys.platform == "darwin" or shutil.which("nvidia-smi") is not None or any(map(_exists, DRIVERS))


def _exists(path: str) -> bool:
    return Path(path).exists()
