"""Sentences that are more than clauses in a row: complaints, slips mended, lists that grow, things named before."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .draft import Draft
from .followups import POINTING, point_back
from .intents import FINAL, INTENTS, QUESTIONS
from .joining import JOINERS
from .slots import Slot, Target, query_of

if TYPE_CHECKING:
    from .clauses import Clause, Example
    from .compose import Composer

ENDING_IN_A_THING = (
    "blur",
    "pixelate",
    "anonymize",
    "remove",
    "remove",
    "black_out",
    "grayscale",
    "cut_out",
    "outline",
    "brighter_part",
    "darker_part",
    "sharpen_part",
)
"""Intents of which many a phrase ends in what it is done to, and that take several things as one."""
GROWING = (
    ", and {} too",
    ", and {} as well",
    ", and also {}",
    ", plus {}",
    " and {} too",
    " and also {}",
    ", oh and {}",
    ", oh, and {} too",
    ", and while you're at it {}",
    ", and the same for {}",
    ". {} too",
    ". also {}",
    ". same with {}",
    ", and don't forget {}",
)
"""How a list goes on after it seemed to have ended."""
SLIPS = (
    "{wrong}, no wait, {right}",
    "{wrong}, no, {right}",
    "{wrong}... no, {right}",
    "{wrong}, sorry, i mean {right}",
    "{wrong} - i mean {right}",
    "{wrong}, i meant {right}",
    "{wrong}, scratch that, {right}",
    "{wrong}, or rather {right}",
    "{wrong}, actually no, {right}",
    "not {wrong} but {right}",
    "{right}, not {wrong}",
    "{right} (not {wrong})",
)
INTRODUCING = (
    "about {o}: ",
    "you see {o}? ",
    "see {o}? ",
    "do you see {o}? ",
    "look at {o}, ",
    "take {o}, ",
    "{o}: ",
    "{o} - ",
    "{o}, please ",
    "as for {o}, ",
    "concerning {o}: ",
    "regarding {o}, ",
    "{o}? ",
    "with {o}, do this: ",
)
BY_MASK = tuple(kind for kind in POINTING if kind not in ("draw_boxes", "crop", "sticker_smile", "count"))
"""Intents that take two things at once."""
CHANGING = (
    ("brighter_part", "t"),
    ("recolor", "o"),
    ("recolor", "o"),
    ("sharpen_part", "t"),
    ("saturate_part", "t"),
    ("grayscale", "t"),
    ("blur", "t"),
    ("pixelate", "t"),
)
"""Intents, and the blank of each, after which the thing is still there to be spoken of."""
AGAIN = ("outline", "draw_boxes", "crop", "cut_out", "color_pop", "background_blur_of", "brighter_part")
PICTURES = (
    "it's",
    "it is",
    "the photo is",
    "this picture is",
    "it looks",
    "my photo looks",
    "the shot came out",
    "its",
)
HELPS = (
    "",
    "",
    ", fix that",
    ", please fix it",
    ", can you fix that?",
    ". can you help?",
    ", do something about it",
    " - help",
    ", mend that please",
    ", that needs fixing",
    ", make that go away",
)
HELPS_BOTH = (", fix both", ", can you fix both?", ", please fix that", ", take care of both", "", ". fix both please")

RESPECTIVELY = {
    "recolor": (
        "make {a} and {b} {x} and {y}",
        "make {a} and {b} {x} and {y}, respectively",
        "paint {a} and {b} {x} and {y} respectively",
        "color {a} and {b} in {x} and {y}",
        "change the colors of {a} and {b} to {x} and {y}",
        "{a} and {b}: {x} and {y} respectively",
        "recolor {a} and {b} to {x} and {y}",
    ),
    "outline": (
        "outline {a} and {b} in {x} and {y}",
        "draw outlines around {a} and {b} in {x} and {y} respectively",
        "outline {a} and {b} with {x} and {y}",
    ),
    "sticker": (
        "hide {a} and {b} with {x} and {y}",
        "cover {a} and {b} with {x} and {y}",
        "cover {a} and {b} with {x} and {y} respectively",
        "put {x} and {y} on {a} and {b}",
        "stick {x} and {y} over {a} and {b} respectively",
        "replace {a} and {b} with {x} and {y}",
    ),
}
"""How two things are each given one of two colors or stickers in one breath, by tool."""
STICKERS = {
    "smile": (":)", ":-)", "a smiley", "a smiling emoji"),
    "laugh": (":D", ":-D", "a laughing emoji", "a laughing smiley"),
    "wink": (";)", ";-)", "a winking emoji", "a winking smiley"),
    "tongue": (":P", ":p", ":-P", "a tongue emoji"),
    "sunglasses": ("8)", "8-)", "B)", "a cool emoji", "a sunglasses emoji"),
    "heart": ("<3", "a heart", "a red heart"),
    "star": ("a star", "a gold star"),
}


def listed(composer: Composer) -> Example:
    """Name one thing after another for the same edit: `blur the faces, the plates, and the sign too`."""
    draw = composer.draw
    kind = draw.choice(ENDING_IN_A_THING)
    things = _different(composer, draw.choice([2, 2, 3]))
    text, value = things[0].text, things[0].value
    for number, thing in enumerate(things[1:], start=2):
        text += (", {}" if number < len(things) else draw.choice(GROWING)).format(thing.text)
        value = Target("both", parts=(value, thing.value))
    return _finished(composer, [_ending_in(composer, kind, Slot(text, value))], ["listed", kind])


def corrected(composer: Composer) -> Example:
    """Say the wrong thing first: only what is right in the end counts."""
    kind = composer.draw.choice(ENDING_IN_A_THING)
    wrong, right = _different(composer, 2)
    text = composer.draw.choice(SLIPS).format(wrong=wrong.text, right=right.text)
    return _finished(composer, [_ending_in(composer, kind, Slot(text, right.value))], ["corrected", kind])


def respectively(composer: Composer) -> Example:
    """Two things, and what each of them gets: `hide the cat and the dog with :) and ;)`."""
    draw, filler = composer.draw, composer.filler
    tool = draw.choice(list(RESPECTIVELY))
    things = _different(composer, 2)
    words, faces = [thing.text for thing in things], ""
    if tool == "sticker" and draw.random() < 0.4:
        names = _names(composer, 2)
        words, faces = [f"\x02{name}\x03" for name in names], draw.choice(["the faces of ", "the faces of ", ""])
        things = [Slot(name, Target("object", f"face of {name}" if faces else name)) for name in names]
    draft = Draft("$photo")
    told = []
    for thing in things:
        if tool == "sticker":
            kind = draw.choice(list(STICKERS))
            told.append(f"\x02{draw.choice(STICKERS[kind])}\x03")
            draft.edit("sticker", boxes=thing.value.boxes(draft), kind=kind)
        else:
            told.append(filler.entry("colors"))
            draft.edit(tool, mask=thing.value.mask(draft), color=told[-1])
    text = draw.choice(RESPECTIVELY[tool]).format(a=faces + words[0], b=words[1], x=told[0], y=told[1])
    return composer.finish(composer.framed(text), ("photo",), draft, ["respectively"])


def introduced(composer: Composer) -> Example:
    """Name a thing, or two, and only then say what is to be done: `see the lamp and the sign? remove both`."""
    draw = composer.draw
    thing = composer.filler.both() if draw.random() < 0.4 else composer.filler.object()
    two = thing.value.kind == "both"
    kind = draw.choice(BY_MASK if two else list(POINTING))
    pronoun = draw.choice(["both", "both", "them", "both of them"]) if two else pronoun_of(thing.text)
    text = draw.choice(INTRODUCING).format(o=thing.text) + draw.choice(_of_it(kind)).format(it=pronoun)
    draft = Draft("$photo")
    point_back(kind, draft, thing)
    return composer.finish(text, ("photo",), draft, ["pointing", kind])


def again(composer: Composer) -> Example:
    """Change a thing, then speak of it again: `paint the door red and outline it`."""
    draw = composer.draw
    thing = composer.filler.object()
    kind, blank = draw.choice(CHANGING)
    first = composer.clause(kind, joins=True, last="", **{blank: thing})
    second = draw.choice([other for other in AGAIN if other != kind])
    words = draw.choice(_of_it(second)).format(it=pronoun_of(thing.text))
    draft = Draft("$photo")
    composer.build(first, draft, ("photo",))
    point_back(second, draft, thing)
    return composer.finish(first.text + draw.choice(JOINERS) + words, ("photo",), draft, ["pointing", second])


def complaining(composer: Composer) -> Example:
    """Say what is wrong with the picture, and leave it to the reader what that calls for."""
    draw = composer.draw
    kinds: list[str] = []
    words: list[str] = []
    for _ in range(draw.choice([1, 2, 2, 3])):
        complaint, _, kind = (part.strip() for part in composer.filler.entry("complaint").partition("=>"))
        if composer.apart([*kinds, kind]) != kinds:
            kinds.append(kind)
            words.append(complaint)
    said = words[0] if len(words) == 1 else ", ".join(words[:-1]) + draw.choice([" and ", ", and "]) + words[-1]
    helps = HELPS_BOTH if len(words) == 2 else HELPS
    text = f"{draw.choice(PICTURES)} {said}{draw.choice(helps)}"
    clauses = [composer.bare_clause(kind) for kind in kinds]
    if draw.random() < 0.35:
        simple = [kind for kind in INTENTS if INTENTS[kind].inputs == 1 and kind not in FINAL | QUESTIONS]
        more = composer.clause(composer.kind_of(simple), joins=True)
        if composer.apart([*kinds, more.kind])[-1:] == [more.kind]:
            clauses.append(more)
            text += (" " if text[-1] in "?." else draw.choice([". ", ", and ", ". also "])) + more.text
    return _finished(composer, clauses, ["complaining", *kinds], text)


def pronoun_of(phrase: str) -> str:
    """Return what to call a thing that has been named: them for what sounds like many, else it."""
    many = re.match(r"(?:all|both|every|each|these|those|any)\b|.*\b(?:two|three|four|2|3|4)\b", phrase)
    head = re.split(r" (?:on|in|at|of|with|behind|next|wearing|under|near|from|to|by) ", query_of(phrase))[0]
    return "them" if many or re.search(r"(?:[^s]s|people|men|women|children)$", head) else "it"


def _of_it(kind: str) -> list[str]:
    """Return the words of an intent that speak of the thing, or of all the rest; the background is another matter."""
    return [words for words in POINTING[kind] if "{it}" in words or "background" not in words]


def _different(composer: Composer, count: int) -> list[Slot]:
    things: list[Slot] = []
    while len(things) < count:
        thing = composer.filler.object()
        if thing.value not in [other.value for other in things]:
            things.append(thing)
    return things


def _names(composer: Composer, count: int) -> list[str]:
    names: list[str] = []
    while len(names) < count:
        name = composer.filler.entry("names")
        if name not in names:
            names.append(name)
    return names


def _ending_in(composer: Composer, kind: str, thing: Slot) -> Clause:
    """Return a clause that ends with the thing, so that more can be said of it."""
    blank = "t" if kind in ("blur", "pixelate", "black_out", "grayscale") or kind.endswith("_part") else "o"
    return composer.clause(kind, joins=True, last=blank, **{blank: thing})


def _finished(composer: Composer, clauses: list[Clause], kinds: list[str], text: str = "") -> Example:
    draft = Draft("$photo")
    for clause in clauses:
        composer.build(clause, draft, ("photo",))
    return composer.finish(text or clauses[0].text, ("photo",), draft, kinds)
