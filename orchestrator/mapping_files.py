"""Which pictures a map is about, and where the edited ones go.

Naming rule: a picture keeps its path below the folder that was named (below the fixed part of a pattern; a single
file keeps just its name), without its suffix: `photos/**/*.jpg` over `photos/sea/a.jpg` gives `OUT/sea/a.png`.
Pictures that would share a name, such as `a.jpg` beside `a.png`, or `a.jpg` of two folders, all get a hyphen and
the first 8 hex digits of the sha256 of their absolute path. A plan with several pictures as outputs adds `-OUTPUT`,
a list adds `-1`, `-2`, …, so that no two pictures are ever written to one file.
"""

from __future__ import annotations

import glob
import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..tools.errors import UsageError
from ..tools.values import Image, Mask, Value
from .calls import Result as Output

Format = Literal["png", "jpg", "webp"]
FORMATS: tuple[Format, ...] = ("png", "jpg", "webp")
SUFFIXES = frozenset(
    (
        *(".png", ".jpg", ".jpeg", ".jpe", ".mpo", ".webp", ".gif", ".tif", ".tiff", ".bmp", ".avif", ".jp2", ".j2k"),
        *(".ppm", ".pgm", ".pbm", ".pnm", ".tga", ".ico"),
    )
)
"""What counts as a picture when a whole folder is given; a pattern or a file name is taken at its word."""


@dataclass(frozen=True)
class Source:
    """One picture to be edited."""

    path: Path
    name: str
    """Where its outputs go below OUT: a relative path with `/`, without suffix, of no other source."""


def find_sources(files: Sequence[str | Path], out: Path) -> list[Source]:
    """Return the pictures that files, folders and shell patterns (`**` too) stand for: each once, in order.

    A folder stands for the pictures in it and in its subfolders; hidden ones are left out, and so is all that lies
    inside of `out`: what a map wrote is not its own source. Raises UsageError that names what leads to nothing.
    """
    inside, found = 0, dict[str, tuple[Path, str]]()
    for given in files:
        pairs = list(_matches(str(given)))
        if not pairs:
            raise UsageError(f"{str(given)!r} leads to no picture; check the path, and put a pattern in quotes")
        for path, name in pairs:
            if path.resolve().is_relative_to(out.resolve()):
                inside += 1
            else:
                found.setdefault(str(path.absolute()), (path, name))
    if not found:
        reason = f"all {inside} pictures lie inside of {str(out)!r}, where the results go" if inside else "none given"
        raise UsageError(f"there is nothing to map: {reason}; give a folder or a pattern, and another --out")
    shared = Counter(name.casefold() for _, name in found.values())
    return [
        Source(path, name if shared[name.casefold()] == 1 else f"{name}-{_mark(absolute)}")
        for absolute, (path, name) in found.items()
    ]


def named_outputs(outputs: Mapping[str, Output], wanted: Sequence[str]) -> dict[str, Image]:
    """Return what is written for one source: the end of its file name (often empty) → the picture.

    `wanted` are the outputs of the plan that may be pictures; a mask becomes a black and white picture.
    """
    found: dict[str, Image] = {}
    for name in wanted:
        output = outputs.get(name)
        label = f"-{name}" if len(wanted) > 1 else ""
        if isinstance(output, tuple):
            found |= {f"{label}-{number}": _picture(value) for number, value in enumerate(output, 1)}
        elif output is not None:
            found[label] = _picture(output)
    return found


def _matches(given: str) -> Iterator[tuple[Path, str]]:
    """Yield (file, name below the root without suffix) for one file, folder or pattern."""
    path = Path(given).expanduser()
    if os.path.lexists(path):
        yield from _walk(path) if path.is_dir() else [(path, path.stem)]
        return
    fixed = next((number for number, part in enumerate(path.parts) if glob.has_magic(part)), None)
    if fixed is None:
        raise UsageError(f"there is no file or folder {given!r}; check the path, and put a pattern in quotes")
    root, pattern = Path(*path.parts[:fixed]), Path(*path.parts[fixed:])
    hidden = any(part.startswith(".") for part in pattern.parts)
    for match in sorted(root.glob(str(pattern))):
        below = match.relative_to(root)
        if not match.is_dir() and (hidden or not any(part.startswith(".") for part in below.parts)):
            yield match, below.with_suffix("").as_posix()


def _walk(folder: Path) -> Iterator[tuple[Path, str]]:
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(parent, name)
            if path.suffix.lower() in SUFFIXES and not name.startswith("."):
                yield path, path.relative_to(folder).with_suffix("").as_posix()


def _mark(absolute: str) -> str:
    return hashlib.sha256(os.fsencode(absolute)).hexdigest()[:8]


def _picture(value: Value) -> Image:
    if isinstance(value, Mask):
        return Image.from_pil(value.thumbnail(max(value.size_wh)))
    assert isinstance(value, Image)
    return value
