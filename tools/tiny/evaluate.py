"""Judges the checkpoints on the fixed test split, through the adapters that users get.

The split is the scenes of the first seeds of split 'test'; none of them is ever trained on.
"""

from __future__ import annotations

import json
import random
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ..captioners.blip import BlipAnswerer, BlipCaptioner
from ..classifiers.clip import Clip
from ..errors import ToolError
from ..model import Detector
from ..segmenters.sam import Sam
from ..values import Detections, Image
from ..values.base import Array
from .recipes import recipe
from .render import Picture, render
from .scenes import COLORS, SHAPES, Scene, draw_scene
from .sentences import observed_caption, random_question, stated
from .training import CHECKPOINTS, Recipe

RESULTS = Path("benchmarks/results/tiny.json")
CARD = Path(__file__).parent / "card.md"
GOALS = {
    "detection AP50": 0.90,
    "segmentation IoU from a box": 0.90,
    "segmentation IoU from a point": 0.85,
    "zero-shot color and shape": 0.95,
    "captions with every color, shape and count right": 0.90,
    "questions answered right": 0.90,
}
LABELS = [f"{color} {shape}" for color in COLORS for shape in SHAPES]


def evaluate(names: Sequence[str], scenes: int = 400) -> None:
    """Measure checkpoints on the test split; write the figures into their cards and into the results.

    Goals of the results that are not measured here stay as they are.
    """
    figures: dict[str, float] = {}
    for name in names:
        model = recipe(name)
        split = [draw_scene(seed, split="test", kind=model.kind) for seed in range(scenes)]
        found = model.measure(CHECKPOINTS / name, split)
        print("\n".join(f"{what}: {value:.3f}" for what, value in found.items()), flush=True)
        write_card(model, found, scenes)
        figures |= found
    write_goals(RESULTS, figures)


def write_goals(path: Path, figures: Mapping[str, float], goals: Mapping[str, float] = GOALS) -> None:
    """Put figures into the results: those with a goal as `{name, value, goal, met}`, the others beside them."""
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    listed = {goal["name"]: goal for goal in kept.get("goals", [])}
    for name, value in figures.items():
        if name in goals:
            listed[name] = {
                "name": name,
                "value": round(value, 4),
                "goal": goals[name],
                "met": value >= goals[name],
            }
    others = {name: round(value, 4) for name, value in figures.items() if name not in goals}
    document = {**kept, "goals": list(listed.values()), "figures": {**kept.get("figures", {}), **others}}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def write_card(model: Recipe, figures: Mapping[str, float], scenes: int) -> None:
    """Write the model card of a checkpoint."""
    folder = CHECKPOINTS / model.name
    about = json.loads((folder / "training.json").read_text(encoding="utf-8"))
    made = json.loads((folder / "config.json").read_text(encoding="utf-8"))["architectures"][0]
    text = CARD.read_text(encoding="utf-8").format(
        name=model.name,
        made=made,
        about=" ".join((model.__doc__ or "").split()),
        recipe=(sys.modules[type(model).__module__].__doc__ or "").strip(),
        figures="\n".join(f"| {name} | {value:.3f} |" for name, value in figures.items()),
        scenes=scenes,
        hours=about["seconds"] / 3600,
        note=f"{about['note']} " if about.get("note") else "",
        **{name: about[name] for name in ("step", "batch", "rate")},
    )
    (folder / "README.md").write_text(text, encoding="utf-8")


def zero_shot(model: Clip, scenes: Sequence[Scene]) -> dict[str, float]:
    """Return how often color and shape, color, and shape of single objects are named right, out of all 120 pairs."""
    count = len(scenes)
    named = model.classify_many([render(scene).image for scene in scenes], [LABELS] * count)
    best = [max(labels.scores, key=labels.scores.__getitem__).split() for labels in named]
    truth = [(scene.things[0].color, scene.things[0].shape) for scene in scenes]
    return {
        "zero-shot color and shape": sum(tuple(b) == t for b, t in zip(best, truth, strict=True)) / count,
        "zero-shot color": sum(b[0] == t[0] for b, t in zip(best, truth, strict=True)) / count,
        "zero-shot shape": sum(b[1] == t[1] for b, t in zip(best, truth, strict=True)) / count,
    }


def detection(
    model: Detector, scenes: Sequence[Scene], least: float, pictures: Sequence[Picture] | None = None
) -> dict[str, float]:
    """Return AP50 over all phrases, and how often exactly the right objects have a score of `least` or more.

    Two phrases are asked of each scene: one that names something in it, and one that names nothing. `pictures` are
    what the scenes look like, where that is not as they are rendered.
    """
    pictures = pictures or [render(scene) for scene in scenes]
    asked = [pair for scene in scenes for pair in asked_of(scene)]
    twice = [picture for picture in pictures for _ in range(2)]
    found = model.detect_many([picture.image for picture in twice], [words for words, _ in asked])
    hits: list[tuple[float, bool]] = []
    exact = 0
    for seen, picture, (_, places) in zip(found, twice, asked, strict=True):
        right = matched(seen.xyxy, picture.boxes[places])
        hits += zip(seen.scores.tolist(), right.tolist(), strict=True)
        sure = seen.scores >= least
        exact += int(sure.sum()) == len(places) == int(right[sure].sum())
    return {
        "detection AP50": average_precision(hits, sum(len(places) for _, places in asked)),
        "detection, exactly the objects asked for": exact / len(asked),
    }


