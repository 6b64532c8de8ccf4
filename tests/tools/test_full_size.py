"""The networks of every hub adapter at their published size, without weights: parameters, memory, profiles."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from diptych.tools import hub
from diptych.tools.errors import ToolError
from diptych.tools.profiles import ADAPTERS, Binding, load_profile
from diptych.tools.tensors import without_weights

FACTS: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "full_size.yaml").read_text(encoding="utf-8"))
GPU_PROFILES = ("gpu-16gb", "gpu-24gb", "gpu-80gb")
MIB = 2**20

# Beside its weights a model needs room for what it computes. Without a GPU it cannot be measured here: a profile must
# leave some, and not so much that models that would fit together take turns.
LEAST_ROOM_MB = 250
MOST_ROOM_MB = 1500
MOST_ROOM_SHARE = 0.35

WIDE = {"grounding-dino", "groundingdino", "owl"}
"""Adapters that compute in float32 whatever the profile says."""


@cache
def network(name: str) -> Any:
    """Construct a network of the table without memory for its weights."""
    import diffusers
    import torch
    import transformers

    row = FACTS["networks"][name]
    with torch.device("meta"):
        if row.get("library") == "diffusers":
            return getattr(diffusers, row["class"]).from_config(row.get("config", {}))
        kind = getattr(transformers, row["class"])
        return kind(kind.config_class(**row.get("config", {})))


def parameters(name: str) -> int:
    return sum(weight.numel() for weight in network(name).parameters())


def published(text: str) -> tuple[float, float]:
    """Return (number, half a unit of its last digit) of, for example, 2.6B, in millions."""
    unit = {"M": 1.0, "B": 1000.0}[text[-1]]
    return float(text[:-1]) * unit, 0.5 * unit * 10.0 ** -len(text[:-1].partition(".")[2])


@pytest.mark.parametrize("name", FACTS["networks"])
def test_parameters_are_as_published(name: str) -> None:
    row = FACTS["networks"][name]
    assert parameters(name) * 2 / MIB == pytest.approx(row["mb"], abs=1)
    if "published" in row:
        number, half = published(row["published"])
        assert parameters(name) / 1e6 + row.get("besides", 0) == pytest.approx(number, abs=half)
        assert row["source"]


@pytest.mark.parametrize("profile", GPU_PROFILES)
def test_profiles_state_the_memory_of_their_weights(profile: str) -> None:
    bindings = [b for b in load_profile(profile).bindings.values() if b.source and not b.sources[0].startswith("emb")]
    assert len(bindings) > 8
    for binding in bindings:
        weights = weights_mb(binding, load_profile(profile).dtype)
        most = weights * (1 + MOST_ROOM_SHARE) + MOST_ROOM_MB
        assert weights + LEAST_ROOM_MB <= binding.memory_mb <= most, (binding.capability, weights, most)
        assert binding.download_mb >= 0.98 * stored_mb(binding), (binding.capability, stored_mb(binding))


def weights_mb(binding: Binding, dtype: str) -> float:
    """Return MiB of the parts that are on the device together."""
    assert dtype == "bfloat16"
    size = 4 if binding.adapter in WIDE else 2
    parts = [parameters(part) * size / MIB for part in FACTS["repositories"][binding.source]]
    return max(parts) if binding.options.get("offload") else sum(parts)


def stored_mb(binding: Binding) -> float:
    """Return MB (10**6) of the repository's weights, at two bytes each, which is the least that is published."""
    return sum(parameters(part) * 2 / 1e6 for part in FACTS["repositories"][binding.source])


@pytest.mark.parametrize("adapter", FACTS["adapters"])
def test_adapters_state_the_memory_of_their_usual_model(adapter: str) -> None:
    name, size = FACTS["adapters"][adapter]
    weights = parameters(name) * size / MIB
    stated = Binding("any", adapter).model.memory_mb
    assert weights + 100 <= stated <= weights * (1 + MOST_ROOM_SHARE) + MOST_ROOM_MB, weights


class Asked(Exception):
    """Carries the classes that an adapter would load."""


def test_an_adapter_loads_each_network(monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES as CHAT

    def ask(classes: dict[str, str], *_: Any, **__: Any) -> None:
        raise Asked({kind: CHAT[kind] if name.startswith("Auto") else name for kind, name in classes.items()})

    monkeypatch.setattr(hub, "load", ask)
    loaded = {(kind, name) for adapter in ADAPTERS for kind, name in classes_of(adapter).items()}
    parts = {part for parts in FACTS["repositories"].values() if len(parts) > 1 for part in parts}
    alone = [name for name, row in FACTS["networks"].items() if "library" not in row and name not in parts]
    assert len(alone) > 15
    images = {"Sam2VideoModel": "Sam2Model"}  # the half of it that an adapter takes
    for name in alone:
        wanted = FACTS["networks"][name]["class"]
        assert (network(name).config.model_type, images.get(wanted, wanted)) in loaded


def classes_of(adapter: str) -> dict[str, str]:
    """Return architecture → class of an adapter; {} for one that is not over a network of transformers."""
    try:
        Binding("any", adapter).model.load("./nowhere")
    except Asked as asked:
        classes: dict[str, str] = asked.args[0]
        return classes
    except (ToolError, TypeError):
        pass
    return {}


@pytest.mark.parametrize("name, same", [("SwinT-OGC", "grounding-dino-tiny"), ("SwinB", "grounding-dino-base")])
def test_the_packages_grounding_dino_is_the_same_network(name: str, same: str) -> None:
    import transformers

    from diptych.tools.detectors.grounding_dino_network import FACTS as PACKAGE
    from diptych.tools.detectors.grounding_dino_network import PUBLISHED, build
    from tests.tools.tiny_hub import bert_tokenizer

    with without_weights():
        model = build(PACKAGE, PUBLISHED[name], transformers.BertModel(transformers.BertConfig()), bert_tokenizer())
    theirs = network(same)
    unused = sum(weight.numel() for weight in theirs.model.backbone.conv_encoder.model.swin.layernorm.parameters())
    assert sum(weight.numel() for weight in model.parameters()) == parameters(same) - unused


@pytest.mark.parametrize("size, same", [("vit_b", "sam-vit-base"), ("vit_h", "sam-vit-huge")])
def test_the_packages_sam_is_the_same_network(size: str, same: str) -> None:
    import torch
    from segment_anything import sam_model_registry

    with torch.device("meta"):
        model = sam_model_registry[size]()
    positions = model.prompt_encoder.pe_layer.positional_encoding_gaussian_matrix.numel()  # a buffer there
    assert sum(weight.numel() for weight in model.parameters()) + positions == parameters(same)
