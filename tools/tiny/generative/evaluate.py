"""Judges the generative checkpoints on the fixed test split, through the adapters that users get."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import count, islice
from typing import Any

import numpy as np

from ...classifiers.diffusion_classifier import DiffusionClassifier
from ...model import Detector, Generator, Inpainter, InstructEditor
from ...profiles import Binding, load_profile
from ...values import Detections, Image, Mask
from ...values.base import Array
from ..evaluate import RESULTS, write_goals
from ..geneval import Task, colors_of, judge, task_of, tasks
from ..render import render
from ..scenes import COLORS, KINDS, SHAPES, Group, Kind, Scene, Thing
from ..sentences import phrase
from ..shape_finder import find_shapes
from ..training import CHECKPOINTS
from .card import write_card
from .courses import COURSES, followed
from .denoiser import PIXELS
from .holes import Hole, draw_hole
from .layouts import calm_scene
from .turns import draw_turn

Look = Callable[[Image, Sequence[str]], Detections]
"""Finds shapes in an image: boxes whose labels are names of shapes."""

GOALS = {
    "GenEval overall": 0.55,
    "inpainting, the object appears": 0.80,
    "inpainting, pixels kept outside the mask": 1.0,
    "diffusion classifier, color of ten": 0.85,
    "diffusion classifier, shape of ten": 0.85,
    "diffusion classifier, same answers when pruned": 0.98,
}
STAGES, UNPRUNED = ((4, 3), (16, 2), (40, 1)), ((64, 1),)
"""Of the diffusion classifier: 124 evaluations for ten labels, where without pruning it takes 640."""
PER_KIND = 34
"""Prompts of each GenEval task."""
_SIZE = (PIXELS, PIXELS)
_AT_ONCE = 17


def evaluate(names: Sequence[str]) -> None:
    """Measure generative checkpoints as profile `tiny` binds them; write figures, results and cards.

    Pictures are judged by rule, since a rule shares no mistake with a trained model, and by the tiny detector as well;
    beside both stands how often they judge rendered truth right. A checkpoint that is not bound is left out.
    """
    profile = load_profile("tiny").bindings
    figures: dict[str, dict[str, float]] = {}
    if "t2i" in names and "generator" in profile:
        looks = {"": by_rule, ", seen by the tiny detector": by_detector(_loaded(profile["detector"]))}
        asked = tasks(PER_KIND)
        pictures = drawn(_loaded(profile["generator"]), [task.prompt for task in asked])
        true_tasks, truth = rendered_truth()
        found: dict[str, float] = {}
        for by, look in looks.items():
            found |= judged("GenEval {}" + by, asked, pictures, look)
            found |= judged("rendered truth judged right, {}" + by, true_tasks, truth, look)
        figures["t2i"] = found | classification(profile["generator"])
    if "inpaint" in names and "inpainter" in profile:
        figures["inpaint"] = inpainting(_loaded(profile["inpainter"]))
    if "instruct" in names and "instruct_editor" in profile:
        figures["instruct"] = instructing(_loaded(profile["instruct_editor"]))
    for name, found in figures.items():
        print("\n".join(f"{what}: {value:.3f}" for what, value in found.items()), flush=True)
        write_goals(RESULTS, found, GOALS)
        write_card(CHECKPOINTS / name, COURSES[name].__doc__ or "", found)


def by_rule(image: Image, shapes: Sequence[str]) -> Detections:
    """Look by the rules of `shape_finder`, which share nothing with any trained model."""
    seen = find_shapes(image)
    return seen.subset([place for place, label in enumerate(seen.labels) if label in shapes])


def by_detector(detector: Detector) -> Look:
    """Look by a detector, one phrase for each shape."""

    def look(image: Image, shapes: Sequence[str]) -> Detections:
        found = detector.detect_many([image] * len(shapes), list(shapes))
        labels = [shape for shape, seen in zip(shapes, found, strict=True) for _ in seen.labels]
        boxes, scores = np.concatenate([s.xyxy for s in found]), np.concatenate([s.scores for s in found])
        return Detections(boxes, tuple(labels), scores)

    return look


def right(task: Task, image: Image, look: Look) -> bool:
    """Say whether an image fulfils a task."""
    seen = look(image, task.shapes)
    return judge(task, seen, colors_of(image, seen)).right


def judged(name: str, asked: Sequence[Task], pictures: Sequence[Image], look: Look) -> dict[str, float]:
    """Return the share of right pictures of each kind of task, and the mean of the shares, named by `name`."""
    verdicts = [right(task, picture, look) for task, picture in zip(asked, pictures, strict=True)]
    shares: dict[str, float] = {}
    for kind in dict.fromkeys(task.kind for task in asked):
        own = [verdict for task, verdict in zip(asked, verdicts, strict=True) if task.kind == kind]
        shares[kind] = float(np.mean(own))
    shares["overall"] = float(np.mean(list(shares.values())))
    return {name.format(kind.replace("_", " ")): share for kind, share in shares.items()}


def rendered_truth() -> tuple[list[Task], list[Image]]:
    """Return tasks of the test split with a calm picture that is right: what a perfect model would draw."""
    scenes = [scene for kind in KINDS[:6] for scene in islice(_distinct(kind), PER_KIND)]
    return [task_of(scene) for scene in scenes], [render(scene).image for scene in scenes]


def _distinct(kind: Kind) -> Iterator[Scene]:
    """Give calm scenes of the test split whose groups differ in shape, as those of tasks do."""
    scenes = (calm_scene(seed, split="test", kind=kind) for seed in count())
    return (scene for scene in scenes if len({group.shape for group in scene.groups}) == len(scene.groups))


def drawn(generator: Generator, prompts: Sequence[str]) -> list[Image]:
    """Return a picture for each prompt, with its number as seed."""
    calls = [
        {"prompt": p, "negative_prompt": "", "size_wh": _SIZE, "steps": None, "guidance_scale": None, "seed": seed}
        for seed, p in enumerate(prompts)
    ]
    parts = [calls[start : start + _AT_ONCE] for start in range(0, len(calls), _AT_ONCE)]
    return [image for part in parts for image in generator.generate_many(part)]  # type: ignore[arg-type]


def inpainting(inpainter: Inpainter, many: int = 100) -> dict[str, float]:
    """Return how often the object asked for appears in its hole, and the share of pixels kept outside.

    The mask is the box of what stood there, as the tool `region` gives it, where the object has room. In its outline,
    as `segment` gives it, a star that takes the place of a cross has none: beside that figure stands how often the
    rendered truth, cut to the same outline, is seen to be right.
    """
    holes = held_out_holes(many)
    outlines = [hole.mask for hole in holes]
    appeared, kept = _filled(inpainter, holes, [box_of(outline) for outline in outlines])
    cut = [np.where(hole.mask[..., None], render(hole.scene).rgb, emptied(hole).rgb) for hole in holes]
    return {
        "inpainting, the object appears": appeared,
        "inpainting, pixels kept outside the mask": kept,
        "inpainting in the old outline, the object appears": _filled(inpainter, holes, outlines)[0],
        "rendered truth in the old outline, the object appears": float(
            np.mean([appears(Image(rgb), hole) for rgb, hole in zip(cut, holes, strict=True)])
        ),
    }


def _filled(inpainter: Inpainter, holes: Sequence[Hole], masks: Sequence[Array]) -> tuple[float, float]:
    """Return how often the object asked for appears in its mask bool (64, 64), and the share of pixels kept outside."""
    appeared = touched = 0
    for seed, (hole, mask) in enumerate(zip(holes, masks, strict=True)):
        assert hole.wanted is not None
        before, request = emptied(hole), phrase(Group(1, hole.wanted.color, hole.wanted.shape))
        after = inpainter.inpaint(
            before, Mask(mask), request, negative_prompt="", steps=None, guidance_scale=None, seed=seed
        )
        appeared += appears(after, hole)
        touched += int((after.rgb != before.rgb).any(axis=-1)[~mask].sum())
    return appeared / len(holes), 1 - touched / (len(holes) * PIXELS**2)


def emptied(hole: Hole) -> Image:
    return render(replace(hole.scene, things=hole.scene.things[:-1])).image


def appears(image: Image, hole: Hole) -> bool:
    """Look by rule, which takes a smooth background: those of the holes are made smooth."""
    assert hole.wanted is not None
    seen = by_rule(image, [hole.wanted.shape])
    named = zip(seen.xyxy, colors_of(image, seen), strict=True)
    return any(color == hole.wanted.color and _inside(xyxy, hole) for xyxy, color in named)


def held_out_holes(many: int) -> list[Hole]:
    """Return holes of the test split in which something is wanted, on plain backgrounds."""
    holes = (draw_hole(seed, split="test") for seed in count())
    return [_plain(hole) for hole in islice((hole for hole in holes if hole.wanted is not None), many)]


def _plain(hole: Hole) -> Hole:
    background = replace(hole.scene.background, texture="plain")
    return replace(hole, scene=replace(hole.scene, background=background))


def instructing(editor: InstructEditor, many: int = 100) -> dict[str, float]:
    """Return how often an edit shows what the instruction leaves, every object in its shape and color, and no more."""
    turns = [draw_turn(seed, split="test") for seed in range(many)]
    pictures = [
        editor.edit(render(turn.before).image, turn.instruction, steps=None, guidance_scale=None, seed=seed)
        for seed, turn in enumerate(turns)
    ]
    truth = [render(turn.after).image for turn in turns]
    return {
        "instructions followed": float(np.mean(list(map(followed, turns, pictures)))),
        "rendered truth judged right, instructions": float(np.mean(list(map(followed, turns, truth)))),
    }


def classification(generator: Binding, many: int = 25) -> dict[str, float]:
    """Return how often a generator's own error names the right one of ten colors, and of ten shapes.

    The same is asked without pruning: how often both agree, and how many fewer evaluations pruning takes.
    """
    quick = DiffusionClassifier.load(generator.source, stages=STAGES)
    whole = DiffusionClassifier.load(generator.source, stages=UNPRUNED)
    hits: dict[str, list[bool]] = {"color": [], "shape": []}
    same = []
    for seed in range(many):
        scene = calm_scene(seed, split="test", kind="colors")
        thing, image = scene.things[0], render(scene).image
        for kind, labels in _choices(thing).items():
            answers = [labels[int(model.gains(image, labels).argmax())] for model in (quick, whole)]
            hits[kind].append(answers[0] == thing.name)
            same.append(answers[0] == answers[1])
    named = {f"diffusion classifier, {kind} of ten": float(np.mean(found)) for kind, found in hits.items()}
    return {**named, "diffusion classifier, same answers when pruned": float(np.mean(same))}


def _choices(thing: Thing) -> dict[str, list[str]]:
    """Return ten names that differ from the thing's own in color, and ten in shape, its own among them."""
    others = [shape for shape in SHAPES if shape != thing.shape][:9]
    return {
        "color": [f"{color} {thing.shape}" for color in COLORS],
        "shape": [f"{thing.color} {shape}" for shape in (thing.shape, *others)],
    }


def _loaded(binding: Binding) -> Any:
    return binding.model.load(binding.source, **binding.options)


def _inside(xyxy: Array, hole: Hole) -> bool:
    x, y = ((xyxy[:2] + xyxy[2:]) / 2).astype(int).clip(0, PIXELS - 1)
    return bool(box_of(hole.mask)[y, x])


def box_of(mask: Array) -> Array:
    """Return bool (H, W): the tight box of a mask."""
    return np.logical_and.outer(mask.any(axis=1), mask.any(axis=0))
