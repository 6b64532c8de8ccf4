"""Every adapter of hub weights does its work on a tiny random checkpoint of the very class, loaded as users load it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from diptych.tools.catalogue import load_catalogue
from diptych.tools.editors.diffusion_inpaint import surroundings
from diptych.tools.errors import Cancelled
from diptych.tools.pipelines import working_size
from diptych.tools.profiles import ADAPTERS, Binding, load_profile, others_that_can
from diptych.tools.progress import watched
from diptych.tools.values import Detections, Image, Labels, Mask, Text
from tests.photos import photo
from tests.tools.tiny_hub import HubFolder

DRAW: dict[str, Any] = {"negative_prompt": "", "steps": 2, "guidance_scale": None, "seed": 7}
EDIT: dict[str, Any] = {"steps": 2, "guidance_scale": None, "seed": 7}
BOXES = Detections(np.array([[100, 50, 300, 250], [10, 10, 80, 90]]), ("a", "b"), np.array([0.9, 0.8]), "cat")


def spot(image: Image) -> Mask:
    """A disc in the middle."""
    width, height = image.size_wh
    y, x = np.ogrid[:height, :width]
    return Mask((x - width / 2) ** 2 + (y - height / 2) ** 2 <= (min(width, height) / 6 + 1) ** 2)


# adapter, tiny checkpoint, options, what is done with the image
WORK: list[tuple[str, str, dict[str, Any], Callable[[Any, Image], Any]]] = [
    ("grounding-dino", "grounding-dino", {"threshold": 0.0}, lambda m, i: m.detect(i, "Red circle. cat")),
    ("grounding-dino", "mm-grounding-dino", {"threshold": 0.0}, lambda m, i: m.detect(i, "cat")),
    ("groundingdino", "grounding-dino-of-both", {"threshold": 0.0}, lambda m, i: m.detect(i, "Red circle. cat")),
    ("owl", "owl", {"threshold": 0.0}, lambda m, i: m.detect(i, "cat")),
    ("segment-anything", "segment-anything", {}, lambda m, i: m.segment(i, whole(i))),
    ("segment-anything", "sam-of-both", {}, lambda m, i: m.segment(i, whole(i))),
    ("sam", "sam", {}, lambda m, i: m.segment(i, whole(i))),
    ("sam", "sam2", {}, lambda m, i: m.segment(i, whole(i))),
    ("clip", "clip", {}, lambda m, i: m.classify(i, ["cat", "dog", "cat"])),
    ("clip", "siglip", {}, lambda m, i: m.classify(i, ["cat", "dog"])),
    ("clip", "siglip2", {}, lambda m, i: m.classify(i, ["cat", "dog"])),
    ("clip", "align", {}, lambda m, i: m.classify(i, ["cat", "dog"])),
    ("blip-captioner", "blip-captioner", {}, lambda m, i: m.caption(i)),
    ("blip-answerer", "blip-answerer", {}, lambda m, i: m.answer(i, "what is this")),
    ("florence", "florence", {}, lambda m, i: m.caption(i)),
    ("vision-language", "vision-language", {}, lambda m, i: m.caption(i)),
    ("vision-language", "vision-language", {}, lambda m, i: m.answer(i, "what is this")),
    ("diffusion", "diffusion", {}, lambda m, i: m.generate("a red cat", size_wh=i.size_wh, **DRAW)),
    ("diffusion", "cogview4", {}, lambda m, i: m.generate("a red cat", size_wh=i.size_wh, **DRAW)),
    ("diffusion-inpaint", "inpaint-9", {}, lambda m, i: m.inpaint(i, spot(i), "a dog", **DRAW)),
    ("diffusion-inpaint", "diffusion", {"steps": 2}, lambda m, i: m.erase(i, spot(i))),
    ("diffusion-edit", "instruct", {}, lambda m, i: m.edit(i, "make it red", **EDIT)),
]


def whole(image: Image) -> Detections:
    return Detections(np.array([[0, 0, *image.size_wh]]), ("all",), np.ones(1), "all")


def load(adapter: str, folder: Any, **options: Any) -> Any:
    return Binding("any", adapter).model.load(str(folder), **options)


def sample(width: int, height: int, channels: int = 3) -> Image:
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, channels), np.uint8)
    return Image(pixels)


@pytest.mark.parametrize("adapter, name, options, work", WORK)
def test_the_same_after_a_reload(
    adapter: str, name: str, options: dict[str, Any], work: Any, hub_folder: HubFolder
) -> None:
    first, second = (work(load(adapter, hub_folder(name), **options), photo("cat")) for _ in range(2))
    assert first == second


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (90, 64)])
@pytest.mark.parametrize("adapter, name, options, work", WORK)
def test_small_and_transparent_images(
    adapter: str, name: str, options: dict[str, Any], work: Any, size: tuple[int, int], hub_folder: HubFolder
) -> None:
    image = sample(*size, channels=4)
    try:
        result = work(load(adapter, hub_folder(name), **options), image)
    except Exception as error:
        # A random segmenter may find nothing; that, and only that, is an answer too.
        assert adapter in ("sam", "segment-anything") and "found no object" in str(error)
        return
    if isinstance(result, Image) and adapter != "diffusion":
        assert np.array_equal(result.alpha, image.alpha)  # type: ignore[arg-type]
    assert getattr(result, "size_wh", size) == size
    if isinstance(result, Detections):
        assert (result.xyxy >= 0).all() and (result.xyxy <= np.tile(size, 2)).all()


@pytest.mark.parametrize("adapter, name, options, work", WORK)
def test_half_precision(adapter: str, name: str, options: dict[str, Any], work: Any, hub_folder: HubFolder) -> None:
    assert work(load(adapter, hub_folder(name), dtype="bfloat16", **options), photo("cat")) is not None


@pytest.mark.parametrize("adapter, name", [("grounding-dino", "grounding-dino"), ("owl", "owl")])
def test_detections_keep_the_phrase_and_the_threshold(adapter: str, name: str, hub_folder: HubFolder) -> None:
    every = load(adapter, hub_folder(name), threshold=0.0).detect(photo("cat"), "a cat")
    assert len(every) and set(every.labels) == {"a cat"} and every.query == "a cat"
    middle = float(np.median(every.scores))
    some = load(adapter, hub_folder(name), threshold=middle).detect(photo("cat"), "a cat")
    assert 0 < len(some) < len(every) and some.scores.min() >= middle
    assert len(load(adapter, hub_folder(name), threshold=1.1).detect(photo("cat"), "a cat")) == 0


@pytest.mark.parametrize("name", ["sam", "sam2"])
def test_one_pass_of_the_encoder_serves_all_boxes(name: str, hub_folder: HubFolder) -> None:
    model = load("sam", hub_folder(name))
    passes: list[int] = []
    model._model.vision_encoder.register_forward_hook(lambda *_: passes.append(1))
    many = Detections(np.array([[i, i, 40 + i, 50 + i] for i in range(40)]), ("x",) * 40, np.ones(40))
    together = model.segment(photo("cat"), many)
    one_by_one = [model.segment(photo("cat"), many.subset([i])).selected for i in range(40)]
    assert len(passes) == 1
    # A batch adds up in another order: the rim of a shape may move by a pixel.
    assert (together.selected == np.any(one_by_one, axis=0)).mean() > 0.999


@pytest.mark.parametrize("name", ["sam", "sam2"])
def test_masks_lie_where_the_library_puts_them(name: str, hub_folder: HubFolder) -> None:
    import torch

    model, picture = load("sam", hub_folder(name)), photo("cat")
    inputs = model._processor(images=picture.to_pil(), input_boxes=[[[100.0, 50.0, 300.0, 250.0]]], return_tensors="pt")
    with torch.inference_mode():
        output = model._model(
            pixel_values=inputs["pixel_values"], input_boxes=inputs["input_boxes"].float(), multimask_output=False
        )
    sizes = [inputs[key] for key in ("original_sizes", "reshaped_input_sizes") if key in inputs]
    theirs = model._processor.post_process_masks(output.pred_masks, *sizes)[0].numpy().reshape(300, 451)
    assert (model.segment(picture, BOXES.subset([0])).selected == theirs).mean() > 0.995


@pytest.mark.parametrize("name", ["grounding-dino", "owl"])
def test_boxes_lie_where_the_library_puts_them(name: str, hub_folder: HubFolder) -> None:
    import torch

    model, picture = load(name, hub_folder(name), threshold=0.0), photo("cat")
    text: Any = "cat." if name == "grounding-dino" else [["a photo of a cat"]]
    inputs = model._processor(images=picture.to_pil(), text=text, return_tensors="pt")
    with torch.inference_mode():
        output = model._model(**inputs)
    more = {"input_ids": inputs["input_ids"]} if name == "grounding-dino" else {}
    process = model._processor.post_process_grounded_object_detection
    theirs = process(output, threshold=0.0, target_sizes=[(300, 451)], **more)[0]
    best = theirs["boxes"][theirs["scores"].argmax()].numpy()
    mine = model.detect(picture, "cat")
    assert mine.scores[0] == pytest.approx(float(theirs["scores"].max()), abs=1e-3)
    assert np.abs(mine.xyxy[0] - np.clip(best, 0, [451, 300, 451, 300])).max() < 2


def test_what_is_drawn_lands_where_it_was_cut_out(hub_folder: HubFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    model, picture = load("diffusion-inpaint", hub_folder("inpaint-9")), photo("coffee")
    selected = np.zeros(picture.pixels.shape[:2], np.bool_)
    selected[10:30, 560:600] = True
    monkeypatch.setattr(model._pipeline, "draw", lambda prompt, image, **_: np.asarray(image))
    result = model.inpaint(picture, Mask(selected), "the same", **DRAW)
    assert np.abs(result.rgb.astype(int) - picture.rgb)[selected].mean() < 6


@pytest.mark.parametrize("name", ["clip", "siglip", "siglip2", "align"])
def test_labels_and_similarity(name: str, hub_folder: HubFolder) -> None:
    model = load("clip", hub_folder(name))
    labels = model.classify(photo("cat"), ["cat", "dog", "red circle"])
    assert isinstance(labels, Labels) and set(labels.scores) == {"cat", "dog", "red circle"}
    assert sum(labels.scores.values()) == pytest.approx(1)
    assert -1 <= model.similarity(photo("cat"), "cat") <= 1
    assert model.similarity(photo("cat"), "cat") != model.similarity(photo("coffee"), "cat")


def test_words_reach_the_answer(hub_folder: HubFolder) -> None:
    model = load("vision-language", hub_folder("vision-language"))
    answers = {model.answer(photo("cat"), question) for question in ("what is this", "red circle in the blue square")}
    assert len(answers) == 2 and all(isinstance(answer, Text) and answer.text for answer in answers)


@pytest.mark.parametrize("name", ["inpaint-9", "diffusion"])
@pytest.mark.parametrize("kind", ["middle", "corner", "all"])
def test_inpainting_changes_nothing_outside_the_mask(name: str, kind: str, hub_folder: HubFolder) -> None:
    image = photo("cat")
    selected = spot(image).selected.copy() if kind == "middle" else np.full(image.pixels.shape[:2], kind == "all")
    selected[:9, :9] = True
    model = load("diffusion-inpaint", hub_folder(name))
    result = model.inpaint(image, Mask(selected), "a dog", **DRAW)
    same = (result.pixels == image.pixels).all(axis=2)
    assert result.size_wh == image.size_wh and same[~selected].all() and not same[selected].all()
    assert model.inpaint(image, Mask(selected), "a dog", **{**DRAW, "seed": 8}) != result


@pytest.mark.parametrize(
    "bounds, size, box",
    [
        ((100, 100, 200, 150), (1000, 800), (50, 25, 250, 225)),
        ((0, 0, 10, 10), (1000, 800), (0, 0, 128, 128)),
        ((990, 790, 1000, 800), (1000, 800), (872, 672, 1000, 800)),
        ((0, 0, 1000, 20), (1000, 60), (0, 0, 1000, 60)),
    ],
)
def test_the_part_of_the_image_that_an_inpainter_sees(bounds: Any, size: Any, box: Any) -> None:
    assert surroundings(bounds, size, 512) == box


@pytest.mark.parametrize(
    "asked, side, size",
    [
        ((1024, 1024), 1024, (1024, 1024)),
        ((1000, 600), 1024, (992, 608)),
        ((1024, 1024), 512, (512, 512)),
        ((64, 64), 1024, (1024, 1024)),
        ((4000, 1000), 1024, (2048, 512)),
        ((16, 16), 32, (32, 32)),
    ],
)
def test_the_size_a_model_works_at(asked: Any, side: int, size: Any) -> None:
    assert working_size(asked, side) == size


def test_prompt_seed_and_negative_prompt_matter(hub_folder: HubFolder) -> None:
    model = load("diffusion", hub_folder("diffusion"))
    calls = [
        ("a cat", {}),
        ("a dog", {}),
        ("a cat", {"seed": 8}),
        ("a cat", {"negative_prompt": "red"}),
        ("a cat", {"steps": 3}),
        ("a cat", {"guidance_scale": 1.0}),
    ]
    drawn = [model.generate(prompt, size_wh=(40, 32), **{**DRAW, **change}) for prompt, change in calls]
    assert len(set(drawn)) == len(drawn) and {image.size_wh for image in drawn} == {(40, 32)}


def test_a_profile_may_give_steps_and_guidance(hub_folder: HubFolder) -> None:
    folder = hub_folder("diffusion")
    given = load("diffusion", folder, steps=2, guidance_scale=1.0)
    plain = load("diffusion", folder)
    unset = {**DRAW, "steps": None, "guidance_scale": None}
    asked = {**DRAW, "steps": 2, "guidance_scale": 1.0}
    assert given.generate("a cat", size_wh=(32, 32), **unset) == plain.generate("a cat", size_wh=(32, 32), **asked)


@pytest.mark.parametrize(
    "adapter, name, work, total",
    [
        ("diffusion", "diffusion", lambda m: m.generate("a cat", size_wh=(32, 32), **{**DRAW, "steps": 5}), 5),
        ("vision-language", "vision-language", lambda m: m.caption(photo("cat")), 160),
    ],
)
def test_progress_and_cancel(adapter: str, name: str, work: Any, total: int, hub_folder: HubFolder) -> None:
    model, ticks = load(adapter, hub_folder(name)), []

    def hook(done: int, of: int) -> None:
        ticks.append((done, of))
        if done == 2:
            raise Cancelled("stopped")

    with watched(hook), pytest.raises(Cancelled):
        work(model)
    assert ticks == [(1, total), (2, total)]


def test_the_gpu_profiles_can_what_the_embedded_one_cannot() -> None:
    tools, embedded = load_catalogue(), load_profile("embedded")
    cat = {"query": "cat"}
    assert embedded.objection(tools["detect"], cat) == "cannot detect 'cat'"
    assert others_that_can(tools["detect"], cat, embedded) == ["gpu-16gb", "gpu-24gb", "gpu-80gb"]
    for name in ("gpu-16gb", "gpu-24gb", "gpu-80gb"):
        profile = load_profile(name)
        assert not [tool.id for tool in tools.values() if profile.objection(tool, {})]
        assert all(binding.licence and binding.memory_mb for binding in profile.bindings.values())
        limit = int(name.removeprefix("gpu-").removesuffix("gb")) * 953  # GB to MiB
        assert max(binding.memory_mb for binding in profile.bindings.values()) < limit


def test_importing_an_adapter_imports_no_framework() -> None:
    modules = [f"diptych.tools.{target.partition(':')[0]}" for target in ADAPTERS.values()]
    code = f"import sys, importlib\nfor m in {modules}: importlib.import_module(m)\n"
    code += "print([m for m in ('torch', 'transformers', 'diffusers', 'cv2') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
