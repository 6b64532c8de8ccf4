"""Boxes for any phrase by the package `groundingdino-py`: the authors' own network (Liu et al., arXiv 2303.05499)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Self

from .. import hub, tensors
from ..errors import ToolError
from ..values import Image
from .grounding import Grounding, Search, Seen

_SIDES = (800, 1333)
"""Shorter side at which the network sees an image, and the most for the longer one, in pixels."""
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_TRANSFORMERS = "grounding-dino"
"""`model_type` of a folder in the layout of transformers."""


class _Loaded(NamedTuple):
    model: Any
    tokenizer: Any
    sides: tuple[int, int]


class GroundingDinoPy(Grounding):
    """Grounding DINO as its authors' package runs it; an image passes the backbone once for all its phrases.

    Weights are those of the package in safetensors with a BERT beside them, `{network: …, text: …}`, or one folder
    of `GroundingDinoForObjectDetection` of transformers, which holds both.
    """

    def __init__(self, loaded: _Loaded, threshold: float) -> None:
        super().__init__(loaded.model, loaded.tokenizer, loaded.model.max_text_len, threshold)
        self._sides = loaded.sides
        self._memo = hub.Memo(2)

    @classmethod
    def load(
        cls,
        source: str | Mapping[str, str],
        *,
        device: str = "cpu",
        dtype: str = "float32",
        threshold: float = 0.3,
    ) -> Self:
        """Load a checkpoint; `threshold` is the least score in [0, 1] of a box.

        It computes in float32 whatever `dtype` says, as the adapter `grounding-dino` does. The published sizes are
        known by their weights; a config.json beside others says how they differ. Raises ToolError for a pickle,
        another architecture, missing tensors, and a device that is not there.
        """
        place, _ = hub.placed(device, "float32")
        hub.quiet()
        loaded = _of_parts(source) if isinstance(source, Mapping) else _of_one_folder(source)
        return cls(loaded._replace(model=loaded.model.to(place)), threshold)

    def _see(self, searches: Sequence[Search]) -> Seen:
        import torch

        from .grounding_dino_network import Seen as Images

        with torch.inference_mode():
            seen = [self._memo.get(image, partial(self._encode, image)) for image, _, _ in searches]
            output = self._model(Images.together(seen), captions=[phrase for _, _, phrase in searches])
        return Seen(output["pred_logits"], output["pred_boxes"])

    def _encode(self, image: Image) -> Any:
        from groundingdino.datasets.transforms import resize
        from PIL import Image as PIL
        from torchvision.transforms import functional

        small, _ = resize(PIL.fromarray(hub.opaque(image)), None, *self._sides)
        pixels = functional.normalize(functional.to_tensor(small), _MEAN, _STD)[None]  # (1, 3, h, w)
        seen = self._model.backbone.see(pixels.to(next(self._model.parameters()).device))
        # Each query starts from a cell of its own, and the last level of cells is half of the one before.
        sides = [level.tensors.shape[2:] for level in seen.output[0]]
        cells = sum(height * width for height, width in [*sides, [-(-side // 2) for side in sides[-1]]])
        if cells < self._model.num_queries:
            size = "×".join(map(str, image.size_wh))
            raise ToolError(f"the image of {size} is too thin for the detector", hint="crop or pad it first")
        return seen


def _of_parts(source: Mapping[str, str]) -> _Loaded:
    """Load the package's weights from one place, and the facts and words of its text encoder from another."""
    transformers = hub.library("transformers")
    if set(source) != {"network", "text"}:
        raise ToolError(f"this model takes the parts network and text, not {sorted(source)}", hint="give both")
    checkpoint, folder = tensors.folder_of(source["network"])
    text = hub.find(source["text"])
    with hub.failures(text):
        bert = transformers.AutoConfig.from_pretrained(**text.where)
        tokenizer = transformers.AutoTokenizer.from_pretrained(**text.where)
    if bert.model_type != "bert":
        raise ToolError(
            f"weights {str(text)!r} are of architecture {bert.model_type!r}", hint="the text part is a BERT"
        )
    hub.check_vocabulary(tokenizer, text)
    given = tensors.read(folder, checkpoint)
    facts, swin, sides = _facts(tensors.facts(folder, checkpoint), given, checkpoint)
    return _Loaded(_network(facts, swin, bert, tokenizer, given, checkpoint), tokenizer, sides)


