"""Look and repair, as values: how much a run may try, and what it tried, saw and kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, get_args

from ..planners.plan import Plan
from ..tools.errors import UsageError
from ..tools.values import Detections, Image

Rung = Literal["preserve", "local", "nudge", "swap", "replan"]
RUNGS: tuple[Rung, ...] = get_args(Rung)
"""In the order of the ladder: what touches least comes first."""
Outcome = Literal["kept", "rolled back", "failed", "stopped"]
Decision = Literal["keep", "drop", "done"]
"""What a person may say of a repair: keep it, whatever the checks say; take it back; keep it, and end there."""


@dataclass(frozen=True)
class Repair:
    """What may be tried when a check of the result fails. A value: compare, copy and log it."""

    rungs: tuple[Rung, ...] = RUNGS
    """Kinds of repair, in the order in which they are tried:

    * `preserve`: lay the picture before the edit over whatever changed outside of its mask
    * `local`: edit once more, on top of the result, only what the check found wrong
    * `nudge`: another seed, a wider mask, or a parameter moved, of the step that made the picture
    * `swap`: another tool that takes and gives the same, for the edit or for what it rests on
    * `replan`: ask the planner again, and tell it what was seen
    """
    tries: int = 8
    """Most repairs that are run."""
    seconds: float = 60.0
    """Time for all of them; one that is running then is stopped."""
    generator_calls: int = 16
    """Most calls of generative tools in all repairs together."""
    planner_calls: int = 1
    learn: bool = True
    """Try first what has helped most per second on this machine; False: keep to the order of `rungs`."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "rungs", tuple(self.rungs))
        for rung in self.rungs:
            if rung not in RUNGS:
                raise UsageError(f"no repair is called {rung!r}; known: {', '.join(RUNGS)}")
        for each in fields(self):
            value = getattr(self, each.name)
            if isinstance(value, (int, float)) and not value >= 0:
                raise UsageError(f"the budget {each.name!r} of a repair must be 0 or more, not {value}")

    @classmethod
    def of(cls, facts: Mapping[str, Any] | None) -> Repair | None:
        """Return what `asdict` gave; None for None."""
        return None if facts is None else cls(**facts)


DEFAULT_REPAIR = Repair()


@dataclass(frozen=True)
class Attempt:
    """One repair: why, what, and how it ended."""

    rung: Rung
    change: str
    """What was done to the plan, in words."""
    finding: str
    """What the check had seen: its name and reason."""
    outcome: Outcome
    reason: str
    """Why it was kept or not."""
    score: float
    """Of the checklist after the repair, in [0, 1]."""
    ran: int = 0
    """Steps and checks that were computed, the new ones among them; all others were known already."""
    again: int = 0
    """Those of them that had been computed before the repair."""
    steps: int = 0
    """Steps and checks of the plan before the repair."""
    pixels: float | None = None
    """Share of the pixels, in [0, 1], that differ from the picture before the repair; None when there are not two."""
    seconds: float = 0.0
    generator_calls: int = 0
    """Calls of generative tools that it took."""
    evidence: Detections | None = field(default=None, repr=False)
    before: Image | None = field(default=None, repr=False)
    """The picture that the check looked at, in which `evidence` lies."""
    after: Image | None = field(default=None, repr=False)
    plan: Plan | None = field(default=None, repr=False)
    """What was run: whoever likes this try best can run it again; its steps are known then."""

    @property
    def share(self) -> float:
        """Which share of the graph had to be run again, in [0, 1]."""
        return self.again / self.steps if self.steps else 0.0

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values: everything but the pictures and the plan, which is in the log."""
        boxes = [] if self.evidence is None else self.evidence.xyxy.round(1).tolist()
        named = {each.name: getattr(self, each.name) for each in fields(self) if each.name not in _LARGE}
        return {**named, "seconds": round(self.seconds, 3), "evidence": boxes}


_LARGE = ("evidence", "before", "after", "plan")
Review = Callable[[Attempt], Decision | None]
"""Shows a repair that was tried, and how the checks judged it, to a person; None: the checks decide."""


@dataclass(frozen=True)
class Search:
    """The repairs of one run, in order. The result is that of the last kept one, or the first result."""

    stopped: str
    """Why it ended, in words."""
    first_score: float
    """Of the checklist as the plan was first run, in [0, 1]."""
    score: float
    """Of the checklist of the result; never below the first."""
    attempts: tuple[Attempt, ...] = ()

    @property
    def kept(self) -> tuple[Attempt, ...]:
        return tuple(attempt for attempt in self.attempts if attempt.outcome == "kept")

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values: everything but the pictures."""
        shown = {"stopped": self.stopped, "first_score": round(self.first_score, 4), "score": round(self.score, 4)}
        return {**shown, "attempts": [attempt.to_json() for attempt in self.attempts]}


def facts_of(repair: Repair | None) -> dict[str, Any] | None:
    """Return a policy as plain values, for the log."""
    return None if repair is None else asdict(repair)
