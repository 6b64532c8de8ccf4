"""What fills the blanks of a phrase: selections, objects, colors, amounts, words, numbers."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .banks import LARGE, SMALL, holdout, phrases
from .draft import Draft

DETERMINERS = re.compile(
    r"^(?:(?:all of|both of|each of|every one of|any of|some of|all|both|every single|every|each|any|just|only)\s+)?"
    r"(?:(?:the|a|an|my|his|her|their|our|your|its|this|that|these|those|some|any)\s+)?",
    re.IGNORECASE,
)


def query_of(phrase: str) -> str:
    """Return what to look for: the noun phrase without articles, possessives and quantifiers."""
    rest = DETERMINERS.sub("", phrase, count=1).strip()
    return rest or phrase


def aim(phrase: str) -> Target:
    """Return what a noun phrase points at; words for a place or a size in it become a pick."""
    query = query_of(phrase)
    for which, words in PICKS.items():
        for word in words:
            if word.startswith(_PREPOSITIONS) and query.endswith(f" {word}"):
                return Target("object", query.removesuffix(f" {word}"), which)
            if word.endswith("est") and query.startswith(f"{word} "):
                return Target("object", query.removeprefix(f"{word} "), which)
    return Target("object", query)


@dataclass(frozen=True)
class Slot:
    """A filled blank: the words of the request, and what they mean in a plan."""

    text: str
    value: Any = None


@dataclass(frozen=True)
class Target:
    """Something to point at."""

    kind: str
    """object, words, subject, background, except, color, both, part."""
    query: str = ""
    which: str = ""
    count: int = 1
    percent: int = 50
    """Of a part: how much of the image's sides it takes; `which` says where."""
    parts: tuple[Target, ...] = ()

    def boxes(self, draft: Draft) -> str:
        """Append what finds the boxes; return their reference."""
        if self.kind == "words":
            draft.last_boxes = draft.add("find_text", image=draft.source, words=self.query)
            return draft.last_boxes
        if self.kind == "part":
            share = {"percent": self.percent} if self.percent != 50 else {}
            draft.last_boxes = draft.add("part", image=draft.source, place=self.which, **share)
            return draft.last_boxes
        found = draft.find(f"{self.query} areas" if self.kind == "color" else self.query)
        if self.which:
            extra = {"count": self.count} if self.count > 1 else {}
            found = draft.add("pick", boxes=found, which=self.which, **extra)
        draft.last_boxes = found
        return found

    def mask(self, draft: Draft) -> str:
        """Append what selects the pixels; return the reference of the mask."""
        mask = self._mask(draft)
        draft.last_mask = mask
        return mask

    def _mask(self, draft: Draft) -> str:
        if self.kind == "subject":
            return draft.subject()
        if self.kind == "background":
            return draft.invert(draft.subject())
        if self.kind == "except":
            return draft.invert(self.parts[0].mask(draft))
        if self.kind == "color":
            return draft.add("color_range", image=draft.source, color=self.query)
        if self.kind == "part":
            return draft.add("region", image=draft.source, boxes=self.boxes(draft))
        if self.kind == "both":
            return draft.add("union", a=self.parts[0].mask(draft), b=self.parts[1].mask(draft))
        return draft.segment(self.boxes(draft))


