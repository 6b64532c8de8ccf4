"""What each phrase section means: section name → the steps it adds to a draft.

A section of the phrase banks and its entry here are the whole definition of an intent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from .draft import Draft
from .slots import Slot, Target

Slots = Mapping[str, Slot]
Build = Callable[[Draft, Slots], None]


@dataclass(frozen=True)
class Intent:
    """How often a section is drawn, and what it does."""

    build: Build
    weight: float = 1.0
    inputs: int = 1
    """How many images the request needs at least."""


def _level(slots: Slots, normal: float | None, small: float, large: float) -> float | None:
    if "a" not in slots:
        return normal
    return small if slots["a"].value == "small" else large


def _masked(tool: str, slot: str = "t", **fixed: Any) -> Build:
    """An effect on a selection; an amount in the phrase becomes the tool's strength."""

    def build(draft: Draft, slots: Slots) -> None:
        strength = _level(slots, None, 20, 80)
        extra = {"strength": strength} if strength is not None else {}
        draft.edit(tool, mask=slots[slot].value.mask(draft), **fixed, **extra)

    return build


def _whole(tool: str, *, strength: bool = False, **fixed: Any) -> Build:
    def build(draft: Draft, slots: Slots) -> None:
        level = _level(slots, None, 20, 80) if strength else None
        draft.edit(tool, **fixed, **({"strength": level} if level is not None else {}))

    return build


def _reshape(tool: str, **fixed: Any) -> Build:
    return lambda draft, slots: draft.reshape(tool, **fixed)


def _reshape_with(tool: str, **slot_of: str) -> Build:
    return lambda draft, slots: draft.reshape(tool, **{name: slots[slot].value for name, slot in slot_of.items()})


def _adjust(name: str, sign: int, *, part: bool = False) -> Build:
    def build(draft: Draft, slots: Slots) -> None:
        level = _level(slots, 30, 15, 60) if "p" not in slots else slots["p"].value
        mask = {"mask": slots["t"].value.mask(draft)} if part else {}
        draft.edit("adjust", **mask, **{name: sign * (level or 0)})

    return build


def _remove(draft: Draft, slots: Slots) -> None:
    target = slots["o"] if "o" in slots else slots["bare"]
    draft.edit("erase", mask=draft.add("grow", mask=target.value.mask(draft)))


def _fill(draft: Draft, slots: Slots) -> None:
    draft.edit("fill", mask=slots["t"].value.mask(draft), color=slots["c"].value)


def _black_box(draft: Draft, slots: Slots) -> None:
    area = draft.add("region", image=draft.source, boxes=slots["o"].value.boxes(draft))
    draft.edit("fill", mask=area, color=slots["c"].value if "c" in slots else "black")


def _recolor(draft: Draft, slots: Slots) -> None:
    draft.edit("recolor", mask=slots["o"].value.mask(draft), color=slots["c"].value)


def _color_pop(draft: Draft, slots: Slots) -> None:
    draft.edit("grayscale", mask=draft.invert(slots["o"].value.mask(draft)))


def _highlight(draft: Draft, slots: Slots) -> None:
    draft.edit("adjust", mask=draft.invert(slots["o"].value.mask(draft)), brightness=-60)


def _stylize_part(draft: Draft, slots: Slots) -> None:
    draft.edit("stylize", mask=slots["t"].value.mask(draft), style=slots["style"].value)


def _boxed(tool: str, *, color: bool = False, **fixed: Any) -> Build:
    def build(draft: Draft, slots: Slots) -> None:
        extra = {"color": slots["c"].value} if color else {}
        draft.edit(tool, boxes=slots["o"].value.boxes(draft), **extra, **fixed)

    return build


def _label(draft: Draft, slots: Slots) -> None:
    target = slots["o"] if "o" in slots else slots["thing"]
    color = {"color": slots["c"].value} if "c" in slots else {}
    draft.edit("draw_boxes", boxes=target.value.boxes(draft), **color, labels=True)


def _outline(draft: Draft, slots: Slots) -> None:
    color = {"color": slots["c"].value} if "c" in slots else {}
    draft.edit("outline", mask=slots["o"].value.mask(draft), **color)


def _circle(draft: Draft, slots: Slots) -> None:
    color = {"color": slots["c"].value} if "c" in slots else {}
    boxes = slots["o"].value.boxes(draft)
    draft.edit("outline", mask=draft.add("region", image=draft.source, boxes=boxes, shape="ellipse"), **color)


