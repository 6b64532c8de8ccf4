"""A picture tells where it comes from, in the same bytes each time; a stranger's record is only data."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image as PIL

from diptych.orchestrator import Result, read_provenance
from diptych.orchestrator.provenance import MAX_CHARACTERS
from diptych.tools.errors import UsageError

from .small_tools import execute, picture, plan

STEPS = ["a lighten image=$photo amount=5"]


def made(tmp_path: Path, home: str = "home") -> Result:
    return execute(plan(STEPS, "a"), tmp_path / home)


def test_the_record_comes_back(tmp_path: Path) -> None:
    (path,) = made(tmp_path).save(tmp_path / "out.png")
    record = read_provenance(path)
    assert record.plan.steps == plan(STEPS, "a").steps and record.profile == "embedded"
    assert record.tools == {"lighten": 1} and record.inputs == {"photo": {"digest": picture().digest}}


def test_the_same_run_writes_the_same_bytes(tmp_path: Path) -> None:
    first, second = (made(tmp_path, home).save(tmp_path / f"{home}.png")[0] for home in ("one", "two"))
    assert first.read_bytes() == second.read_bytes()


def test_no_folder_gets_into_the_record(tmp_path: Path) -> None:
    source = tmp_path / "secret folder" / "me.png"
    source.parent.mkdir()
    picture().to_pil().save(source)
    result = execute(plan(STEPS, "a"), tmp_path / "home", str(source))  # type: ignore[arg-type]
    (path,) = result.save(tmp_path / "out.png")
    assert read_provenance(path).inputs["photo"]["file"] == "me.png"
    assert b"secret folder" not in path.read_bytes()


def test_metadata_can_be_left_out(tmp_path: Path) -> None:
    (path,) = made(tmp_path).save(tmp_path / "out.png", metadata=False)
    with pytest.raises(UsageError, match="carries no plan"):
        read_provenance(path)


def with_chunk(path: Path, body: bytes) -> Path:
    """Write a PNG with one iTXt chunk of these bytes."""
    PIL.new("RGB", (2, 2)).save(path)
    data = path.read_bytes()
    chunk = struct.pack(">I", len(body)) + b"iTXt" + body + struct.pack(">I", zlib.crc32(b"iTXt" + body))
    path.write_bytes(data[:33] + chunk + data[33:])
    return path


PACKED = b"diptych\0\1\0\0\0"
PLAIN = b"diptych\0\0\0\0\0"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (PACKED + zlib.compress(b" " * (50 * MAX_CHARACTERS)), "larger than"),
        (PACKED + b"not packed", "damaged"),
        (PLAIN + b"\xff\xfe", "damaged"),
        (PLAIN + b"[1]", "damaged"),
        (PLAIN + b'{"plan": {"steps": 3}}', "damaged"),
        (PLAIN + b"[" * 100_000, "damaged"),
        (b"other\0\0\0\0\0{}", "carries no plan"),
        (b"diptych\0", "carries no plan"),
    ],
)
def test_a_strangers_record_is_refused(body: bytes, words: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=words):
        read_provenance(with_chunk(tmp_path / "strange.png", body))


@pytest.mark.parametrize("data", [b"", b"\xff\xd8\xff\xe0 jpeg"])
def test_only_png(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(data)
    with pytest.raises(UsageError, match="not a PNG"):
        read_provenance(tmp_path / "file")
