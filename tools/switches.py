"""Environment variables that switch something off which is on by itself."""

from __future__ import annotations

import os

_OFF = ("off", "0", "no", "false")


def is_on(variable: str) -> bool:
    """Say whether a variable leaves its thing on: it does, unless it says off, 0, no or false."""
    return os.environ.get(variable, "").strip().lower() not in _OFF