class Filler:
    """Draws slot values from the banks; the test split draws from words that training never sees."""

    def __init__(self, draw: random.Random, *, test: bool = False) -> None:
        self.draw = draw
        self.test = test

    def entry(self, section: str) -> str:
        """Return one line of a bank."""
        return self.draw.choice(holdout(phrases()[section], section, test=self.test))

    def chance(self, probability: float) -> bool:
        return self.draw.random() < probability

    def fill(self, name: str) -> Slot:
        """Return a value for the slot called `name`."""
        return SLOTS[name](self)

    # Selections

    def object(self) -> Slot:
        """An object phrase with article, and how to find it."""
        bank = self.draw.choices(
            ["objects", "faces", "people", "texts", "codes", "eyes", "words", "color", "names"],
            weights=[44, 18, 18, 11, 2, 3, 4, 2, 3],
        )[0]
        if bank == "words":
            return self.words()
        if bank == "names":
            return self.named()
        if bank == "color":
            return self.colored()
        if bank != "objects":
            phrase = self.entry(bank)
            if bank in ("faces", "people") and self.chance(0.12):
                return self._picked("face" if bank == "faces" else self.draw.choice(["person", "man", "woman"]))
            return Slot(phrase, aim(phrase))
        if self.chance(0.12):
            return self._picked(self.entry("objects"))
        noun = self.bare_object()
        if self.chance(0.2):
            article = self.draw.choice(["all the ", "all ", "the ", "every one of the ", "both ", "these "])
            noun = self.entry("plurals")
            return Slot(article + noun, Target("object", noun))
        article = self.draw.choices(
            ["the ", "my ", "that ", "this ", "her ", "his ", ""], weights=[74, 5, 5, 5, 3, 3, 5]
        )[0]
        return Slot(article + noun, aim(noun))

    def named(self) -> Slot:
        """Somebody by name, whole or just the face."""
        words = self.draw.choice(["{}", "{}", "{}'s face", "face of {}"]).format(self.entry("names"))
        article = "the " if words.startswith("face") else ""
        return Slot(f"{article}\x02{words}\x03", Target("object", words))

    def bare_object(self) -> str:
        """A noun phrase without article: cup, red cup, cup on the table."""
        noun = self.entry("objects")
        roll = self.draw.random()
        if roll < 0.2:
            return f"{self.entry('adjectives')} {noun}"
        if roll < 0.32:
            return f"{noun} {self.entry('places')}"
        return noun

    def _picked(self, noun: str) -> Slot:
        """The leftmost cup, the cup on the left, the two largest cups."""
        which, words = self.draw.choice(list(PICKS.items()))
        word = self.draw.choice(words)
        if self.chance(0.15) and not word.startswith("on"):
            plural = self.entry("plurals")
            number, count = self.draw.choice([("two", 2), ("three", 3), ("2", 2), ("3", 3), ("four", 4)])
            return Slot(f"the {number} {word} {plural}", Target("object", plural, which, count))
        text = f"the {noun} {word}" if word.startswith(_PREPOSITIONS) else f"the {word} {noun}"
        return Slot(text, Target("object", noun, which))

    def selection(self) -> Slot:
        """Any selection: an object, the background, everything but an object, a color, two things."""
        kind = self.draw.choices(
            ["object", "background", "except", "subject", "color", "both", "part"],
            weights=[60, 13, 9, 6, 3, 8, 5],
        )[0]
        if kind == "object":
            return self.object()
        if kind in ("background", "subject"):
            return Slot(self.entry(f"{kind}s"), Target(kind))
        if kind == "color":
            return self.colored()
        if kind == "both":
            return self.both()
        if kind == "part":
            return self.part()
        roll = self.draw.random()
        inner = self.part() if roll < 0.06 else self.object()
        if roll > 0.85:
            inner = Slot(self.entry("subjects"), Target("subject"))
        frames = [
            "everything but {}",
            "everything except {}",
            "everything around {}",
            "all but {}",
            "the rest of the image, not {}",
            "everything other than {}",
            "the area around {}",
            "everything behind {}",
            "everything apart from {}",
            "whatever is not {}",
        ]
        return Slot(self.draw.choice(frames).format(inner.text), Target("except", parts=(inner.value,)))

    def words(self) -> Slot:
        """Certain written words: the words "SALE 50%"."""
        quoted = self.quoted()
        frame = self.draw.choice(WORD_FRAMES)
        if quoted.text[1] not in "\"'“«" and frame == "{}":
            frame = "the words {}"
        return Slot(frame.format(quoted.text), Target("words", quoted.value))

    def colored(self) -> Slot:
        """Everything of a color."""
        color = self.entry("colors")
        return Slot(self.draw.choice(COLOR_FRAMES).format(color), Target("color", color))

    def part(self) -> Slot:
        """A part of the picture by where it is: the left half, the top 20 percent, the lower right corner."""
        where, names = self.draw.choice(list(EDGES.items()))
        roll = self.draw.random()
        if roll < 0.15:
            corner = self.draw.choice([place for place in POSITIONS if "-" in place])
            words = self.draw.choice([word for word in POSITIONS[corner] if "corner" not in word])
            noun, percent = self.draw.choice(CORNERS)
            text = f"{words} {noun}"
            return self._of_image(f"the {text}", Target("part", which=corner, percent=percent))
        if roll < 0.25:
            return self._of_image(self.draw.choice(MIDDLES), Target("part", which="center"))
        if roll < 0.4:
            percent = self.draw.randrange(5, 95, 5)
            return self._of_image(
                f"the {self.draw.choice(names)} {percent}{self.draw.choice([' percent', '%', ' %'])}",
                Target("part", which=where, percent=percent),
            )
        share, percent = self.draw.choice(SHARES)
        return self._of_image(f"the {self.draw.choice(names)} {share}", Target("part", which=where, percent=percent))

    def _of_image(self, text: str, value: Target) -> Slot:
        return Slot(text + (self.draw.choice(OF_IMAGE) if self.chance(0.5) else ""), value)

    def threshold(self, words: tuple[str, ...], more: int) -> Slot:
        """So many things; the value is the least number that counts, `more` above the one that is said."""
        number = self.draw.choice([2, 2, 3, 3, 4, 5, 6, 10])
        return Slot(self.draw.choice([words[number], str(number)]), number + more)

    def one(self) -> Slot:
        """What can be one area of the picture: not each of several things."""
        found = self.object()
        while re.search(r"\b(?:each|every|any)\b", found.text):
            found = self.object()
        return found

    def thing(self) -> Slot:
        """An object that is no person: what may be called by its name."""
        noun = self.entry("plurals") if self.chance(0.5) else self.bare_object()
        return Slot(self.draw.choice(["the ", "the ", "all the ", "the "]) + noun, aim(noun))

    def rim(self) -> Slot:
        """The share of a side, mostly a round one."""
        return self.number(5, 40, 5) if self.chance(0.6) else self.number(2, 40)

    def both(self) -> Slot:
        """Two objects joined by and."""
        first, second = self.object(), self.object()
        if first.value == second.value:
            return first
        joiner = self.draw.choice([" and ", " and ", " and ", " & ", " as well as ", " and also ", " plus "])
        return Slot(first.text + joiner + second.text, Target("both", parts=(first.value, second.value)))

    def things(self) -> Slot:
        """Two to four things in a row, of which only the first has an article: the dog, frisbee, and grass."""
        count = self.draw.choice([2, 2, 3, 3, 4])
        if self.chance(0.35):
            names = list(dict.fromkeys(self.entry("names") for _ in range(count)))
            texts, targets = [f"\x02{name}\x03" for name in names], [Target("object", name) for name in names]
        else:
            texts = list(dict.fromkeys(self.entry(self.draw.choice(["objects", "plurals"])) for _ in range(count)))
            targets = [aim(noun) for noun in texts]
            texts[0] = self.draw.choice(["the ", "the ", "the ", "my ", ""]) + texts[0]
        *earlier, last = texts
        joiner = self.draw.choice([" and ", " and ", ", and ", " & "]) if earlier else ""
        value = targets[0]
        for target in targets[1:]:
            value = Target("both", parts=(value, target))
        return Slot(", ".join(earlier) + joiner + last, value)

    # Words and numbers

    def verbatim(self, section: str) -> Slot:
        """Words that go into the plan as they stand; marked so that no typo is put into them."""
        words = self.entry(section)
        return Slot(f"\x02{words}\x03", words)

    def quoted(self) -> Slot:
        words = self.entry("captions").replace('"', "'")
        marks = self.draw.choices(['""', "''", "“”", "  ", "«»"], weights=[50, 22, 10, 14, 4])[0]
        text = f"\x02{marks[0]}{words}{marks[1]}\x03" if marks.strip() else f"\x02{words}\x03"
        return Slot(text, words)

    def amount(self) -> Slot:
        small = self.chance(0.5)
        return Slot(self.draw.choice(SMALL if small else LARGE), "small" if small else "large")

    def number(self, low: int, high: int, step: int = 1) -> Slot:
        value = self.draw.randrange(low, high + 1, step)
        return Slot(str(value), value)

    def color(self) -> Slot:
        """A color by name, now and then by its hex code."""
        if self.chance(0.05):
            code = f"#{self.draw.randrange(2**24):06x}"
            return Slot(f"\x02{code}\x03", code)
        color = self.entry("colors")
        return Slot(color, color)

    def any(self) -> Slot:
        """`a dog`, `any people`, `anybody`: for questions about presence."""
        if self.chance(0.08):
            noun = self.draw.choice(["anybody", "anyone", "somebody", "someone", "a person", "people"])
            return Slot(noun, aim(noun))
        if self.chance(0.4):
            noun = self.entry("plurals")
            return Slot(f"any {noun}", Target("object", noun))
        noun = self.draw.choice(["face", "person", "text", "qr code"]) if self.chance(0.4) else self.bare_object()
        article = "an " if noun[0] in "aeiou" else "a "
        return Slot(("" if noun == "text" else article) + noun, aim(noun))

    def many(self) -> Slot:
        """`any dogs`, `people`: after `are there`."""
        noun = self.draw.choice(["faces", "people", "persons"]) if self.chance(0.3) else self.entry("plurals")
        return Slot(("any " if self.chance(0.6) else "") + noun, Target("object", noun))

    def bare(self) -> Slot:
        noun = self.entry("plurals") if self.chance(0.5) else self.entry("objects")
        return Slot(noun, Target("object", noun))

    def plural(self) -> Slot:
        noun = self.draw.choice(["faces", "people", "persons", "heads"]) if self.chance(0.4) else self.entry("plurals")
        return Slot(noun, Target("object", noun))

    def position(self) -> Slot:
        value, words = self.draw.choice(list(POSITIONS.items()))
        return Slot(self.draw.choice(words), value)

    def ratio(self) -> Slot:
        value = self.draw.choice(["16:9", "4:3", "3:2", "4:5", "9:16", "2:3", "21:9", "3:4", "5:4", "2:1"])
        text = value if self.chance(0.6) else value.replace(":", self.draw.choice([" by ", "x", " to ", "/"]))
        return Slot(text, value)

    def class_name(self) -> Slot:
        if self.chance(0.3):
            noun = self.entry("genres")
            return Slot(noun, noun)
        noun = self.entry("objects")
        return Slot(("an " if noun[0] in "aeiou" else "a ") + noun, noun)

    def style_part(self) -> Slot:
        return self.draw.choice(
            [
                Slot("a pencil sketch", "sketch"),
                Slot("a cartoon", "cartoon"),
                Slot("sepia", "sepia"),
                Slot("a negative", "negative"),
                Slot("an oil painting", "oil"),
            ]
        )


