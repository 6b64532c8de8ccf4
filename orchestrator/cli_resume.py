"""The command `resume`: goes on with runs that were killed, and writes the pictures they were for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from . import api
from .cli_console import DONE, FAILED, Surface
from .cli_progress import StepBars
from .cli_work import METADATA, PLACE, save_outputs
from .result import Result


def resume(surface: Surface) -> int:
    """Go on with every abandoned run and say how each ended."""
    with StepBars(surface) as bars:
        results = api.resume(on_event=bars.take)
    told = [_told(result, surface) for result in results]
    surface.told = True
    surface.emit({"status": "done" if all(r.status == "done" for r in results) else "failed", "runs": told})
    if not results:
        surface.say("no run was left unfinished")
    return DONE if all(result.status in ("done", "refused") for result in results) else FAILED


def _told(result: Result, surface: Surface) -> dict[str, Any]:
    facts = api.history().replay(result.run_id)[0].facts
    paths = save_outputs(result, Path(facts[PLACE]), metadata=facts[METADATA]) if facts.get(PLACE) else []
    request = result.plan.request if result.plan else ""
    surface.say(f"{result.run_id}  {result.status}  {request}".rstrip())
    for line in [result.answer or "", *map(str, paths), *map(str, result.problems)]:
        if line:
            surface.say(f"    {line}")
    return {**result.to_json(), "run": result.run_id, "outputs": [str(path) for path in paths]}
