"""Mend a drawn picture, or draw another one? Whichever will more probably bring it to pass every check.

    another picture   every promise has to hold by itself: the rate at which they do, to the power of their number;
                      it may be tried as often as there are repairs to make
    repairs           each failed promise has to be mended: the rate at which repairs help, to the power of the failed

Both rates begin with a guess and follow what this run sees. So a simple picture is drawn again, a crowded one with a
single fault is mended, and neither is repeated for long where it does not help. What draws nothing is tried first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from .situation import Candidate
from .verdicts import Checked, Finding

Choice = tuple[Finding, Candidate]
_HOLD = (9.0, 10.0)
"""Promises that held, of how many: what is taken to have been seen before the first picture."""
_HELP = (1.0, 2.0)
"""Repairs that helped, of how many."""


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

    def ordered(self, ladders: Sequence[Choice], best: Checked, calls: Callable[[Candidate], int]) -> list[Choice]:
        """Return what may be tried, the most promising first; as it is where no picture can be drawn anew.

        `calls` says how many calls of generators a candidate takes. Repairs of several findings take turns, each way
        of each of them once.
        """
        anew = {choice[1].plan.to_json(): choice for choice in ladders if choice[1].anew}
        if not anew:
            return list(ladders)
        mending = _in_turns([choice for choice in ladders if not choice[1].anew])
        free = [choice for choice in mending if not calls(choice[1])]
        drawing = [choice for choice in mending if calls(choice[1])]
        failed = sum(passed is False for passed in best.passed)
        mended = self._rate(self._help) ** failed
        redrawn = 1 - (1 - self._rate(self._hold) ** len(best.passed)) ** failed
        return [*free, *drawing, *anew.values()] if mended >= redrawn else [*free, *anew.values(), *drawing]

    def _see(self, drawn: Checked) -> None:
        self._hold[0] += sum(map(bool, drawn.passed))
        self._hold[1] += len(drawn.passed)

    @staticmethod
    def _rate(seen: Sequence[float]) -> float:
        return seen[0] / seen[1]


def _in_turns(choices: Sequence[Choice]) -> list[Choice]:
    """Return first what is the first of its way for its finding, then the second, and so on."""
    seen: Counter[tuple[str, str]] = Counter()
    turns: list[int] = []
    for finding, candidate in choices:
        turns.append(seen[finding.id, candidate.way])
        seen[finding.id, candidate.way] += 1
    return [choices[place] for place in sorted(range(len(choices)), key=turns.__getitem__)]
