"""Sentences whose second half points back: "find the faces and blur them", "... and tell me how many there are"."""

from __future__ import annotations

from .draft import Draft
from .intents import INTENTS
from .slots import Slot

FINDERS = (
    "find {o} and ",
    "detect {o} and ",
    "locate {o}, then ",
    "look for {o} and ",
    "select {o} and ",
    "pick out {o} and ",
    "find {o}, ",
    "find {o} and then ",
    "detect {o}, then ",
    "segment {o} and ",
    "identify {o} and ",
    "take {o} and ",
    "spot {o} and ",
    "search for {o} and ",
)
POINTING: dict[str, tuple[str, ...]] = {
    "blur": ("blur {it}", "make {it} blurry", "blur {it} out"),
    "pixelate": ("pixelate {it}", "turn {it} into a mosaic"),
    "anonymize": ("anonymize {it}", "make {it} unrecognizable", "obscure {it}"),
    "remove": ("remove {it}", "erase {it}", "get rid of {it}", "delete {it}", "take {it} out of the picture"),
    "black_out": ("black {it} out", "cover {it} in black", "cover {it}", "redact {it}", "hide {it}"),
    "draw_boxes": ("draw a box around {it}", "put a box around {it}", "mark {it}", "draw boxes around {it}"),
    "crop": ("crop to {it}", "crop the image to {it}", "zoom in on {it}"),
    "grayscale": ("make {it} black and white", "turn {it} gray"),
    "sticker_smile": ("put a smiley over {it}", "cover {it} with a smiley"),
    "cut_out": ("cut {it} out", "cut {it} out onto a transparent background", "isolate {it}"),
    "color_pop": (
        "make the rest black and white",
        "make everything else gray",
        "turn the rest to grayscale",
        "keep only {it} in color",
    ),
    "background_blur_of": ("blur the background", "blur everything else", "blur the rest", "blur what is behind {it}"),
    "count": ("count {it}", "tell me how many there are", "say how many there are", "give me the number"),
    "outline": ("outline {it}", "trace {it} with a line"),
    "brighter_part": ("brighten {it}", "make {it} brighter"),
}
"""Intent → ways to ask for it once the thing has been named."""
READERS = (
    "tell me what {o} says and ",
    "read {o} and ",
    "read {o}, then ",
    "say what {o} says and then ",
    "transcribe {o} and ",
    "what does {o} say? then ",
    "read out {o} and ",
    "tell me what {o} says, then ",
    "read {o} and then ",
    "tell me what's on {o} and then ",
    "let me know what {o} says, and ",
    "give me what {o} says; after that ",
    "what's written in {o}? and ",
    "scan {o} and ",
)
OVER = {
    "remove": (
        "remove {it}",
        "erase {it}",
        "wipe {it} off",
        "wipe {it} out",
        "get rid of {it}",
        "take {it} off",
        "wipe {it} away",
        "wipe {it} off the wall",
        "paint {it} over",
        "clear {it} away",
        "make {it} vanish",
        "wipe {it} from the picture",
        "take {it} off the wall",
        "scrub {it} off",
    ),
    "black_out": ("cover {it}", "black {it} out", "redact {it}", "hide {it}"),
    "blur": ("blur {it}", "make {it} blurry"),
    "pixelate": ("pixelate {it}",),
    "draw_boxes": ("draw a box around {it}", "mark {it}"),
}
"""What is done with words or a code after they have been read."""
COUNTERS = (
    "tell me how many there are",
    "count them",
    "say how many you found",
    "how many are there",
    "tell me the count",
    "give me the number",
    "and how many are there",
    "report how many there are",
    "let me know how many there are",
)
BOXED = (
    "draw_boxes",
    "draw_boxes_color",
    "label",
    "blur",
    "pixelate",
    "anonymize",
    "crop",
    "black_out",
    "outline",
    "sticker_smile",
)
ANY_OF_THEM = (
    " if there are any",
    " if there is one",
    " if you find any",
    ", if there are any",
    " if any are there",
    " if you can find one",
)
OTHERWISE = (
    ", otherwise {c}",
    "; otherwise {c}",
    ", else {c}",
    ", if not {c}",
    ", if not, {c}",
    ". otherwise {c}",
    "; if not, {c}",
    ". if not, {c}",
)
NOTHING_ELSE = (
    ", otherwise leave it alone",
    "; otherwise leave the picture as it is",
    ", otherwise do nothing",
    ", else leave it",
    " or else change nothing",
    "; if not, do nothing",
    ". otherwise keep it as it is",
    ", if not leave the photo alone",
)


def point_back(kind: str, draft: Draft, thing: Slot) -> None:
    """Append the steps of an intent to something that was named before."""
    INTENTS[kind].build(draft, {"o": thing, "t": thing, "n": thing})
