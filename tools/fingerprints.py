"""What tells weights from others of the same name: what is known of the old must not be taken for the new."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from .errors import UsageError
from .weights import HUB_FILES, locate, packaged

_DIGITS = 12
_Stamp = tuple[Path, int, int]
"""A file, when it was written, and its size."""


def identified(reference: str) -> str:
    """Return a reference to weights with a digest of what it stands for now: `tiny:detector@5f2c09d1a4b7`.

    Of the tiny family that is one of the files, which a training may replace at any time; of packaged weights one of
    their checksums. A path, a hub repository and an unknown name are left as they are.
    """
    kind, _, name = reference.partition(":")
    if kind == "embedded" and name in packaged():
        sums = sorted((file, facts.sha256) for file, facts in packaged()[name].files.items())
        return f"{reference}@{hashlib.sha256(repr(sums).encode()).hexdigest()[:_DIGITS]}"
    if kind != "tiny":
        return reference
    try:
        folder = locate(reference)
    except UsageError:
        return reference
    files = sorted(path for pattern in HUB_FILES for path in folder.rglob(pattern))
    stamps = tuple((path, path.stat().st_mtime_ns, path.stat().st_size) for path in files)
    return f"{reference}@{_digest(folder, stamps)}"


@cache
def _digest(folder: Path, stamps: tuple[_Stamp, ...]) -> str:
    """Return a digest of the names and the content of files, which are read once as long as their stamps stay."""
    seen = hashlib.sha256()
    for path, _, _ in stamps:
        seen.update(f"{path.relative_to(folder).as_posix()}\n".encode())
        seen.update(hashlib.sha256(path.read_bytes()).digest())
    return seen.hexdigest()[:_DIGITS]
