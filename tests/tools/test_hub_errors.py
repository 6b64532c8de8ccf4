"""Bad weights and bad input: one clear error each, which names the thing, both sides and the fix."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from diptych.tools.errors import ToolError
from diptych.tools.hub import find, fitted, placed
from diptych.tools.profiles import Binding
from diptych.tools.values import Detections, Image, Mask
from tests.photos import photo
from tests.tools.tiny_hub import HubFolder

DRAW: dict[str, Any] = {"negative_prompt": "", "steps": 2, "guidance_scale": None, "seed": 7}


def load(adapter: str, folder: Any, **options: Any) -> Any:
    return Binding("any", adapter).model.load(str(folder), **options)


@pytest.fixture
def copied(hub_folder: HubFolder, tmp_path: Path) -> Any:
    """Give a function that copies a tiny checkpoint, so that it may be spoiled."""
    return lambda name: Path(shutil.copytree(hub_folder(name), tmp_path / name))


def change(file: Path, **facts: Any) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **facts}))


def only_pickles(folder: Path) -> None:
    for file in folder.rglob("*.safetensors"):
        file.rename(file.with_name("pytorch_model.bin"))


def truncated(folder: Path) -> None:
    file = next(folder.rglob("*.safetensors"))
    file.write_bytes(file.read_bytes()[:1000])


def fewer_tensors(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    file = folder / "model.safetensors"
    tensors = load_file(file)
    save_file(
        {name: tensor for name, tensor in tensors.items() if "visual_projection" not in name}, file, {"format": "pt"}
    )


SPOILED = [
    ("clip", "clip", only_pickles, r"only pytorch_model\.bin.*run code.*save_pretrained"),
    ("diffusion", "diffusion", only_pickles, r"only pytorch_model\.bin"),
    (
        "clip",
        "clip",
        lambda f: (f / "config.json").unlink(),
        r"clip.*no config\.json that names an architecture.*download the folder again",
    ),
    ("clip", "clip", lambda f: (f / "model.safetensors").unlink(), r"no \*\.safetensors"),
    ("clip", "clip", lambda f: (f / "tokenizer.json").unlink(), r"hold no vocabulary"),
    ("clip", "clip", truncated, r"clip.*cannot be loaded"),
    ("clip", "clip", fewer_tensors, r"lack 1 tensors of CLIPModel, 'visual_projection"),
    ("diffusion", "diffusion", lambda f: (f / "model_index.json").unlink(), r"model_index\.json"),
    ("diffusion", "diffusion", lambda f: (f / "tokenizer/tokenizer.json").unlink(), r"hold no vocabulary"),
    ("diffusion", "diffusion", lambda f: shutil.rmtree(f / "vae"), r"diffusion.*cannot be loaded"),
    (
        "clip",
        "clip",
        lambda f: change(f / "config.json", model_type="own", auto_map={"AutoModel": "modeling.Own"}),
        r"run their own code \(modeling\.Own\).*known architecture: clip",
    ),
    (
        "diffusion",
        "diffusion",
        lambda f: change(f / "model_index.json", _class_name=["pipeline", "Own"]),
        r"run their own code \(pipeline Own\)",
    ),
    (
        "diffusion",
        "diffusion",
        lambda f: change(f / "model_index.json", unet=["my_unet", "Own"]),
        r"run their own code \(unet\)",
    ),
    (
        "diffusion",
        "diffusion",
        lambda f: change(f / "model_index.json", _class_name="FuturePipeline"),
        r"'FuturePipeline'.*upgrade diffusers",
    ),
]


@pytest.mark.parametrize("adapter, name, spoil, message", SPOILED)
def test_spoiled_weights(adapter: str, name: str, spoil: Any, message: str, copied: Any) -> None:
    folder = copied(name)
    spoil(folder)
    with pytest.raises(ToolError, match=message):
        load(adapter, folder)


@pytest.mark.parametrize(
    "adapter, name, message",
    [
        ("grounding-dino", "owl", r"architecture 'owlv2'.*takes grounding-dino, mm-grounding-dino"),
        ("owl", "clip", r"architecture 'clip'.*takes owlv2"),
        ("sam", "clip", r"architecture 'clip'.*takes sam, sam2"),
        ("clip", "sam", r"architecture 'sam'.*takes clip, siglip"),
        (
            "blip-answerer",
            "blip-captioner",
            r"saved from BlipForConditionalGeneration and lack .*BlipForQuestionAnswering",
        ),
        ("vision-language", "clip", r"architecture 'clip'"),
        ("vision-language", "blip-captioner", r"no chat format"),
        ("diffusion", "clip", r"model_index\.json"),
        ("diffusion-edit", "diffusion", r"StableDiffusionPipeline, which takes no image"),
        ("diffusion-edit", "inpaint-9", r"StableDiffusionInpaintPipeline, which follows no instruction"),
        ("clip", "diffusion", r"config\.json"),
    ],
)
def test_weights_of_another_kind(adapter: str, name: str, message: str, hub_folder: HubFolder) -> None:
    with pytest.raises(ToolError, match=message):
        load(adapter, hub_folder(name))


@pytest.mark.parametrize(
    "source, message",
    [
        ("", r"no weights at ''.*org/name@revision"),
        ("./nowhere", r"no weights at './nowhere'"),
        ("not a reference", r"no weights at 'not a reference'"),
        ("some-org/some-model@v1", r"'some-org/some-model@v1' cannot be had from the hub.*HF_HUB_OFFLINE"),
        ({"words": "a/b"}, r"one source, not parts \['words'\]"),
    ],
)
@pytest.mark.parametrize("adapter", ["clip", "diffusion"])
def test_references(adapter: str, source: Any, message: str) -> None:
    with pytest.raises(ToolError, match=message):
        Binding("any", adapter).model.load(source)


def test_a_file_is_no_folder(hub_folder: HubFolder) -> None:
    with pytest.raises(ToolError, match=r"are a file.*give the folder"):
        find(str(hub_folder("clip") / "model.safetensors"))


@pytest.mark.parametrize(
    "options, message",
    [
        ({"dtype": "int8"}, r"unknown dtype 'int8'"),
        ({"dtype": "float8_e4m3fn"}, r"'cpu' cannot compute in float8_e4m3fn"),
        ({"device": "cuda:99"}, r"'cuda:99' cannot compute"),
        ({"device": "toaster"}, r"'toaster' cannot compute"),
    ],
)
@pytest.mark.parametrize("name", ["clip", "diffusion"])
def test_devices_and_dtypes(name: str, options: Any, message: str, hub_folder: HubFolder) -> None:
    with pytest.raises(ToolError, match=message):
        load(name, hub_folder(name), **options)


def test_a_device_that_fails_without_a_word_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: Any) -> None:
        raise AssertionError

    monkeypatch.setattr("torch.nn.functional.conv2d", broken)
    with pytest.raises(ToolError, match="'cpu' cannot compute in float32: AssertionError"):
        placed("cpu", "float32")


def spread_nan(model: Any) -> None:
    """Put NaN into every weight of a network, or of a pipeline's UNet."""
    network = model._pipeline.pipe.unet if hasattr(model, "_pipeline") else model._model
    for weight in network.parameters():
        weight.data.fill_(float("nan"))


