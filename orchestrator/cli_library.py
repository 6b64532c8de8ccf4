"""The command `library`: how many plans are kept as examples, and how to forget them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from .cli_console import DONE, Surface


def register(app: typer.Typer, surface: Callable[[], Surface]) -> None:
    """Add the command to the command line; `surface` gives that of the present call."""

    @app.command("library")
    def library_command(
        clear: Annotated[bool, typer.Option("--clear", help="Forget every plan.")] = False,
        json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
    ) -> int:
        """Say how many plans that worked are kept as examples for large planners; they stay on this machine."""
        from ..planners.library import SWITCH, Library, enabled

        library, told = Library(), surface()
        cleared = library.clear() if clear else 0
        count = len(library)
        switch = f"{SWITCH}=off keeps it from growing" if enabled() else f"it is off: {SWITCH}"
        told.say(f"plans forgotten: {cleared}" if clear else f"plans kept: {count}, in {library.path}; {switch}")
        told.emit({"status": "done", "plans": count, "cleared": cleared, "file": str(library.path), "on": enabled()})
        return DONE
