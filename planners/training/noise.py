"""How people really type: politeness, punctuation, capitals, typos.

Spans between the marks \\x02 and \\x03 go into the plan word for word and are never misspelled.
"""

from __future__ import annotations

import random
import re

WRAPS = (
    "please {}",
    "{} please",
    "could you please {}",
    "pls {}",
    "{} pls",
    "{}, thanks",
    "{}, thank you",
    "hey, {}",
    "hi! {}",
    "now {}",
    "{} for me",
    "{} if you can",
    "ok so {}",
    "quick one: {}",
    "{} thx",
    "yo {}",
    "using this photo, {}",
    "for this picture, {}",
    "in this image, {}",
    "with the attached image: {}",
    "i have this picture here. {}",
    "it's for my website. {}",
    "task: {}",
    "my boss wants this: {}",
    "for a presentation i need this: {}",
    "{} - that's all",
    "{} asap",
    "so basically {}",
    "um, {}",
    "i would love it if you could {}",
    "first of all, {}",
    "{}, if possible",
    "{} and save it",
    "do the following: {}",
    "edit: {}",
    "{} plz",
    "{}!!",
    "ok {}",
    "so {}",
    "alright: {}",
    "what i want: {}",
    "wish: {}",
    "my request: {}",
    "this is what i need: {}",
    "{} k thx",
    "{} ty",
    "{} right away",
    "{} when you get a chance",
)
ORDERS = (
    "can you {}?",
    "could you {}?",
    "i want you to {}",
    "i'd like you to {}",
    "would you {}?",
    "just {}",
    "go ahead and {}",
    "i need you to {}",
    "help me {}",
    "would you mind if you {}",
    "kindly {}",
    "can u {}",
    "hello, could you {}",
    "take this photo and {}",
    "your job is to {}",
    "let's {}",
    "we should {}",
    "could i ask you to {}",
    "can you maybe {}?",
    "could you quickly {}?",
    "would you be so kind as to {}",
    "i want to {}",
    "i was hoping you could {}",
    "any chance you can {}?",
    "is it possible to {}?",
    "is there a way to {}?",
    "how do i {}?",
    "you need to {}",
    "all i want is to {}",
    "what i need is for you to {}",
    "please can you {}",
    "could someone {}",
)
"""Frames for what begins with a verb."""
VERBS = frozenset(
    re.findall(
        r"\w+",
        "make add give put turn bring get remove cut crop use take apply place set show have write change draw keep "
        "rotate reduce fix cover convert drop replace extract darken resize render clear increase scale paint leave "
        "pull swap insert lower hide lift raise enhance fill throw overlay switch trim lay strip erase clean "
        "improve boost sharpen stick wipe flip lose move mark eliminate correct push slap brighten dial desaturate "
        "decrease paste dim zoom isolate shift transform adjust delete tone exchange soften "
        "fade restore straighten surround pixelate blur lighten dehaze enlarge shrink extend "
        "anonymize redact posterize emboss denoise "
        "smudge defocus find locate detect count read describe tell spot select pick annotate "
        "censor obscure hide blot kill zap nuke heal dye recolor desaturate "
        "lower tilt align stretch stitch join combine merge stack glue arrange sharpen despeckle defog",
    )
)
"""Verbs that most wishes begin with; a wish without one cannot stand after `before you` or `can you`."""
NEIGHBORS = {
    "a": "sq",
    "b": "vn",
    "c": "xv",
    "d": "sf",
    "e": "wr",
    "f": "dg",
    "g": "fh",
    "h": "gj",
    "i": "uo",
    "j": "hk",
    "k": "jl",
    "l": "ko",
    "m": "n",
    "n": "bm",
    "o": "ip",
    "p": "ol",
    "q": "wa",
    "r": "et",
    "s": "ad",
    "t": "ry",
    "u": "yi",
    "v": "cb",
    "w": "qe",
    "x": "zc",
    "y": "tu",
    "z": "x",
}
_SPAN = re.compile(r"(\x02.*?\x03)", re.DOTALL)


def wrap(draw: random.Random, text: str) -> str:
    """Put a clause into a polite or chatty frame, about every third time."""
    frames = WRAPS + ORDERS if begins_with_a_verb(text) else WRAPS
    return draw.choice(frames).format(text) if draw.random() < 0.35 else text


def begins_with_a_verb(text: str) -> bool:
    """Return whether a wish is an order, as most are, and no noun or whole sentence."""
    first = re.match(r"\x02?(\w+)", text)
    return bool(first and first[1] in VERBS)


def misspell(draw: random.Random, text: str) -> str:
    """Put one to three typing errors into words of four letters or more."""
    parts = _SPAN.split(text)
    for _ in range(draw.choices([1, 2, 3], weights=[60, 30, 10])[0]):
        index = draw.randrange(0, len(parts), 2)
        words = list(re.finditer(r"[A-Za-z]{4,}", parts[index]))
        if words:
            word = draw.choice(words)
            parts[index] = parts[index][: word.start()] + _typo(draw, word[0]) + parts[index][word.end() :]
    return "".join(parts)


def _typo(draw: random.Random, word: str) -> str:
    at = draw.randrange(1, len(word) - 1)
    kind = draw.choice(["swap", "drop", "double", "neighbor", "swap", "drop"])
    if kind == "swap":
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    if kind == "drop":
        return word[:at] + word[at + 1 :]
    if kind == "double":
        return word[:at] + word[at] + word[at:]
    return word[:at] + draw.choice(NEIGHBORS.get(word[at].lower(), word[at])) + word[at + 1 :]


def punctuate(draw: random.Random, text: str) -> str:
    """Vary capitals and the final mark."""
    roll = draw.random()
    if roll < 0.45:
        at = 1 if text.startswith("\x02") else 0
        text = text[:at] + text[at : at + 1].upper() + text[at + 1 :]
    elif roll < 0.47:
        text = "".join(part if part.startswith("\x02") else part.upper() for part in _SPAN.split(text))
    if text[-1:] in ".?!":
        return text
    return text + draw.choices(["", ".", "!", " "], weights=[60, 33, 5, 2])[0]


def strip_marks(text: str) -> str:
    return text.replace("\x02", "").replace("\x03", "")
