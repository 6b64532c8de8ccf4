"""Several calls at once give what they give one by one, and where a network gains they are one pass of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from diptych.tools.batching import alike
from diptych.tools.catalogue import load_catalogue
from diptych.tools.profiles import Binding
from diptych.tools.tool import tool
from diptych.tools.values import Detections, Image, Labels, Mask, Number, Verdict
from tests.photos import photo
from tests.tools.tiny_hub import HubFolder

PHOTOS = [photo("cat"), photo("cat"), photo("coffee"), photo("astronaut"), photo("cat")]
QUERIES = ["cat", "red dog", "cat", "a blue square", "dog"]
BOXES = [Detections(np.array([[9, 9, 90, 60 + 9 * i]], np.float32), ("cat",), np.ones(1)) for i in range(len(PHOTOS))]
PAIRS = list(zip(PHOTOS, QUERIES, strict=True))
SEARCHES: list[dict[str, Any]] = [{"image": image, "query": query} for image, query in PAIRS]
COLORS: list[dict[str, Any]] = [{**search, "color": "brown"} for search in SEARCHES]
TEXTS: list[dict[str, Any]] = [{"image": image, "text": query} for image, query in PAIRS]
CHOICES: list[dict[str, Any]] = [{"image": image, "labels": [query, "circle"]} for image, query in PAIRS]
CUTS: list[dict[str, Any]] = [{"image": image, "boxes": boxes} for image, boxes in zip(PHOTOS, BOXES, strict=True)]
SMALL: dict[str, Any] = {"width": 40, "height": 32, "num_inference_steps": 2}
DRAWINGS: list[dict[str, Any]] = [
    *[{"prompt": query, "seed": seed, **SMALL} for seed, query in enumerate(QUERIES)],
    {"prompt": "cat", "seed": 3, **SMALL, "width": 64},
    *[{"prompt": "cat", "negative_prompt": words, "seed": 3, **SMALL} for words in ("red", "blue square")],
]

# tool, capability, adapter, tiny checkpoint, options, calls
CASES: list[tuple[str, str, str, str, dict[str, Any], list[dict[str, Any]]]] = [
    ("detect", "detector", "grounding-dino", "grounding-dino", {"threshold": 0.0}, SEARCHES),
    ("detect", "detector", "grounding-dino", "mm-grounding-dino", {"threshold": 0.0}, SEARCHES),
    ("detect", "detector", "owl", "owl", {"threshold": 0.0}, SEARCHES),
    ("shows", "detector", "owl", "owl", {"threshold": 0.0}, SEARCHES),
    ("absent", "detector", "owl", "owl", {"threshold": 0.0}, SEARCHES),
    ("colored", "detector", "owl", "owl", {"threshold": 0.0}, COLORS),
    ("similarity", "matcher", "clip", "clip", {}, TEXTS),
    ("similarity", "matcher", "clip", "siglip", {}, TEXTS),
    ("classify", "classifier", "clip", "clip", {}, CHOICES),
    ("classify", "classifier", "clip", "siglip", {}, CHOICES),
    ("caption", "captioner", "blip-captioner", "blip-captioner", {}, [{"image": image} for image in PHOTOS]),
    ("segment", "segmenter", "sam", "sam", {}, CUTS),
    ("segment", "segmenter", "sam", "sam2", {}, CUTS),
    ("generate", "generator", "diffusion", "diffusion", {}, DRAWINGS),
]


def same(one: Any, other: Any) -> bool:
    """Whether two results agree but for the rounding of sums."""
    if isinstance(one, Detections):
        return (
            one.labels == other.labels
            and np.allclose(one.xyxy, other.xyxy, atol=0.05)
            and np.allclose(one.scores, other.scores, atol=1e-5)
        )
    if isinstance(one, Verdict):
        return one.passed == other.passed and same(one.evidence, other.evidence)
    if isinstance(one, Labels):
        return list(one.scores) == list(other.scores) and np.allclose(
            [*one.scores.values()], [*other.scores.values()], atol=1e-5
        )
    if isinstance(one, Number):
        return bool(np.isclose(one.number, other.number, atol=1e-5))
    if isinstance(one, Image):
        return one.size_wh == other.size_wh and int(np.abs(one.pixels.astype(int) - other.pixels).max()) <= 1
    return bool(one == other)


@pytest.mark.parametrize(
    "id, capability, adapter, name, options, calls", CASES, ids=[f"{case[0]}-{case[3]}" for case in CASES]
)
def test_a_batch_gives_what_one_by_one_gives(
    id: str,
    capability: str,
    adapter: str,
    name: str,
    options: dict[str, Any],
    calls: list[dict[str, Any]],
    hub_folder: HubFolder,
) -> None:
    chosen = load_catalogue()[id]
    assert chosen.batch is not None
    first, second = (Binding("any", adapter).model.load(str(hub_folder(name)), **options) for _ in range(2))
    together = chosen.batch([{**call, capability: first} for call in calls])
    singly = [chosen.function(**call, **{capability: second}) for call in calls]
    assert [same(*pair) for pair in zip(together, singly, strict=True)] == [True] * len(calls)
    if id != "caption":  # a captioner of random weights says the same of everything
        assert not all(same(result, singly[0]) for result in singly)


def passes(network: Any) -> list[int]:
    """Return a list that grows with each pass of a network."""
    seen: list[int] = []
    network.register_forward_hook(lambda *_: seen.append(1))
    return seen


@pytest.mark.parametrize(
    "adapter, name, network, work, expected",
    [
        # Three photos of one size, two of whose phrases are one word; two others.
        ("grounding-dino", "grounding-dino", lambda m: m._model, lambda m: m.detect_many(PHOTOS, QUERIES), 4),
        ("owl", "owl", lambda m: m._model, lambda m: m.detect_many(PHOTOS, QUERIES), 1),
        ("clip", "clip", lambda m: m._model.vision_model, lambda m: m.similarity_many(PHOTOS, QUERIES), 1),
        ("clip", "siglip", lambda m: m._model.text_model, lambda m: m.similarity_many(PHOTOS, QUERIES), 1),
        ("blip-captioner", "blip-captioner", lambda m: m._model.vision_model, lambda m: m.caption_many(PHOTOS), 1),
        ("sam", "sam", lambda m: m._model.vision_encoder, lambda m: m.segment_many(PHOTOS, BOXES), 1),
        ("sam", "sam2", lambda m: m._model.vision_encoder, lambda m: m.segment_many(PHOTOS, BOXES), 1),
    ],
)
def test_a_batch_is_as_few_passes_as_can_be(
    adapter: str,
    name: str,
    network: Callable[[Any], Any],
    work: Callable[[Any], Any],
    expected: int,
    hub_folder: HubFolder,
) -> None:
    model = Binding("any", adapter).model.load(str(hub_folder(name)))
    seen = passes(network(model))
    work(model)
    assert len(seen) == expected


def test_an_image_is_not_embedded_again(hub_folder: HubFolder) -> None:
    model: Any = Binding("any", "clip").model.load(str(hub_folder("clip")))
    seen = passes(model._model.vision_model)
    model.similarity_many(PHOTOS[:2], QUERIES[:2])
    model.similarity_many(PHOTOS[:2], QUERIES[1:3])
    assert len(seen) == 1


@pytest.mark.parametrize("way", ["to_host", "low_memory"])
def test_a_pipeline_in_less_memory_draws_the_same(way: str, hub_folder: HubFolder) -> None:
    adapter, folder = Binding("any", "diffusion").model, str(hub_folder("diffusion"))
    drawing: dict[str, Any] = {
        "negative_prompt": "",
        "size_wh": (32, 32),
        "steps": 2,
        "guidance_scale": None,
        "seed": 1,
    }
    plain: Any = adapter.load(folder)
    expected = plain.generate("cat", **drawing)
    if way == "to_host":
        assert plain.to_host()
        plain.to_device()
        assert plain.generate("cat", **drawing) == expected
    else:
        frugal: Any = adapter.load(folder, low_memory=True)  # type: ignore[call-arg]
        assert adapter.has_low_memory and frugal._pipeline.pipe.vae.use_tiling and frugal._pipeline.pipe.vae.use_slicing
        assert frugal.generate("cat", **drawing) == expected


def test_a_detector_goes_to_the_host_and_back(hub_folder: HubFolder) -> None:
    model: Any = Binding("any", "owl").model.load(str(hub_folder("owl")), threshold=0.0)  # type: ignore[call-arg]
    before = model.detect(PHOTOS[0], "cat")
    assert model.to_host()
    model.to_device()
    assert model.detect(PHOTOS[0], "cat") == before


def test_calls_of_a_kind_come_together_in_their_order() -> None:
    assert alike(["aa", "b", "cc", "d", "eee"], len) == [[0, 2], [1, 3], [4]]
    assert alike([], len) == []


def test_declaring_a_batched_form_changes_nothing_else() -> None:
    @tool(family="segmenter", batch_size=3)
    def invert(mask: Mask) -> Mask:
        """Select the rest."""
        return Mask(~mask.selected)

    before = invert.tool

    @invert.batched
    def _(calls: Sequence[Any]) -> list[Mask]:
        return [invert(call["mask"]) for call in calls]

    mask = Mask(np.eye(3, dtype=bool))
    assert before.batch is None and before.batch_size == 3
    assert invert.tool.batch is _ and invert.tool.batch_size == 3 and invert.tool.schema() == before.schema()
    assert _([{"mask": mask}]) == [invert(mask)]


def test_no_batched_form_without_reason() -> None:
    batched = {tool.id for tool in load_catalogue().values() if tool.batch}
    assert batched == {
        "detect",
        "shows",
        "absent",
        "colored",
        "caption",
        "classify",
        "similarity",
        "segment",
        "generate",
    }
