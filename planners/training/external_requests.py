"""Requests that are to be planned with catalogues that are not ours, without end.

The files in `catalogues/requests` hold plans, each with the ways in which people ask for it: they name the goal, not
the tools. A plan is written in the shorthand with the keys of `catalogues/tools.yaml`; every example draws the names
that these tools go by, and what else is in the catalogue. One wording in ten, and some tools, are held out.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Literal

from ..notation import LETTERS
from .banks import holdout, sections
from .external_tools import FOLDER, draw_catalogue, go_together, near, unseen_tools

Part = Literal["train", "wording", "tool"]
"""What is new: nothing; the wording of the request; a tool that it needs, as well."""
_SLOT = re.compile(r"\{([a-z_]+?)(2?)\}")
_TWO = 0.15
"""Share of requests that ask for two things."""
_IDLE = 0.2
"""Share of the requests that need no picture that come with one."""
_REFUSED = 0.07
"""Share of requests that nothing in their catalogue can do."""
NO_TOOL = 'refuse "none of these tools does that"\n'
_FIRST = ("Please", "Can you help me?", "Hi,", "Look at this.", "I have a question:", "Quick one:", "Hello!")
_JOINTS = (". Then ", ", and ", ". Also, ", "; ", ". After that, ", ". Besides, ")
_FILES = ("in example.jpg", "in my picture example.jpg", "(see the image)", "in the attached photo", "in img_2.png")


@dataclass(frozen=True)
class Wish:
    """One way to ask for something, and the plans that do it, in keys; blanks are not filled in."""

    words: str
    plans: tuple[tuple[str, ...], ...]
    """Each the lines of a plan without their letters; the first is the one that is meant most."""

    @property
    def tools(self) -> set[str]:
        """The tools of all plans."""
        return {key for plan in self.plans for key in _keys(plan)}


@dataclass(frozen=True)
class Asked:
    """A request as somebody typed it, and every plan, in keys, that does what it asks for."""

    request: str
    plans: tuple[tuple[str, ...], ...]
    """Each the lines of the shorthand without their letters; the first is the one that is meant most."""
    part: Part


@dataclass(frozen=True)
class ExternalExample:
    """A request, and the plan that the tools of a catalogue make of it."""

    request: str
    inputs: tuple[str, ...]
    answer: str
    """The plan in the shorthand, over the names of the catalogue, or a `refuse` line."""
    wanted: frozenset[str]
    """Names of the tools that it uses."""


@dataclass(frozen=True)
class Lesson:
    """Requests that are planned with one catalogue."""

    names: dict[str, str]
    """Key → name of each tool of the catalogue."""
    examples: tuple[ExternalExample, ...]


@cache
def wishes(part: Part) -> tuple[Wish, ...]:
    """Return the ways to ask of one part of the data."""
    found = []
    for wish in _all_wishes():
        new = any(key in unseen_tools() for plan in wish.plans for key in _keys(plan))
        fresh = _held_out(wish.words)
        if (part == "tool") == new and (new or (part == "wording") == fresh):
            found.append(wish)
    return tuple(found)


class ExternalRequests:
    """Yields examples for ever; the same seed gives the same ones."""

    def __init__(self, seed: int, part: Part = "train") -> None:
        self.draw = random.Random(f"{part}-{seed}")
        self._part: Part = part
        plans: dict[tuple[tuple[str, ...], ...], list[Wish]] = {}
        for wish in wishes(part):
            plans.setdefault(wish.plans, []).append(wish)
        self._groups = list(plans.values())
        self._weights = [len(group) for group in self._groups]

    def __iter__(self) -> Iterator[Asked]:
        while True:
            yield self._asked()

    def _asked(self) -> Asked:
        first, second = self._wish(), self._wish()
        both = [first, second] if self.draw.random() < _TWO and _fit(first, second) else [first]
        fills: dict[str, str] = {}
        said = [_filled(wish.words, fills, self.draw).rstrip("?.") for wish in both]
        plans = tuple(
            tuple(
                _joined(
                    [
                        [_filled(line, fills | {"{self}": words}, self.draw) for line in plan]
                        for words, plan in zip(said, chosen, strict=True)
                    ]
                )
            )
            for chosen in product(*(wish.plans for wish in both))
        )
        words = self.draw.choice(_JOINTS).join(said)
        return Asked(self._said(words, bool(_pictures(plans[0]))), plans, self._part)

    def _wish(self) -> Wish:
        return self.draw.choice(self.draw.choices(self._groups, self._weights)[0])

    def _said(self, words: str, pictured: bool) -> str:
        """Return a request as somebody may type it."""
        if self.draw.random() < 0.4:
            words = words.rstrip("?.")
        if pictured and self.draw.random() < 0.08:
            words = f"{words.rstrip('?.')} {self.draw.choice(_FILES)}"
        if self.draw.random() < 0.12:
            return f"{self.draw.choice(_FIRST)} {words}"
        return words[:1].upper() + words[1:] if self.draw.random() < 0.6 else words


def staged(draw: random.Random, asked: Iterable[Asked], most: int = 1) -> Lesson:
    """Return a lesson of the first `most` requests that can share a catalogue.

    Of each request one of its plans can be made with the tools, and no other. Where there are several, some are asked
    that nothing in the catalogue can do: these are refused.
    """
    chosen: list[tuple[Asked, tuple[str, ...]]] = []
    needed: dict[str, None] = {}
    without: set[str] = set()
    refused: list[Asked] = []
    for each in asked:
        lines = each.plans[0] if draw.random() < 0.6 else draw.choice(each.plans)
        keys = dict.fromkeys(_keys(lines))
        every = {key for plan in each.plans for key in _keys(plan)}
        others = (every - keys.keys()) | (set() if each.part == "tool" else unseen_tools())
        if needed and len(refused) < most * _REFUSED and not near(every) & needed.keys():
            refused.append(each)
            without |= near(every)
        elif go_together({*needed, *keys}, without | others):
            chosen.append((each, lines))
            needed |= keys
            without |= others
        if len(chosen) + len(refused) == most:
            break
    names = draw_catalogue(draw, needed, without)
    examples = [_planned(draw, each.request, lines, names) for each, lines in chosen]
    examples += [ExternalExample(each.request, _pictures(each.plans[0]), NO_TOOL, frozenset()) for each in refused]
    return Lesson(names, tuple(draw.sample(examples, len(examples))))


def _planned(draw: random.Random, request: str, lines: Sequence[str], names: dict[str, str]) -> ExternalExample:
    answer = "".join(f"{LETTERS[i]} {_renamed(line, names)}\n" for i, line in enumerate(lines))
    pictures = _pictures(lines)
    if not pictures and draw.random() < _IDLE:
        pictures = ("photo",)
    return ExternalExample(request, pictures, answer, frozenset(names[key] for key in _keys(lines)))


def _pictures(lines: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for name in ("photo", "photo2") if name in {word for line in lines for word in _words(line)})


@cache
def _all_wishes() -> tuple[Wish, ...]:
    found = []
    for path in sorted((FOLDER / "requests").glob("*.txt")):
        plans: tuple[tuple[str, ...], ...] = ()
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("["):
                plans = tuple(tuple(step.strip() for step in plan.split(";")) for plan in line.strip("[]").split(" | "))
            elif line.strip() and not line.startswith("#"):
                found.append(Wish(line.strip(), plans))
    return tuple(found)


def _held_out(words: str) -> bool:
    return words not in holdout([words, ""], "wish", test=False)


def _keys(lines: Sequence[str]) -> list[str]:
    return [line.split(" ", 1)[0] for line in lines]


def _fit(first: Wish, second: Wish) -> bool:
    """Whether two wishes can be asked in one breath: other tools, and not the same blanks with other words."""
    return not first.tools & second.tools and not _blanks(first) & _blanks(second)


def _blanks(wish: Wish) -> set[str]:
    return {kind for kind, _ in _SLOT.findall(f"{wish.words} {wish.plans}")} - {"self"}


def _joined(plans: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of several plans as those of one: the letters of the later ones move on."""
    lines: list[str] = []
    for plan in plans:
        moved = str.maketrans(LETTERS[: len(plan)], LETTERS[len(lines) : len(lines) + len(plan)])
        lines += [" ".join(w.translate(moved) if len(w) == 1 else w for w in _words(line)) for line in plan]
    return lines


def _words(line: str) -> list[str]:
    return re.findall(r'"[^"]*"|\S+', line)


def _renamed(line: str, names: dict[str, str]) -> str:
    key, space, rest = line.partition(" ")
    return names[key] + space + rest


def _filled(text: str, fills: dict[str, str], draw: random.Random) -> str:
    """Fill in the blanks of a text, each as it was filled before; `{thing2}` is another thing than `{thing}`."""

    def fill(match: re.Match[str]) -> str:
        if match[0] not in fills:
            choices = [word for word in sections(FOLDER)[match[1]] if word not in fills.values()]
            fills[match[0]] = draw.choice(choices)
        return fills[match[0]]

    return _SLOT.sub(fill, text)