def _crop(draft: Draft, slots: Slots, **fixed: Any) -> None:
    boxes = slots["o"].value.boxes(draft)
    draft.image = draft.source if not draft.image else draft.image
    draft.reshape("crop", boxes=boxes, **fixed)


def _crop_part(draft: Draft, slots: Slots) -> None:
    _crop(draft, {"o": slots["part"]})


def _crop_off(draft: Draft, slots: Slots) -> None:
    """Cut a share off one edge: what is kept is the rest, on the other side."""
    kept = Target("part", which=_OTHER_EDGE[slots["edge"].value], percent=100 - slots["rim"].value)
    _crop(draft, {"o": Slot("", kept)})


def _crop_sides(draft: Draft, slots: Slots) -> None:
    """Cut the same share off all four edges."""
    _crop(draft, {"o": Slot("", Target("part", which="center", percent=100 - 2 * slots["rim"].value))})


def _crop_each(draft: Draft, slots: Slots, **fixed: Any) -> None:
    draft.image = draft.add("crop_each", image=draft.image, boxes=slots["n"].value.boxes(draft), **fixed)


def _collage_faces(draft: Draft, slots: Slots) -> None:
    crops = draft.add("crop_each", image=draft.image, boxes=slots["n"].value.boxes(draft))
    draft.image = draft.source = draft.add("collage", images=crops, layout="grid")


def _crop_ratio(draft: Draft, slots: Slots) -> None:
    draft.reshape("crop_ratio", ratio=slots["r"].value if "r" in slots else "1:1")


def _crop_square_at(draft: Draft, slots: Slots) -> None:
    draft.reshape("crop_ratio", ratio="1:1", boxes=slots["o"].value.boxes(draft))


def _thumbnail(draft: Draft, slots: Slots) -> None:
    _crop_square_at(draft, slots)
    draft.reshape("resize", width=slots["w"].value)


def _fit_exactly(draft: Draft, slots: Slots) -> None:
    """Neither distorted nor short of a side: cut to the shape first, then scaled."""
    width, height = slots["w"].value, slots["h"].value
    draft.reshape("crop_ratio", ratio="1:1" if width == height else f"{width}:{height}")
    draft.reshape("resize", width=width, height=height)


def _pad(draft: Draft, slots: Slots) -> None:
    color = {"color": slots["c"].value} if "c" in slots else {}
    draft.reshape("pad", ratio=slots["r"].value if "r" in slots else "1:1", **color)


def _red_eye(draft: Draft, slots: Slots) -> None:
    """Only what is red within the eyes loses its color."""
    eyes = draft.segment(draft.find("eyes" if "eyes" in slots["clause"].text else "eye"))
    red = draft.add("color_range", image=draft.source, color="red")
    draft.edit("grayscale", mask=draft.add("intersect", a=eyes, b=red))


def _rotate_by(draft: Draft, slots: Slots, sign: int = 1) -> None:
    draft.reshape("rotate", degrees=sign * slots["d"].value)


def _border(draft: Draft, slots: Slots, **fixed: Any) -> None:
    share = {"percent": slots["rim"].value} if "rim" in slots else {}
    draft.reshape("border", color=slots["c"].value, **share, **fixed)


def _write(draft: Draft, slots: Slots, **fixed: Any) -> None:
    extra: dict[str, Any] = {}
    if "pos" in slots:
        extra["position"] = slots["pos"].value
    if "c" in slots:
        extra["color"] = slots["c"].value
    draft.edit("write", text=slots["q"].value, **extra, **fixed)


def _background(tool: str, **slot_of: str) -> Build:
    def build(draft: Draft, slots: Slots) -> None:
        args = {name: slots[slot].value for name, slot in slot_of.items()}
        draft.edit(tool, mask=draft.invert(draft.subject()), **args)

    return build


def _background_of(draft: Draft, slots: Slots) -> None:
    draft.edit("fill", mask=draft.invert(slots["o"].value.mask(draft)), color=slots["c"].value)


def _background_blur_of(draft: Draft, slots: Slots) -> None:
    draft.edit("blur", mask=draft.invert(slots["o"].value.mask(draft)))


def _background_remove(draft: Draft, slots: Slots) -> None:
    draft.edit("cut_out", mask=draft.subject())


def _cut_out(draft: Draft, slots: Slots) -> None:
    draft.edit("cut_out", mask=slots["o"].value.mask(draft))


def _background_swap(draft: Draft, slots: Slots) -> None:
    draft.edit("composite", mask=draft.subject(), background="$photo2")


