"""What prompts are made of: things, colors, numbers and phrases, drawn at random from the banks in `prompts/`."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ...tools.tiny.scenes import COLORS as TINY_COLORS
from ...tools.tiny.scenes import SHAPES
from .banks import holdout, sections

FOLDER = Path(__file__).parent / "prompts"
KINDS = ("animals", "vehicles", "food", "furniture", "electronics", "kitchen", "sports", "clothing", "street", "other")
"""Sections of things of which details are told."""
BASIC = (*TINY_COLORS, "gray")
"""The colors that count as said."""
SHADES = ("silver", "golden", "beige", "cream", "turquoise", "crimson", "navy", "teal", "ivory", "bronze", "maroon")
"""Colors that a checklist does not hold: their pixels are not told apart from a neighbour's for certain."""
NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


@dataclass(frozen=True)
class Named:
    """A noun of the banks."""

    noun: str
    section: str = ""
    """What sort of thing it is: one of the sections."""
    details: tuple[str, ...] = ()
    """What can be told of one of it: 'has a curved handle'."""


class PromptWords:
    """Draws words; of the test split those that training never sees, wherever there are enough of them."""

    def __init__(self, seed: int, *, test: bool = False) -> None:
        self.draw = random.Random(f"prompts {seed} {test}")
        self._test = test

    def chance(self, share: float) -> bool:
        """Return True so often."""
        return self.draw.random() < share

    def pick(self, section: str) -> str:
        """Return a line of a section."""
        return self.draw.choice(_lines(section, self._test))

    def several(self, section: str, count: int) -> list[str]:
        """Return so many different lines of a section, or all that it has."""
        lines = _lines(section, self._test)
        return self.draw.sample(lines, min(count, len(lines)))

    def things(self, count: int, *, told: bool = False) -> list[Named]:
        """Return different things; with `told`, ones of which details are known."""
        found: dict[str, Named] = {}
        while len(found) < count:
            section = self.draw.choice(KINDS) if told or self.chance(0.6) else "more_things"
            noun, _, details = self.pick(section).partition(": ")
            found[noun] = Named(noun, section, tuple(filter(None, details.split(" | "))))
        return list(found.values())

    def shapes(self, count: int) -> list[Named]:
        """Return different shapes of the tiny family."""
        return [Named(shape) for shape in self.draw.sample(SHAPES, count)]

    def color(self) -> str:
        """Return a color that counts."""
        return self.draw.choice(BASIC)

    def other_color(self) -> str:
        """Return the color of a part, a wall or a shadow."""
        return self.draw.choice(BASIC if self.chance(0.6) else SHADES)


@cache
def _lines(section: str, test: bool) -> Sequence[str]:
    return holdout(sections(FOLDER)[section], section, test=test)


def with_article(words: str) -> str:
    """Return 'an orange car' for 'orange car'."""
    vowel = words[0].lower() in "aeiou" or words.startswith("hour")
    return f"{'an' if vowel and not words.startswith('uni') else 'a'} {words}"
