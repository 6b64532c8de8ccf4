"""Which words the free text of a plan may be made of: those of the request, with typing errors mended.

What is looked for, written or painted is what the person named, so the small planner is kept from inventing words:
its grammar lets through the words of the request, and for a word that English does not know the words it may have
been meant to be.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import product

from .languages import is_foreign
from .spelling import near, vocabulary

ALWAYS = ("face", "person", "text")
"""Things that are meant without being said: `make him anonymous`."""
_QUOTES = "\"'“”„«»‘’"
_EDGES = "\"'“”„«»‘’.,;:!?()[]{}…"
_WORD = re.compile(r"([^\W\d_]{3,})((?:['’]s?)?)")
_MOST_UNKNOWN, _MOST_STRANGE = 0.6, 0.35
"""Shares of the words that are unknown, or not even near a known one, above which a request is in another language."""
_MOST_FORMS = 8
"""Ways to read a word, of which one or two are common."""
_MOST_WORDS = 150
"""A longer list would make the grammar slow; free text is then free."""


def words_of(request: str) -> list[tuple[str, ...]] | None:
    """Return for each word of a request the forms that it may have in a plan, or None: not English, or very long."""
    if is_foreign(request):
        return None
    raw = request.replace("<|", "< |").split()
    spoken = [_WORD.fullmatch(token.strip(_EDGES).lower()) for token in raw]
    unknown = [match for match in spoken if match and match[1] not in vocabulary()]
    strange = [match for match in unknown if not near(match[1])]
    count = sum(match is not None for match in spoken)
    if len(unknown) > _MOST_UNKNOWN * count or len(strange) > _MOST_STRANGE * count or len(raw) > _MOST_WORDS:
        return None
    found = []
    for token, match in zip(raw, spoken, strict=True):
        meant = [known + match[2] for known in near(match[1])] if match in unknown and match else []
        found.append(tuple(form for form in dict.fromkeys([*_forms(token), *meant]) if form))
    return found


def phrases_of(words: Sequence[Sequence[str]], longest: int = 3) -> Iterator[str]:
    """Yield every run of at most so many words, in small letters, in each way to read its words."""
    small = [tuple(dict.fromkeys(form.lower() for form in forms))[:_MOST_FORMS] for forms in words]
    for count in range(1, longest + 1):
        for start in range(len(small) - count + 1):
            yield from map(" ".join, product(*small[start : start + count]))


def _forms(token: str) -> Iterator[str]:
    """Yield a token as it stands and without the punctuation around it, as written and in small letters."""
    bare = token.strip(_EDGES)
    inside = token.rstrip(".,;:?!").rstrip(_QUOTES).strip(_QUOTES)  # of `"What's up?"?` what is said
    owner = re.sub("['’]s$", "", bare)  # `the farmer's new color` is the color of the farmer
    for form in (token, token.strip(_QUOTES), inside, bare, owner, *re.split(r"[-/+&]", bare)):
        yield form.replace('"', "'")
        yield form.lower().replace('"', "'")
