"""What the intents do: each function here appends the steps of one, or of several that are alike, to a draft.

The words of a request are in the slots; `intents.py` says which section of the phrases is built by which function.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .draft import Draft
from .slots import Slot, Target

Slots = Mapping[str, Slot]
Build = Callable[[Draft, Slots], None]
_OTHER_EDGE = {"left": "right", "right": "left", "top": "bottom", "bottom": "top"}


def _level(slots: Slots, normal: float | None, small: float, large: float) -> float | None:
    if "a" not in slots:
        return normal
    return small if slots["a"].value == "small" else large


def masked(tool: str, slot: str = "t", **fixed: Any) -> Build:
    """An effect on a selection; an amount in the phrase becomes the tool's strength."""

    def build(draft: Draft, slots: Slots) -> None:
        strength = _level(slots, None, 20, 80)
        extra = {"strength": strength} if strength is not None else {}
        draft.edit(tool, mask=slots[slot].value.mask(draft), **fixed, **extra)

    return build


def whole(tool: str, *, strength: bool = False, **fixed: Any) -> Build:
    def build(draft: Draft, slots: Slots) -> None:
        level = _level(slots, None, 20, 80) if strength else None
        draft.edit(tool, **fixed, **({"strength": level} if level is not None else {}))

    return build


def reshape(tool: str, **fixed: Any) -> Build:
    return lambda draft, slots: draft.reshape(tool, **fixed)


def reshape_with(tool: str, **slot_of: str) -> Build:
    return lambda draft, slots: draft.reshape(tool, **{name: slots[slot].value for name, slot in slot_of.items()})


def adjust(name: str, sign: int, *, part: bool = False) -> Build:
    def build(draft: Draft, slots: Slots) -> None:
        level = _level(slots, 30, 15, 60) if "p" not in slots else slots["p"].value
        mask = {"mask": slots["t"].value.mask(draft)} if part else {}
        draft.edit("adjust", **mask, **{name: sign * (level or 0)})

    return build


def remove(draft: Draft, slots: Slots) -> None:
    target = slots["o"] if "o" in slots else slots["bare"]
    draft.edit("erase", mask=draft.add("grow", mask=target.value.mask(draft)))


def fill(draft: Draft, slots: Slots) -> None:
    draft.edit("fill", mask=slots["t"].value.mask(draft), color=slots["c"].value)


def black_box(draft: Draft, slots: Slots) -> None:
    area = draft.add("region", image=draft.source, boxes=slots["o"].value.boxes(draft))
    draft.edit("fill", mask=area, color=slots["c"].value if "c" in slots else "black")


def recolor(draft: Draft, slots: Slots) -> None:
    draft.edit("recolor", mask=slots["o"].value.mask(draft), color=slots["c"].value)


def color_pop(draft: Draft, slots: Slots) -> None:
    draft.edit("grayscale", mask=draft.invert(slots["o"].value.mask(draft)))


def highlight(draft: Draft, slots: Slots) -> None:
    draft.edit("adjust", mask=draft.invert(slots["o"].value.mask(draft)), brightness=-60)


def stylize_part(draft: Draft, slots: Slots) -> None:
    draft.edit("stylize", mask=slots["t"].value.mask(draft), style=slots["style"].value)


def boxed(tool: str, *, color: bool = False, **fixed: Any) -> Build:
    def build(draft: Draft, slots: Slots) -> None:
        extra = {"color": slots["c"].value} if color else {}
        draft.edit(tool, boxes=slots["o"].value.boxes(draft), **extra, **fixed)

    return build


def label(draft: Draft, slots: Slots) -> None:
    target = slots["o"] if "o" in slots else slots["thing"]
    color = {"color": slots["c"].value} if "c" in slots else {}
    draft.edit("draw_boxes", boxes=target.value.boxes(draft), **color, labels=True)


def outline(draft: Draft, slots: Slots) -> None:
    color = {"color": slots["c"].value} if "c" in slots else {}
    draft.edit("outline", mask=slots["o"].value.mask(draft), **color)