def _background_swap_of(draft: Draft, slots: Slots) -> None:
    draft.edit("composite", mask=slots["o"].value.mask(draft), background="$photo2")


def _collage(layout: str) -> Build:
    """`inputs` is filled in by the composer, which knows them; of the first one the edited version is shown."""

    def build(draft: Draft, slots: Slots) -> None:
        extra = {} if layout == "row" else {"layout": layout}
        images = [draft.image if name == draft.first else name for name in slots["inputs"].value]
        draft.image = draft.source = draft.add("collage", images=images, **extra)

    return build


def _paste(draft: Draft, slots: Slots) -> None:
    position = {"position": slots["pos"].value} if "pos" in slots else {}
    draft.edit("paste", patch="$photo2", **position)


def _paste_subject(draft: Draft, slots: Slots) -> None:
    draft.edit("paste", patch="$photo2", mask=draft.add("subject", image="$photo2"))


def _paste_object(draft: Draft, slots: Slots) -> None:
    """Take a thing out of the second image: it is looked for there."""
    image, source = draft.image, draft.source
    draft.switch("$photo2")
    mask = slots["o"].value.mask(draft)
    draft.image, draft.source = image, source
    draft.edit("paste", patch="$photo2", mask=mask)


def _paste_blend(draft: Draft, slots: Slots) -> None:
    draft.edit("paste", patch="$photo2", blend="seamless")


def _compare(draft: Draft, slots: Slots) -> None:
    draft.add("compare", before="$photo", after="$photo2")


def _count(draft: Draft, slots: Slots) -> None:
    draft.add("count", boxes=slots["n"].value.boxes(draft))


def _exists(draft: Draft, slots: Slots) -> None:
    target = slots["any"] if "any" in slots else slots["many"]
    draft.add("exists", boxes=target.value.boxes(draft))


def _exists_many(draft: Draft, slots: Slots) -> None:
    enough(draft, slots)


def enough(draft: Draft, slots: Slots) -> str:
    """Append what says whether there are as many things as a phrase asks for; return its reference."""
    least = slots["more"] if "more" in slots else slots["least"]
    return draft.add("exists", boxes=slots["n"].value.boxes(draft), at_least=least.value)


def _mask_of(draft: Draft, slots: Slots) -> None:
    slots["t"].value.mask(draft)


def _ask(tool: str, **slot_of: str) -> Build:
    def build(draft: Draft, slots: Slots) -> None:
        draft.add(tool, image=draft.source, **{name: slots[slot].value for name, slot in slot_of.items()})

    return build


def _area(draft: Draft, slots: Slots) -> None:
    draft.add("area", mask=slots["o"].value.mask(draft))


def _classify(draft: Draft, slots: Slots) -> None:
    draft.add("classify", image=draft.source, labels=[slots[name].value for name in "xyz" if name in slots])


def _write_count(draft: Draft, slots: Slots) -> None:
    draft.edit("write", text=draft.add("count", boxes=slots["n"].value.boxes(draft)))


def _generate(draft: Draft, slots: Slots) -> None:
    size = {side: slots[slot].value for side, slot in (("width", "w"), ("height", "h")) if slot in slots}
    draft.image = draft.source = draft.add("generate", prompt=slots["prompt"].value, **size)


def _replace(draft: Draft, slots: Slots) -> None:
    draft.edit("inpaint", mask=draft.add("grow", mask=slots["o"].value.mask(draft)), prompt=slots["new"].value)


def _edit(draft: Draft, slots: Slots) -> None:
    """The instruct editor gets the person's own clause."""
    draft.edit("edit", instruction=slots["clause"].value)


