"""Checkpoints of the Hugging Face hub: found, judged and loaded in one way by every adapter of this package.

Safetensors only, and never code from a repository. A reference is `org/name@revision` or a local folder of the
same layout. Every failure is a ToolError that names the weights, both sides, and the fix.
"""

from __future__ import annotations

import re
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from .errors import ToolError
from .progress import note
from .values import Image
from .values.base import Array
from .weights import _HUB_ID, locate

PICKLES = (".bin", ".pt", ".pth", ".ckpt")
"""How files end that can run code when they are opened."""
_IMPORTING = threading.Lock()
_SPELLED = 4
"""Letters from which on a word that a tokenizer spells letter by letter is one that its model has never met."""
_THINNEST = 100
"""Ratio of the sides of an image beyond which resizing for a network leaves nothing of the shorter one."""


@dataclass(frozen=True)
class Checkpoint:
    """Where weights come from: what `from_pretrained` takes."""

    name: str
    """`org/name`, or a local folder."""
    revision: str | None = None

    def __str__(self) -> str:
        return f"{self.name}@{self.revision}" if self.revision else self.name

    @property
    def where(self) -> dict[str, Any]:
        """Keyword arguments of `from_pretrained`, with the rules that hold for all weights."""
        return {"pretrained_model_name_or_path": self.name, "revision": self.revision, "trust_remote_code": False}


@dataclass(frozen=True)
class Loaded:
    """A network on its device, with the processor that feeds it."""

    model: Any
    processor: Any


class Movable:
    """What adapters over one network share: a way to the host's memory and back."""

    _model: Any
    _device: Any = None

    def to_host(self) -> bool:
        """Move the weights to the host's memory."""
        self._device = next(self._model.parameters()).device
        self._model.to("cpu")
        return True

    def to_device(self) -> None:
        """Move the weights back to the device that they came from."""
        self._model.to(self._device)


def find(source: str | Mapping[str, str]) -> Checkpoint:
    """Read a reference, and check that a local folder holds safetensors. Raises ToolError that says what is wrong."""
    if not isinstance(source, str):
        raise ToolError(f"this model takes one source, not parts {sorted(source)}", hint="give 'org/name@revision'")
    shipped = source.startswith(("embedded:", "tiny:"))
    folder = locate(source) if shipped else Path(source).expanduser()
    if source and folder.exists():
        _check_folder(folder)
        return Checkpoint(str(folder))
    match = _HUB_ID.fullmatch(source)
    if match is None or source.startswith("."):
        raise ToolError(f"no weights at {source!r}", hint="give 'org/name@revision', or a folder that exists")
    return Checkpoint(match["repo"], match["revision"])


def _check_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise ToolError(f"weights {str(folder)!r} are a file", hint="give the folder that holds it and its config.json")
    if any(folder.rglob("*.safetensors")):
        return
    pickles = sorted(path.name for path in folder.rglob("*") if path.suffix in PICKLES)
    if pickles:
        raise ToolError(
            f"weights {str(folder)!r} hold only {', '.join(pickles[:3])}: such files can run code when they are opened",
            hint="convert them to safetensors with save_pretrained, or take a revision that has them",
        )
    raise ToolError(f"weights {str(folder)!r} hold no *.safetensors", hint="is the download complete?")


@contextmanager
def failures(checkpoint: Checkpoint) -> Iterator[None]:
    """Turn what the libraries raise while they load into one ToolError that names the weights."""
    from safetensors import SafetensorError

    try:
        yield
    except (OSError, SafetensorError, ValueError, RuntimeError, KeyError, ImportError, AttributeError) as error:
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        local = Path(checkpoint.name).is_dir()
        if isinstance(error, OSError) and not local:
            hint = "check name, revision and network; with HF_HUB_OFFLINE=1 only what was downloaded before is there"
            raise ToolError(f"weights {str(checkpoint)!r} cannot be had from the hub: {reason}", hint=hint) from error
        hint = "a file is missing or damaged: download the folder again" if local else "take another revision"
        raise ToolError(f"weights {str(checkpoint)!r} cannot be loaded: {reason}", hint=hint) from error


def library(name: str) -> Any:
    """Import transformers or diffusers.

    Both put another module in their place once they are imported; a thread whose `import` waits for another's is given
    the first one, which has none of their classes. So one thread at a time imports, and transformers before diffusers,
    which imports parts of it.
    """
    with _IMPORTING:
        import_module("transformers")
        import_module(name)
    return sys.modules[name]


