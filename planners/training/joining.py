"""What is asked for in one breath: which intents go together or do not, and the words that join them."""

from __future__ import annotations

import re

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
)
TWO = re.compile(r"\b(both|two|second|other|diptych|2|2nd)\b")
"""Words of a request about exactly two images."""
ALIKE = (
    {"brighter", "darker", "brightness_percent", "darker_percent", "enhance_light", "auto_contrast"},
    {"more_contrast", "less_contrast", "contrast_percent", "auto_contrast"},
    {"more_saturation", "less_saturation", "saturation_percent", "grayscale_all"},
    {"warmer", "cooler", "white_balance"},
    {"resize_width", "resize_height", "resize_both", "half_size", "double_size", "resize_percent"},
    {"collage_row", "collage_column", "collage_grid", "paste", "paste_at", "paste_subject", "paste_blend"},
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
}
"""What joins two clauses, by language."""
BESIDE = (" but ", ", but ", " while ", ", and instead ", " whereas ", "; in turn ", ", meanwhile ")
"""What joins an edit of a thing to another edit of all the rest."""
EMPHASIS = {"answer": 3.0, "color_pop": 1.5, "auto_contrast": 1.5, "sharpen": 1.5, "pixelate": 1.5, "write_small": 2.0}
"""What training sees more often than the test does: it is easily taken for something else."""
SHAPING = ("crop_square_at", "crop_square_at", "crop_square", "crop", "crop_ratio")
SIZING = ("resize_width", "resize_width", "resize_height", "resize_both", "resize_percent")
"""A shape and a size are often asked for in one breath: a square profile picture, 300 pixels wide."""
