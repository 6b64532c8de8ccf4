"""Prompts of a sentence: 'a photo of two red cars left of a bench', in many ways, with the checklist of each."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ...tools.detectors.places import SIDES, Side
from ..checklist import Checklist, Relation, Thing
from ..nouns import plural
from .prompt_words import NUMBERS, SHADES, Named, PromptWords, with_article

_LINKS: dict[Side, str] = dict(zip(SIDES, ("left", "right", "above", "below"), strict=True))
"""Side → section of the phrases that say it."""
_BY_NAME = {2: ("a pair of", "a couple of"), 6: ("half a dozen",), 12: ("a dozen",)}
_COUNTS = (2, 2, 2, 3, 3, 3, 4, 4, 4, 5, 5, 6, 6, 7, 8, 12)
Pair = tuple[str, Checklist]


@dataclass(frozen=True)
class Group:
    """Things of one kind, and how they are named."""

    named: Named
    count: int = 1
    color: str = ""
    shade: str = ""
    """A color or another adjective that promises nothing."""

    @property
    def thing(self) -> Thing:
        return Thing(self.named.noun.lower(), self.count, self.color)

    @property
    def words(self) -> str:
        """'shiny red car' or 'shiny red cars'."""
        noun = self.named.noun if self.count == 1 else plural(self.named.noun)
        return " ".join(filter(None, (self.shade, self.color, noun)))


def short_prompt(words: PromptWords) -> Pair:
    """Return a short prompt and what it promises."""
    kind = words.draw.choices(
        ("one", "pair", "placed", "list", "compound", "sentences", "written", "nothing"), (14, 20, 22, 8, 24, 5, 6, 1)
    )[0]
    if kind == "nothing":
        return _finished(words, words.pick("nothing"), Checklist())
    if kind == "written":
        return _written(words)
    if kind == "sentences":
        return _sentences(words)
    sizes = {
        "one": 1,
        "pair": 2,
        "placed": 2,
        "list": words.draw.choice((3, 3, 4)),
        "compound": words.draw.choice((3, 3, 4)),
    }
    groups = groups_of(words, sizes[kind])
    if kind == "placed":
        text, relations = _placed(words, groups)
    elif kind == "compound":
        text, relations = _compound(words, groups)
    else:
        text, relations = _listed(words, groups), []
    things = [group.thing for group in groups]
    if words.chance(0.12):
        text, things = _without(words, text, things)
    return _finished(words, text, Checklist(tuple(things), tuple(relations)))


def groups_of(words: PromptWords, count: int) -> list[Group]:
    """Return so many groups of different things; now and then the second is the first in another color."""
    named = words.shapes(count) if words.chance(0.35) else words.things(count)
    colored, counted = words.draw.choice((0.0, 0.15, 0.5, 1.0)), words.draw.choice((0.0, 0.0, 0.3, 0.8))
    groups = [_group(words, each, colored, counted) for each in named]
    if count > 1 and groups[0].color and words.chance(0.15):
        other = words.color()
        if other != groups[0].color:
            groups[1] = replace(groups[0], color=other, count=groups[1].count)
    return groups


def _group(words: PromptWords, named: Named, colored: float, counted: float) -> Group:
    """Draw how things are named; `colored` and `counted` are the shares of those with a color, with a number."""
    color = words.color() if words.chance(colored) else ""
    shade = words.pick("adjectives") if words.chance(0.15) else ""
    if not color and words.chance(0.06):
        shade = words.draw.choice(SHADES)
    return Group(named, words.draw.choice(_COUNTS) if words.chance(counted) else 1, color, shade)


def phrase(words: PromptWords, group: Group) -> str:
    """Return a group with its number: 'a car', 'exactly three cars', '3 cars', 'a pair of cars'."""
    text = group.words
    if group.color and words.chance(0.05):
        noun = replace(group, color="").words
        text = f"{noun} {words.pick('colored').format(k=group.color)}".replace("that is", _be(group))
    if group.count == 1:
        return _one(words, text)
    if words.chance(0.06) and group.named.noun + "s" != plural(group.named.noun):
        text = text.replace(plural(group.named.noun), group.named.noun + "s")  # as some data sets spell it
    if group.count in _BY_NAME and words.chance(0.15):
        return f"{words.draw.choice(_BY_NAME[group.count])} {text}"
    number = NUMBERS[group.count] if words.chance(0.75) else str(group.count)
    return f"{'exactly ' if words.chance(0.07) else ''}{number} {text}"


def _be(group: Group) -> str:
    return "that is" if group.count == 1 else "that are"


def _one(words: PromptWords, text: str) -> str:
    form = words.draw.random()
    if form < 0.86:
        return with_article(text)
    return f"{words.draw.choice(('one', 'a single', 'one', '1', 'exactly one', 'the', ''))} {text}".strip()


def _listed(words: PromptWords, groups: Sequence[Group]) -> str:
    parts = [phrase(words, group) for group in groups]
    if len(parts) < 3:
        return _spaced(words.pick("joints")).join(parts)
    joint = words.draw.choice((" and ", ", and ", ", ", " and ", " plus "))
    return joint.join([", ".join(parts[:-1]), parts[-1]])


def _placed(words: PromptWords, groups: Sequence[Group]) -> tuple[str, list[Relation]]:
    side = words.draw.choice(SIDES)
    return (
        f"{phrase(words, groups[0])} {words.pick(_LINKS[side])} {phrase(words, groups[1])}",
        [Relation(0, side, 1)],
    )


def _compound(words: PromptWords, groups: Sequence[Group]) -> tuple[str, list[Relation]]:
    """Return three or four groups of which some stand beside others."""
    text, relations = _placed(words, groups) if words.chance(0.7) else (_listed(words, groups[:2]), [])
    rest = groups[2:]
    if relations and words.chance(0.55):
        tail, relation = _beside_the_second(words, groups)
        text, relations, rest = _glued(text, tail), [*relations, relation], groups[3:]
    for group in rest:
        text = _glued(text, f"{words.pick('many_joints')} {phrase(words, group)}")
    return text, relations


def _beside_the_second(words: PromptWords, groups: Sequence[Group]) -> tuple[str, Relation]:
    """Return 'and a green ring below it': where the third group stands as seen from the second."""
    second, side = groups[1], words.draw.choice(SIDES)
    noun = second.named.noun if second.count == 1 else plural(second.named.noun)
    points = words.pick("it").format(x=noun)
    if second.named == groups[0].named or not points.startswith("the "):
        points = "it" if second.count == 1 else "them"
    link = words.pick(_LINKS[side])
    told = {"side": link, "Side": link[0].upper() + link[1:], "it": points}
    return words.pick("tail").format(G=phrase(words, groups[2]), **told), Relation(2, side, 1)


def _sentences(words: PromptWords) -> Pair:
    """Return two sentences: what is there, and where it stands."""
    groups = [replace(group, count=1) for group in groups_of(words, 2)]
    if groups[0].named == groups[1].named:
        groups[1] = replace(groups[1], named=words.things(1)[0])
    side = words.draw.choice(SIDES)
    x, y = groups[0].named.noun, groups[1].named.noun
    turned = words.chance(0.4)
    link = re.sub("^(that is|placed|standing) ", "", words.pick(_LINKS[side]))
    place = words.pick("placed").format(side=link, x=y if turned else x, y=x if turned else y)
    relation = Relation(1, side, 0) if turned else Relation(0, side, 1)
    text = f"{words.pick('openings')} {' and '.join(phrase(words, group) for group in groups)}. {place}"
    return text[0].upper() + text[1:], Checklist(tuple(group.thing for group in groups), (relation,))


def _written(words: PromptWords) -> Pair:
    sign = Group(Named(words.pick("signs")), color=words.color() if words.chance(0.4) else "")
    says = words.pick("texts")
    text = f"{phrase(words, sign)} {words.pick('written').format(t=says)}"
    things = [sign.thing]
    if words.chance(0.35):
        other = groups_of(words, 1)[0]
        text, things = f"{text} {words.pick('joints')} {phrase(words, other)}", [sign.thing, other.thing]
    return _finished(words, text, Checklist(tuple(things), (), (says,)), styled=False)


def _without(words: PromptWords, text: str, things: list[Thing]) -> tuple[str, list[Thing]]:
    """Add what must not be there; now and then it is what was asked for, which is for others to notice."""
    named = words.things(1)[0]
    if words.chance(0.1):
        named = Named(things[0].noun)
    elif named.noun in {thing.noun for thing in things}:
        return text, things
    absent = words.pick("absent").format(z=named.noun, zs=plural(named.noun))
    return _glued(text, absent), [*things, Thing(named.noun.lower(), 0)]


def _finished(words: PromptWords, text: str, checklist: Checklist, *, styled: bool = True) -> Pair:
    """Put an opening in front, a style behind, and write it as people do."""
    opening = "a photo of" if words.chance(0.25) else words.pick("openings") if words.chance(0.7) else ""
    if checklist.things:
        text = f"{opening} {text}".strip()
    if styled and words.chance(0.3):
        style = words.pick("styles")
        text = f"{text.rstrip('.')}, {style}" if words.chance(0.6) or ". " in text else f"{text} {style}"
    form = words.draw.random()
    if form < 0.3:
        text = text[0].upper() + text[1:]
    elif form < 0.36 and not checklist.texts:
        text = text.upper() if words.chance(0.1) else text.lower()
    if words.chance(0.3) and text[-1] not in ".!?":
        text += "?" if opening.startswith(("could", "can")) else "."
    return text, checklist


def _spaced(joint: str) -> str:
    return f" {joint} " if joint[0].isalpha() else f"{joint} "


def _glued(text: str, tail: str) -> str:
    return text + (tail if tail[0] in ",.;" else f" {tail}")