def load(
    classes: Mapping[str, str], source: str | Mapping[str, str], *, device: str, dtype: str, processor: str = "Auto"
) -> Loaded:
    """Load a transformers model, ready to infer, and its processor.

    `classes` maps the `model_type` of a config to the name of the class that is wanted; `processor` is the name
    of a class, `Auto` for AutoProcessor. Raises ToolError for a missing file, another architecture, remote code,
    weights that lack tensors, and a dtype or device that is not there.
    """
    transformers = library("transformers")
    checkpoint = find(source)
    place, precision = placed(device, dtype)
    quiet()
    with failures(checkpoint):
        config, _ = transformers.PreTrainedConfig.get_config_dict(checkpoint.name, revision=checkpoint.revision)
    wanted = _wanted(classes, config, checkpoint)
    with failures(checkpoint):
        model, report = getattr(transformers, wanted).from_pretrained(
            **checkpoint.where, dtype=precision, use_safetensors=True, output_loading_info=True
        )
        _check_complete(report, wanted, config, checkpoint)
        reader = transformers.AutoProcessor if processor == "Auto" else getattr(transformers, processor)
        prepared = reader.from_pretrained(**checkpoint.where)
        check_vocabulary(getattr(prepared, "tokenizer", None), checkpoint)
        return Loaded(model.to(place).eval().requires_grad_(False), prepared)


def _wanted(classes: Mapping[str, str], config: Mapping[str, Any], checkpoint: Checkpoint) -> str:
    kind = config.get("model_type")
    if not isinstance(kind, str):
        raise ToolError(
            f"weights {str(checkpoint)!r} hold no config.json that names an architecture",
            hint="download the folder again; this adapter takes " + ", ".join(classes),
        )
    if kind in classes:
        return classes[kind]
    if "auto_map" in config:
        raise ToolError(
            f"weights {str(checkpoint)!r} ask to run their own code ({', '.join(config['auto_map'].values())})",
            hint=f"that is never done; take weights of a known architecture: {', '.join(classes)}",
        )
    raise ToolError(
        f"weights {str(checkpoint)!r} are of architecture {kind!r}", hint=f"this adapter takes {', '.join(classes)}"
    )


def _check_complete(report: Mapping[str, Any], wanted: str, config: Mapping[str, Any], checkpoint: Checkpoint) -> None:
    """Refuse weights from which tensors are missing: the library would fill them with noise and go on."""
    missing = sorted(report["missing_keys"])
    if missing:
        made = ", ".join(config.get("architectures") or ["an unknown class"])
        raise ToolError(
            f"weights {str(checkpoint)!r} were saved from {made} and lack {len(missing)} tensors of {wanted}, "
            f"{missing[0]!r} first",
            hint=f"take weights of {wanted}",
        )


def check_vocabulary(tokenizer: Any, checkpoint: Checkpoint) -> None:
    """Refuse a tokenizer without words, which the library makes up when the file is missing."""
    if tokenizer is not None and len(tokenizer.get_vocab()) <= len(tokenizer.all_special_tokens):
        raise ToolError(
            f"weights {str(checkpoint)!r} hold no vocabulary for {type(tokenizer).__name__}",
            hint="tokenizer.json, or vocab.json and merges.txt, are missing: download the folder again",
        )


def placed(device: str, dtype: str) -> tuple[Any, Any]:
    """Return (torch.device, torch.dtype) that work together, found by trying a layer. Raises ToolError otherwise."""
    import torch

    precision = getattr(torch, dtype, None)
    if not isinstance(precision, torch.dtype) or not precision.is_floating_point:
        raise ToolError(f"unknown dtype {dtype!r}", hint="give 'float32', 'bfloat16' or 'float16'")
    try:
        place = torch.device(device)
        block = torch.zeros(1, 1, 2, 2, device=place, dtype=precision)
        torch.nn.functional.conv2d(block, block)
        torch.nn.functional.layer_norm(block, [2])
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise ToolError(
            f"device {device!r} cannot compute in {dtype}: {reason}", hint="choose another device or dtype, or profile"
        ) from error
    return place, precision


def quiet() -> None:
    """Silence the libraries' own loading bars, which would be drawn over the progress of the run."""
    library("transformers").utils.logging.disable_progress_bar()