INTENTS: dict[str, Intent] = {
    "blur": Intent(_masked("blur"), 5),
    "blur_all": Intent(_whole("blur", strength=True), 1),
    "pixelate": Intent(_masked("pixelate"), 3),
    "pixelate_all": Intent(_whole("pixelate"), 0.5),
    "anonymize": Intent(_masked("blur", "o"), 2),
    "black_out": Intent(_masked("fill", color="black"), 2),
    "fill": Intent(_fill, 1.5),
    "black_box": Intent(_black_box, 1),
    "remove": Intent(_remove, 5),
    "recolor": Intent(_recolor, 4.5),
    "grayscale_all": Intent(_whole("grayscale"), 2),
    "grayscale": Intent(_masked("grayscale"), 2),
    "color_pop": Intent(_color_pop, 2.5),
    **{
        f"stylize_{style}": Intent(_whole("stylize", style=style), 0.5)
        for style in ("sketch", "cartoon", "sepia", "negative", "vintage", "posterize", "emboss", "edges", "oil")
    },
    "stylize_part": Intent(_stylize_part, 0.6),
    "highlight": Intent(_highlight, 0.6),
    "brighter": Intent(_adjust("brightness", 1), 1.4),
    "darker": Intent(_adjust("brightness", -1), 1.2),
    "brighter_part": Intent(_adjust("brightness", 1, part=True), 1),
    "darker_part": Intent(_adjust("brightness", -1, part=True), 1),
    "saturate_part": Intent(_adjust("saturation", 1, part=True), 0.6),
    "fade_part": Intent(_adjust("saturation", -1, part=True), 0.4),
    "contrast_part": Intent(_adjust("contrast", 1, part=True), 0.5),
    "warm_part": Intent(_adjust("temperature", 1, part=True), 0.4),
    "cool_part": Intent(_adjust("temperature", -1, part=True), 0.4),
    "more_contrast": Intent(_adjust("contrast", 1), 1),
    "less_contrast": Intent(_adjust("contrast", -1), 0.7),
    "more_saturation": Intent(_adjust("saturation", 1), 1),
    "less_saturation": Intent(_adjust("saturation", -1), 0.8),
    "warmer": Intent(_adjust("temperature", 1), 0.8),
    "cooler": Intent(_adjust("temperature", -1), 0.8),
    "brightness_percent": Intent(_adjust("brightness", 1), 0.5),
    "darker_percent": Intent(_adjust("brightness", -1), 0.4),
    "contrast_percent": Intent(_adjust("contrast", 1), 0.4),
    "saturation_percent": Intent(_adjust("saturation", 1), 0.4),
    "desaturate_percent": Intent(_adjust("saturation", -1), 0.4),
    "flatten_percent": Intent(_adjust("contrast", -1), 0.3),
    "enhance_light": Intent(_whole("enhance_light"), 1.2),
    "auto_contrast": Intent(_whole("auto_contrast"), 1),
    "white_balance": Intent(_whole("white_balance"), 0.9),
    "dehaze": Intent(_whole("dehaze"), 1),
    "sharpen": Intent(_whole("sharpen", strength=True), 1.5),
    "sharpen_part": Intent(_masked("sharpen"), 0.7),
    "denoise": Intent(_whole("denoise", strength=True), 1),
    "vignette": Intent(_whole("vignette", strength=True), 0.6),
    "crop": Intent(_crop, 2.5),
    "crop_margin": Intent(partial(_crop, margin=20), 0.7),
    "crop_part": Intent(_crop_part, 1),
    "crop_off": Intent(_crop_off, 0.6),
    "crop_sides": Intent(_crop_sides, 0.4),
    "crop_each": Intent(_crop_each, 0.8),
    "crop_each_margin": Intent(partial(_crop_each, margin=20), 0.3),
    "crop_square": Intent(_crop_ratio, 0.7),
    "crop_ratio": Intent(_crop_ratio, 1.2),
    "crop_square_at": Intent(_crop_square_at, 0.7),
    "resize_width": Intent(_reshape_with("resize", width="w"), 0.8),
    "resize_height": Intent(_reshape_with("resize", height="h"), 0.6),
    "resize_both": Intent(_reshape_with("resize", width="w", height="h"), 0.7),
    "half_size": Intent(_reshape("resize", percent=50), 0.5),
    "double_size": Intent(_reshape("resize", percent=200), 0.5),
    "resize_percent": Intent(_reshape_with("resize", percent="p"), 0.6),
    "rotate_right": Intent(_reshape("rotate", degrees=90), 0.9),
    "rotate_left": Intent(_reshape("rotate", degrees=-90), 0.9),
    "rotate_180": Intent(_reshape("rotate", degrees=180), 0.6),
    "rotate_by": Intent(_rotate_by, 0.6),
    "rotate_by_left": Intent(partial(_rotate_by, sign=-1), 0.5),
    "flip_horizontal": Intent(_reshape("flip", direction="horizontal"), 0.9),
    "flip_vertical": Intent(_reshape("flip", direction="vertical"), 0.6),
    "straighten": Intent(_reshape("straighten"), 0.8),
    "border": Intent(_border, 1),
    "border_percent": Intent(_border, 0.4),
    "thick_border": Intent(partial(_border, percent=10), 0.5),
    "thin_border": Intent(partial(_border, percent=2), 0.5),
    "pad_square": Intent(_pad, 0.5),
    "pad_square_color": Intent(_pad, 0.6),
    "pad_ratio": Intent(_pad, 0.5),
    "pad_ratio_color": Intent(_pad, 0.5),
    "thumbnail": Intent(_thumbnail, 0.5),
    "fit_exactly": Intent(_fit_exactly, 0.6),
    "red_eye": Intent(_red_eye, 0.4),
    "draw_boxes": Intent(_boxed("draw_boxes"), 1.3),
    "draw_boxes_color": Intent(_boxed("draw_boxes", color=True), 1),
    "label": Intent(_label, 0.8),
    "box_label_color": Intent(_label, 0.5),
    "outline": Intent(_outline, 1),
    "circle": Intent(_circle, 0.5),
    "circle_color": Intent(_circle, 0.5),
    **{
        f"sticker_{kind}": Intent(_boxed("sticker", kind=kind), 0.35)
        for kind in ("smile", "laugh", "wink", "tongue", "sunglasses", "heart", "star")
    },
    "black_bar": Intent(_boxed("sticker", kind="black bar"), 0.5),
    "write": Intent(_write, 1.2),
    "write_at": Intent(_write, 2),
    "write_at_color": Intent(_write, 1.2),
    "write_color": Intent(_write, 0.8),
    "write_big": Intent(partial(_write, size=12), 0.5),
    "write_large": Intent(partial(_write, size=12), 0.5),
    "write_small": Intent(partial(_write, size=3), 0.5),
    "background_color": Intent(_background("fill", color="c"), 2.5),
    "background_blur": Intent(_background("blur"), 1.6),
    "background_gray": Intent(_background("grayscale"), 0.8),
    "background_remove": Intent(_background_remove, 2),
    "cut_out": Intent(_cut_out, 1.2),
    "background_gradient": Intent(_background("gradient", start="c", end="c2"), 0.8),
    "background_swap": Intent(_background_swap, 1.5, inputs=2),
    "background_swap_of": Intent(_background_swap_of, 0.7, inputs=2),
    "background_scene": Intent(_background("inpaint", prompt="scene"), 2),
    "background_scene_extra": Intent(_background("inpaint", prompt="scene"), 1),
    "background_of": Intent(_background_of, 1),
    "background_blur_of": Intent(_background_blur_of, 1),
    "collage_row": Intent(_collage("row"), 1.2, inputs=2),
    "collage_column": Intent(_collage("column"), 0.7, inputs=2),
    "collage_grid": Intent(_collage("grid"), 0.7, inputs=3),
    "collage_faces": Intent(_collage_faces, 0.5),
    "paste": Intent(_paste, 0.6, inputs=2),
    "paste_at": Intent(_paste, 0.7, inputs=2),
    "paste_subject": Intent(_paste_subject, 0.6, inputs=2),
    "paste_object": Intent(_paste_object, 0.6, inputs=2),
    "paste_blend": Intent(_paste_blend, 0.4, inputs=2),
    "compare": Intent(_compare, 0.5, inputs=2),
    "count": Intent(_count, 2.5),
    "exists": Intent(_exists, 1.2),
    "exists_many": Intent(_exists_many, 0.5),
    "mask_of": Intent(_mask_of, 0.6),
    "read": Intent(_ask("read"), 3.5),
    "read_code": Intent(_ask("read_code"), 1.2),
    "caption": Intent(_ask("caption"), 1.2),
    "dominant_colors": Intent(_ask("dominant_colors"), 0.8),
    "area": Intent(_area, 0.6),
    "find": Intent(_boxed("draw_boxes"), 0.8),
    "classify": Intent(_classify, 0.6),
    "similarity": Intent(_ask("similarity", text="q"), 0.4),
    "answer": Intent(_ask("answer", question="clause"), 2),
    "write_count": Intent(_write_count, 0.5),
    "generate": Intent(_generate, 2.5, inputs=0),
    "generate_size": Intent(_generate, 0.5, inputs=0),
    "replace": Intent(_replace, 3.5),
    "add": Intent(_edit, 3),
    "edit_style": Intent(_edit, 2),
    "edit_weather": Intent(_edit, 2),
    "edit_person": Intent(_edit, 1.2),
    "outpaint": Intent(_whole("outpaint"), 0.6),
    "outpaint_percent": Intent(_reshape_with("outpaint", percent="rim"), 0.4),
}
"""Every intent by its phrase section."""

_OTHER_EDGE = {"left": "right", "right": "left", "top": "bottom", "bottom": "top"}
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
