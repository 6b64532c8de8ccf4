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
    from .api import ask, plan, preview, resume, run, run_plan
    from .engine import StepRecord
    from .log import Event
    from .mapping import map_plan
    from .mapping_rows import MapSummary
    from .policy import Control, Policy
    from .provenance import Provenance, read_provenance
    from .result import Result
    from .search import Repair
    from .session import Reply, Session

_HOMES = {
    "Control": "policy",
    "Event": "log",
    "MapSummary": "mapping_rows",
    "Policy": "policy",
    "Provenance": "provenance",
    "Repair": "search",
    "Reply": "session",
    "Result": "result",
    "Session": "session",
    "StepRecord": "engine",
    "ask": "api",
    "map_plan": "mapping",
    "plan": "api",
    "preview": "api",
    "read_provenance": "provenance",
    "resume": "api",
    "run": "api",
    "run_plan": "api",
}

__all__ = [
    "Control",
    "Event",
    "MapSummary",
    "Policy",
    "Provenance",
    "Repair",
    "Reply",
    "Result",
    "Session",
    "StepRecord",
    "ask",
    "map_plan",
    "plan",
    "preview",
    "read_provenance",
    "resume",
    "run",
    "run_plan",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)
