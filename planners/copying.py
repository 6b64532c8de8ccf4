"""Which words the free text of a plan may be made of: those of the request, with typing errors mended.

What is looked for, written or painted is what the person named, so the small planner is kept from inventing words:
its grammar lets through the words of the request, and for a word that English does not know the words it may have
been meant to be.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from .training.banks import phrases

ALWAYS = ("areas", "black", "face", "person", "text", "white")
"""Words that stand for what was said without being said: `censor it` fills with black."""
_QUOTES = "\"'“”„«»‘’"
_EDGES = "\"'“”„«»‘’.,;:!?()[]{}…"
_WORD = re.compile(r"([^\W\d_]{3,})((?:['’]s?)?)")
_MOST_UNKNOWN, _MOST_STRANGE = 0.6, 0.35
"""Shares of the words that are unknown, or not even near a known one, above which a request is in another language."""
_MOST_WORDS = 150
"""A longer list would make the grammar slow; free text is then free."""


def words_of(request: str) -> list[str] | None:
    """Return the words that free text may be made of, or None: not English, or very long."""
    raw = request.replace("<|", "< |").split()
    found = dict.fromkeys(form for token in raw for form in _forms(token))
    spoken = [match for token in raw if (match := _WORD.fullmatch(token.strip(_EDGES).lower()))]
    unknown = [match for match in spoken if match[1] not in vocabulary()]
    strange = [match for match in unknown if not _near(match[1])]
    if len(unknown) > _MOST_UNKNOWN * len(spoken) or len(strange) > _MOST_STRANGE * len(spoken):
        return None
    for match in unknown:
        found.update(dict.fromkeys(near + match[2] for near in _near(match[1])))
    found.update(dict.fromkeys(ALWAYS))
    words = [word for word in found if word]
    return words if len(words) <= _MOST_WORDS else None


@cache
def vocabulary() -> frozenset[str]:
    """Return the words that the planner was trained on."""
    lines = " ".join(line for name, section in phrases().items() if name != "foreign" for line in section)
    return frozenset(re.findall(r"[a-z][a-z'-]*[a-z]", lines.lower()))


def _forms(token: str) -> Iterator[str]:
    """Yield a token as it stands and without the punctuation around it, as written and in small letters."""
    bare = token.strip(_EDGES)
    for form in (token, token.strip(_QUOTES), bare, *re.split(r"[-/+&]", bare)):
        yield form.replace('"', "'")
        yield form.lower().replace('"', "'")


def _near(word: str) -> list[str]:
    """Return the known words that are one typing error away (some that are two, in a long word).

    Two words that are one letter put in, left out, changed or swapped apart share what is left of them when a letter
    is taken out of each: the method of SymSpell (Garbe 2012).
    """
    if len(word) < 3:
        return []
    shorter = {word, *_without_one(word)}
    if len(word) > 6:
        shorter |= {less for once in tuple(shorter) for less in _without_one(once)}
    return sorted({known for part in shorter for known in _index().get(part, ())})


@cache
def _index() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for word in vocabulary():
        for part in {word, *_without_one(word)}:
            found.setdefault(part, []).append(word)
    return found


def _without_one(word: str) -> list[str]:
    return [word[:i] + word[i + 1 :] for i in range(len(word))]