@pytest.mark.parametrize(
    "adapter, name, work",
    [
        ("grounding-dino", "grounding-dino", lambda m: m.detect(photo("cat"), "cat")),
        ("owl", "owl", lambda m: m.detect(photo("cat"), "cat")),
        ("sam", "sam", lambda m: m.segment(photo("cat"), boxes([10, 10, 90, 90]))),
        ("clip", "clip", lambda m: m.classify(photo("cat"), ["cat", "dog"])),
        ("clip", "clip", lambda m: m.similarity(photo("cat"), "cat")),
        ("blip-captioner", "blip-captioner", lambda m: m.caption(photo("cat"))),
        ("blip-answerer", "blip-answerer", lambda m: m.answer(photo("cat"), "what is this")),
        ("vision-language", "vision-language", lambda m: m.caption(photo("cat"))),
        ("diffusion", "diffusion", lambda m: m.generate("a cat", size_wh=(32, 32), **DRAW)),
    ],
)
def test_nan(adapter: str, name: str, work: Any, hub_folder: HubFolder) -> None:
    model = load(adapter, hub_folder(name))
    spread_nan(model)
    with pytest.raises(ToolError, match=r"gave NaN.*float32"):
        work(model)


def boxes(*xyxy: list[float]) -> Detections:
    return Detections(np.array(xyxy), ("x",) * len(xyxy), np.ones(len(xyxy)), "thing")


