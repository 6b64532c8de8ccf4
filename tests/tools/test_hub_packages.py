"""The adapters over `segment-anything` and `groundingdino-py`: equal to their packages, and to transformers."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from diptych.orchestrator.doctor import examine
from diptych.tools.catalogue import load_catalogue
from diptych.tools.errors import ToolError, UsageError
from diptych.tools.hub import Checkpoint
from diptych.tools.profiles import Binding, load_profile
from diptych.tools.tensors import convert, main
from diptych.tools.values import Detections, Image
from tests.photos import photo
from tests.tools.tiny_hub import HubFolder

BOXES = np.array([[3, 5, 40, 30], [10, 10, 60, 44], [20.5, 1.5, 63, 20]])
QUERIES = ["red circle", "a cat", "blue square", "cat"]


def load(adapter: str, source: Any, **options: Any) -> Any:
    return Binding("any", adapter).model.load(source, **options)


def boxes(xyxy: Any) -> Detections:
    return Detections(np.array(xyxy), ("x",) * len(xyxy), np.ones(len(xyxy)), "thing")


def noise(width: int = 64, height: int = 48) -> Image:
    return Image(np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8))


@pytest.fixture
def parts(hub_folder: HubFolder) -> dict[str, str]:
    folder = hub_folder("groundingdino")
    return {"network": str(folder / "network"), "text": str(folder / "text")}


@pytest.mark.parametrize("name", ["segment-anything", "sam-of-both"])
def test_masks_are_those_of_the_packages_predictor(name: str, hub_folder: HubFolder) -> None:
    from segment_anything import SamPredictor

    model, picture = load("segment-anything", str(hub_folder(name))), photo("cat")
    predictor = SamPredictor(model._model)
    predictor.set_image(np.array(picture.rgb))
    masks = [predictor.predict(box=box, multimask_output=False)[0][0] for box in BOXES * 5]
    assert np.array_equal(model.segment(picture, boxes(BOXES * 5)).selected, np.any(masks, axis=0))
    assert 0.01 < np.mean(masks) < 0.99


def test_masks_are_those_of_transformers(hub_folder: HubFolder) -> None:
    import torch

    folder = str(hub_folder("sam-of-both"))
    mine, theirs = load("segment-anything", folder), load("sam", folder)
    with torch.inference_mode():
        seen, (encoded,) = mine._encode(noise()), theirs._encode([noise()])
        logits = mine._decode(seen, BOXES, (48, 64))[:, 0]
    assert seen.features.numpy() == pytest.approx(encoded.embeddings.numpy(), abs=1e-5)
    expected = theirs._decode(encoded, BOXES, (64, 48))
    assert logits.numpy() == pytest.approx(expected.numpy(), abs=1e-4) and float(expected.std()) > 0.1
    assert mine.segment(noise(), boxes(BOXES)) == theirs.segment(noise(), boxes(BOXES))


def test_an_image_is_encoded_once_and_its_boxes_together(hub_folder: HubFolder) -> None:
    model, passes = load("segment-anything", str(hub_folder("segment-anything"))), []
    model._model.image_encoder.register_forward_hook(lambda *_: passes.append("encoder"))
    model._model.mask_decoder.register_forward_hook(lambda *_: passes.append("decoder"))
    together = model.segment(photo("cat"), boxes(BOXES * 4))
    assert passes == ["encoder", "decoder"]
    one_by_one = [model.segment(photo("cat"), boxes([box])).selected for box in BOXES * 4]
    assert passes == ["encoder", *["decoder"] * 4]  # the batch, then each alone
    # A batch adds up in another order: the rim of a shape may move by a pixel.
    assert (together.selected == np.any(one_by_one, axis=0)).mean() > 0.999


@pytest.mark.parametrize("size, heads", [("vit_b", 12), ("vit_l", 16), ("vit_h", 16)])
def test_the_tensors_show_which_size_it_is(size: str, heads: int) -> None:
    import torch
    from segment_anything import sam_model_registry

    from diptych.tools.segmenters.segment_anything import _network

    with torch.device("meta"):
        theirs = sam_model_registry[size]()
        mine = _network(theirs.state_dict(), Checkpoint("any"))
    assert {n: t.shape for n, t in mine.state_dict().items()} == {n: t.shape for n, t in theirs.state_dict().items()}
    for ours, its in zip(mine.image_encoder.blocks, theirs.image_encoder.blocks, strict=True):
        assert (ours.window_size, ours.attn.num_heads) == (its.window_size, heads)
    assert str(mine) == str(theirs)  # epsilons and activations too


def test_boxes_are_those_of_the_package(parts: dict[str, str]) -> None:
    import torch
    from groundingdino.datasets import transforms

    model, picture = load("groundingdino", parts, threshold=0.0), photo("cat")
    prepare = transforms.Compose(
        [
            transforms.RandomResize([64], max_size=96),
            transforms.ToTensor(),
            transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
        ]
    )
    pixels, _ = prepare(picture.to_pil(), None)
    with torch.inference_mode():
        output = model._model(pixels[None], captions=["red circle."])
    scores = output["pred_logits"].sigmoid().amax(dim=-1)[0]
    cx, cy, width, height = output["pred_boxes"][0, scores.argmax()] * torch.tensor([451, 300, 451, 300])
    mine = model.detect(picture, "Red circle.")
    assert mine.scores[0] == pytest.approx(float(scores.max()), abs=1e-6)
    corners = np.array([cx - width / 2, cy - height / 2, cx + width / 2, cy + height / 2])
    assert mine.xyxy[0] == pytest.approx(np.clip(corners, 0, [451, 300, 451, 300]), abs=1e-3)


def test_boxes_are_those_of_transformers(hub_folder: HubFolder) -> None:
    import torch

    folder = str(hub_folder("grounding-dino-of-both"))
    mine, theirs = load("groundingdino", folder), load("grounding-dino", folder)
    inputs = theirs._processor(images=photo("cat").to_pil(), text="red circle.", return_tensors="pt")
    with torch.inference_mode():
        expected = theirs._model(**inputs)
        output = mine._model(mine._model.backbone.see(inputs["pixel_values"]), captions=["red circle."])
    assert output["pred_boxes"].numpy() == pytest.approx(expected.pred_boxes.numpy(), abs=1e-4)
    assert output["pred_logits"].sigmoid().numpy() == pytest.approx(expected.logits.sigmoid().numpy(), abs=1e-4)
    assert float(expected.pred_boxes.std()) > 0.05


def test_an_image_passes_the_backbone_once_for_all_phrases(parts: dict[str, str]) -> None:
    model, passes = load("groundingdino", parts, threshold=0.0), []
    model._model.backbone[0].register_forward_hook(lambda *_: passes.append("backbone"))
    model._model.transformer.register_forward_hook(lambda *_: passes.append("transformer"))
    pictures = [photo("cat"), photo("coffee"), photo("cat"), photo("cat")]
    together = model.detect_many(pictures, QUERIES)
    # The phrases have 4, 4, 4 and 3 tokens, and the coffee is of another size.
    assert passes.count("backbone") == 2 and passes.count("transformer") == 3
    for picture, query, found in zip(pictures, QUERIES, together, strict=True):
        alone = model.detect(picture, query)
        assert alone.query == query and len(alone) == len(found)
        assert alone.xyxy == pytest.approx(found.xyxy, abs=0.05) and alone.scores == pytest.approx(
            found.scores, abs=1e-5
        )
    assert passes.count("backbone") == 2
    assert not np.array_equal(together[0].scores, together[2].scores)


def test_a_thin_image(parts: dict[str, str]) -> None:
    """Fewer cells than queries: at full size this is an image of about 50 to 1."""
    model = load("groundingdino", parts, threshold=0.0)
    assert len(model.detect(noise(200, 3), "cat"))
    with pytest.raises(ToolError, match=r"the image of 30×1 is too thin for the detector \(crop or pad it first\)"):
        model._sides = (8, 30)
        model.detect(noise(30, 1), "cat")


@pytest.mark.parametrize("name, file", [("SwinT-OGC", "GroundingDINO_SwinT_OGC"), ("SwinB", "GroundingDINO_SwinB_cfg")])
def test_the_published_configurations_are_those_of_the_package(name: str, file: str) -> None:
    from importlib import import_module

    from groundingdino.models.GroundingDINO.backbone.swin_transformer import SwinTransformer, build_swin_transformer

    from diptych.tools.detectors import grounding_dino_network as ours

    theirs = vars(import_module(f"groundingdino.config.{file}"))
    plain = {**ours._FIXED, **ours.FACTS, "use_checkpoint": True, "use_transformer_ckpt": True}
    assert {key: theirs[key] for key in plain} == plain
    import torch

    with torch.device("meta"):
        swin = build_swin_transformer(theirs["backbone"], pretrain_img_size=224)
        mine = SwinTransformer(**ours.PUBLISHED[name])
    assert str(swin) == str(mine)


@pytest.mark.parametrize(
    "adapter, name", [("segment-anything", "segment-anything"), ("groundingdino", "grounding-dino-of-both")]
)
def test_there_and_back(adapter: str, name: str, hub_folder: HubFolder) -> None:
    model = load(adapter, str(hub_folder(name)))
    work = model.segment if adapter == "segment-anything" else model.detect
    what: Any = boxes(BOXES) if adapter == "segment-anything" else "cat"
    before = work(noise(), what)
    assert model.to_host()
    model.to_device()
    assert work(noise(), what) == before


def test_a_profile_may_name_them(parts: dict[str, str], hub_folder: HubFolder, tmp_path: Path) -> None:
    capabilities = {
        "detector": {"adapter": "groundingdino", "source": parts, "licence": "Apache-2.0"},
        "segmenter": {"adapter": "segment-anything", "source": str(hub_folder("segment-anything"))},
    }
    file = tmp_path / "own.yaml"
    file.write_text(json.dumps({"summary": "Mine.", "capabilities": capabilities}))
    profile, tools = load_profile(str(file)), load_catalogue()
    assert profile.objection(tools["detect"], {"query": "cat"}) is None
    assert profile.objection(tools["segment"], {}) is None
    needs = [need for need in examine(str(file)).needs if need.adapter in ("groundingdino", "segment-anything")]
    folders = [*parts.values(), str(hub_folder("segment-anything"))]
    assert [(need.source, need.state) for need in needs] == [(folder, "present") for folder in folders]


@pytest.mark.parametrize(
    "adapter, name", [("segment-anything", "segment-anything"), ("groundingdino", "grounding-dino-of-both")]
)
def test_nan(adapter: str, name: str, hub_folder: HubFolder) -> None:
    model = load(adapter, str(hub_folder(name)))
    for weight in model._model.parameters():
        weight.data.fill_(float("nan"))
    with pytest.raises(ToolError, match=r"gave NaN.*float32"):
        model.segment(noise(), boxes(BOXES)) if adapter == "segment-anything" else model.detect(noise(), "cat")


def test_a_converted_pickle_is_the_same_model(hub_folder: HubFolder, tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file

    folder = hub_folder("segment-anything")
    tensors = load_file(folder / "model.safetensors")
    pickled = tmp_path / "sam_vit_t.pth"
    torch.save({"model": {f"module.{name}": tensor for name, tensor in tensors.items()}, "epoch": 3}, pickled)
    for source in (str(pickled), str(tmp_path)):
        with pytest.raises(ToolError, match=r"pickle, 'sam_vit_t\.pth'.*diptych\.tools\.tensors sam_vit_t\.pth FOLDER"):
            load("segment-anything", source)
    assert main([str(pickled), str(tmp_path / "new")]) == 0
    mine = load("segment-anything", str(tmp_path / "new")).segment(photo("cat"), boxes(BOXES))
    assert mine == load("segment-anything", str(folder)).segment(photo("cat"), boxes(BOXES))
    assert main([str(pickled), str(tmp_path / "new")]) == 1  # what is there is not written over


class Trap:
    """Pickles to a call that makes a file."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> Any:
        return Path.touch, (self.file,)