def circle(draft: Draft, slots: Slots) -> None:
    color = {"color": slots["c"].value} if "c" in slots else {}
    boxes = slots["o"].value.boxes(draft)
    draft.edit("outline", mask=draft.add("region", image=draft.source, boxes=boxes, shape="ellipse"), **color)


def crop(draft: Draft, slots: Slots, **fixed: Any) -> None:
    boxes = slots["o"].value.boxes(draft)
    draft.image = draft.source if not draft.image else draft.image
    draft.reshape("crop", boxes=boxes, **fixed)


def crop_part(draft: Draft, slots: Slots) -> None:
    crop(draft, {"o": slots["part"]})


def crop_off(draft: Draft, slots: Slots) -> None:
    """Cut a share off one edge: what is kept is the rest, on the other side."""
    kept = Target("part", which=_OTHER_EDGE[slots["edge"].value], percent=100 - slots["rim"].value)
    crop(draft, {"o": Slot("", kept)})


def crop_sides(draft: Draft, slots: Slots) -> None:
    """Cut the same share off all four edges."""
    crop(draft, {"o": Slot("", Target("part", which="center", percent=100 - 2 * slots["rim"].value))})


def crop_each(draft: Draft, slots: Slots, **fixed: Any) -> None:
    draft.image = draft.add("crop_each", image=draft.image, boxes=slots["n"].value.boxes(draft), **fixed)


def collage_faces(draft: Draft, slots: Slots) -> None:
    crops = draft.add("crop_each", image=draft.image, boxes=slots["n"].value.boxes(draft))
    draft.image = draft.source = draft.add("collage", images=crops, layout="grid")


def crop_ratio(draft: Draft, slots: Slots) -> None:
    draft.reshape("crop_ratio", ratio=slots["r"].value if "r" in slots else "1:1")


def crop_square_at(draft: Draft, slots: Slots) -> None:
    draft.reshape("crop_ratio", ratio="1:1", boxes=slots["o"].value.boxes(draft))


def thumbnail(draft: Draft, slots: Slots) -> None:
    crop_square_at(draft, slots)
    draft.reshape("resize", width=slots["w"].value)


def fit_exactly(draft: Draft, slots: Slots) -> None:
    """Neither distorted nor short of a side: cut to the shape first, then scaled."""
    width, height = slots["w"].value, slots["h"].value
    draft.reshape("crop_ratio", ratio="1:1" if width == height else f"{width}:{height}")
    draft.reshape("resize", width=width, height=height)


def pad(draft: Draft, slots: Slots) -> None:
    color = {"color": slots["c"].value} if "c" in slots else {}
    draft.reshape("pad", ratio=slots["r"].value if "r" in slots else "1:1", **color)


def red_eye(draft: Draft, slots: Slots) -> None:
    """Only what is red within the eyes loses its color."""
    eyes = draft.segment(draft.find("eyes" if "eyes" in slots["clause"].text else "eye"))
    red = draft.add("color_range", image=draft.source, color="red")
    draft.edit("grayscale", mask=draft.add("intersect", a=eyes, b=red))


def rotate_by(draft: Draft, slots: Slots, sign: int = 1) -> None:
    draft.reshape("rotate", degrees=sign * slots["d"].value)


def border(draft: Draft, slots: Slots, **fixed: Any) -> None:
    share = {"percent": slots["rim"].value} if "rim" in slots else {}
    draft.reshape("border", color=slots["c"].value, **share, **fixed)


def write(draft: Draft, slots: Slots, **fixed: Any) -> None:
    extra: dict[str, Any] = {}
    if "pos" in slots:
        extra["position"] = slots["pos"].value
    if "c" in slots:
        extra["color"] = slots["c"].value
    draft.edit("write", text=slots["q"].value, **extra, **fixed)


def background(tool: str, **slot_of: str) -> Build:
    def build(draft: Draft, slots: Slots) -> None:
        args = {name: slots[slot].value for name, slot in slot_of.items()}
        draft.edit(tool, mask=draft.invert(draft.subject()), **args)

    return build


def background_of(draft: Draft, slots: Slots) -> None:
    draft.edit("fill", mask=draft.invert(slots["o"].value.mask(draft)), color=slots["c"].value)


