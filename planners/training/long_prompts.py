"""Prompts of a paragraph, in the manner of a language model that tells a short one at length, with their checklists.

What is promised is named first, as the subject of a sentence. The surface it stands on, its parts, the light and the
background are told in the same breath and promise nothing. The color of a thing is said by the adjective before its
noun, or by a sentence about the whole of it ('Its skin is an unusual shade of brown'); a part's color is no color of
the thing. Where one thing stands counts when it is said of the other ('to the right of the train'), not of the frame.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from ...tools.detectors.places import Side
from ..checklist import Checklist, Relation, Thing
from ..nouns import plural
from .prompt_words import NUMBERS, SHADES, PromptWords, with_article
from .short_prompts import Group, Pair

_SLOT = re.compile(r"\{(\w+)\}")
_PLACING = re.compile(r"(?:([XY])>([XY]) )?(.+)")
_SIDES: dict[str, tuple[Side, tuple[str, ...]]] = {
    "left": ("left of", ("left",)),
    "right": ("right of", ("right",)),
    "ab": ("above", ("above", "directly above", "just above", "over", "right above", "high above")),
    "be": ("below", ("below", "directly below", "just below", "under", "beneath", "underneath")),
}
"""Slot that says a side (`lr` is one of the first two) → the side, its words."""
_PEOPLE = ("person", "man", "woman", "child")
_KINDS = {"long_one": (1, 24), "long_many": (1, 17), "long_two": (2, 28), "long_placed": (2, 26), "long_three": (3, 5)}
"""Section of first sentences → how many groups they name, how often they are drawn."""


class _Told:
    """A group of a long prompt, and whether its color is said by a sentence of its own."""

    def __init__(self, group: Group, *, later: bool) -> None:
        self.group = group
        self.noun = group.named.noun
        self.later = later and bool(group.color)
        self.words = replace(group, color="").words if self.later else group.words


def long_prompt(words: PromptWords) -> Pair:
    """Return a description of 60 to 140 words and what it promises."""
    kind = words.draw.choices(list(_KINDS), [share for _, share in _KINDS.values()])[0]
    told = _groups(words, _KINDS[kind][0], several=kind == "long_many")
    match = _PLACING.fullmatch(words.pick(kind))
    assert match is not None
    one, other, skeleton = match.groups()
    turn, sentences, relations = words.draw.choice(("left", "right")), [], []
    for part in skeleton.split(" / "):
        text, side = _filled(words, part, told, turn)
        named = [
            each for letter, each in zip("XYZ", told, strict=False) if re.search(rf"\{{C?[aAN]?{letter}s?\}}", part)
        ]
        sentences += [text, *(line for each in named for line in _details(words, each, alone=len(named) == 1))]
        if one and side:
            relations.append(Relation("XY".index(one), side, "XY".index(other)))
    end, absent, texts = _end(words, told, words.draw.randint(55, 120) - len(" ".join(sentences).split()))
    things = (*(each.group.thing for each in told), *absent)
    breaks = {words.draw.randint(2, len(sentences))} if words.chance(0.12) and len(sentences) > 2 else set()
    lines = [("\n\n" if place in breaks else " ") + line for place, line in enumerate([*sentences, *end])]
    return "".join(lines).strip(), Checklist(things, tuple(relations), texts)


def _groups(words: PromptWords, count: int, *, several: bool) -> list[_Told]:
    """Draw what is named: mostly one of each, in half of the prompts all of them colored."""
    named = words.things(count, told=words.chance(0.85))
    colored = words.draw.choice((0.0, 0.0, 0.2, 1.0, 1.0))
    found = []
    for each in named:
        color = words.color() if words.chance(colored) else ""
        shade = words.pick("adjectives") if words.chance(0.6) else ""
        if words.chance(0.15):
            shade = f"{shade} {words.pick('materials')}".strip()
        elif not color and words.chance(0.1):
            shade = f"{shade} {words.draw.choice(SHADES)}".strip()
        number = words.draw.choice((2, 2, 3, 3, 3, 4, 4, 4, 5, 6)) if several or words.chance(0.02) else 1
        found.append(_Told(Group(each, number, color, shade), later=words.chance(0.35)))
    return found


def _filled(words: PromptWords, part: str, told: Sequence[_Told], turn: str) -> tuple[str, Side | None]:
    """Return a sentence with its slots filled, and the side that it says."""
    sides: list[Side] = []

    def fill(match: re.Match[str]) -> str:
        slot = match[1]
        if slot in ("lr", "ab", "Ab", "be", "Be"):
            side, said = _SIDES[turn if slot == "lr" else slot.lower()]
            sides.append(side)
            return _capital(words.draw.choice(said)) if slot[0].isupper() else words.draw.choice(said)
        if slot in ("on", "On"):
            return (_capital if slot == "On" else str)(colored(words, words.pick("surfaces")))
        if slot == "arr":
            return words.pick("arranged")
        if slot in ("v", "vs"):
            verb = words.pick("verbs")
            return verb if slot == "v" else _of_many(verb)
        return _named(slot, told)

    return _SLOT.sub(fill, part), sides[0] if sides else None


def _named(slot: str, told: Sequence[_Told]) -> str:
    """Fill a slot that names a thing: {x} {xs} {X} {aX} {AX} {NXs} {CNXs}."""
    each = told["xyz".index(slot.lower().removeprefix("c").removeprefix("n").removeprefix("a")[0])]
    if slot.islower():
        return plural(each.noun) if slot.endswith("s") else each.noun
    if slot.endswith("s"):
        text = f"{NUMBERS[each.group.count]} {each.words}"
        return _capital(text) if slot.startswith("C") else text
    if slot in "XYZ":
        return each.words
    one = with_article(each.words) if each.group.count == 1 else f"{NUMBERS[each.group.count]} {each.words}"
    return _capital(one) if slot.startswith("A") else one


def _details(words: PromptWords, told: _Told, *, alone: bool) -> list[str]:
    """Return some sentences about a thing; only with `alone` it can be called 'it'."""
    several = told.group.count > 1
    lines = [f"{'Each {x}' if several else 'The {x}'} {detail}." for detail in told.group.named.details]
    lines += words.several("many_detail" if several else "one_detail", 4)
    lines = words.draw.sample(lines, min(words.draw.randint(1, 4), len(lines)))
    if told.later:
        lines.insert(words.draw.randint(0, min(1, len(lines))), _color_said(words, told))
    elif told.group.color and words.chance(0.3):
        lines.insert(words.draw.randint(0, len(lines)), words.pick("color_again"))
    if alone and told.noun not in _PEOPLE:
        lines = [_with_pronoun(words, line, several=several) for line in lines]
    elif not several:  # 'it' could be another thing
        lines = [line.replace("Its ", "The {x}'s ", 1) for line in lines if not line.startswith("It ")]
    nouns = {"x": told.noun, "xs": plural(told.noun), "k": told.group.color}
    return [colored(words, _SLOT.sub(lambda match: nouns.get(match[1], match[0]), line)) for line in lines]


def _color_said(words: PromptWords, told: _Told) -> str:
    """Return a sentence that says the color of a thing."""
    if told.group.count > 1:
        return words.pick("color_said_many")
    own = {"animals": "color_said_animals", "food": "color_said_food"}.get(
        told.group.named.section, "color_said_things"
    )
    line = words.pick(own if words.chance(0.4) else "color_said")
    return line.replace("Its ", "The {x}'s ", 1) if words.chance(0.3) else line


def _with_pronoun(words: PromptWords, line: str, *, several: bool) -> str:
    if words.chance(0.5):
        return line.replace("Each {x} ", "Each one ") if several else line.replace("The {x} ", "It ")
    return line


def _end(words: PromptWords, told: Sequence[_Told], room: int) -> tuple[list[str], list[Thing], tuple[str, ...]]:
    """Return the sentences after the things, of about `room` words, and what they promise after all."""
    lines: list[str] = []
    absent: list[Thing] = []
    texts: tuple[str, ...] = ()
    if len(told) == 2:
        nouns = {"x": told[0].noun, "y": told[1].noun}
        pairs = words.several("pair_detail", words.draw.randint(0, 2))
        lines += [_SLOT.sub(lambda match: nouns[match[1]], line) for line in pairs]
    if words.chance(0.06):
        named = words.things(1)[0].noun
        if named not in {each.noun for each in told}:
            lines.append(words.pick("absent_said").format(z=named, zs=plural(named)))
            absent.append(Thing(named.lower(), 0))
    if words.chance(0.04):
        texts = (words.pick("texts"),)
        lines.append(words.pick("text_said").format(t=texts[0]))
    last = [words.pick("style")] if words.chance(0.8) else []
    around = [*words.several("scene", 4), *words.several("light", 2)]
    words.draw.shuffle(around)
    for line in around:
        if len(" ".join([*lines, *last]).split()) >= room:
            break
        lines.append(colored(words, line))
    return [*lines, *last], absent, texts


def colored(words: PromptWords, text: str) -> str:
    """Fill the colors of parts and of the surroundings, and on which side the light is."""
    text = re.sub(r"\{c\}", lambda _: words.other_color(), text)
    text = text.replace("{lr}", words.draw.choice(("left", "right")))
    return re.sub(r"\ba (?=[aeiou])", "an ", text)


def _of_many(verb: str) -> str:
    """Return the verb of several: 'are placed' for 'is placed', 'stand upright' for 'stands upright'."""
    first, space, rest = verb.partition(" ")
    known = {"is": "are", "can": "can"}
    return known.get(first, first.removesuffix("s")) + space + rest


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
