"""Editors that draw, write, and put images together."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from PIL import Image as PIL
from PIL import ImageDraw
from pydantic import Field

from ..colors import LUMA, parse_color
from ..errors import ToolError
from ..parameters import Color, Percent, Position
from ..tool import tool
from ..values import Detections, Image, Mask
from ..values.base import Array
from .compose import same_size
from .fonts import fitted, font_for, text_size
from .layout import blend as mix
from .layout import covering, placed, stacked
from .stickers import draw_sticker

Sticker = Literal["smile", "laugh", "wink", "tongue", "sunglasses", "heart", "star", "black bar"]

_ROWS = 256
"""Rows mixed at once, so that the float copies of a large photo stay small."""
_STROKE = 0.06
"""Width of the outline of letters, as a share of their size."""


@tool(family="editor")
def draw_boxes(image: Image, boxes: Detections, color: Color = "red", labels: bool = False) -> Image:
    """Draw a rectangle around each box, with its label where asked."""
    picture = image.to_pil()
    pen = ImageDraw.Draw(picture)
    paint = parse_color(color)
    line = _line_width(image)
    for x0, y0, x1, y1 in boxes.xyxy.tolist():
        corners = (round(x0), round(y0), max(round(x0), round(x1) - 1), max(round(y0), round(y1) - 1))
        pen.rectangle(corners, outline=paint, width=line)
    if labels:
        for label, (x0, y0, _, y1) in zip(boxes.labels, boxes.xyxy.tolist(), strict=True):
            _plate(pen, label, x0, y0, y1, paint, image)
    return Image(np.asarray(picture))


@tool(family="editor", mask_use="traces")
def outline(image: Image, mask: Mask, color: Color = "red") -> Image:
    """Draw a line around the selected shape."""
    import cv2

    same_size(image, mask)
    line = _line_width(image)
    wide = np.pad(mask.selected.astype(np.uint8), line + 1)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * line + 1, 2 * line + 1))
    ring = cv2.dilate(wide, kernel) - wide
    weight = cv2.GaussianBlur(ring.astype(np.float32), (0, 0), 0.6)[line + 1 : -line - 1, line + 1 : -line - 1]
    pixels = np.array(image.pixels)
    for y in range(0, len(pixels), _ROWS):
        strip = pixels[y : y + _ROWS]
        rgb = np.broadcast_to(np.array(parse_color(color), np.uint8), (*strip.shape[:2], 3))
        mix(strip, (0, 0, strip.shape[1], strip.shape[0]), rgb, weight[y : y + _ROWS])
    return Image(pixels)


@tool(family="editor", hides="obscures")
def sticker(image: Image, boxes: Detections, kind: Sticker) -> Image:
    """Put an emoji or a black bar over each box."""
    pixels = np.array(image.pixels)
    for x0, y0, x1, y1 in boxes.xyxy.tolist():
        width, height = x1 - x0, y1 - y0
        if kind == "black bar":  # over the eyes: they lie between a fifth and a half of a face's height
            bar = np.zeros((max(1, round(height * 0.26)), max(1, round(width * 1.04)), 4), np.uint8)
            bar[..., 3] = 255
            _stamp(pixels, bar, round(x0 - width * 0.02), round(y0 + height * 0.22))
        else:
            side = max(1, round(max(width, height) * 1.12))
            picture = np.asarray(draw_sticker(kind, side))
            _stamp(pixels, picture, round((x0 + x1 - side) / 2), round((y0 + y1 - side) / 2))
    return Image(pixels)


@tool(family="editor")
def write(
    image: Image,
    text: Annotated[str, Field(min_length=1, max_length=500)],
    position: Position = "bottom",
    color: Color = "white",
    size: Annotated[float, Field(gt=0, le=50, description="percent of the height")] = 6.0,
) -> Image:
    """Write words on the image."""
    width, height = image.size_wh
    margin = 0.03 * min(width, height)
    room = max(1.0, width - 2 * margin), max(1.0, height - 2 * margin)
    broken, font = fitted(text, size / 100 * height, room, _STROKE)
    stroke = max(1, round(font.size * _STROKE))
    x, y = placed(image.size_wh, text_size(broken, font, stroke), position, margin)
    align = "left" if "left" in position else "right" if "right" in position else "center"
    picture = image.to_pil()
    pen = ImageDraw.Draw(picture)
    spacing = font.size * 0.2
    left, top, _, _ = pen.multiline_textbbox((0, 0), broken, font, spacing=spacing, align=align, stroke_width=stroke)
    pen.multiline_text(
        (x - left, y - top),
        broken,
        parse_color(color),
        font,
        spacing=spacing,
        align=align,
        stroke_width=stroke,
        stroke_fill=_contrast(parse_color(color)),
    )
    return Image(np.asarray(picture))


@tool(family="editor", mask_use="takes")
def paste(
    image: Image,
    patch: Image,
    mask: Mask | None = None,
    position: Position = "center",
    scale: Percent = 33.0,
    blend: Literal["plain", "seamless"] = "plain",
) -> Image:
    """Put another image, or the masked part of it, onto this one; `scale` in percent of the image's width."""
    piece = _piece(patch, mask)
    width, height = image.size_wh
    factor = scale / 100 * width / piece.width
    factor = min(factor, height / piece.height)  # a tall patch must not stick out
    size = max(1, round(piece.width * factor)), max(1, round(piece.height * factor))
    stamp = np.asarray(piece.resize(size, PIL.Resampling.LANCZOS))
    margin = 0.0 if max(size[0] / width, size[1] / height) > 0.95 else 0.02 * min(width, height)
    x, y = placed(image.size_wh, size, position, margin)
    pixels = np.array(image.pixels)
    if blend == "seamless" and min(size) >= 8:
        _clone(pixels, stamp, x, y)
    else:
        _stamp(pixels, stamp, x, y)
    return Image(pixels)