def test_converting_runs_nothing(tmp_path: Path) -> None:
    import torch

    torch.save({"model": Trap(tmp_path / "sprung")}, tmp_path / "bad.pth")
    (tmp_path / "text.pth").write_text("no pickle")
    torch.save({"epoch": 3}, tmp_path / "numbers.pth")
    for name, message in [
        ("bad.pth", "not a file of plain tensors"),
        ("text.pth", "not a file of plain tensors"),
        ("gone.pth", "not a file of plain tensors"),
        ("numbers.pth", "no table of tensors by name"),
    ]:
        with pytest.raises(UsageError, match=message):
            convert(tmp_path / name, tmp_path / "out")
    assert not (tmp_path / "sprung").exists() and not (tmp_path / "out").exists()


def fewer(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(folder / "model.safetensors")
    save_file({n: t for n, t in tensors.items() if "no_mask_embed" not in n}, folder / "model.safetensors")


def damaged(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:1000])


def two(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "a.safetensors")
    shutil.copy(folder / "a.safetensors", folder / "b.safetensors")


@pytest.mark.parametrize(
    "spoil, message",
    [
        (fewer, r"lack 1 tensors of Sam, 'prompt_encoder\.no_mask_embed\.weight' first"),
        (damaged, r"cannot be loaded.*download the folder again"),
        (two, r"hold a\.safetensors, b\.safetensors: which is meant\?"),
    ],
)
def test_spoiled_weights(spoil: Any, message: str, hub_folder: HubFolder, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(hub_folder("segment-anything"), tmp_path / "copy"))
    spoil(folder)
    with pytest.raises(ToolError, match=message):
        load("segment-anything", str(folder))


