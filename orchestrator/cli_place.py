"""What the commands make of `--on`: where the calls are made, and by which machines `--profile auto` is judged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..planners.plan import Plan
from .cli_console import Surface
from .cli_profile import offer_better, permit_downloads
from .work import WHY_PROFILE

if TYPE_CHECKING:
    from .remote import Workers

LOCAL = "local"


@dataclass(frozen=True)
class Place:
    """Where the calls of one command are made."""

    profile: str
    """What `run` and `run_plan` are told: the name of a profile, or its file."""
    workers: Workers | None = None
    notes: Mapping[str, Any] = field(default_factory=dict)
    """For the log: why that profile."""

    @property
    def options(self) -> dict[str, Any]:
        """What `run` and `run_plan` have to know to make the calls there."""
        return {"executor": self.workers.executor, "lanes": self.workers.count} if self.workers else {}

    def permit_downloads(self, surface: Surface, plan: Plan | None = None) -> None:
        """Ask for the downloads that a run here would need; the machines of a cluster get what they lack themselves."""
        if self.workers is None:
            permit_downloads(self.profile, surface, plan)


@contextmanager
def place_of(on: str, profile: str, surface: Surface) -> Iterator[Place]:
    """Yield the place that `--on` names, ready for calls.

    Here, a person may be asked for the download of a better profile. On a cluster the machines that will do the work
    are asked what they can run, and what they say is told.
    """
    if on == LOCAL:
        offer_better(profile, surface)
        yield Place(profile)
        return
    from .remote import Workers

    with Workers(on, profile) as workers:
        choice = workers.choice
        if profile == "auto":
            surface.note(str(choice))
        yield Place(choice.profile.file or choice.profile.name, workers, {WHY_PROFILE: choice.reason})
