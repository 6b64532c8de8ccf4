"""What each phrase section means: section name → how its steps are added to a draft, and how often it is drawn.

A section of the phrase banks and its entry here are the whole definition of an intent.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from . import builds as do
from .builds import Build


@dataclass(frozen=True)
class Intent:
    """How often a section is drawn, and what it does."""

    build: Build
    weight: float = 1.0
    inputs: int = 1
    """How many images the request needs at least."""


INTENTS: dict[str, Intent] = {
    "blur": Intent(do.masked("blur"), 5),
    "blur_all": Intent(do.whole("blur", strength=True), 1),
    "pixelate": Intent(do.masked("pixelate"), 3),
    "pixelate_all": Intent(do.whole("pixelate"), 0.5),
    "anonymize": Intent(do.masked("blur", "o"), 2),
    "black_out": Intent(do.masked("fill", color="black"), 2),
    "fill": Intent(do.fill, 1.5),
    "black_box": Intent(do.black_box, 1),
    "remove": Intent(do.remove, 5),
    "recolor": Intent(do.recolor, 4.5),
    "grayscale_all": Intent(do.whole("grayscale"), 2),
    "grayscale": Intent(do.masked("grayscale"), 2),
    "color_pop": Intent(do.color_pop, 2.5),
    **{
        f"stylize_{style}": Intent(do.whole("stylize", style=style), 0.5)
        for style in ("sketch", "cartoon", "sepia", "negative", "vintage", "posterize", "emboss", "edges", "oil")
    },
    "stylize_part": Intent(do.stylize_part, 0.6),
    "highlight": Intent(do.highlight, 0.6),
    "brighter": Intent(do.adjust("brightness", 1), 1.4),
    "darker": Intent(do.adjust("brightness", -1), 1.2),
    "brighter_part": Intent(do.adjust("brightness", 1, part=True), 1),
    "darker_part": Intent(do.adjust("brightness", -1, part=True), 1),
    "saturate_part": Intent(do.adjust("saturation", 1, part=True), 0.6),
    "fade_part": Intent(do.adjust("saturation", -1, part=True), 0.4),
    "contrast_part": Intent(do.adjust("contrast", 1, part=True), 0.5),
    "warm_part": Intent(do.adjust("temperature", 1, part=True), 0.4),
    "cool_part": Intent(do.adjust("temperature", -1, part=True), 0.4),
    "more_contrast": Intent(do.adjust("contrast", 1), 1),
    "less_contrast": Intent(do.adjust("contrast", -1), 0.7),
    "more_saturation": Intent(do.adjust("saturation", 1), 1),
    "less_saturation": Intent(do.adjust("saturation", -1), 0.8),
    "warmer": Intent(do.adjust("temperature", 1), 0.8),
    "cooler": Intent(do.adjust("temperature", -1), 0.8),
    "brightness_percent": Intent(do.adjust("brightness", 1), 0.5),
    "darker_percent": Intent(do.adjust("brightness", -1), 0.4),
    "contrast_percent": Intent(do.adjust("contrast", 1), 0.4),
    "saturation_percent": Intent(do.adjust("saturation", 1), 0.4),
    "desaturate_percent": Intent(do.adjust("saturation", -1), 0.4),
    "flatten_percent": Intent(do.adjust("contrast", -1), 0.3),
    "enhance_light": Intent(do.whole("enhance_light"), 1.2),
    "auto_contrast": Intent(do.whole("auto_contrast"), 1),
    "white_balance": Intent(do.whole("white_balance"), 0.9),
    "dehaze": Intent(do.whole("dehaze"), 1),
    "sharpen": Intent(do.whole("sharpen", strength=True), 1.5),
    "sharpen_part": Intent(do.masked("sharpen"), 0.7),
    "denoise": Intent(do.whole("denoise", strength=True), 1),
    "vignette": Intent(do.whole("vignette", strength=True), 0.6),
    "crop": Intent(do.crop, 2.5),
    "crop_margin": Intent(partial(do.crop, margin=20), 0.7),
    "crop_part": Intent(do.crop_part, 1),
    "crop_off": Intent(do.crop_off, 0.6),
    "crop_sides": Intent(do.crop_sides, 0.4),
    "crop_each": Intent(do.crop_each, 0.8),
    "crop_each_margin": Intent(partial(do.crop_each, margin=20), 0.3),
    "crop_square": Intent(do.crop_ratio, 0.7),
    "crop_ratio": Intent(do.crop_ratio, 1.2),
    "crop_square_at": Intent(do.crop_square_at, 0.7),
    "resize_width": Intent(do.reshape_with("resize", width="w"), 0.8),
    "resize_height": Intent(do.reshape_with("resize", height="h"), 0.6),
    "resize_both": Intent(do.reshape_with("resize", width="w", height="h"), 0.7),
    "half_size": Intent(do.reshape("resize", percent=50), 0.5),
    "double_size": Intent(do.reshape("resize", percent=200), 0.5),
    "resize_percent": Intent(do.reshape_with("resize", percent="p"), 0.6),
    "rotate_right": Intent(do.reshape("rotate", degrees=90), 0.9),
    "rotate_left": Intent(do.reshape("rotate", degrees=-90), 0.9),
    "rotate_180": Intent(do.reshape("rotate", degrees=180), 0.6),
    "rotate_by": Intent(do.rotate_by, 0.6),
    "rotate_by_left": Intent(partial(do.rotate_by, sign=-1), 0.5),
    "flip_horizontal": Intent(do.reshape("flip", direction="horizontal"), 0.9),
    "flip_vertical": Intent(do.reshape("flip", direction="vertical"), 0.6),
    "straighten": Intent(do.reshape("straighten"), 0.8),
    "border": Intent(do.border, 1),
    "border_percent": Intent(do.border, 0.4),
    "thick_border": Intent(partial(do.border, percent=10), 0.5),
    "thin_border": Intent(partial(do.border, percent=2), 0.5),
    "pad_square": Intent(do.pad, 0.5),
    "pad_square_color": Intent(do.pad, 0.6),
    "pad_ratio": Intent(do.pad, 0.5),
    "pad_ratio_color": Intent(do.pad, 0.5),
    "thumbnail": Intent(do.thumbnail, 0.5),
    "fit_exactly": Intent(do.fit_exactly, 0.6),
    "red_eye": Intent(do.red_eye, 0.4),
    "draw_boxes": Intent(do.boxed("draw_boxes"), 1.3),
    "draw_boxes_color": Intent(do.boxed("draw_boxes", color=True), 1),
    "label": Intent(do.label, 0.8),
    "box_label_color": Intent(do.label, 0.5),
    "outline": Intent(do.outline, 1),
    "circle": Intent(do.circle, 0.5),
    "circle_color": Intent(do.circle, 0.5),
    **{
        f"sticker_{kind}": Intent(do.boxed("sticker", kind=kind), 0.35)
        for kind in ("smile", "laugh", "wink", "tongue", "sunglasses", "heart", "star")
    },
    "black_bar": Intent(do.boxed("sticker", kind="black bar"), 0.5),
    "write": Intent(do.write, 1.2),
    "write_at": Intent(do.write, 2),
    "write_at_color": Intent(do.write, 1.2),
    "write_color": Intent(do.write, 0.8),
    "write_big": Intent(partial(do.write, size=12), 0.5),
    "write_large": Intent(partial(do.write, size=12), 0.5),
    "write_small": Intent(partial(do.write, size=3), 0.5),
    "background_color": Intent(do.background("fill", color="c"), 2.5),
    "background_blur": Intent(do.background("blur"), 1.6),
    "background_gray": Intent(do.background("grayscale"), 0.8),
    "background_remove": Intent(do.background_remove, 2),
    "cut_out": Intent(do.cut_out, 1.2),
    "background_gradient": Intent(do.background("gradient", start="c", end="c2"), 0.8),
    "background_swap": Intent(do.background_swap, 1.5, inputs=2),
    "background_swap_of": Intent(do.background_swap_of, 0.7, inputs=2),
    "background_scene": Intent(do.background("inpaint", prompt="scene"), 2),
    "background_scene_extra": Intent(do.background("inpaint", prompt="scene"), 1),
    "background_of": Intent(do.background_of, 1),
    "background_blur_of": Intent(do.background_blur_of, 1),
    "collage_row": Intent(do.collage("row"), 1.2, inputs=2),
    "collage_column": Intent(do.collage("column"), 0.7, inputs=2),
    "collage_grid": Intent(do.collage("grid"), 0.7, inputs=3),
    "collage_faces": Intent(do.collage_faces, 0.5),
    "paste": Intent(do.paste, 0.6, inputs=2),
    "paste_at": Intent(do.paste, 0.7, inputs=2),
    "paste_subject": Intent(do.paste_subject, 0.6, inputs=2),
    "paste_object": Intent(do.paste_object, 0.6, inputs=2),
    "paste_blend": Intent(do.paste_blend, 0.4, inputs=2),
    "compare": Intent(do.compare, 0.5, inputs=2),
    "count": Intent(do.count, 2.5),
    "exists": Intent(do.exists, 1.2),
    "exists_many": Intent(do.exists_many, 0.5),
    "mask_of": Intent(do.mask_of, 0.6),
    "read": Intent(do.ask("read"), 3.5),
    "read_code": Intent(do.ask("read_code"), 1.2),
    "caption": Intent(do.ask("caption"), 1.2),
    "dominant_colors": Intent(do.ask("dominant_colors"), 0.8),
    "area": Intent(do.area, 0.6),
    "find": Intent(do.boxed("draw_boxes"), 0.8),
    "classify": Intent(do.classify, 0.6),
    "similarity": Intent(do.ask("similarity", text="q"), 0.4),
    "answer": Intent(do.ask("answer", question="clause"), 2),
    "write_count": Intent(do.write_count, 0.5),
    "generate": Intent(do.generate, 2.5, inputs=0),
    "generate_size": Intent(do.generate, 0.5, inputs=0),
    "replace": Intent(do.replace, 3.5),
    "add": Intent(do.edit, 3),
    "edit_style": Intent(do.edit, 2),
    "edit_weather": Intent(do.edit, 2),
    "edit_person": Intent(do.edit, 1.2),
    "outpaint": Intent(do.whole("outpaint"), 0.6),
    "outpaint_percent": Intent(do.reshape_with("outpaint", percent="rim"), 0.4),
}
"""Every intent by its phrase section."""

FINAL = frozenset({"mask_of", "crop_each", "crop_each_margin", "generate_size", "collage_faces", "compare", "generate"})
"""Intents after which nothing more is done to the image."""
QUESTIONS = frozenset(
    {
        "count",
        "exists",
        "exists_many",
        "read",
        "read_code",
        "caption",
        "dominant_colors",
        "area",
        "classify",
        "similarity",
        "answer",
        "compare",
    }
)
"""Intents that answer instead of editing."""