@pytest.mark.parametrize(
    "adapter, name, message",
    [
        ("segment-anything", "clip", r"not of SAM: they lack 'image_encoder.*take weights of the package"),
        ("groundingdino", "clip", r"architecture 'clip', and bring no text encoder.*parts network.*and text"),
        ("groundingdino", "grounding-dino", r"have 64 channels, not 256.*'grounding-dino' does"),
    ],
)
def test_weights_of_another_kind(adapter: str, name: str, message: str, hub_folder: HubFolder) -> None:
    with pytest.raises(ToolError, match=message):
        load(adapter, str(hub_folder(name)))


def test_parts_that_do_not_fit(parts: dict[str, str], hub_folder: HubFolder, tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"takes the parts network and text, not \['words'\]"):
        load("groundingdino", {"words": "a/b"})
    with pytest.raises(ToolError, match=r"architecture 'clip'.*the text part is a BERT"):
        load("groundingdino", {**parts, "text": str(hub_folder("clip"))})
    with pytest.raises(ToolError, match=r"not of the package groundingdino-py"):
        load("groundingdino", {**parts, "network": str(hub_folder("segment-anything"))})
    with pytest.raises(ToolError, match=r"backbone of kind 'convnext', not 'swin'.*'grounding-dino' does"):
        load("groundingdino", "tiny:detector")
    said = json.loads((Path(parts["network"]) / "config.json").read_text())
    for facts, message in [
        ({**said, "lr": 1}, r"config\.json says lr, which this adapter does not know.*it may say"),
        ({key: said[key] for key in said if key != "swin"}, r"backbone of 8 channels, which is neither SwinT-OGC nor"),
        ({**said, "nheads": "two"}, r"says nheads: 'two' \(give a whole number above 0\)"),
        ({**said, "sides": 5}, r"says sides: 5 \(give two whole numbers\)"),
        ({**said, "swin": {"embed_dim": 8}}, r"says swin: .*give a table of embed_dim, depths, num_heads, window_size"),
        ({**said, "dec_layers": 3, "enc_layers": 2}, r"lack \d+ tensors of GroundingDINO, 'transformer\."),
    ]:
        copy = Path(shutil.copytree(parts["network"], tmp_path / f"{len(list(tmp_path.iterdir()))}"))
        (copy / "config.json").write_text(json.dumps(facts))
        with pytest.raises(ToolError, match=message):
            load("groundingdino", {**parts, "network": str(copy)})
