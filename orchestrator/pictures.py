"""Every kind of value as a picture: a mask laid over the photo, boxes drawn on it, a depth map in gray."""

from __future__ import annotations

import base64
import colorsys
import io
from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image as PIL
from PIL import ImageDraw, ImageFont

from ..planners.plan import Plan, Step
from ..tools.values import Depth, Detections, Image, Layout, Mask, Value, Verdict
from ..tools.values.base import Array

Result = Value | Sequence[Value]
"""What a step gives: one value or a list of them."""

_TINT = np.array([255, 96, 40], np.float32)
"""Color of selected pixels."""
_SMALL = 480
"""Longer side, in pixels, up to which small pictures are enlarged, a whole number of times, so that nothing blurs."""
_LEGIBLE = 160
"""Shorter side, in pixels, from which on boxes carry their names."""


def picture_of(value: Value, background: Image | None = None, side: int = 1024) -> PIL.Image | None:
    """Return an RGB picture of at most `side` × `side` pixels, or None for a value that is words or numbers.

    Masks and boxes are drawn on `background` when it has their size. A small picture is enlarged, its pixels kept.
    """
    if isinstance(value, Image):
        return _on_checkers(_enlarged(value.thumbnail(side), side))
    if isinstance(value, Mask):
        return _mask(value, background, side)
    if isinstance(value, Detections) and background is not None:
        return _boxes(background, value.xyxy, value.labels, value.scores, side)
    if isinstance(value, Layout) and background is not None:
        return _boxes(background, value.xyxy, value.phrases, None, side)
    if isinstance(value, Verdict) and value.evidence is not None:
        return picture_of(value.evidence, background, side)
    if isinstance(value, Depth):
        return _depth(value, side)
    return None


def data_uri(picture: PIL.Image, quality: int = 84) -> str:
    """Return a picture as a JPEG data URI."""
    stream = io.BytesIO()
    picture.convert("RGB").save(stream, format="JPEG", quality=quality)
    return "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode("ascii")


def background_of(step: Step, plan: Plan, values: Mapping[str, Result], value: Value) -> Image | None:
    """Return the picture that a step looked at: the nearest image above it that fits the value's size."""
    size = value.size_wh if isinstance(value, Mask) else None
    steps = {other.id: other for other in (*plan.steps, *plan.checked_steps())}
    queue, seen = [name for _, name in step.references], set[str]()
    for name in queue:
        if name in seen:
            continue
        seen.add(name)
        found = values.get(name)
        for item in items_of(found):
            if isinstance(item, Image) and size in (None, item.size_wh):
                return item
        if name in steps:
            queue.extend(other for _, other in steps[name].references)
    return None


def items_of(value: Result | None) -> list[Value]:
    """Return the values of a result: those of a list, one, or none."""
    return [] if value is None else [value] if isinstance(value, Value) else list(value)


def _enlarged(picture: PIL.Image, side: int) -> PIL.Image:
    """Return the picture as often its size as fits, if it is small."""
    times = min(side, _SMALL) // max(picture.size)
    size = picture.width * times, picture.height * times
    return picture.resize(size, PIL.Resampling.NEAREST) if times > 1 else picture


def _on_checkers(picture: PIL.Image) -> PIL.Image:
    """Lay transparency on a checkerboard."""
    if picture.mode != "RGBA":
        return picture
    rows, columns = np.indices((picture.height, picture.width)) // 12
    board = np.where((rows + columns) % 2, 255, 226).astype(np.uint8)
    return PIL.alpha_composite(PIL.fromarray(board).convert("RGBA"), picture).convert("RGB")


def _mask(mask: Mask, background: Image | None, side: int) -> PIL.Image:
    selected = _enlarged(mask.thumbnail(side), side)
    if background is None or background.size_wh != mask.size_wh:
        return selected.convert("RGB")
    base = _on_checkers(_enlarged(background.thumbnail(side), side)).resize(selected.size)
    rgb = np.asarray(base, np.float32)  # (H, W, 3)
    weight = np.asarray(selected, np.float32)[..., None] / 255  # (H, W, 1)
    gray = rgb.mean(axis=2, keepdims=True) * 0.45 + 25
    mixed: Array = weight * (0.62 * rgb + 0.38 * _TINT) + (1 - weight) * gray
    return PIL.fromarray(mixed.astype(np.uint8))


def _boxes(background: Image, xyxy: Array, labels: Sequence[str], scores: Array | None, side: int) -> PIL.Image:
    picture = _on_checkers(_enlarged(background.thumbnail(side), side)).convert("RGB")
    scale = np.array([picture.width / background.size_wh[0], picture.height / background.size_wh[1]] * 2)
    draw = ImageDraw.Draw(picture)
    line = max(2, round(min(picture.size) / 120))
    colors = {label: _color(i) for i, label in enumerate(dict.fromkeys(labels))}
    crowded = len(colors) > 8
    if crowded:  # words that were read: each is its own label
        colors = dict.fromkeys(colors, _color(0))
    font = ImageFont.load_default(size=max(11 if crowded else 18, min(picture.size) / 36))
    for i, (box, label) in enumerate(zip(xyxy * scale, labels, strict=True)):
        x0, y0, x1, y1 = map(float, box)
        draw.rectangle((x0, y0, max(x0, x1 - 1), max(y0, y1 - 1)), outline=colors[label], width=line)
        words = label if scores is None else f"{label} {float(scores[i]):.2f}"
        if min(picture.size) >= _LEGIBLE:
            _tag(draw, picture, (x0, y0), words[:60], colors[label], font)
    return picture


def _tag(
    draw: ImageDraw.ImageDraw,
    picture: PIL.Image,
    corner: tuple[float, float],
    words: str,
    color: tuple[int, int, int],
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
) -> None:
    left, top, right, bottom = draw.textbbox((0, 0), words, font=font)
    width, height = right - left + 8, bottom - top + 6
    x = min(max(corner[0], 0), max(picture.width - width, 0))
    y = corner[1] - height if corner[1] >= height else max(corner[1], 0)
    draw.rectangle((x, y, x + width, y + height), fill=color)
    draw.text((x + 4 - left, y + 3 - top), words, font=font, fill="white")


def _color(index: int) -> tuple[int, int, int]:
    """Return one of a row of colors that are easy to tell apart and dark enough for white words."""
    red, green, blue = colorsys.hsv_to_rgb((0.045 + index * 0.381966) % 1, 0.8, 0.78)
    return round(red * 255), round(green * 255), round(blue * 255)


def _depth(depth: Depth, side: int) -> PIL.Image:
    metres = np.nan_to_num(depth.metres)  # a hole in the map is drawn as near
    near, far = float(metres.min()), float(metres.max())
    scaled = 255 - (metres - near) / max(far - near, 1e-6) * 255
    picture = PIL.fromarray(scaled.astype(np.uint8)).convert("RGB")
    picture.thumbnail((side, side))
    return picture
