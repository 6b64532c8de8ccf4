"""Requests in other languages: whether one is, and what the things that it names are called in English.

What is looked for is named in English, and the small planner, which has to translate it, takes a thing that it does not
know for one that it does. The words come from the phrases that it was trained on.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from itertools import product

from .spelling import Neighbors, vocabulary
from .training.banks import phrases

_WORD = re.compile(r"[^\W\d_]+")
_LEAST = 2
"""Letters of a word that tells a language."""
_SHORTEST = 4
"""Letters of a word that may be another with a slip in it."""
_LONGEST = 6
"""Words of a thing: `silla junto a la mesa`."""
_USUAL = 8
"""A word with which so many things of a language begin is an article: `den`, `la`, `alle`."""


def is_foreign(request: str) -> bool:
    """Return whether more words of a request are known from other languages alone than from English alone."""
    words = [word for word in _words(request) if len(word) >= _LEAST]
    english = sum(word in vocabulary() and word not in _foreign() for word in words)
    return sum(word in _foreign() and word not in vocabulary() for word in words) > english


def things_of(request: str) -> tuple[str, ...]:
    """Return the English names of all things that a foreign request names, as far as they are known, each once.

    A word that no language knows counts as every word of a thing that is a slip away.
    """
    words = [[word, *_meant(word)] for word in _words(request)]
    runs = (
        run
        for start in range(len(words))
        for end in range(start + 1, min(start + _LONGEST, len(words)) + 1)
        for run in product(*words[start:end])
    )
    return tuple(dict.fromkeys(name for run in runs for name in _names().get(run, ())))


def _meant(word: str) -> list[str]:
    return [] if len(word) < _SHORTEST or word in _foreign() else _neighbors().of(word)


@cache
def _foreign() -> frozenset[str]:
    """Every word of the phrases in other languages, without what they mean."""
    lines = [line for name in ("foreign", "foreign_frames", "foreign_things") for line in phrases()[name]]
    said = [line.partition("=>")[0] for line in lines]
    return frozenset(word for line in said for word in _words(line.rpartition("|")[2].replace("{x}", "")))


@cache
def _neighbors() -> Neighbors:
    return Neighbors({word for words in _names() for word in words if len(word) >= _SHORTEST})


@cache
def _names() -> dict[tuple[str, ...], tuple[str, ...]]:
    """Words of a thing in another language, without its article → its English names."""
    listed = [line.partition("|")[::2] for line in phrases()["foreign_things"]]
    things = [
        (language.strip(), _words(said), name.strip())
        for language, said, name in ((language, *rest.partition("=>")[::2]) for language, rest in listed)
    ]
    first = Counter((language, words[0]) for language, words, _ in things if len(words) > 1)
    found: dict[tuple[str, ...], dict[str, None]] = {}
    for language, words, name in things:
        bare = words[1:] if len(words) > 1 and first[language, words[0]] >= _USUAL else words
        found.setdefault(tuple(bare), {})[name] = None
    return {words: tuple(names) for words, names in found.items()}


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())