def fitted(tokenizer: Any, text: str, limit: int, what: str = "prompt") -> str:
    """Return the part of `text` that fits into `limit` tokens. Raises ToolError for no words.

    What is cut, and which words a small vocabulary lacks, becomes a note of the run.
    """
    if not text.strip():
        raise ToolError(f"the {what} is empty", hint="say in words what is wanted")
    if unknown := _unknown_words(tokenizer, text):
        note(f"the model does not know these words of the {what}: {', '.join(unknown)}")
    room = limit - tokenizer.num_special_tokens_to_add(pair=False)
    ids = tokenizer(text, add_special_tokens=False, truncation=False, verbose=False)["input_ids"]
    if len(ids) <= room:
        return text
    kept = _first_words(tokenizer, text, room)
    if not kept:
        raise ToolError(f"the {what} does not fit: the model reads {limit} tokens", hint="use shorter words")
    note(f"the {what} is too long for the model, which reads {limit} tokens; cut: {text[len(kept) :]!r}")
    return kept


def _unknown_words(tokenizer: Any, text: str) -> list[str]:
    """Return the words of `text` for which a tokenizer has only its mark for unknown ones, or only single letters."""
    if not tokenizer.is_fast:
        return []
    read = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
    places = list(zip(read["input_ids"], read["offset_mapping"], strict=True))
    unknown = []
    for word in re.finditer(r"\w+", text):
        tokens = [token for token, (start, end) in places if word.start() <= start < end <= word.end()]
        letters = word[0].isascii() and word[0].isalpha()  # elsewhere a letter may be a word, or a digit a token
        spelled = letters and len(word[0]) >= _SPELLED and len(tokens) >= len(word[0])
        if spelled or (tokenizer.unk_token_id is not None and tokenizer.unk_token_id in tokens):
            unknown.append(word[0])
    return unknown


def _first_words(tokenizer: Any, text: str, room: int) -> str:
    """Return the longest beginning of `text`, in whole words where there are several, of at most `room` tokens."""
    ends = [i for i, letter in enumerate(text) if letter.isspace()] or list(range(len(text)))
    low, high = 0, len(ends)
    while low < high:
        middle = (low + high + 1) // 2
        ids = tokenizer(text[: ends[middle - 1]], add_special_tokens=False, verbose=False)["input_ids"]
        low, high = (middle, high) if len(ids) <= room else (low, middle - 1)
    return text[: ends[low - 1]].rstrip() if low else ""


def checked(tensor: Any, what: str) -> Any:
    """Return `tensor`, or raise ToolError when a number in it is NaN; infinities may be padding."""
    if bool(tensor.isnan().any()):
        raise nan_error(what)
    return tensor


def nan_error(what: str) -> ToolError:
    """Return the error for a model that gave no numbers."""
    return ToolError(
        f"{what} gave NaN: not numbers", hint="use dtype float32 or bfloat16; else the weights are damaged"
    )


def opaque(image: Image, longest: int | None = None) -> Array:
    """Return uint8 (h, w, 3), a writable copy: the colors over white, shrunk so that no side is over `longest` pixels.

    Raises ToolError for an image so thin that a network would see nothing of it.
    """
    width, height = image.size_wh
    if max(width, height) > _THINNEST * min(width, height):
        raise ToolError(f"the image of {width}×{height} is too thin for a vision model", hint="crop or pad it first")
    rgb = image.rgb
    if image.alpha is not None:
        share = image.alpha[..., None].astype(np.float32) / 255
        rgb = np.rint(rgb * share + 255 * (1 - share)).astype(np.uint8)
    scale = min(1.0, (longest or max(width, height)) / max(width, height))
    if scale < 1:
        rgb = resized(rgb, (max(1, round(width * scale)), max(1, round(height * scale))))
    return np.array(rgb)  # the libraries want to be able to write


def resized(rgb: Array, size_wh: tuple[int, int]) -> Array:
    """Return uint8 (height, width, 3) resampled to `size_wh` (Lanczos); the same array when it has that size."""
    from PIL import Image as PIL

    if (rgb.shape[1], rgb.shape[0]) == size_wh:
        return rgb
    return np.asarray(PIL.fromarray(rgb).resize(size_wh, PIL.Resampling.LANCZOS))


class Memo:
    """The last few image embeddings, by the digest of the image: many prompts, one pass of the encoder."""

    def __init__(self, most: int = 4) -> None:
        self._most = most
        self._kept: OrderedDict[str, Any] = OrderedDict()

    def find(self, image: Image) -> Any | None:
        """Return what is kept for this image, or None."""
        if image.digest in self._kept:
            self._kept.move_to_end(image.digest)
        return self._kept.get(image.digest)

    def keep(self, image: Image, value: Any) -> None:
        """Keep what was computed for an image; the one that was not asked for longest goes."""
        self._kept[image.digest] = value
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)

    def get(self, image: Image, compute: Callable[[], Any]) -> Any:
        """Return what was computed for this image, computing it the first time."""
        known = self.find(image)
        if known is None:
            known = compute()
            self.keep(image, known)
        return known