@tool(family="editor", mask_use="keeps")
def composite(image: Image, mask: Mask, background: Image) -> Image:
    """Keep the selected pixels and put another image behind them."""
    import cv2

    same_size(image, mask)
    behind = covering(background, image.size_wh)
    edge = cv2.GaussianBlur(mask.selected.astype(np.uint8) * 255, (0, 0), 0.8, borderType=cv2.BORDER_REPLICATE)
    # Inwards only: from the middle of the blurred edge (127) to full, so that no pixel of the old background returns.
    table = ((np.arange(256, dtype=np.float32) - 127) / 120).clip(0, 1)
    pixels = np.array(behind.pixels)
    for y in range(0, len(pixels), _ROWS):
        rows = np.s_[y : y + _ROWS]
        weight = table[edge[rows]] * mask.selected[rows]
        if image.alpha is not None:
            weight = weight * (image.alpha[rows] / np.float32(255))
        strip = pixels[rows]
        mix(strip, (0, 0, strip.shape[1], strip.shape[0]), image.rgb[rows], weight)
    return Image(pixels)


@tool(family="editor", reshapes=True)
def collage(images: list[Image], layout: Literal["row", "column", "grid"] = "row") -> Image:
    """Put several images side by side, below each other, or in a grid."""
    if not images:
        raise ToolError("collage got no images", hint="give at least one image")
    size, boxes = stacked([image.size_wh for image in images], layout)
    canvas = PIL.new("RGB", size, (255, 255, 255))
    for image, (x0, y0, x1, y1) in zip(images, boxes, strict=True):
        picture = image.to_pil()
        if picture.size != (x1 - x0, y1 - y0):
            picture = picture.resize((x1 - x0, y1 - y0), PIL.Resampling.LANCZOS)
        canvas.paste(picture, (x0, y0), picture if picture.mode == "RGBA" else None)
    return Image(np.asarray(canvas))


def _line_width(image: Image) -> int:
    return max(2, round(min(image.size_wh) / 200))


def _contrast(rgb: tuple[int, int, int]) -> tuple[int, int, int]:
    """Return black or white, whichever reads better on or around `rgb`."""
    return (0, 0, 0) if LUMA @ np.array(rgb) > 140 else (255, 255, 255)


def _plate(
    pen: ImageDraw.ImageDraw, label: str, x: float, top: float, bottom: float, paint: tuple[int, int, int], image: Image
) -> None:
    """Write a label on a plate of the box's color: above the box, or below or inside it where there is no room."""
    width, height = image.size_wh
    size = max(11.0, min(width, height) / 32)
    pad = size * 0.25
    font = font_for(label or " ", size)
    w, h = font.getlength(label) + 2 * pad, size * 1.25
    x = min(max(x, 0), max(0, width - w))
    y = top - h if top >= h else bottom if bottom + h <= height else top
    pen.rectangle((round(x), round(y), round(x + w), round(y + h)), fill=paint)
    pen.text((x + pad, y + h / 2), label, _contrast(paint), font, anchor="lm")


def _piece(patch: Image, mask: Mask | None) -> PIL.Image:
    """Return the masked part of `patch`, cut to its bounds, as RGBA. Raises ToolError when nothing is selected."""
    picture = patch.to_pil().convert("RGBA")
    if mask is None:
        return picture
    same_size(patch, mask)
    bounds = mask.bounds()
    if bounds is None:
        raise ToolError("the mask of the patch selects nothing", hint="ask for something that is in the patch")
    alpha = np.asarray(picture.getchannel("A"))
    picture.putalpha(PIL.fromarray(np.where(mask.selected, alpha, 0).astype(np.uint8)))
    return picture.crop(bounds)


def _stamp(pixels: Array, stamp: Array, x: int, y: int) -> None:
    """Lay RGBA uint8 (h, w, 4) onto (H, W, C) with its corner at (x, y), in place; what sticks out is cut."""
    height, width = pixels.shape[:2]
    x0, y0, x1, y1 = max(x, 0), max(y, 0), min(x + stamp.shape[1], width), min(y + stamp.shape[0], height)
    if x0 < x1 and y0 < y1:
        part = stamp[y0 - y : y1 - y, x0 - x : x1 - x]
        mix(pixels, (x0, y0, x1, y1), part[..., :3], part[..., 3] / np.float32(255))


def _clone(pixels: Array, stamp: Array, x: int, y: int) -> None:
    """Blend RGBA (h, w, 4) into (H, W, C) at (x, y) by its gradients, in place (Perez et al., 2003)."""
    import cv2

    height, width = stamp.shape[:2]
    target = pixels[y : y + height, x : x + width]
    inside = (stamp[..., 3] > 127).astype(np.uint8) * 255
    inside[[0, -1]] = inside[:, [0, -1]] = 0  # the method needs a known rim
    if not inside.any():
        return
    x0, y0, w, h = cv2.boundingRect(inside)
    center = (x0 + w // 2, y0 + h // 2)
    rgb = np.ascontiguousarray(target[..., :3])
    chosen = inside > 0
    # OpenCV overwrites the mask that it is given.
    cloned = cv2.seamlessClone(np.ascontiguousarray(stamp[..., :3]), rgb, inside, center, cv2.NORMAL_CLONE)
    target[..., :3][chosen] = cloned[chosen]