def background_blur_of(draft: Draft, slots: Slots) -> None:
    draft.edit("blur", mask=draft.invert(slots["o"].value.mask(draft)))


def background_remove(draft: Draft, slots: Slots) -> None:
    draft.edit("cut_out", mask=draft.subject())


def cut_out(draft: Draft, slots: Slots) -> None:
    draft.edit("cut_out", mask=slots["o"].value.mask(draft))


def background_swap(draft: Draft, slots: Slots) -> None:
    draft.edit("composite", mask=draft.subject(), background="$photo2")


def background_swap_of(draft: Draft, slots: Slots) -> None:
    draft.edit("composite", mask=slots["o"].value.mask(draft), background="$photo2")


def collage(layout: str) -> Build:
    """`inputs` is filled in by the composer, which knows them; of the first one the edited version is shown."""

    def build(draft: Draft, slots: Slots) -> None:
        extra = {} if layout == "row" else {"layout": layout}
        images = [draft.image if name == draft.first else name for name in slots["inputs"].value]
        draft.image = draft.source = draft.add("collage", images=images, **extra)

    return build


def paste(draft: Draft, slots: Slots) -> None:
    position = {"position": slots["pos"].value} if "pos" in slots else {}
    draft.edit("paste", patch="$photo2", **position)


def paste_subject(draft: Draft, slots: Slots) -> None:
    draft.edit("paste", patch="$photo2", mask=draft.add("subject", image="$photo2"))


def paste_object(draft: Draft, slots: Slots) -> None:
    """Take a thing out of the second image: it is looked for there."""
    image, source = draft.image, draft.source
    draft.switch("$photo2")
    mask = slots["o"].value.mask(draft)
    draft.image, draft.source = image, source
    draft.edit("paste", patch="$photo2", mask=mask)


def paste_blend(draft: Draft, slots: Slots) -> None:
    draft.edit("paste", patch="$photo2", blend="seamless")


def compare(draft: Draft, slots: Slots) -> None:
    draft.add("compare", before="$photo", after="$photo2")


def count(draft: Draft, slots: Slots) -> None:
    draft.add("count", boxes=slots["n"].value.boxes(draft))


def exists(draft: Draft, slots: Slots) -> None:
    target = slots["any"] if "any" in slots else slots["many"]
    draft.add("exists", boxes=target.value.boxes(draft))


def exists_many(draft: Draft, slots: Slots) -> None:
    enough(draft, slots)


def enough(draft: Draft, slots: Slots) -> str:
    """Append what says whether there are as many things as a phrase asks for; return its reference."""
    least = slots["more"] if "more" in slots else slots["least"]
    return draft.add("exists", boxes=slots["n"].value.boxes(draft), at_least=least.value)


def mask_of(draft: Draft, slots: Slots) -> None:
    slots["t"].value.mask(draft)


def ask(tool: str, **slot_of: str) -> Build:
    def build(draft: Draft, slots: Slots) -> None:
        draft.add(tool, image=draft.source, **{name: slots[slot].value for name, slot in slot_of.items()})

    return build


def area(draft: Draft, slots: Slots) -> None:
    draft.add("area", mask=slots["o"].value.mask(draft))


def classify(draft: Draft, slots: Slots) -> None:
    draft.add("classify", image=draft.source, labels=[slots[name].value for name in "xyz" if name in slots])


def write_count(draft: Draft, slots: Slots) -> None:
    draft.edit("write", text=draft.add("count", boxes=slots["n"].value.boxes(draft)))


def generate(draft: Draft, slots: Slots) -> None:
    size = {side: slots[slot].value for side, slot in (("width", "w"), ("height", "h")) if slot in slots}
    draft.image = draft.source = draft.add("generate", prompt=slots["prompt"].value, **size)


def replace(draft: Draft, slots: Slots) -> None:
    draft.edit("inpaint", mask=draft.add("grow", mask=slots["o"].value.mask(draft)), prompt=slots["new"].value)


def edit(draft: Draft, slots: Slots) -> None:
    """The instruct editor gets the person's own clause."""
    draft.edit("edit", instruction=slots["clause"].value)
