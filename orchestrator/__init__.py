"""Runs plans, looks at what they made, and repairs it.

    from diptych.orchestrator import run
    result = run("blur the face", "photo.jpg")
    result.save("out.png")

Names are imported when they are first used: importing this package is quick and loads no model library.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .api import ask, plan, preview, run, run_plan
    from .engine import StepRecord
    from .log import Event
    from .provenance import Provenance, read_provenance
    from .result import Result

_HOMES = {
    "Event": "log",
    "Provenance": "provenance",
    "Result": "result",
    "StepRecord": "engine",
    "ask": "api",
    "plan": "api",
    "preview": "api",
    "read_provenance": "provenance",
    "run": "api",
    "run_plan": "api",
}

__all__ = [
    "Event",
    "Provenance",
    "Result",
    "StepRecord",
    "ask",
    "plan",
    "preview",
    "read_provenance",
    "run",
    "run_plan",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)
