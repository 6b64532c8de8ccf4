"""How far words can be read in a text, allowing for what a reader mistakes."""

from __future__ import annotations

from collections.abc import Sequence

_RUN_ON = 5
"""Letters from which on words are also looked for inside longer ones: readers lose spaces."""


def best_match(words: str, lines: Sequence[str]) -> tuple[float, str]:
    """Return (likeness in [0, 1], text): the line that is most like `words`, or all lines as one if that is more."""
    texts = [*lines, " ".join(lines)]
    return max(((likeness(words, text), text) for text in texts), key=lambda pair: (pair[0], -len(pair[1])))


def likeness(words: str, text: str) -> float:
    """Return the share of the letters of `words` that stand, in order, somewhere in `text`; 1 when all do.

    Case, punctuation and the amount of white space do not count. Whole words are compared, and, where `words`
    is long enough for that, also runs of letters.
    """
    wanted, given = _plain(words), _plain(text)
    if not wanted:
        return 0.0
    whole = _distance(f" {wanted} ", f" {given} ")
    wanted_run, given_run = wanted.replace(" ", ""), given.replace(" ", "")
    run = _distance(wanted_run, given_run) if len(wanted_run) >= _RUN_ON else whole
    return max(0.0, 1 - min(whole, run) / len(wanted_run))


def _plain(text: str) -> str:
    """Lower the case and keep letters and digits, single spaces between words."""
    return " ".join("".join(c if c.isalnum() else " " for c in text.casefold()).split())


def _distance(pattern: str, text: str) -> int:
    """Return the fewest single-letter edits that make `pattern` a substring of `text` (Sellers 1980)."""
    costs = [0] * (len(text) + 1)
    for row, wanted in enumerate(pattern, start=1):
        diagonal, costs[0] = costs[0], row
        for column, given in enumerate(text, start=1):
            change = diagonal + (wanted != given)
            diagonal, costs[column] = costs[column], min(change, costs[column] + 1, costs[column - 1] + 1)
    return min(costs)
