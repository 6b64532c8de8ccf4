"""Which requests are worded in a way that the training set knows.

Part of the training phrases was mined from the very editing instructions that the planner is measured on, so only
instructions count whose wording training never meets. A wording is what is left of a request when objects, colors and
the like are blanked: the lines of `training/phrases` with their slots open. It is known when any line of any section
on the training side of the split (`training/banks.holdout`, one line in ten by hash is held out) fits the whole
request. Slots take no more than they would in training: a color slot a color, a number slot a number, a quotation slot
a quotation, any other slot up to five words, of which the first is no verb that begins some line. The figures of a
planner are therefore those for new wordings; new objects are not asked for.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

from ...tools.colors import means_color
from ..training.banks import holdout, phrases

Entry = TypeVar("Entry")

_SLOT = re.compile(r"(\{\w+\})")
_PHRASE = r"([^\s,.;:]+(?: [^\s,.;:]+){0,4})"
_SLOTS = {
    **dict.fromkeys(("w", "h", "p", "d", "rim"), r"(\d+)"),
    "q": r"([\"'“«].+[\"'”»])",
    "c": r"([^\s,.;:]+(?: [^\s,.;:]+){0,2})",
    "pos": r"((?:(?:top|bottom|upper|lower|left|right|center|middle|corner|side|edge)\s?)+)",
}
_NOUNS = frozenset({"o", "t", "n", "any", "many", "bare", "new"})
"""Slots that a thing fills; a verb at their beginning would be another sentence."""
_NO_VERBS = frozenset({"a", "an", "all", "any", "i", "my", "no", "that", "the", "there", "this"})


@dataclass(frozen=True)
class _Line:
    """A line of the phrase banks with its slots open."""

    pattern: re.Pattern[str]
    slots: tuple[str, ...]

    def fits(self, text: str) -> bool:
        match = self.pattern.fullmatch(text)
        return match is not None and all(map(_fills, self.slots, match.groups()))


def known_wording(request: str) -> bool:
    """Whether some line that training draws from fits the whole request."""
    text = normal(request)
    index = _index()
    return any(line.fits(text) for word in set(_words(text)) for line in index.get(word, ()))


def normal(text: str) -> str:
    """Return a text in small letters, with single spaces and without the marks at its end."""
    return " ".join(text.lower().split()).rstrip(".?!, ")


def spread(
    entries: Iterable[Entry], count: int, *, kind: Callable[[Entry], Hashable], key: Callable[[Entry], str]
) -> list[Entry]:
    """Return `count` of the entries in their order, as evenly over the kinds as these reach.

    Which of a kind are taken is settled by the hash of their key, so that the choice does not depend on their order.
    """
    kinds: dict[Hashable, list[Entry]] = defaultdict(list)
    pool = list(entries)
    for entry in sorted(pool, key=lambda e: hashlib.sha256(key(e).encode()).digest()):
        kinds[kind(entry)].append(entry)
    turns = sorted(
        ((turn, place, entry) for place, group in enumerate(kinds.values()) for turn, entry in enumerate(group)),
        key=lambda item: item[:2],
    )
    chosen = {key(entry) for _, _, entry in turns[:count]}
    return [entry for entry in pool if key(entry) in chosen]


@cache
def _index() -> dict[str, list[_Line]]:
    """Lines that training draws from, by the rarest of their own words."""
    lines = [normal(line.removeprefix("! ")) for line in _training_lines()]
    lines = [line for line in dict.fromkeys(lines) if len(line.split()) > 1 and _words(_SLOT.sub(" ", line))]
    own = {line: _words(_SLOT.sub(" ", line)) for line in lines}
    frequency = Counter(word for words in own.values() for word in words)
    index: dict[str, list[_Line]] = defaultdict(list)
    for line, words in own.items():
        index[min(words, key=frequency.__getitem__)].append(_opened(line))
    return dict(index)


def _training_lines() -> list[str]:
    return [line for section, lines in phrases().items() for line in holdout(lines, section, test=False)]


def _opened(line: str) -> _Line:
    parts = _SLOT.split(line)
    slots = tuple(part[1:-1] for part in parts[1::2])
    pattern = "".join(_SLOTS.get(p[1:-1], _PHRASE) if _SLOT.fullmatch(p) else re.escape(p) for p in parts)
    return _Line(re.compile(pattern), slots)


def _fills(slot: str, words: str) -> bool:
    if slot in ("c", "c2"):
        return means_color(words)
    return slot not in _NOUNS or words.split()[0] not in _verbs()


@cache
def _verbs() -> frozenset[str]:
    """Words that begin a line of the phrase banks, articles and the like left out."""
    lines = (line.removeprefix("! ") for section in phrases().values() for line in section if "{" in line)
    return frozenset(line.split()[0].lower() for line in lines if not line.startswith("{")) - _NO_VERBS


def _words(text: str) -> Sequence[str]:
    return re.findall(r"[^\W_]+", text)
