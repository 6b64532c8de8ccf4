"""`auto`: the best profile that the GPU allows and whose weights are here.

$DIPTYCH_PROFILE ──▶ that one, else of those for photos of anything, largest models first:
fits the first card, weights here ──▶ it is taken          fits, weights not here ──▶ it is `better`, and offered
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from ..errors import UsageError
from ..hardware import Hardware, look
from ..hub_cache import present
from . import Binding, Profile, load_profile, profile_names

OVERRIDE = "DIPTYCH_PROFILE"
"""Environment variable that says what `auto` is."""
_RUNTIME_MB = 1000
"""Of a card's memory, what CUDA itself and a desktop take."""


@dataclass(frozen=True)
class Choice:
    """Which profile is used, and why."""

    profile: Profile
    reason: str
    better: Profile | None = None
    """What the hardware would allow as well; its weights are not here."""

    def __str__(self) -> str:
        return f"profile {self.profile.name}: {self.reason}"


def choose_profile(profile: str | Profile = "auto") -> Choice:
    """Return the profile of that name, or by path; for `auto`, the best that can run here without a download.

    Raises UsageError for an unknown name, here or in $DIPTYCH_PROFILE.
    """
    if isinstance(profile, Profile):
        return Choice(profile, "it was given")
    if profile != "auto":
        return Choice(load_profile(profile), "it was asked for")
    override = os.environ.get(OVERRIDE, "auto") or "auto"
    if override == "auto":
        return _automatic()
    try:
        return Choice(load_profile(override), f"${OVERRIDE} says so")
    except UsageError as error:
        raise UsageError(f"${OVERRIDE}: {error}") from None


def choose(hardware: Hardware, profiles: Iterable[Profile], here: Collection[str]) -> Choice:
    """Return the best of the profiles that fits the hardware and all of whose sources are among those `here`.

    Memory is not added up over cards: a profile runs on the first. One for the CPU is taken, weights or no weights,
    when nothing better can be. Raises UsageError when the hardware allows none.
    """
    fitting = [profile for profile in ranked(profiles) if fits(profile, hardware)]
    if not fitting:
        raise UsageError(f"no profile can run here: there is {hardware}; name one with --profile")
    ready = [profile for profile in fitting if _on_cpu(profile) or not absent(profile, here)]
    taken = next(iter(ready), fitting[-1])
    if taken is not fitting[0]:
        return Choice(taken, _missed(fitting[0], hardware, here), fitting[0])
    return Choice(taken, _why(taken, hardware))


def ranked(profiles: Iterable[Profile]) -> list[Profile]:
    """Return the profiles for photos of anything, those of the largest models first, those for the CPU last."""
    general = [profile for profile in profiles if profile.photos]
    return sorted(general, key=lambda profile: (_on_cpu(profile), -needed_mb(profile), profile.name))


def fits(profile: Profile, hardware: Hardware) -> bool:
    """Say whether the models of a profile can run on the hardware: on the CPU always, on a GPU one at a time."""
    if _on_cpu(profile):
        return True
    kind = profile.device.partition(":")[0]
    return kind == hardware.device and needed_mb(profile) <= hardware.cards[0].memory_mb


def needed_mb(profile: Profile) -> int:
    """Return what a card must have: room for the largest model, as the pool moves the others out of its way."""
    return max((binding.memory_mb for binding in profile.bindings.values()), default=0) + _RUNTIME_MB


def absent(profile: Profile, here: Collection[str]) -> list[Binding]:
    """Return one binding for each set of weights that a profile needs and that is not among those `here`."""
    return lacking(profile.bindings.values(), here)


def lacking(bindings: Iterable[Binding], here: Collection[str]) -> list[Binding]:
    """Return one of the bindings for each set of weights that is not among those `here`."""
    needing = [binding for binding in bindings if not set(binding.sources) <= set(here)]
    return list({tuple(binding.sources): binding for binding in needing}.values())


def sources_here(profiles: Iterable[Profile]) -> set[str]:
    """Return those weights of the profiles that are in the caches, whole, in every variant that is asked for."""
    bindings = [binding for profile in profiles for binding in profile.bindings.values()]
    asked = {(source, binding.variant) for binding in bindings for source in binding.sources}
    return {source for source, _ in asked} - {source for source, variant in asked if not present(source, variant)}


def gigabytes(bindings: Sequence[Binding]) -> str:
    """Say how much there is to download for some bindings."""
    size = sum(binding.download_mb for binding in bindings) / 1000
    return f"{size:.1f} GB" if size < 10 else f"{size:.0f} GB"


def _automatic() -> Choice:
    hardware = look()
    possible = [p for p in map(load_profile, profile_names()) if fits(p, hardware)]
    # On a CPU weights make no difference, and looking for them takes longer than many a run.
    return choose(hardware, possible, sources_here(p for p in possible if not _on_cpu(p)))


def _on_cpu(profile: Profile) -> bool:
    return profile.device == "cpu"


def _missed(better: Profile, hardware: Hardware, here: Collection[str]) -> str:
    size = gigabytes(absent(better, here))
    fix = f"'diptych fetch --profile {better.name}' gets them"
    return f"{hardware} would allow {better.name}, whose weights ({size}) are not here; {fix}"


def _why(taken: Profile, hardware: Hardware) -> str:
    if not _on_cpu(taken):
        return f"the best for {hardware}, and its weights are here"
    if hardware.cards:
        return f"there is {hardware}, and no profile fits that"
    return f"there is {hardware}"