def _of_one_folder(source: str) -> _Loaded:
    """Load a checkpoint in the layout of transformers into the package's network."""
    transformers = hub.library("transformers")
    checkpoint, folder = tensors.folder_of(source)
    kind = tensors.facts(folder, checkpoint).get("model_type")
    if kind != _TRANSFORMERS:
        raise ToolError(
            f"weights {str(checkpoint)!r} are of architecture {kind!r}, and bring no text encoder",
            hint=f"give a folder of {_TRANSFORMERS!r}, or the parts network (the package's weights) and text (a BERT)",
        )
    from .grounding_dino_network import package_facts, package_names

    with hub.failures(checkpoint):
        config = transformers.GroundingDinoConfig.from_pretrained(folder)
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    hub.check_vocabulary(tokenizer, checkpoint)
    if config.backbone_config.model_type != "swin":
        raise ToolError(
            f"weights {str(checkpoint)!r} have a backbone of kind {config.backbone_config.model_type!r}, not 'swin'",
            hint="the package knows no other; the adapter 'grounding-dino' does",
        )
    facts, swin = package_facts(config.to_dict())
    with hub.failures(checkpoint):
        given = package_names(tensors.read(folder, checkpoint))
    model = _network(facts, swin, config.text_config, tokenizer, given, checkpoint)
    return _Loaded(model, tokenizer, _sides(folder))


def _sides(folder: Path) -> tuple[int, int]:
    """Return the sides that a processor of transformers says, in whichever of its files it says them."""
    for name, inner in (("preprocessor_config.json", None), ("processor_config.json", "image_processor")):
        if (folder / name).is_file():
            said = json.loads((folder / name).read_text(encoding="utf-8"))
            size = (said.get(inner, {}) if inner else said).get("size", {})
            return size.get("shortest_edge", _SIDES[0]), size.get("longest_edge", _SIDES[1])
    return _SIDES


def _facts(
    said: Mapping[str, Any], given: Mapping[str, Any], checkpoint: hub.Checkpoint
) -> tuple[dict[str, Any], dict[str, Any], tuple[int, int]]:
    """Return (facts, backbone, sides): the published ones for these weights, save for what a config.json says."""
    from .grounding_dino_network import FACTS, PUBLISHED

    known = {*FACTS, "swin", "sides"}
    if unknown := sorted(set(said) - known):
        raise ToolError(
            f"weights {str(checkpoint)!r}: config.json says {', '.join(unknown[:3])}, which this adapter does not know",
            hint=f"it may say {', '.join(sorted(known))}",
        )
    _check_facts(said, checkpoint)
    first = given.get("backbone.0.patch_embed.proj.weight")
    if first is None:
        raise ToolError(
            f"weights {str(checkpoint)!r} are not of the package groundingdino-py", hint="is it another model?"
        )
    published = {swin["embed_dim"]: swin for swin in PUBLISHED.values()}
    swin = said.get("swin") or published.get(first.shape[0])
    if swin is None:
        raise ToolError(
            f"weights {str(checkpoint)!r} have a backbone of {first.shape[0]} channels, which is neither "
            + " nor ".join(PUBLISHED),
            hint="say 'swin' in a config.json beside them",
        )
    facts = {name: said.get(name, value) for name, value in FACTS.items()}
    shortest, longest = said.get("sides", _SIDES)
    return facts, swin, (shortest, longest)


def _check_facts(said: Mapping[str, Any], checkpoint: hub.Checkpoint) -> None:
    """Raise ToolError for the first value of a config.json that is not of the kind of the published one."""
    from .grounding_dino_network import SWIN_T

    for name, value in said.items():
        if name == "swin":
            fits, wanted = isinstance(value, dict) and set(value) == set(SWIN_T), f"a table of {', '.join(SWIN_T)}"
        elif name == "sides":
            fits, wanted = isinstance(value, list) and [type(side) for side in value] == [int, int], "two whole numbers"
        else:
            fits, wanted = type(value) is int and value > 0, "a whole number above 0"
        if not fits:
            raise ToolError(f"weights {str(checkpoint)!r}: config.json says {name}: {value!r}", hint=f"give {wanted}")


def _network(
    facts: Mapping[str, Any],
    swin: Mapping[str, Any],
    bert: Any,
    tokenizer: Any,
    given: Mapping[str, Any],
    checkpoint: hub.Checkpoint,
) -> Any:
    from .grounding_dino_network import WIDTH, build

    width = given["feat_map.bias"].shape[0] if "feat_map.bias" in given else WIDTH
    if width != WIDTH:
        hint = "the package computes in no other; the adapter 'grounding-dino' does"
        raise ToolError(f"weights {str(checkpoint)!r} have {width} channels, not {WIDTH}", hint=hint)
    with hub.failures(checkpoint), tensors.without_weights():
        model = build(facts, swin, hub.library("transformers").BertModel(bert), tokenizer)
    return tensors.fill(model, given, checkpoint, computed="relative_position_index")