def _corner(y: str, x: str) -> list[str]:
    """Return the ways to say where a corner is."""
    other = "upper" if y == "top" else "lower"
    named = [f"{side} {x}" for side in (y, other)]
    return [f"in the {corner}{end}" for corner in named for end in ("", " corner")] + [f"at the {y} {x}", f"{y} {x}"]


PICKS: dict[str, list[str]] = {
    "largest": ["largest", "biggest"],
    "smallest": ["smallest", "tiniest"],
    "leftmost": ["leftmost", "on the left", "on the far left", "at the left", "on the left side", "left"],
    "rightmost": ["rightmost", "on the right", "on the far right", "at the right", "on the right side", "right"],
    "topmost": ["topmost", "at the top", "uppermost", "highest"],
    "bottommost": ["bottommost", "at the bottom", "lowest"],
    "central": ["in the middle", "in the center", "central", "middle"],
    **{f"{y}-{x}": _corner(y, x) for y in ("top", "bottom") for x in ("left", "right")},
}
_PREPOSITIONS = ("on ", "at ", "in ")
WORD_FRAMES = (
    "the words {}",
    "the text {}",
    "the word {}",
    "the phrase {}",
    "{}",
    "the line {}",
    "the part that says {}",
    "where it says {}",
    "the writing {}",
    "the lettering {}",
    "the sentence {}",
    "the label {}",
)
COLOR_FRAMES = (
    "everything {}",
    "everything that is {}",
    "all {} areas",
    "the {} parts",
    "anything {}",
    "all the {} pixels",
    "whatever is {}",
    "the {} areas",
    "all {} things",
)
POSITIONS: dict[str, list[str]] = {
    "top-left": ["top left", "top left corner", "upper left", "upper left corner"],
    "top": ["top", "top edge"],
    "top-right": ["top right", "top right corner", "upper right corner", "upper right"],
    "left": ["left", "left side", "left edge"],
    "center": ["center", "middle", "centre"],
    "right": ["right", "right side", "right edge"],
    "bottom-left": ["bottom left", "bottom left corner", "lower left corner", "lower left"],
    "bottom": ["bottom", "bottom edge", "foot"],
    "bottom-right": ["bottom right", "bottom right corner", "lower right corner", "lower right"],
}
EDGES = {
    "left": ("left", "left-hand", "left"),
    "right": ("right", "right-hand", "right"),
    "top": ("top", "upper", "top"),
    "bottom": ("bottom", "lower", "bottom"),
}
SHARES = (("half", 50), ("half", 50), ("half", 50), ("third", 33), ("quarter", 25), ("side", 50), ("part", 50))
CORNERS = (("quarter", 50), ("quadrant", 50), ("corner", 25), ("corner", 25))
MIDDLES = ("the middle", "the center", "the centre", "the central part", "the central area", "the middle part")
OF_IMAGE = (
    " of the image",
    " of the picture",
    " of the photo",
    " of the shot",
    " of it",
    " of this picture",
    " of the frame",
)
NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
"""Numbers in words, by value."""
SECOND = (
    "the second image",
    "photo 2",
    "the other picture",
    "the second photo",
    "image 2",
    "the other image",
    "the 2nd photo",
    "the second picture",
    "picture 2",
    "the other photo",
    "the second one",
    "the other one",
)

