"""What a text-to-image prompt promises, as a list of things that can be looked for in the picture.

    2|red|circle
    1||couch
    0||dog
    1 left of 2
    says|OPEN

One line a thing: how many, its color if one is said, its noun; 0 says that there must be none. Then where one thing
stands as seen from another, by the numbers of their lines, then what is to be read. It is what a small model
writes, in few tokens; `checklist_grammar` keeps it to the prompt's own words. The atoms are those of GenEval
(Ghosh et al., NeurIPS 2023, arXiv 2310.11513), with absence and writing besides.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from ..tools.detectors.places import OPPOSITE, SIDES, Side
from ..tools.errors import PlanError, Problem
from ..tools.segmenters.hues import BASIC
from .nouns import singulars

Atom = tuple[str | int, ...]
"""One promise: its kind, then its words; see `atoms_of`."""

COLORS = (*BASIC, "grey")
"""What counts as a color that is said: the words whose pixels can be told apart for certain."""
_NO_NOUNS = frozenset(COLORS) - {"orange"}
"""Colors that are not the names of things as well."""
MOST_THINGS = 9
MOST_RELATIONS = 8
MOST_TEXTS = 3
MOST_COUNT = 99
NOTHING = 'root ::= ""\n'
"""The grammar of a prompt without a word."""
_EDGES = "\"'“”„«»‘’.,;:!?()[]{}…*#_"
_OPPOSITE: dict[Side, Side] = {"right of": "left of", "below": "above"}
_THING = re.compile(r"(\d{1,2})\|([^|\n]*)\|([^|\n]+)")
_RELATION = re.compile(rf"(\d) ({'|'.join(SIDES)}) (\d)")


@dataclass(frozen=True)
class Thing:
    """Things of one kind and color."""

    noun: str
    """In the singular and in small letters, as a detector is asked: 'wine glass'."""
    count: int = 1
    """0: there must be none of them."""
    color: str = ""
    """Empty: any."""


@dataclass(frozen=True)
class Relation:
    """Where a thing stands: things `one` are on that side of things `other` (places in `Checklist.things`)."""

    one: int
    side: Side
    other: int


@dataclass(frozen=True)
class Checklist:
    """All that a prompt promises of a picture; empty when it promises nothing that can be looked for."""

    things: tuple[Thing, ...] = ()
    relations: tuple[Relation, ...] = ()
    texts: tuple[str, ...] = ()
    """What is to be read in the picture."""


def write_checklist(checklist: Checklist) -> str:
    """Return the shorthand, each line ended by a newline."""
    lines = [f"{thing.count}|{thing.color}|{thing.noun}" for thing in checklist.things]
    lines += [f"{relation.one + 1} {relation.side} {relation.other + 1}" for relation in checklist.relations]
    lines += [f"says|{text}" for text in checklist.texts]
    return "".join(line + "\n" for line in lines)


def read_checklist(text: str) -> Checklist:
    """Return what a shorthand text says. Raises PlanError with every line that cannot be read or means nothing."""
    things: list[Thing] = []
    relations: list[Relation] = []
    texts: list[str] = []
    problems: list[Problem] = []
    for line in filter(None, map(str.strip, text.splitlines())):
        if match := _THING.fullmatch(line):
            things.append(Thing(match[3].strip().lower(), int(match[1]), match[2].strip().lower()))
        elif match := _RELATION.fullmatch(line):
            side = next(side for side in SIDES if side == match[2])
            relations.append(Relation(int(match[1]) - 1, side, int(match[3]) - 1))
        elif line.startswith("says|") and line[5:].strip():
            texts.append(line[5:].strip())
        else:
            lines = "'2|red|circle', '1 left of 2' or 'says|OPEN'"
            problems.append(Problem(f"line {line!r} is no line of a checklist; write {lines}", kind="malformed"))
    problems += _unfounded(things, relations)
    if problems:
        raise PlanError(problems)
    return Checklist(tuple(things), tuple(relations), tuple(texts))


def _unfounded(things: Sequence[Thing], relations: Sequence[Relation]) -> Iterator[Problem]:
    """Yield what means nothing: a thing told twice, a color for a thing, a place beside what is not there or itself."""
    for thing in dict.fromkeys(thing for thing in things if things.count(thing) > 1):
        problem = f"{thing.count}|{thing.color}|{thing.noun} is told twice; write one line, with the count of all"
        yield Problem(problem, kind="malformed")
    for thing in things:
        if thing.noun in _NO_NOUNS:
            yield Problem(f"{thing.noun!r} is a color, not a thing; write what has the color", kind="malformed")
    for relation in relations:
        told = f"'{relation.one + 1} {relation.side} {relation.other + 1}'"
        places = (relation.one, relation.other)
        if not all(0 <= place < len(things) for place in places):
            yield Problem(f"{told}: there are {len(things)} things; use their line numbers, from 1", kind="malformed")
        elif relation.one == relation.other:
            yield Problem(f"{told}: a thing does not stand beside itself; name two lines", kind="malformed")
        elif not all(things[place].count for place in places):
            yield Problem(
                f"{told}: one of the two must not be there (count 0); leave the relation out", kind="malformed"
            )


def atoms_of(checklist: Checklist) -> frozenset[Atom]:
    """Return the promises one by one, however they were ordered or worded; nouns in the singular, small letters.

    ("object", noun), ("count", noun, n) from two on, ("absent", noun), ("color", noun, color), ("text", words), and
    ("relation", noun, side, noun) with the side turned to "left of" or "above".
    """
    nouns = [_plain(thing.noun) for thing in checklist.things]
    atoms: set[Atom] = set()
    for noun, thing in zip(nouns, checklist.things, strict=True):
        atoms.add(("object" if thing.count else "absent", noun))
        if thing.count > 1:
            atoms.add(("count", noun, thing.count))
        if thing.color:
            atoms.add(("color", noun, thing.color.lower()))
    for relation in checklist.relations:
        one, other, side = nouns[relation.one], nouns[relation.other], relation.side
        turned = _OPPOSITE.get(side)
        atoms.add(("relation", other, turned, one) if turned else ("relation", one, side, other))
    return frozenset(atoms | {("text", " ".join(text.lower().split())) for text in checklist.texts})


def _plain(noun: str) -> str:
    *first, last = noun.lower().split() or [""]
    return " ".join([*first, singulars(last)[0]])


def contradictions(checklist: Checklist) -> list[str]:
    """Return what no picture can keep, one plain sentence each; empty where all can be kept."""
    found: list[str] = []
    for place, thing in enumerate(checklist.things):
        for second in checklist.things[place + 1 :]:
            found += _clash(thing, second)
    sides = {(relation.one, relation.side, relation.other) for relation in checklist.relations}
    sides |= {(there, OPPOSITE[side], here) for here, side, there in sides}
    for here, side, there in sorted(sides):
        if side in _OPPOSITE.values() and here < there and (here, OPPOSITE[side], there) in sides:
            one, other = checklist.things[here].noun, checklist.things[there].noun
            found.append(f"the {one} is to be both {side} and {OPPOSITE[side]} the {other}")
    return list(dict.fromkeys(found))


def summed(checklist: Checklist) -> Checklist:
    """Return the checklist with one line for things alike: three apples and five apples are eight apples.

    How such things stand to each other cannot be looked for, and is left out.
    """
    kinds = [(thing.noun, thing.color, thing.count > 0) for thing in checklist.things]
    counts = Counter[tuple[str, str, bool]]()
    for kind, thing in zip(kinds, checklist.things, strict=True):
        counts[kind] += thing.count
    things = tuple(Thing(noun, counts[noun, color, there], color) for noun, color, there in counts)
    places = [list(counts).index(kind) for kind in kinds]
    moved = (Relation(places[each.one], each.side, places[each.other]) for each in checklist.relations)
    return replace(checklist, things=things, relations=tuple(each for each in moved if each.one != each.other))


def _clash(thing: Thing, other: Thing) -> Iterator[str]:
    if thing.count and other.count:
        return
    absent, present = sorted((thing, other), key=lambda each: each.count)
    same = absent.noun in (present.noun, _uncolored(present.noun))
    if present.count and same and absent.color in ("", present.color):  # no red circle, but a blue one: that can be
        yield f"there is to be {_said(present)}, and there is to be no {_kind(absent)}"


def _uncolored(noun: str) -> str:
    """Return a noun without colors before it: a blue circle is a circle."""
    *first, last = noun.split()
    return " ".join([*(word for word in first if word not in COLORS), last])


def _kind(thing: Thing) -> str:
    return f"{thing.color} {thing.noun}".strip()


def _said(thing: Thing) -> str:
    return f"{thing.count} {_kind(thing)}"


def checklist_grammar(words: Sequence[str]) -> str:
    """Return a GBNF grammar of checklists whose nouns, colors and texts are made of `words`, a prompt's own.

    A noun's words may lose their plural ending. Colors are those of the words that name one. Relations are between
    things that were told before them.
    """
    plain = dict.fromkeys(form for word in words for form in _bare(word))
    nouns = dict.fromkeys(form for word in plain for form in (word, *singulars(word)))
    colors = [word for word in plain if word in COLORS]
    if not nouns:
        return NOTHING
    raw = dict.fromkeys(form for word in words for form in (word.strip(_EDGES), word) if form)
    texts = f'(text "\\n"){{0,{MOST_TEXTS}}}'
    rules = [
        f"root ::= {_after(0, texts)}",
        *(f"after{number} ::= {_after(number, texts)}" for number in range(1, MOST_THINGS + 1)),
        f'thing ::= ("0" | [1-9] [0-9]?) "|" {f"({_choices(colors)})? " if colors else ""}"|" noun',
        'noun ::= word (" " word){0,3}',
        f"word ::= {_choices(nouns)}",
        *(f"relation{number} ::= {_relations(number)}" for number in range(2, MOST_THINGS + 1)),
        f"side ::= {_choices(SIDES)}",
        f'text ::= "says|" token (" " token){{0,{min(len(words), 15)}}}',
        f"token ::= {_choices(raw)}",
    ]
    return "\n".join(rules) + "\n"


def _after(things: int, texts: str) -> str:
    """Return what may follow so many things: another one, or relations between them, and texts."""
    related = f'(relation{things} "\\n"){{0,{MOST_RELATIONS}}} {texts}' if things > 1 else texts
    return f'thing "\\n" after{things + 1} | {related}' if things < MOST_THINGS else related


def _relations(things: int) -> str:
    """Return the relations between so many things: none stands beside itself."""
    numbers = "123456789"[:things]
    return " | ".join(f'"{one} " side " " [{numbers.replace(one, "")}]' for one in numbers)


def _bare(word: str) -> Iterator[str]:
    """Yield a word in small letters without what is around it, and its parts where a hyphen or slash joins them."""
    word = re.sub(r"['’]s?$", "", word.lower().strip(_EDGES).replace("|", ""))
    yield from (part for part in (word, *re.split(r"[-/–—]", word)) if part)


def _choices(words: Iterable[str]) -> str:
    return " | ".join(json.dumps(word, ensure_ascii=False) for word in words)
