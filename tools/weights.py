"""Model weights: where they lie, and how they get there.

Packaged weights are files inside well-known PyPI and npm packages (`packaged.yaml` lists them). They are
fetched by package name and version, checked by SHA-256, and laid into a cache; the package itself is never
installed and none of its code runs.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import IO, Literal

import yaml

from .errors import ToolError, UsageError

Progress = Callable[[str, int, int], None]
"""Called with (name of the weights, bytes so far, bytes in all) while an archive comes in."""

HUB_FILES = ("*.safetensors", "*.json", "*.txt")
"""What is taken from a hub repository: never pickles, never code."""

_STALE_SECONDS = 24 * 3600
_HUB_ID = re.compile(r"(?P<repo>[\w.-]+/[\w.-]+)(@(?P<revision>[\w./-]+))?")


@dataclass(frozen=True)
class File:
    """One file inside an archive."""

    path: str
    """Member of the archive; with `key`, the index that lists the chunks the file is joined from."""
    bytes: int
    sha256: str
    key: str | None = None


@dataclass(frozen=True)
class Packaged:
    """Weights that come inside a package of a public registry."""

    name: str
    registry: Literal["pypi", "npm"]
    package: str
    version: str
    archive_bytes: int
    licence: str
    url: str
    """The project that made the weights."""
    summary: str
    files: Mapping[str, File]
    """Name in the cache → where it is in the archive."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """Wheel tags (`python`, `abi`, `platform`) where a release has several wheels."""

    @property
    def folder(self) -> Path:
        return home() / "weights" / self.name

    @property
    def present(self) -> bool:
        """Whether every file is in the cache with its full size; checksums were compared when they were laid down."""
        paths = {self.folder / name: file for name, file in self.files.items()}
        return all(path.is_file() and path.stat().st_size == file.bytes for path, file in paths.items())


def home() -> Path:
    """Return the folder that holds everything Diptych keeps: $DIPTYCH_HOME, or ~/.cache/diptych."""
    chosen = os.environ.get("DIPTYCH_HOME")
    return Path(chosen).expanduser() if chosen else Path.home() / ".cache" / "diptych"


@cache
def packaged() -> Mapping[str, Packaged]:
    """Return the packaged weights by name."""
    document = yaml.safe_load((Path(__file__).parent / "packaged.yaml").read_text(encoding="utf-8"))
    return {name: _parse(name, facts) for name, facts in document.items()}


def _parse(name: str, facts: dict[str, object]) -> Packaged:
    files: Mapping[str, dict[str, object]] = facts.pop("files")  # type: ignore[assignment]
    parsed = {file: File(**about) for file, about in files.items()}  # type: ignore[arg-type]
    return Packaged(name=name, files=parsed, **facts)  # type: ignore[arg-type]


def missing(names: Sequence[str]) -> list[str]:
    """Return those of the packaged weights that are not in the cache. Raises UsageError for an unknown name."""
    return [entry.name for entry in map(_entry, dict.fromkeys(names)) if not entry.present]


def locate(reference: str) -> Path:
    """Return where weights lie on this machine.

    `embedded:NAME` gives the file when NAME holds one, else the folder; `tiny:NAME` gives a folder of the tiny family,
    which comes with Diptych; a path gives itself; `org/name@revision` gives the snapshot folder of the Hugging Face
    hub, which is downloaded unless HF_HUB_OFFLINE is set.
    Raises ToolError that says how to get what is missing, UsageError for an unknown name.
    """
    if reference.startswith("embedded:"):
        return _locate_packaged(reference.removeprefix("embedded:"))
    if reference.startswith("tiny:"):
        return _locate_tiny(reference.removeprefix("tiny:"))
    path = Path(reference).expanduser()
    if reference and path.exists():
        return path
    match = _HUB_ID.fullmatch(reference)
    if match is None or reference.startswith("."):
        raise ToolError(f"no weights at {reference!r}", hint="give 'embedded:name', a path, or 'org/name@revision'")
    return _locate_on_hub(match["repo"], match["revision"])


def _locate_packaged(name: str) -> Path:
    entry = _entry(name)
    if not entry.present:
        raise ToolError(f"weights {name!r} are not in {home()}", hint=f"run 'diptych fetch {name}'")
    return entry.folder / next(iter(entry.files)) if len(entry.files) == 1 else entry.folder


def _locate_tiny(name: str) -> Path:
    folder = Path(__file__).parent / "tiny" / "checkpoints"
    known = sorted(path.name for path in folder.glob("*") if path.is_dir())
    if name not in known:
        raise UsageError(f"the tiny family has no {name!r}; known: {', '.join(known) or 'none, install diptych again'}")
    return folder / name


def _locate_on_hub(repo: str, revision: str | None) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(repo, revision=revision, allow_patterns=list(HUB_FILES)))
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
        at = f"{repo}@{revision}" if revision else repo
        reason = str(error).strip().partition("\n")[0]
        hint = "check the name and the network; HF_HUB_OFFLINE=1 allows only what was downloaded before"
        raise ToolError(f"weights {at!r} cannot be had from the hub: {reason}", hint=hint) from error


def fetch(names: Sequence[str], progress: Progress | None = None) -> None:
    """Bring packaged weights into the cache; those that are there are left alone.

    Two processes may do so at once. A fetch that is stopped leaves nothing of the weights it was at. Raises
    ToolError when the registry cannot be reached or a checksum differs, UsageError for an unknown name.
    """
    wanted = [_entry(name) for name in missing(names)]
    archives: dict[tuple[str, str, str], list[Packaged]] = {}
    for entry in wanted:
        archives.setdefault((entry.registry, entry.package, entry.version), []).append(entry)
    for entries in archives.values():
        with _scratch() as folder:
            archive = _download(entries[0], folder, progress)
            for entry in entries:
                install(entry, archive, folder)


def install(entry: Packaged, archive: Path, scratch: Path) -> None:
    """Take the files of `entry` out of a downloaded archive, check them, and move them into the cache at once.

    `scratch` is a folder on the same disk as the cache that holds nothing called like the entry. Raises ToolError
    for a missing member or a wrong checksum.
    """
    staged = scratch / entry.name
    staged.mkdir()
    with _opened(archive) as read:
        for name, file in entry.files.items():
            _extract(entry, file, read, staged / name)
    entry.folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        staged.rename(entry.folder)
    except OSError:  # Another process was first, or a file had gone: every file is whole, so each may be replaced.
        entry.folder.mkdir(exist_ok=True)
        for name in entry.files:
            (staged / name).replace(entry.folder / name)


def _entry(name: str) -> Packaged:
    if name not in packaged():
        raise UsageError(f"unknown weights {name!r}; known: {', '.join(packaged())}")
    return packaged()[name]


@contextmanager
def _scratch() -> Iterator[Path]:
    """Give a folder beside the weights that is gone afterwards, and sweep those of killed processes."""
    parent = home() / "weights"
    parent.mkdir(parents=True, exist_ok=True)
    for old in parent.glob(".fetch-*"):
        if time.time() - old.stat().st_mtime > _STALE_SECONDS:
            shutil.rmtree(old, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=parent) as folder:
        yield Path(folder)


def _download(entry: Packaged, folder: Path, progress: Progress | None) -> Path:
    """Let the registry's own client download the archive, so that mirrors and proxies work as configured."""
    target = folder / "archive"
    target.mkdir()
    command = _pip(entry, target) if entry.registry == "pypi" else _npm(entry, folder)
    environment = {**os.environ, "TMPDIR": str(folder), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    with tempfile.TemporaryFile(dir=folder) as output:
        process = subprocess.Popen(command, cwd=target, env=environment, stdout=output, stderr=subprocess.STDOUT)
        try:
            while process.poll() is None:
                _report(entry, folder, progress)
                time.sleep(0.1)
        finally:
            process.kill()
            process.wait()
        if process.returncode:
            raise _download_error(entry, output)
    if progress:
        progress(entry.name, entry.archive_bytes, entry.archive_bytes)
    return next(target.iterdir())


def _pip(entry: Packaged, target: Path) -> list[str]:
    tags = {"python": "--python-version", "abi": "--abi", "platform": "--platform"}
    pinned = [word for tag, value in entry.tags.items() for word in (tags[tag], value)]
    requirement = f"{entry.package}=={entry.version}"
    options = ["--quiet", "--no-deps", "--no-cache-dir", "--only-binary", ":all:", *pinned, "-d", str(target)]
    return [sys.executable, "-m", "pip", "download", *options, requirement]


def _npm(entry: Packaged, folder: Path) -> list[str]:
    npm = shutil.which("npm")
    if npm is None:
        raise ToolError(
            f"weights {entry.name!r} come from the npm package {entry.package}, and npm is not installed",
            hint="install Node.js, or do without the subject cut-out",
        )
    return [npm, "pack", f"{entry.package}@{entry.version}", "--silent", "--cache", str(folder / "npm")]


def _report(entry: Packaged, folder: Path, progress: Progress | None) -> None:
    if progress is None:
        return
    done = 0
    for root, _, names in os.walk(folder):
        for name in names:
            with_size = Path(root, name)
            done += with_size.stat().st_size if with_size.exists() else 0
    progress(entry.name, min(done, entry.archive_bytes), entry.archive_bytes)


def _download_error(entry: Packaged, output: IO[bytes]) -> ToolError:
    output.seek(0)
    lines = output.read().decode(errors="replace").strip().splitlines()
    reason = next((line for line in reversed(lines) if "ERR" in line.upper()), lines[-1] if lines else "no message")
    return ToolError(
        f"weights {entry.name!r}: {entry.package} {entry.version} cannot be downloaded from {entry.registry}: {reason}",
        hint="check the network and the registry's settings, then run 'diptych fetch' again",
        retryable=True,
    )


@contextmanager
def _opened(archive: Path) -> Iterator[Callable[[str], IO[bytes]]]:
    """Open a wheel or an npm tarball; gives a function that opens a member, or raises KeyError."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as wheel:
            yield wheel.open
        return
    with tarfile.open(archive) as tarball:
        yield lambda path: tarball.extractfile(path) or _not_a_file(path)


def _not_a_file(path: str) -> IO[bytes]:
    raise KeyError(path)


def _extract(entry: Packaged, file: File, read: Callable[[str], IO[bytes]], target: Path) -> None:
    seen = hashlib.sha256()
    try:
        with target.open("wb") as out:
            for member in _members(file, read):
                with read(member) as stream:
                    while block := stream.read(1 << 20):
                        seen.update(block)
                        out.write(block)
    except KeyError as error:
        raise ToolError(f"{entry.package} {entry.version} holds no file {error}: is it another release?") from error
    if seen.hexdigest() != file.sha256:
        raise ToolError(
            f"{target.name} from {entry.package} {entry.version} has the wrong checksum: "
            f"expected {file.sha256}, got {seen.hexdigest()}",
            hint="the download was damaged or the package was changed; nothing was kept",
        )


def _members(file: File, read: Callable[[str], IO[bytes]]) -> list[str]:
    """Return the archive's members that make up the file: itself, or the chunks that its index lists."""
    if file.key is None:
        return [file.path]
    with read(file.path) as stream:
        chunks = json.load(stream)[file.key]["chunks"]
    parent = file.path.rpartition("/")[0]
    return [f"{parent}/{chunk['hash']}" for chunk in chunks]
