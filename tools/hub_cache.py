"""What lies in the cache of the Hugging Face hub, and what has to come: seen without network, but for `download`.

    models--org--name/refs/main             the commit that a name stands for
    models--org--name/snapshots/COMMIT/…    its files, links to ../../blobs

A checkpoint is complete when every model of it has its weights: a folder with a `config.json` holds safetensors, all
parts of them that their index lists, and every part that `model_index.json` lists has its folder. A pipeline may keep
several sets of them, and is complete for the variant that it is asked for: some parts have that one, the others, of
which there is none, the plain one.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from .errors import ToolError
from .weights import _HUB_ID, packaged

_PART = r"(?:-\d+-of-\d+)?"
_WEIGHTS = re.compile(rf"(?:diffusion_pytorch_)?model{_PART}(?P<variant>\.\w+)?{_PART}\.safetensors")
"""How the weights of a model are called, with the variant before or after the number of the part."""
_INDEX = "*.safetensors.index*.json"
_PLAIN = (".json", ".txt", ".model", ".jinja")
"""Configurations, vocabularies and templates."""


def present(source: str, variant: str = "") -> bool:
    """Say whether weights are here, whole, so that nothing has to be downloaded to use them (in that variant)."""
    if source.startswith("embedded:"):
        name = source.removeprefix("embedded:")
        return name in packaged() and packaged()[name].present
    return source.startswith("tiny:") or Path(source).expanduser().exists() or snapshot(source, variant) is not None


def on_hub(source: str) -> bool:
    """Say whether a reference names a repository of the hub, rather than what is packaged, shipped, or a path."""
    return bool(_HUB_ID.fullmatch(source)) and not source.startswith(".") and not Path(source).expanduser().exists()


def snapshot(source: str, variant: str = "") -> Path | None:
    """Return the folder in the cache that holds all that a variant of `org/name@revision` needs, or None."""
    match = _HUB_ID.fullmatch(source)
    if match is None:
        return None
    folder = cache_folder() / f"models--{match['repo'].replace('/', '--')}"
    revision = match["revision"] or "main"
    reference = folder / "refs" / revision
    commit = reference.read_text(encoding="utf-8").strip() if reference.is_file() else revision
    found = folder / "snapshots" / commit
    return found if found.is_dir() and _complete(found, variant) else None


def offline() -> bool:
    """Say whether HF_HUB_OFFLINE forbids downloads from the hub."""
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")


def cache_folder() -> Path:
    """Return where the hub's library keeps checkpoints, as its environment variables say."""
    if chosen := os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE"):
        return Path(chosen).expanduser()
    shared = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(os.environ.get("HF_HOME") or f"{shared}/huggingface").expanduser() / "hub"


def download(source: str, variant: str = "") -> Path:
    """Bring what is used of `org/name@revision` into the cache and return its folder; what is there is left alone.

    `variant` as for `wanted_files`. Raises ToolError when the disk is too full or the hub cannot be reached.
    """
    from huggingface_hub import snapshot_download

    match = _HUB_ID.fullmatch(source)
    if match is None:
        raise ToolError(f"no weights at {source!r}", hint="give 'org/name@revision', or a folder that exists")
    repo, revision = match["repo"], match["revision"]
    try:
        listed = snapshot_download(repo, revision=revision, dry_run=True)
        names = wanted_files([file.filename for file in listed], variant)
        _check_room(
            source, sum(file.file_size or 0 for file in listed if file.will_download and file.filename in names)
        )
        return Path(snapshot_download(repo, revision=revision, allow_patterns=names))
    except ToolError:
        raise
    except Exception as error:  # the hub's, or its HTTP client's, whose module has other names in other releases
        reason = str(error).strip().partition("\n")[0]
        hint = "check the name and the network, and that HF_HUB_OFFLINE is not set; what has come is kept"
        raise ToolError(f"weights {source!r} cannot be had from the hub: {reason}", hint=hint) from error


def wanted_files(names: Iterable[str], variant: str = "") -> list[str]:
    """Return the files of a repository that its model is loaded from: no pickles, code, or second copies.

    `variant` is what a diffusion pipeline is asked for, such as `fp16`; parts that lack it give their plain weights.
    """
    paths = [PurePosixPath(name) for name in names]
    pipeline = PurePosixPath("model_index.json") in paths
    near = [path for path in paths if len(path.parts) <= (2 if pipeline else 1)]
    folders: dict[PurePosixPath, list[PurePosixPath]] = {}
    for path in near:
        folders.setdefault(path.parent, []).append(path)
    kept = [path for path in near if path.suffix in _PLAIN]
    for folder, inside in folders.items():
        if not (pipeline and folder == PurePosixPath()):  # beside a pipeline lies the same once more, in one file
            kept += _weights(inside, variant)
    return sorted(map(str, kept))


def _weights(inside: Sequence[PurePosixPath], variant: str) -> list[PurePosixPath]:
    found = {path: _variant(path.name) for path in inside if _WEIGHTS.fullmatch(path.name)}
    if not found:
        return [path for path in inside if path.suffix == ".safetensors"]
    wanted = f".{variant}" if variant and f".{variant}" in found.values() else ""
    return [path for path, kind in found.items() if kind == wanted]


def _check_room(source: str, size: int) -> None:
    """Raise ToolError when there is no room for so many bytes."""
    folder = cache_folder()
    nearest = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    free = shutil.disk_usage(nearest).free
    if free < size:
        raise ToolError(
            f"weights {source!r} take {size / 1e9:.1f} GB, and {folder} has {free / 1e9:.1f} GB free",
            hint="make room, or set HF_HOME to a folder on a larger disk",
        )


def _complete(folder: Path, variant: str) -> bool:
    files = [path for path in folder.rglob("*") if not path.is_dir()]
    if not all(path.is_file() for path in files):  # a link to a blob that is gone
        return False
    try:
        parts = _parts(folder / "model_index.json")
        if not all((folder / part).is_dir() for part in parts):
            return False
        models = {path.parent for path in files if path.name == "config.json"} - ({folder} if parts else set())
        held = [_variants(model) for model in models]
        wanted = f".{variant}" if variant and parts else ""
        enough = any(wanted in each for each in held) if models else any(p.suffix == ".safetensors" for p in files)
        return enough and all(each & {"", wanted} for each in held)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # half-written or damaged
        return False


def _parts(index: Path) -> list[str]:
    """Return the folders of a pipeline."""
    if not index.is_file():
        return []
    listed: dict[str, Any] = json.loads(index.read_text(encoding="utf-8"))
    return [name for name, about in listed.items() if isinstance(about, list) and about[0] is not None]


def _variants(folder: Path) -> set[str]:
    """Return the variants (`.fp16`; empty: plain) in which all weights of one model are here."""
    indexes = [json.loads(path.read_text(encoding="utf-8")) for path in folder.glob(_INDEX)]
    shards = [set(index["weight_map"].values()) for index in indexes]
    whole = [names for names in shards if all((folder / name).is_file() for name in names)]
    listed: set[str] = set().union(*shards)
    single = {path.name for path in folder.glob("*.safetensors")} - listed
    return {_variant(name) for name in single.union(*whole)}


def _variant(name: str) -> str:
    match = _WEIGHTS.fullmatch(name)
    return (match["variant"] or "") if match else ""
