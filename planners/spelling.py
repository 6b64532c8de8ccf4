"""Typing errors of a request: which words are known, and what an unknown one was probably meant to be.

Mended before the small planner reads it: it was trained on tens of thousands of requests, and cannot know every way
to mistype each word. What stands in quotes, names in capitals and requests in other languages are left as they are.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from functools import cache

from ..tools.weights import locate, missing
from .training.banks import phrases

QUOTED = re.compile(r"(\"[^\"]*\"|“[^”]*”|«[^»]*»|(?<!\w)'[^']*'(?!\w))")
_LETTERS = re.compile(r"[A-Za-z]+")
_SHORTEST = 4
"""Letters of a word that is mended; of fewer, too many others are near."""
_LONGEST = 30
"""Letters beyond which nothing is a word; the ways to leave two out would be millions."""
_FAR_KEY = 0.1
"""How likely a letter is that lies elsewhere on the keyboard, against the slips that are usual."""
_CLEARLY = 2.0
"""How much likelier than every other word the best one has to be; the planner itself decides between them otherwise."""
_KEYS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")


def mend(request: str) -> str:
    """Return the request with each word that nobody knows replaced by the known one a slip away, if there is one."""
    parts = QUOTED.split(request)
    return "".join(part if i % 2 else _LETTERS.sub(_mended, part) for i, part in enumerate(parts))


class Neighbors:
    """Finds which of many words are one typing error from another (some that are two, in a long word).

    Two words that are one letter put in, left out, changed or swapped apart share what is left of them when a letter
    is taken out of each: the method of SymSpell (Garbe 2012).
    """

    def __init__(self, words: Iterable[str]) -> None:
        self._index: dict[str, list[str]] = {}
        for word in words:
            for part in {word, *_without_one(word)}:
                self._index.setdefault(part, []).append(word)

    def of(self, word: str) -> list[str]:
        """Return the words that `word` may have been meant to be; none for one of two letters or of very many."""
        if not 3 <= len(word) <= _LONGEST:
            return []
        shorter = {word, *_without_one(word)}
        if len(word) > 6:
            shorter |= {less for once in tuple(shorter) for less in _without_one(once)}
        return sorted({known for part in shorter for known in self._index.get(part, ())})


def near(word: str) -> list[str]:
    """Return the words of the vocabulary that are a slip away."""
    return _neighbors().of(word)


@cache
def vocabulary() -> Counter[str]:
    """Return the words that the planner was trained on, and how often each stands in the phrases."""
    from .training.followups import COUNTERS, FINDERS, NOTHING_ELSE, OTHERWISE, READERS
    from .training.joining import JOINERS
    from .training.noise import WRAPS

    lines = [line for name, section in phrases().items() if "foreign" not in name for line in section]
    lines += [*WRAPS, *JOINERS, *FINDERS, *READERS, *COUNTERS, *OTHERWISE, *NOTHING_ELSE]
    return Counter(re.findall(r"[a-z][a-z'-]*[a-z]", " ".join(lines).lower()))


def _mended(match: re.Match[str]) -> str:
    word, small = match[0], match[0].lower()
    named = word[0].isupper() and not word.isupper() and match.string[: match.start()].strip()
    if len(word) < _SHORTEST or named or small in vocabulary() or small in _english():
        return word
    slips = {known: vocabulary()[known] * _likelihood(small, known) for known in near(small)}
    meant, *others = sorted(slips, key=slips.__getitem__, reverse=True) or [""]
    if not meant or slips[meant] < _CLEARLY * max([slips[other] for other in others], default=0.1):
        return word
    return meant.upper() if word.isupper() else meant.capitalize() if word[0].isupper() else meant


def _likelihood(typed: str, meant: str) -> float:
    """Return how likely a single slip makes one word of the other; 0 when it takes more than one."""
    start = 0
    while start < min(len(typed), len(meant)) and typed[start] == meant[start]:
        start += 1
    rest, other = typed[start:], meant[start:]
    if rest[1:] == other or rest == other[1:]:
        return 1.0  # a letter too many, or one left out
    if rest[:2] == other[1::-1] and rest[2:] == other[2:]:
        return 1.0  # two changed places
    if rest[1:] == other[1:]:
        return 1.0 if _are_neighbors(rest[:1], other[:1]) else _FAR_KEY
    return 0.0


def _are_neighbors(a: str, b: str) -> bool:
    places = {key: (row, column) for row, keys in enumerate(_KEYS) for column, key in enumerate(keys)}
    if a not in places or b not in places:
        return False
    return all(abs(x - y) <= 1 for x, y in zip(places[a], places[b], strict=True))


@cache
def _english() -> frozenset[str]:
    """Return common English words, names among them, from the vocabulary of the packaged text embedding.

    Without it (its weights are fetched with the profile 'embedded') only the planner's own vocabulary is known.
    """
    if missing(["minilm"]):
        return frozenset()
    lines = (locate("embedded:minilm") / "vocab.txt").read_text(encoding="utf-8").split("\n")
    return frozenset(line for line in lines if re.fullmatch(r"[a-z]{3,}", line))


@cache
def _neighbors() -> Neighbors:
    return Neighbors(vocabulary())


def _without_one(word: str) -> list[str]:
    return [word[:i] + word[i + 1 :] for i in range(len(word))]
