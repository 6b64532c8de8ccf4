"""What the command line says and asks about profiles: which one `auto` takes, and what a better one would cost."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from rich.prompt import Confirm

from ..planners.plan import Plan
from ..tools import hub_cache
from ..tools.errors import ToolError, UsageError
from ..tools.profiles import Binding, Profile
from ..tools.profiles.choosing import Choice, absent, choose_profile, gigabytes, lacking, sources_here
from .cli_console import Surface
from .cli_progress import fetch, fetch_all, fetch_checkpoint
from .doctor import needed_bindings, needed_weights


def offer_better(profile: str, surface: Surface) -> Choice:
    """Return what is chosen, after a person, if there is one, was asked for the download of what would be better.

    Asks only where `auto` could do better, and never twice for one run: a run of `auto` takes what is there.
    """
    choice = choose_profile(profile)
    if choice.better and (surface.yes or _person_there(surface)) and not hub_cache.offline():
        missing = absent(choice.better, sources_here([choice.better]))
        if _wanted(choice.better, missing, surface) and _fetched(choice.better, surface):
            choice = choose_profile(profile)
    elif profile == "auto" and choice.profile.device != "cpu":
        surface.note(str(choice))
    return choice


def permit_downloads(profile: str, surface: Surface, plan: Plan | None = None) -> None:
    """Ask for what a run with a profile, or only a plan, would download from the hub.

    Raises UsageError where nobody says yes. Without a network nothing would come, and the step says so.
    """
    chosen = choose_profile(profile).profile
    needed = [binding for binding in needed_bindings(chosen, plan) if any(map(hub_cache.on_hub, binding.sources))]
    if not needed or hub_cache.offline():
        return
    missing = lacking(needed, sources_here([chosen]))
    if not missing or ((surface.yes or _person_there(surface)) and _wanted(chosen, missing, surface)):
        return
    raise UsageError(
        f"profile {chosen.name!r} needs weights that are not here ({gigabytes(missing)}); give --yes to download what "
        f"the run takes of them, or get all of it with 'diptych fetch --profile {profile}'"
    )


def fetch_profile(profile: str, surface: Surface) -> int:
    """Bring everything that a profile and the embedded planner need; return the exit code."""
    choice = choose_profile(profile)
    if profile == "auto":
        surface.note(str(choice))
    return fetch_all(needed_weights(choice.profile), surface, _from_hub(choice.profile))


def _from_hub(profile: Profile) -> list[Binding]:
    """Return one binding for each set of weights that comes from the hub."""
    return [binding for binding in absent(profile, ()) if any(map(hub_cache.on_hub, binding.sources))]


def _person_there(surface: Surface) -> bool:
    return surface.lively and not surface.json and sys.stdin.isatty()


def _wanted(profile: Profile, missing: Sequence[Binding], surface: Surface) -> bool:
    """Say what a download is and ask for it, unless that was answered before; no answer is no."""
    surface.note(f"profile {profile.name} needs weights that are not here:")
    for binding in missing:
        surface.note(f"  {gigabytes([binding]):>7}  {', '.join(binding.sources)}  ({binding.licence})")
    if surface.yes:
        return True
    try:
        question = f"Download {gigabytes(missing)} for {profile.name} now?"
        return Confirm.ask(question, console=surface.err, default=False)
    except EOFError:
        return False


def _fetched(better: Profile, surface: Surface) -> bool:
    """Bring the weights of a profile; say what cannot be had."""
    try:
        fetch(needed_weights(better), surface)
        for binding in _from_hub(better):
            fetch_checkpoint(binding, surface)
    except ToolError as error:
        surface.warn(str(error))
        return False
    return True
