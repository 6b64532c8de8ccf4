"""GenEval for rendered scenes: prompts with what must be seen, and a judge that says right or wrong and why.

The six tasks and their rules are those of GenEval (Ghosh et al., NeurIPS 2023, arXiv 2310.11513), told about shapes
instead of COCO classes: enough objects of every kind asked for, no more of them where counting is the task, the color
asked for on those seen best, and the relation between middles that are clearly apart. Compound prompts are ours: every
clause must hold, counts exactly.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count, islice

import numpy as np

from ..colors import rgb_to_lab
from ..detectors.places import Side, relations
from ..values import Detections, Image
from ..values.base import Array
from .scenes import COLORS, KINDS, Group, Kind, Scene, Split, draw_scene
from .sentences import plural, prompt

_RING = 2
"""Pixels around a box that are taken for its background."""
_FOREIGN = 18.0
"""CIELAB distance from the background at which a pixel belongs to the object."""


@dataclass(frozen=True)
class Task:
    """A prompt and what a picture of it must show."""

    kind: Kind
    prompt: str
    groups: tuple[Group, ...]
    """Shapes and counts; colors count only where `colored`."""
    side: Side | None = None
    """Where the first group stands, as seen from the second."""

    @property
    def colored(self) -> bool:
        """Whether the prompt says colors."""
        return self.kind in ("colors", "color_attribution", "compound")

    @property
    def exact(self) -> bool:
        """Whether more objects than asked for are wrong."""
        return self.kind in ("counting", "compound")

    @property
    def shapes(self) -> tuple[str, ...]:
        """What has to be looked for, each once."""
        return tuple(dict.fromkeys(group.shape for group in self.groups))


@dataclass(frozen=True)
class Ruling:
    """Whether a picture is right, and the first thing that is not."""

    right: bool
    reason: str = ""


def tasks(per_kind: int, kinds: Sequence[Kind] = KINDS[:6], *, split: Split = "test", start: int = 0) -> list[Task]:
    """Return the tasks of a split from seed `start` on, `per_kind` of each kind; groups of a task differ in shape."""
    return [task for kind in kinds for task in islice(_tasks(kind, split, start), per_kind)]


def task_of(scene: Scene) -> Task:
    """Return the task that this scene is one right answer to."""
    return Task(scene.kind, prompt(scene), scene.groups, scene.side)


def judge(task: Task, seen: Detections, colors: Sequence[str]) -> Ruling:
    """Say whether what was seen fulfils the task, with the first reason why not.

    `seen` holds shapes as labels, plain ('circle'); `colors` names one color for each, in the same order. Raises
    ValueError when there are not as many colors as boxes.
    """
    if len(colors) != len(seen):
        raise ValueError(f"{len(seen)} boxes and {len(colors)} colors; give one color for each box")
    chosen = []
    for group in task.groups:
        places = [i for i, label in enumerate(seen.labels) if label == group.shape]
        reason = _count_wrong(task, group, len(places)) or _color_wrong(task, group, places, colors)
        if reason:
            return Ruling(False, reason)
        own = [i for i in places if colors[i] == group.color] if task.colored else places
        chosen.append(own[: group.count])
    if task.side is not None:
        return _related(task, seen.xyxy[chosen[0]], seen.xyxy[chosen[1]], task.side)
    return Ruling(True)


def colors_of(image: Image, seen: Detections) -> list[str]:
    """Return the GenEval color nearest to each object: to its mask's pixels, or to those unlike its surroundings."""
    lab = rgb_to_lab(image.rgb)
    names, anchors = list(COLORS), rgb_to_lab(np.array(list(COLORS.values())))
    found = []
    for place, box in enumerate(seen.xyxy):
        pixels = lab[seen.masks[place]] if seen.masks is not None else _object_pixels(lab, box)
        middle = np.median(pixels, axis=0) if len(pixels) else lab.reshape(-1, 3).mean(axis=0)
        found.append(names[int(np.square(anchors - middle).sum(axis=1).argmin())])
    return found


def _tasks(kind: Kind, split: Split, start: int) -> Iterator[Task]:
    for seed in count(start):
        scene = draw_scene(seed, split=split, kind=kind)
        if len({group.shape for group in scene.groups}) == len(scene.groups):
            yield task_of(scene)


def _count_wrong(task: Task, group: Group, seen: int) -> str:
    if seen < group.count or (task.exact and seen > group.count):
        wanted = f"{group.count}" if task.exact else f"at least {group.count}"
        return f"{wanted} of {plural(group.shape)!r} asked for, {seen} seen"
    return ""


def _color_wrong(task: Task, group: Group, places: Sequence[int], colors: Sequence[str]) -> str:
    """Judge the color of those seen best, as many as were asked for."""
    best = [colors[i] for i in places[: group.count]]
    if not task.colored or all(color == group.color for color in best):
        return ""
    return f"{group.shape!r} is to be {group.color}, and is {' and '.join(best)}"


def _related(task: Task, ones: Array, others: Array, side: Side) -> Ruling:
    for one in ones:
        for other in others:
            seen = relations(one, other)
            if side not in seen:
                told = " and ".join(sorted(seen)) or "not clearly beside"
                first, second = task.groups[0].shape, task.groups[1].shape
                return Ruling(False, f"{first!r} is to be {side} {second!r}, and is {told} it")
    return Ruling(True)


def _object_pixels(lab: Array, box: Array) -> Array:
    """Return the pixels (P, 3) in a box that are unlike the ring around it; all when none are."""
    height, width = lab.shape[:2]
    x0, y0 = np.floor(box[:2]).astype(int).clip(0, (width - 1, height - 1))
    x1, y1 = np.ceil(box[2:]).astype(int).clip((x0 + 1, y0 + 1), (width, height))
    inside = np.zeros((height, width), np.bool_)
    inside[y0:y1, x0:x1] = True
    around = np.zeros_like(inside)
    around[max(0, y0 - _RING) : y1 + _RING, max(0, x0 - _RING) : x1 + _RING] = True
    ring = lab[around & ~inside]
    pixels = lab[inside]
    if not len(ring):
        return pixels
    foreign = pixels[np.linalg.norm(pixels - np.median(ring, axis=0), axis=1) > _FOREIGN]
    return foreign if len(foreign) else pixels
