"""What a picture tells about itself: the plan it came from, in a text chunk of the PNG.

The same plan over the same inputs writes the same bytes: there is no time and no folder in the record. A record
from a stranger's file is data: read within bounds, checked as a plan, and never run by itself.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import metadata
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from ..planners.plan import Plan, parse_plan
from ..tools.catalogue import Catalogue
from ..tools.errors import PlanError, UsageError
from ..tools.images import save_image
from ..tools.profiles import Profile
from ..tools.values import Image
from .keys import revisions

KEYWORD = "diptych"
"""Keyword of the iTXt chunk."""
MAX_CHARACTERS = 4_000_000
"""Longest record that is read, once unpacked: a small chunk may hold a large bomb."""
_SIGNATURE = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Provenance:
    """Where a picture comes from."""

    plan: Plan
    """With the seeds that were drawn."""
    profile: str
    models: Mapping[str, str] = field(default_factory=dict)
    """Capability → revision of the weights and precision."""
    tools: Mapping[str, int] = field(default_factory=dict)
    """Tool id → its version."""
    inputs: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Input name → `digest` of its content and, where it came from a file, the `file`'s name without its folder."""
    diptych: str = ""
    """Version of this package."""

    def to_json(self) -> str:
        """Serialise; equal records give equal text."""
        document = {
            "plan": self.plan.document(),
            "profile": self.profile,
            "models": dict(self.models),
            "tools": dict(self.tools),
            "inputs": {name: dict(facts) for name, facts in self.inputs.items()},
            "diptych": self.diptych,
        }
        return json.dumps(document, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def describe(
    plan: Plan, profile: Profile, catalogue: Catalogue, digests: Mapping[str, str], files: Mapping[str, str]
) -> Provenance:
    """Return the record of a plan over inputs with these digests; of `files` only the base names are kept."""
    used = {step.tool: catalogue[step.tool] for step in (*plan.steps, *plan.checked_steps())}
    models = {c: revision for tool in used.values() for c, revision in revisions(tool, profile).items()}
    names = {name: PurePosixPath(PureWindowsPath(path).as_posix()).name for name, path in files.items()}
    inputs = {
        name: {"digest": digest, **({"file": names[name]} if name in names else {})} for name, digest in digests.items()
    }
    versions = {id: tool.version for id, tool in used.items()}
    return Provenance(plan, profile.name, models, versions, inputs, package_version())


@cache
def package_version() -> str:
    """Return the version of the installed package, or `source` where it runs from a checkout."""
    try:
        return metadata.version("diptych")
    except metadata.PackageNotFoundError:
        return "source"


def write_image(image: Image, path: str | Path, record: Provenance | None = None) -> None:
    """Save a picture with its record (PNG only: the other formats have no such place). Raises UsageError."""
    save_image(image, path, text={KEYWORD: record.to_json()} if record else None)


def read_provenance(path: str | Path) -> Provenance:
    """Return the record that a PNG carries; the plan in it is well-formed but not validated.

    Raises UsageError when the file is no PNG, carries no record, or carries a damaged or oversized one.
    """
    file = Path(path)
    try:
        with file.open("rb") as stream:
            data = stream.read()
    except OSError as error:
        raise UsageError(f"cannot read {str(file)!r}: {(error.strerror or str(error)).lower()}") from None
    if not data.startswith(_SIGNATURE):
        raise UsageError(f"{str(file)!r} is not a PNG; only PNG files carry the plan they were made by")
    for body in _chunks(data):
        text = _text(body, file)
        if text is not None:
            return _parse(text, file)
    raise UsageError(f"{str(file)!r} carries no plan; it was saved without metadata, or by another program")


def _chunks(data: bytes) -> Iterator[bytes]:
    """Yield the bodies of the iTXt chunks of a PNG; stops where the file is cut off."""
    position = len(_SIGNATURE)
    while position + 12 <= len(data):
        length, kind = struct.unpack(">I4s", data[position : position + 8])
        body = data[position + 8 : position + 8 + length]
        if len(body) < length or kind == b"IEND":
            return
        if kind == b"iTXt":
            yield body
        position += 12 + length


def _text(body: bytes, file: Path) -> str | None:
    """Return the text of an iTXt chunk with our keyword, or None for another one."""
    keyword, _, rest = body.partition(b"\0")
    if keyword != KEYWORD.encode() or len(rest) < 2:
        return None
    packed = rest[0] == 1
    data = rest[2:].split(b"\0", 2)[-1]
    try:
        if packed:
            unpacker = zlib.decompressobj()
            data = unpacker.decompress(data, MAX_CHARACTERS + 1)
        if len(data) > MAX_CHARACTERS:
            raise UsageError(f"the record in {str(file)!r} is larger than {MAX_CHARACTERS:,} bytes; it is not read")
        return data.decode("utf-8")
    except (zlib.error, UnicodeDecodeError) as error:
        raise UsageError(f"the record in {str(file)!r} is damaged: {error}") from None


def _parse(text: str, file: Path) -> Provenance:
    try:
        document = json.loads(text)
        plan = parse_plan(_table(document, "plan"))
        inputs = {name: _words(facts) for name, facts in _table(document, "inputs").items()}
        tools = {str(id): int(version) for id, version in _table(document, "tools").items()}
        models = _words(_table(document, "models"))
        return Provenance(plan, str(document["profile"]), models, tools, inputs, str(document["diptych"]))
    except (ValueError, KeyError, TypeError, RecursionError, PlanError) as error:
        raise UsageError(f"the record in {str(file)!r} is damaged: {error}") from None


def _table(document: Any, key: str) -> dict[str, Any]:
    table = document[key]
    if not isinstance(table, dict):
        raise TypeError(f"{key!r} is {type(table).__name__}, not an object")
    return table


def _words(table: Any) -> dict[str, str]:
    return {str(name): str(value) for name, value in dict(table).items()}
