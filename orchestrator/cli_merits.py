"""The command `merits`: which tools and models have passed their checks on this machine, and how to forget it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from .cli_console import DONE, Surface


def register(app: typer.Typer, surface: Callable[[], Surface]) -> None:
    """Add the command to the command line; `surface` gives that of the present call."""

    @app.command("merits")
    def merits_command(
        clear: Annotated[bool, typer.Option("--clear", help="Forget all of it.")] = False,
        json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
    ) -> int:
        """Say how often each tool and model passed its checks here, by which the best is chosen."""
        from ..tools.switches import is_on
        from .merits import SWITCH
        from .work import shelf

        merits, told = shelf(None).merits, surface()
        cleared = merits.clear() if clear else 0
        listed = merits.everything()
        for standing in listed:
            told.say(standing.work)
            for way, odds in standing.odds.items():
                seconds = f"{odds.seconds / odds.tries:.1f} s each"
                told.say(f"    {way}: {odds.helped:g} of {odds.tries:g} checks passed, {seconds}")
        if clear or not listed:
            told.say(f"forgotten: {cleared}" if clear else "no check has judged a tool here yet")
        told.note(f"{SWITCH}=off does without" if is_on(SWITCH) else f"it is off: {SWITCH}")
        works = {each.work: {way: vars(odds) for way, odds in each.odds.items()} for each in listed}
        told.emit({"status": "done", "works": works, "cleared": cleared, "on": is_on(SWITCH)})
        return DONE