@pytest.mark.parametrize("adapter, name", [("grounding-dino", "grounding-dino"), ("owl", "owl")])
def test_an_empty_phrase(adapter: str, name: str, hub_folder: HubFolder) -> None:
    with pytest.raises(ToolError, match="the phrase is empty"):
        load(adapter, hub_folder(name)).detect(photo("cat"), " . " if name != "owl" else "  ")


def test_boxes_outside_of_the_image(hub_folder: HubFolder) -> None:
    with pytest.raises(ToolError, match=r"no box lies inside the image of 451×300"):
        load("sam", hub_folder("sam")).segment(photo("cat"), boxes([900, 900, 950, 950]))


def test_masks_of_another_size_and_of_nothing(hub_folder: HubFolder) -> None:
    model = load("diffusion-inpaint", hub_folder("inpaint-9"))
    with pytest.raises(ToolError, match=r"image is 451×300, but the mask is 20×10"):
        model.inpaint(photo("cat"), Mask(np.ones((10, 20), np.bool_)), "a dog", **DRAW)
    with pytest.raises(ToolError, match="the mask selects nothing"):
        model.inpaint(photo("cat"), Mask(np.zeros((300, 451), np.bool_)), "a dog", **DRAW)


@pytest.mark.parametrize(
    "adapter, name, work",
    [
        ("clip", "clip", lambda m, i: m.similarity(i, "cat")),
        ("grounding-dino", "grounding-dino", lambda m, i: m.detect(i, "cat")),
        ("sam", "sam2", lambda m, i: m.segment(i, boxes([0, 0, 1, 1]))),
        ("blip-captioner", "blip-captioner", lambda m, i: m.caption(i)),
    ],
)
def test_an_image_that_is_a_line(adapter: str, name: str, work: Any, hub_folder: HubFolder) -> None:
    with pytest.raises(ToolError, match=r"image of 1×500 is too thin"):
        work(load(adapter, hub_folder(name)), Image(np.zeros((500, 1, 3), np.uint8)))


def test_what_is_cut_from_a_prompt_is_logged(
    hub_folder: HubFolder,
    caplog: pytest.LogCaptureFixture,
) -> None:
    model = load("diffusion", hub_folder("diffusion"))
    short = " ".join(["cat"] * 25)  # 75 letters: what fits beside the two marks
    with caplog.at_level(logging.WARNING, logger="diptych"):
        long = model.generate(f"{short} in the sun", size_wh=(32, 32), **DRAW)
    assert "which reads 77 tokens; cut: ' in the sun'" in caplog.text
    caplog.clear()
    assert model.generate(short, size_wh=(32, 32), **DRAW) == long
    assert "cut" not in caplog.text


@pytest.mark.parametrize(
    "text, limit, kept",
    [
        ("a cat", 10, "a cat"),
        ("a cat and", 6, "a cat"),
        ("abcdefgh", 6, "abcd"),
        ("ab cdefgh", 6, "ab"),
    ],
)
def test_prompts_are_cut_between_words(text: str, limit: int, kept: str, hub_folder: HubFolder) -> None:
    from transformers import AutoTokenizer

    assert fitted(AutoTokenizer.from_pretrained(hub_folder("clip")), text, limit) == kept


def test_a_prompt_of_which_nothing_is_left(hub_folder: HubFolder) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(hub_folder("clip"))
    with pytest.raises(ToolError, match="the prompt does not fit: the model reads 2 tokens"):
        fitted(tokenizer, "cat", 2)
    with pytest.raises(ToolError, match="the prompt is empty"):
        fitted(tokenizer, " ", 77)
