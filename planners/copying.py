"""Which words the free text of a plan may be made of: those of the request, with typing errors mended.

What is looked for, written or painted is what the person named, so the small planner is kept from inventing words:
its grammar lets through the words of the request, and for a word that English does not know the words it may have
been meant to be.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from .spelling import near, vocabulary

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
    strange = [match for match in unknown if not near(match[1])]
    if len(unknown) > _MOST_UNKNOWN * len(spoken) or len(strange) > _MOST_STRANGE * len(spoken):
        return None
    for match in unknown:
        found.update(dict.fromkeys(known + match[2] for known in near(match[1])))
    found.update(dict.fromkeys(ALWAYS))
    words = [word for word in found if word]
    return words if len(words) <= _MOST_WORDS else None


def phrases_of(request: str, longest: int = 3) -> list[str]:
    """Return every run of at most so many words of a request, in small letters, without the marks around words."""
    tokens = [token.strip(_EDGES).lower() for token in request.split()]
    starts = range(len(tokens))
    return [" ".join(tokens[start : start + count]) for count in range(1, longest + 1) for start in starts]


def _forms(token: str) -> Iterator[str]:
    """Yield a token as it stands and without the punctuation around it, as written and in small letters."""
    bare = token.strip(_EDGES)
    for form in (token, token.strip(_QUOTES), bare, *re.split(r"[-/+&]", bare)):
        yield form.replace('"', "'")
        yield form.lower().replace('"', "'")