SLOTS: dict[str, Callable[[Filler], Slot]] = {
    "t": Filler.selection,
    "o": Filler.object,
    "one": Filler.one,
    "thing": Filler.thing,
    "things": Filler.things,
    "n": Filler.plural,
    "any": Filler.any,
    "many": Filler.many,
    "bare": Filler.bare,
    "c": Filler.color,
    "c2": Filler.color,
    "a": Filler.amount,
    "p": lambda f: f.number(5, 95, 5),
    "d": lambda f: f.number(2, 80),
    "w": lambda f: f.number(200, 4000, 20) if f.chance(0.7) else Slot("1920", 1920),
    "h": lambda f: f.number(200, 3000, 20) if f.chance(0.7) else Slot("1080", 1080),
    "q": Filler.quoted,
    "pos": Filler.position,
    "r": Filler.ratio,
    "style": Filler.style_part,
    "part": Filler.part,
    "edge": lambda f: (lambda place: Slot(place, place))(f.draw.choice(list(EDGES))),
    "rim": Filler.rim,
    "more": lambda f: f.threshold(NUMBERS, 1),
    "least": lambda f: f.threshold(NUMBERS, 0),
    "x": Filler.class_name,
    "y": Filler.class_name,
    "z": Filler.class_name,
    "photo2": lambda f: Slot(f.draw.choice(SECOND)),
    "scene": lambda f: f.verbatim("scenes"),
    "prompt": lambda f: f.verbatim("prompts"),
    "new": lambda f: f.verbatim("new_objects"),
}
"""Slot name in a phrase template → how to fill it."""
POINTING_BLANKS = frozenset({"t", "o", "n", "any", "many", "bare"})
"""Slots whose words are looked for in the picture."""