def asked_of(scene: Scene) -> list[tuple[str, list[int]]]:
    """Return a phrase that names something in the scene, one that does not, and which things they name."""
    dice = random.Random(repr(scene.things))
    group = dice.choice(scene.groups)
    named = (group.shape, scene.matching(group.shape)) if dice.random() < 0.5 else None
    present = named or (f"{group.color} {group.shape}", scene.matching(group.shape, group.color))
    while True:
        shape = dice.choice([*SHAPES, *(thing.shape for thing in scene.things if thing.shape in SHAPES)])
        if named and not scene.matching(shape):
            return [present, (shape, [])]
        color = dice.choice([*COLORS, *(thing.color for thing in scene.things)])
        if not scene.matching(shape, color):
            return [present, (f"{color} {shape}", [])]


def matched(xyxy: Array, truth: Array) -> Array:
    """Return bool (N,): boxes, surest first, that hit a true box (M, 4) by half or more, each box once."""
    free, right = np.ones(len(truth), np.bool_), np.zeros(len(xyxy), np.bool_)
    shared = overlaps(xyxy, truth)
    for place, row in enumerate(shared):
        row = np.where(free, row, 0)
        if len(row) and row.max() >= 0.5:
            free[row.argmax()] = False
            right[place] = True
    return right


def overlaps(one: Array, other: Array) -> Array:
    """Return float (N, M): intersection over union of boxes (N, 4) and (M, 4)."""
    low = np.maximum(one[:, None, :2], other[None, :, :2])
    high = np.minimum(one[:, None, 2:], other[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=2)
    areas = [np.clip(boxes[:, 2:] - boxes[:, :2], 0, None).prod(axis=1) for boxes in (one, other)]
    return np.asarray(shared / np.maximum(areas[0][:, None] + areas[1][None] - shared, 1e-9))


def average_precision(hits: Sequence[tuple[float, bool]], truths: int) -> float:
    """Return the area under precision over recall, as COCO draws it: precision never rises to the right."""
    right = np.array([hit for _, hit in sorted(hits, key=lambda pair: -pair[0])], np.float64)
    if not len(right) or not truths:
        return 0.0
    precision = right.cumsum() / np.arange(1, len(right) + 1)
    highest = np.maximum.accumulate(precision[::-1])[::-1]
    return float((highest * right).sum() / truths)


def segmentation(model: Sam, scenes: Sequence[Scene]) -> dict[str, float]:
    """Return the mean overlap with the truth of masks from an object's box and from a point inside it."""
    by_box, by_point = [], []
    for scene in scenes:
        picture = render(scene)
        boxes = Detections(picture.boxes, tuple(thing.name for thing in scene.things), np.ones(len(scene.things)))
        for place, truth in enumerate(picture.masks):
            try:
                selected = model.segment(picture.image, boxes.subset([place])).selected
            except ToolError:  # nothing found
                selected = np.zeros_like(truth)
            by_box.append(_shared(selected, truth))
        by_point += [_shared(*pair) for pair in zip(_from_points(model, picture), picture.masks, strict=True)]
    return {
        "segmentation IoU from a box": float(np.mean(by_box)),
        "segmentation IoU from a point": float(np.mean(by_point)),
    }


def _from_points(model: Sam, picture: Picture) -> Array:
    """Return bool (N, S, S): the masks for the innermost point of each object."""
    import cv2
    import torch

    depths = [cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5) for mask in picture.masks]
    points = [[np.unravel_index(depth.argmax(), depth.shape)[::-1]] for depth in depths]
    inputs = model._processor(images=picture.rgb, input_points=[np.array(points).tolist()], return_tensors="pt")
    with torch.inference_mode():
        output = model._model(**{k: inputs[k] for k in ("pixel_values", "input_points")}, multimask_output=False)
    sizes = inputs["original_sizes"], inputs["reshaped_input_sizes"]
    found: Array = model._processor.post_process_masks(output.pred_masks, *sizes)[0][:, 0].numpy()
    return found


def _shared(one: Array, other: Array) -> float:
    return float((one & other).sum() / max((one | other).sum(), 1))


def captioning(model: BlipCaptioner, scenes: Sequence[Scene]) -> dict[str, float]:
    """Return how many captions have every color, shape and count right, and how many also say a relation truly."""
    said = [text.text for text in model.caption_many([render(scene).image for scene in scenes])]
    right = [Counter(stated(text)[0]) == Counter(scene.groups) for text, scene in zip(said, scenes, strict=True)]
    whole = [text == observed_caption(scene) for text, scene in zip(said, scenes, strict=True)]
    return {
        "captions with every color, shape and count right": float(np.mean(right)),
        "captions right word for word": float(np.mean(whole)),
    }


def answering(model: BlipAnswerer, scenes: Sequence[Scene]) -> dict[str, float]:
    """Return how many of two questions about each scene are answered right, in all and by their first word."""
    dice = random.Random(0)
    right: dict[str, list[bool]] = {}
    for scene in scenes:
        image = render(scene).image
        for question, answer in (random_question(scene, dice), random_question(scene, dice)):
            kind = " ".join(question.split()[:2])
            right.setdefault(kind, []).append(_answer(model, image, question) == answer)
    every = [hit for hits in right.values() for hit in hits]
    kinds = {f"questions answered right, {kind!r}": float(np.mean(hits)) for kind, hits in sorted(right.items())}
    return {"questions answered right": float(np.mean(every)), **kinds}


def _answer(model: BlipAnswerer, image: Image, question: str) -> str:
    try:
        return model.answer(image, question).text
    except ToolError:  # no word came
        return ""
