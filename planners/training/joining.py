"""What is asked for in one breath: which intents go together or do not, and the words that join them."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

from .noise import begins_with_a_verb

JOINERS = (
    " and ",
    " and ",
    " and then ",
    ", then ",
    ", and ",
    ". ",
    "; ",
    ", and also ",
    ". then ",
    ", after that ",
    " & ",
    ". also ",
    ", ",
    " + ",
    " and finally ",
    ". and ",
    ", and also please ",
    ", plus ",
    ", next ",
)
BETWEEN = (", ", ", ", "; ", ". ", " and ", ", then ", ". then ", ", next ")
"""What stands between wishes before the last."""
AFTERTHOUGHTS = (
    ", oh and ",
    ". oh, and ",
    ". oh and also ",
    ", and while you're at it ",
    ". while you're at it, ",
    ". one more thing: ",
    ". one last thing, ",
    " - and ",
    ". p.s. ",
    ", and if you can, ",
    ". and then please ",
    ", and when that's done ",
    ", and after that's done, ",
    ". once that is done, ",
    ", and on top of that ",
    ". apart from that ",
    ", and lastly ",
    ". almost forgot: ",
)
BIDDING = (" and could you also {}", ". can you also {}", ". i also want you to {}", ", and i'd like you to {}")
"""Joins that need a wish that begins with a verb."""
TAILS = (" too", " as well", " while you're at it", " after that", " at the end", " also", " in the end")
BACKWARD = (
    "before you {later}, {first}",
    "before you {later} please {first}",
    "{later} after you {first}",
    "{later}, but only after you {first}",
    "{later}, but first {first}",
    "{later}, but before that {first}",
    "{later} - before that, {first}",
    "in the end {later}, but first of all {first}",
    "finally {later}; before that {first}",
    "as the last step {later}, first {first}",
)
"""The later wish said first."""
ONE_BY_ONE = (
    "first {}, {}, {}",
    "1. {} 2. {} 3. {}",
    "1) {} 2) {} 3) {}",
    "- {} - {} - {}",
    "three things: {}, {} and {}",
    "start like this: {}. next {}. last, {}",
    "{} / {} / {}",
    "a few things. {}. {}. {}.",
    "(1) {}, (2) {}, (3) {}",
    "{}. afterwards {}, and to finish {}",
)
TWO_BY_TWO = (
    "first {}, then {}",
    "first {} and then {}",
    "1. {} 2. {}",
    "1) {}, 2) {}",
    "two things: {} and {}",
    "two things. {}. {}",
    "not only {} but also {}",
    "start like this: {}. then {}",
    "{}; when that is done, {}",
    "{} / {}",
    "i need two changes, {} and {}",
    "both please: {} and {}",
    "step one: {}; step two: {}",
)
SO = (". ", ". ", ", so ", ": ", ", ", " - ", ". so ", "! ", ", so please ", "... ", ". could you ", ". please ")
"""Between a story and a wish."""
SINCE = (", ", ", ", ". ", " - ", "; ", ". you see, ")
"""Between a wish and its reason."""
TWO = re.compile(r"\b(both|two|second|other|diptych|2|2nd)\b")
"""Words of a request about exactly two images."""
ALIKE = (
    {"brighter", "darker", "brightness_percent", "darker_percent", "enhance_light", "auto_contrast"},
    {"more_contrast", "less_contrast", "contrast_percent", "auto_contrast"},
    {"more_saturation", "less_saturation", "saturation_percent", "grayscale_all"},
    {"warmer", "cooler", "white_balance"},
    {"resize_width", "resize_height", "resize_both", "half_size", "double_size", "resize_percent", "fit_exactly"},
    {"crop_ratio", "crop_square", "pad_square", "pad_square_color", "pad_ratio", "pad_ratio_color", "fit_exactly"},
    {
        "collage_row",
        "collage_column",
        "collage_grid",
        "paste",
        "paste_at",
        "paste_subject",
        "paste_object",
        "paste_blend",
    },
    {"background_swap", "background_swap_of", "background_remove", "background_color", "background_scene"},
)
"""Nobody asks for two of these in one sentence."""
SELECTING = (
    "blur",
    "blur",
    "pixelate",
    "color_pop",
    "color_pop",
    "grayscale",
    "background_color",
    "background_blur",
    "remove",
    "black_out",
    "recolor",
    "background_blur_of",
    "brighter_part",
    "crop",
    "draw_boxes",
    "background_gray",
)
"""Intents whose mask says where: in compounds each has to keep its own."""


PARTIAL = (
    "blur",
    "pixelate",
    "grayscale",
    "black_out",
    "fill",
    "stylize_part",
    "brighter_part",
    "darker_part",
    "saturate_part",
    "fade_part",
    "contrast_part",
    "warm_part",
    "cool_part",
    "sharpen_part",
)
"""Intents that change a selection, any selection, in its place."""
REST = (
    "the rest",
    "the rest of the picture",
    "the rest of the photo",
    "the rest of the image",
    "everything else",
    "all the rest",
    "all else",
    "the remaining picture",
    "what is left of the picture",
    "the remainder",
    "every other part",
    "the other parts",
)
AND = {
    "de": (" und ", " und dann ", ", dann ", ". danach "),
    "fr": (" et ", " puis ", ", ensuite ", " et après "),
    "es": (" y ", " y luego ", ", después ", " y también "),
    "it": (" e ", " e poi ", ", poi ", " e anche "),
    "pt": (" e ", " e depois ", ", depois ", " e também "),
    "nl": (" en ", " en dan ", ", daarna ", " en ook "),
    "pl": (" i ", " a potem ", ", potem "),
    "sv": (" och ", " och sedan ", ", sedan "),
    "da": (" og ", " og så "),
    "tr": (" ve ", ", sonra ", " ve sonra "),
    "no": (" og ", " og så ", ", deretter "),
    "fi": (" ja ", " ja sitten "),
}
"""What joins two clauses, by language."""
BESIDE = (" but ", ", but ", " while ", ", and instead ", " whereas ", "; in turn ", ", meanwhile ")
"""What joins an edit of a thing to another edit of all the rest."""
EMPHASIS = {
    "answer": 3.0,
    "color_pop": 1.5,
    "auto_contrast": 1.5,
    "sharpen": 1.5,
    "pixelate": 1.5,
    "write_small": 2.0,
    "crop_off": 3.0,
    "crop_sides": 2.0,
    "brighter": 1.3,
    "circle_color": 1.5,
    "similarity": 1.5,
    "paste": 1.5,
    "paste_subject": 1.5,
    "edit_person": 1.5,
    "replace": 3.0,
}
"""What training sees more often than the test does: it is easily taken for something else."""
SHAPING = ("crop_square_at", "crop_square_at", "crop_square", "crop", "crop_ratio")
SIZING = ("resize_width", "resize_width", "resize_height", "resize_both", "resize_percent")
"""A shape and a size are often asked for in one breath: a square profile picture, 300 pixels wide."""
ONE_AREA = frozenset({"crop", "crop_margin", "crop_square_at"})
"""Intents that end with one picture: `crop each face` asks for several, and is another intent."""


def in_a_row(draw: random.Random, wishes: Sequence[str]) -> str:
    """Say wishes that are done one after another in one breath, most often in their order."""
    *earlier, last = wishes
    if not earlier:
        return last
    bids = begins_with_a_verb(last)
    roll = draw.random()
    if roll < 0.08:
        frames = BACKWARD if bids and begins_with_a_verb(earlier[0]) else [f for f in BACKWARD if "you {" not in f]
        return draw.choice(frames).format(later=last, first=_row(draw, earlier))
    if roll < 0.16 and len(wishes) in (2, 3):
        return draw.choice(TWO_BY_TWO if len(wishes) == 2 else ONE_BY_ONE).format(*wishes)
    if roll < 0.24:
        return _row(draw, earlier) + draw.choice(AFTERTHOUGHTS) + last
    if roll < 0.28 and bids:
        return _row(draw, earlier) + draw.choice(BIDDING).format(last)
    tail = draw.choice(TAILS) if roll < 0.36 and not last.endswith("\x03") else ""
    return _row(draw, earlier) + draw.choice(JOINERS) + last + tail


def _row(draw: random.Random, wishes: Sequence[str]) -> str:
    return wishes[0] + "".join(draw.choice(BETWEEN) + wish for wish in wishes[1:])


def with_story(draw: random.Random, story: str, wish: str) -> str:
    """Put what a picture is, or is for, before the wish."""
    between = [so for so in SO if not so.endswith("you ") or begins_with_a_verb(wish)]
    return story + draw.choice(between) + wish


def with_reason(draw: random.Random, wish: str, reason: str) -> str:
    """Put the reason after the wish."""
    return wish + draw.choice(SINCE) + reason
