"""What stands at every cell of an 8×8 grid: a lesson that image encoders learn fast."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..values.base import Array
from .render import Picture
from .scenes import COLORS, MOST, SHAPES, Scene

CELLS = 8
_LEAST = 0.15
"""Share of a cell that an object must cover to be what is there."""
_NOTHING = 0.15
"""Weight of an empty cell: most cells are."""
_SINGLE = 0.3
"""Weight of a cell whose object is the only one of its kind: most are."""


def classes() -> int:
    """Return how many numbers name shape and color, each with one for nothing."""
    return len(SHAPES) + len(COLORS) + 2


def dense_loss(logits: Any, pictures: Sequence[Picture], scenes: Sequence[Scene], kept: Any = None) -> Any:
    """Return how badly shape and color are named at every cell, from logits (B, 64, `classes()`).

    With `kept` (B, n), the cells that the logits (B, n, `classes()`) are about.
    """
    import torch
    from torch.nn.functional import cross_entropy

    truth = [cell_labels(scene, picture) for scene, picture in zip(scenes, pictures, strict=True)]
    shapes, colors = (torch.from_numpy(np.stack(part)) for part in zip(*truth, strict=True))
    if kept is not None:
        shapes, colors = shapes.gather(1, kept), colors.gather(1, kept)
    weights = torch.ones(max(len(SHAPES), len(COLORS)) + 1)
    weights[0] = _NOTHING
    cut = len(SHAPES) + 1
    flat = logits.float().flatten(0, 1)
    by_shape = cross_entropy(flat[:, :cut], shapes.flatten(), weights[:cut])
    return by_shape + cross_entropy(flat[:, cut:], colors.flatten(), weights[: len(COLORS) + 1])


def amounts() -> int:
    """Return how many numbers say how many objects of its kind there are, and whether a middle is here."""
    return MOST + 1


def amount_loss(logits: Any, pictures: Sequence[Picture], scenes: Sequence[Scene]) -> Any:
    """Return how badly every cell tells middles of objects, and of its own object how many of its kind there are.

    logits: (B, 64, `amounts()`). What is counted in a caption or an answer is then there to be read.
    """
    import torch
    from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

    middles, counts = (
        torch.from_numpy(np.stack(part))
        for part in zip(*(cell_amounts(*pair) for pair in zip(scenes, pictures, strict=True)), strict=True)
    )
    found = logits.float()
    by_middle = binary_cross_entropy_with_logits(found[..., 0], middles, pos_weight=torch.tensor(1 / _NOTHING))
    weights = torch.ones(MOST)
    weights[0] = _SINGLE
    return by_middle + cross_entropy(found[..., 1:].flatten(0, 1), counts.flatten(), weights, ignore_index=-1)


def busy_cells(pictures: Sequence[Picture], count: int, dice: np.random.Generator) -> Any:
    """Return int64 (B, count): cells in which there is something, and others at random where those are fewer."""
    import torch

    size = pictures[0].masks.shape[1] // CELLS
    seen = np.stack(
        [picture.masks.any(axis=0).reshape(CELLS, size, CELLS, size).any(axis=(1, 3)) for picture in pictures]
    )
    order = seen.reshape(len(pictures), -1) + dice.random((len(pictures), CELLS * CELLS))
    return torch.from_numpy(np.argsort(-order, axis=1)[:, :count])


def cell_labels(scene: Scene, picture: Picture) -> tuple[Array, Array]:
    """Return int64 (64,) twice: the shape and the color, counted from 1, that cover most of a cell; 0 is none.

    What is no shape of the family has a color, and none of the shapes.
    """
    owner = owners(picture, CELLS) + 1
    numbers = {shape: number for number, shape in enumerate(SHAPES, 1)}
    shapes = np.array([0, *(numbers.get(thing.shape, 0) for thing in scene.things)])
    colors = np.array([0, *(list(COLORS).index(thing.color) + 1 for thing in scene.things)])
    return shapes[owner], colors[owner]


def cell_amounts(scene: Scene, picture: Picture) -> tuple[Array, Array]:
    """Return float32 (64,), 1 where the middle of an object is, and int64 (64,), one less than how many; -1 is none."""
    middles = np.zeros((CELLS, CELLS), np.float32)
    x, y = (np.array([thing.center for thing in scene.things]) * CELLS).astype(int).T
    middles[y, x] = 1
    many = [len(scene.matching(thing.shape, thing.color)) for thing in scene.things]
    return middles.flatten(), np.array([*(min(number, MOST) - 1 for number in many), -1])[owners(picture, CELLS)]


def owners(picture: Picture, cells: int) -> Array:
    """Return int64 (cells²,): the object that covers most of a cell, if it covers enough; -1 is none."""
    size = picture.masks.shape[1] // cells
    cover = picture.masks.reshape(-1, cells, size, cells, size).mean(axis=(2, 4)).reshape(-1, cells * cells)
    return np.where(cover.max(axis=0) > _LEAST, cover.argmax(axis=0), -1)
