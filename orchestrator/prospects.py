"""Mend a drawn picture, or draw another one? What is best to begin with, given what is left to spend.

A picture is as many things as its checks tell apart, of which some are not as they should be:

    mend            one of them, if the repair helps; what is right stays
    draw anew       each thing has its luck again; the better of the two pictures is kept

How often a repair helps, and how often a thing comes out right, begins as a guess and follows what this run sees. With
both, the chance of ending with nothing wrong is worked out from the last call backwards (Bellman 1957). So a simple
picture is drawn again, a crowded one with a single fault is mended, and neither is repeated for long where it does not
help. What draws nothing is tried first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from math import comb

from ..planners.plan import Plan
from .situation import Candidate
from .verdicts import Checked, Finding

Choice = tuple[Finding, Candidate]
_HOLD = (4.5, 5.0)
"""Things that came out right, of how many: what is taken to have been seen before the first picture."""
_HELP = (2.0, 3.0)
"""Repairs that helped, of how many."""
_AHEAD = 8
"""Calls that are thought ahead at most."""


class Prospects:
    """What one run has seen of its pictures and of its repairs."""

    def __init__(self, first: Checked) -> None:
        self._hold, self._help = list(_HOLD), list(_HELP)
        self._see(first)

    def note(self, candidate: Candidate, trial: Checked, kept: bool) -> None:
        """Take account of what a try came to."""
        if candidate.anew:
            self._see(trial)
        else:
            self._help[0] += kept
            self._help[1] += 1

    def ordered(
        self, ladders: Sequence[Choice], best: Checked, calls: Callable[[Plan], int], left: int
    ) -> list[Choice]:
        """Return what may be tried, the most promising first; as it is where no picture can be drawn anew.

        `calls` says how many calls of generators a plan takes, `left` how many there may still be. Repairs of
        several findings take turns, each way of each of them once.
        """
        anew = {choice[1].plan.to_json(): choice for choice in ladders if choice[1].anew}
        if not anew:
            return list(ladders)
        mending = _in_turns([choice for choice in ladders if not choice[1].anew])
        free = [choice for choice in mending if not calls(choice[1].plan)]
        drawing = [choice for choice in mending if calls(choice[1].plan)]
        held = things(best)
        mended, redrawn = chances(
            len(held) - sum(held), len(held), min(left, _AHEAD), self._rate(self._help), self._rate(self._hold)
        )
        return [*free, *drawing, *anew.values()] if mended >= redrawn else [*free, *anew.values(), *drawing]

    def _see(self, drawn: Checked) -> None:
        held = things(drawn)
        self._hold[0] += sum(held)
        self._hold[1] += len(held)

    @staticmethod
    def _rate(seen: Sequence[float]) -> float:
        return seen[0] / seen[1]


def things(seen: Checked) -> list[bool]:
    """Return whether each thing that the checks are about is as it should be.

    All checks of a phrase are about one thing. How two things stand to each other is another one, of which nothing is
    known where one of the two is wrong.
    """
    own: dict[object, bool] = {}
    between: list[tuple[set[object], bool]] = []
    for place, check in enumerate(seen.result.checks):
        about, passed = check["args"].get("query", place), check["passed"] is not False
        if "of" in check["args"]:
            between.append(({about, check["args"]["of"]}, passed))
        else:
            own[about] = own.get(about, True) and passed
    wrong = {about for about, right in own.items() if not right}
    return [*own.values(), *(passed for pair, passed in between if not pair & wrong)]


def chances(wrong: int, count: int, left: int, helps: float, holds: float) -> tuple[float, float]:
    """Return the chance that, of `count` things, `wrong` come to nothing wrong in `left` calls: where the first of them
    mends one, and where it draws the picture anew.

    `helps` is how often a repair does, `holds` how often a thing is drawn right. What comes then is the best.
    """
    again = [comb(count, n) * (1 - holds) ** n * holds ** (count - n) for n in range(count + 1)]

    @cache
    def first(wrong: int, left: int) -> tuple[float, float]:
        mended = helps * best(wrong - 1, left - 1) + (1 - helps) * best(wrong, left - 1)
        redrawn = sum(share * best(min(n, wrong), left - 1) for n, share in enumerate(again))
        return mended, redrawn

    def best(wrong: int, left: int) -> float:
        return 1.0 if wrong <= 0 else max(first(wrong, left)) if left else 0.0

    return first(wrong, left) if wrong > 0 and left > 0 else (0.0, 0.0)


def _in_turns(choices: Sequence[Choice]) -> list[Choice]:
    """Return first what is the first of its way for its finding, then the second, and so on."""
    seen: Counter[tuple[str, str]] = Counter()
    turns: list[int] = []
    for finding, candidate in choices:
        turns.append(seen[finding.id, candidate.way])
        seen[finding.id, candidate.way] += 1
    return [choices[place] for place in sorted(range(len(choices)), key=turns.__getitem__)]
