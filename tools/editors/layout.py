"""Placing and stacking pictures: plain geometry for the drawing editors."""

from __future__ import annotations

from math import ceil, sqrt

import numpy as np
from PIL import Image as PIL

from ..values import Image
from ..values.base import Array

Box = tuple[int, int, int, int]
"""Half-open x0, y0, x1, y1 in pixels."""

MAX_PIXELS = 64_000_000
"""Largest collage; a larger one is made smaller as a whole."""


def placed(size_wh: tuple[int, int], inner_wh: tuple[float, float], position: str, margin: float) -> tuple[int, int]:
    """Return the top left corner that puts an inner box at one of nine places, `margin` pixels from the edges."""
    (width, height), (w, h) = size_wh, inner_wh
    x = margin if "left" in position else width - w - margin if "right" in position else (width - w) / 2
    y = margin if "top" in position else height - h - margin if "bottom" in position else (height - h) / 2
    return round(x), round(y)


def covering(image: Image, size_wh: tuple[int, int]) -> Image:
    """Return `image` scaled to cover a size and cut to it around its center."""
    width, height = size_wh
    scale = max(width / image.size_wh[0], height / image.size_wh[1])
    scaled = max(width, round(image.size_wh[0] * scale)), max(height, round(image.size_wh[1] * scale))
    picture = image.to_pil()
    if scaled != image.size_wh:
        picture = picture.resize(scaled, PIL.Resampling.LANCZOS)
    left, top = (scaled[0] - width) // 2, (scaled[1] - height) // 2
    return Image(np.asarray(picture.crop((left, top, left + width, top + height))))


def stacked(sizes: list[tuple[int, int]], layout: str) -> tuple[tuple[int, int], list[Box]]:
    """Return the size of a collage and the box of each picture in it, with small gaps between and around.

    In a row all get one height, in a column one width, in a grid one cell (the largest picture keeps its
    resolution, the others are enlarged or fitted into it).
    """
    gap = max(2, round(min(min(size) for size in sizes) * 0.02)) if len(sizes) > 1 else 0
    if layout == "grid":
        size, boxes = _grid(sizes, gap)
    elif layout == "row":
        size, boxes = _row(sizes, gap)
    else:
        size, boxes = _row([(h, w) for w, h in sizes], gap)
        size, boxes = (size[1], size[0]), [(y0, x0, y1, x1) for x0, y0, x1, y1 in boxes]
    shrink = min(1.0, sqrt(MAX_PIXELS / (size[0] * size[1])))
    if shrink == 1:
        return size, boxes
    small = (max(1, int(size[0] * shrink)), max(1, int(size[1] * shrink)))
    return small, [_shrunk(box, shrink, small) for box in boxes]


def blend(pixels: Array, box: Box, rgb: Array, weight: Array) -> None:
    """Mix colors uint8 (h, w, 3) with `weight` float32 (h, w) in [0, 1] into `box` of uint8 (H, W, C), in place.

    The box must lie inside; alpha, where there is one, becomes at least as opaque as the weight.
    """
    x0, y0, x1, y1 = box
    target = pixels[y0:y1, x0:x1]
    share = weight[..., None]
    if pixels.shape[2] == 4:  # straight alpha: weigh both sides by how opaque they are
        below = target[..., 3:].astype(np.float32) / 255 * (1 - share)
        total = share + below
        share = np.divide(share, total, out=np.zeros_like(share), where=total > 0)
        target[..., 3] = np.rint(255 * total[..., 0]).clip(0, 255)
    mixed = target[..., :3] + (rgb.astype(np.float32) - target[..., :3]) * share
    target[..., :3] = np.rint(mixed).clip(0, 255)


def _row(sizes: list[tuple[int, int]], gap: int) -> tuple[tuple[int, int], list[Box]]:
    height = max(h for _, h in sizes)
    x, boxes = gap, list[Box]()
    for w, h in sizes:
        width = max(1, round(w * height / h))
        boxes.append((x, gap, x + width, gap + height))
        x += width + gap
    return (x, height + 2 * gap), boxes


def _grid(sizes: list[tuple[int, int]], gap: int) -> tuple[tuple[int, int], list[Box]]:
    columns = ceil(sqrt(len(sizes)))
    rows = ceil(len(sizes) / columns)
    cell_w, cell_h = max(w for w, _ in sizes), max(h for _, h in sizes)
    boxes = list[Box]()
    for i, (w, h) in enumerate(sizes):
        scale = min(cell_w / w, cell_h / h)
        width, height = max(1, round(w * scale)), max(1, round(h * scale))
        in_last = len(sizes) - (rows - 1) * columns if i // columns == rows - 1 else columns
        indent = (columns - in_last) * (cell_w + gap) / 2  # a short last row stands in the middle
        left = gap + (i % columns) * (cell_w + gap) + round(indent) + (cell_w - width) // 2
        top = gap + (i // columns) * (cell_h + gap) + (cell_h - height) // 2
        boxes.append((left, top, left + width, top + height))
    return (columns * (cell_w + gap) + gap, rows * (cell_h + gap) + gap), boxes


def _shrunk(box: Box, scale: float, size_wh: tuple[int, int]) -> Box:
    x0, y0, x1, y1 = (int(value * scale) for value in box)
    return min(x0, size_wh[0] - 1), min(y0, size_wh[1] - 1), max(x1, x0 + 1), max(y1, y0 + 1)
