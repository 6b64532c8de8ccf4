"""Tensors for the networks of packages that have no `from_pretrained`: out of safetensors, and into the network.

Their authors publish `.pth` files, which are pickles: opening one can run code, so no adapter does. Whoever trusts a
download turns it into safetensors once: `python -m diptych.tools.tensors sam_vit_b.pth FOLDER`. It reads with torch's
own loader of plain tensors, which runs no code, and FOLDER is then a source for a profile.
"""

from __future__ import annotations

import json
import pickle
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .errors import DiptychError, ToolError, UsageError
from .hub import PICKLES, Checkpoint, failures, find
from .weights import locate

WEIGHTS = "model.safetensors"
"""What the weights are called in a folder of one file; an index lists the parts of larger ones."""


def folder_of(source: str | Mapping[str, str]) -> tuple[Checkpoint, Path]:
    """Return a reference and the local folder of its files, downloaded when they are on the hub.

    Raises ToolError as `hub.find` does; for a pickle it says how to convert it.
    """
    if isinstance(source, str) and source.endswith(PICKLES):
        raise _pickled(source, Path(source).name)
    path = Path(source).expanduser() if isinstance(source, str) and source else None
    if path and path.is_dir() and not any(path.rglob("*.safetensors")):
        for name in sorted(file.name for file in path.iterdir() if file.suffix in PICKLES):
            raise _pickled(str(source), name)
    checkpoint = find(source)
    return checkpoint, locate(str(checkpoint))


def _pickled(source: str, name: str) -> ToolError:
    return ToolError(
        f"weights {source!r} are a pickle, {name!r}: such files can run code when they are opened",
        hint=f"convert it once: python -m diptych.tools.tensors {name} FOLDER, and give FOLDER",
    )


def read(folder: Path, checkpoint: Checkpoint) -> dict[str, Any]:
    """Return name → tensor of the weights in a folder. Raises ToolError that names a missing or damaged file."""
    from safetensors.torch import load_file

    tensors: dict[str, Any] = {}
    with failures(checkpoint):
        for file in _files(folder, checkpoint):
            tensors.update(load_file(file))
    return tensors


def _files(folder: Path, checkpoint: Checkpoint) -> list[Path]:
    index = folder / f"{WEIGHTS}.index.json"
    if index.is_file():
        parts = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
        return [folder / Path(part).name for part in sorted(parts)]
    if (folder / WEIGHTS).is_file():
        return [folder / WEIGHTS]
    found = sorted(folder.glob("*.safetensors"))
    if not found:
        hint = "take a revision that has them, or convert a .pth: python -m diptych.tools.tensors FILE FOLDER"
        raise ToolError(f"weights {str(checkpoint)!r} hold no *.safetensors", hint=hint)
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise ToolError(f"weights {str(checkpoint)!r} hold {names}: which is meant?", hint=f"call it {WEIGHTS}")
    return found


def facts(folder: Path, checkpoint: Checkpoint) -> dict[str, Any]:
    """Return the folder's config.json, {} when there is none. Raises ToolError when it is no object of JSON."""
    file = folder / "config.json"
    if not file.is_file():
        return {}
    with failures(checkpoint):
        found = json.loads(file.read_text(encoding="utf-8"))
    if not isinstance(found, dict):
        raise ToolError(f"weights {str(checkpoint)!r}: config.json holds no object", hint="download the folder again")
    return found


@contextmanager
def without_weights() -> Iterator[None]:
    """Build networks whose parameters take no memory and no time, until `fill` gives them theirs."""
    from accelerate import init_empty_weights

    with init_empty_weights(include_buffers=False):
        yield


def fill(network: Any, tensors: Mapping[str, Any], checkpoint: Checkpoint, *, computed: str = "") -> Any:
    """Put the tensors into a network of float32, ready to infer, and return it; what it has no place for is left out.

    `computed` is how a name ends whose tensor the network makes itself, and files may lack. Raises ToolError for
    other tensors that are missing, and for those of another shape: what would stay is noise.
    """
    import torch

    wanted = network.state_dict(keep_vars=True)
    # A parameter may have several names, and a file holds it under one of them.
    given = {id(wanted[name]) for name in tensors if name in wanted}
    missing = sorted(name for name, value in wanted.items() if id(value) not in given)
    if missing := [name for name in missing if not (computed and name.endswith(computed))]:
        kind = type(network).__name__
        raise ToolError(
            f"weights {str(checkpoint)!r} lack {len(missing)} tensors of {kind}, {missing[0]!r} first",
            hint="is it another model, or another size of it?",
        )
    floats = {name: t.to(torch.float32) if t.is_floating_point() else t for name, t in tensors.items()}
    with failures(checkpoint):
        network.load_state_dict(floats, strict=False, assign=True)
    return network.eval().requires_grad_(False)


def renamed(tensors: Mapping[str, Any], rename: Callable[[str], str]) -> dict[str, Any]:
    """Return the tensors under the names that `rename` gives them."""
    return {rename(name): tensor for name, tensor in tensors.items()}


def convert(file: Path, folder: Path) -> Path:
    """Write the tensors of a `.pth` as safetensors into a folder, and return the new file. Runs no code of the file.

    Raises UsageError for a file that is missing, is already converted, or holds more than named tensors.
    """
    import torch
    from safetensors.torch import save_file

    target = folder / WEIGHTS
    if target.exists():
        raise UsageError(f"{str(target)!r} is there already; give another folder")
    try:
        content = torch.load(file, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise UsageError(f"{str(file)!r} is not a file of plain tensors, and is not opened: {reason}") from error
    for wrapper in ("model", "state_dict"):
        content = content.get(wrapper, content) if isinstance(content, dict) else content
    if not isinstance(content, dict) or not all(isinstance(value, torch.Tensor) for value in content.values()):
        raise UsageError(f"{str(file)!r} holds no table of tensors by name; is it a checkpoint?")
    # Tensors that share memory are written once each: the format has no shared ones.
    tensors = {name.removeprefix("module."): value.clone().contiguous() for name, value in content.items()}
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors, target, {"format": "pt"})
    return target


def main(arguments: list[str]) -> int:
    """Convert FILE into FOLDER; return the exit status."""
    if len(arguments) != 2:
        print("usage: python -m diptych.tools.tensors FILE.pth FOLDER", file=sys.stderr)
        return 2
    try:
        print(convert(*map(Path, arguments)))
    except DiptychError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
