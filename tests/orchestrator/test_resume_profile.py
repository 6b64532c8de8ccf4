"""A run whose profile was a file is gone on with from anywhere, as long as the file is there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from diptych.orchestrator import Result, resume
from diptych.orchestrator.api import history
from diptych.tools.images import save_image
from diptych.tools.profiles import load_profile

from .small_tools import CATALOGUE, picture

ROOT = Path(__file__).parents[2]
DYING = """
import os, sys
from diptych.orchestrator import run_plan
from tests.orchestrator.small_tools import CATALOGUE, plan

def die(event):
    if event.kind == "plan":
        os._exit(9)

document = plan(["a lighten image=$photo amount=5"], "a")
run_plan(document, {"photo": "p.png"}, profile=sys.argv[1], home=sys.argv[2], catalogue=CATALOGUE, on_event=die)
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with one run that died, of a profile that the folder beside it has as my.yaml."""
    folder = tmp_path / "work"
    folder.mkdir()
    shipped = ROOT / "tools" / "profiles" / "embedded.yaml"
    (folder / "my.yaml").write_text(shipped.read_text(encoding="utf-8"), encoding="utf-8")
    save_image(picture(), folder / "p.png")
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{DYING}"]
    died = subprocess.run([*command, "my.yaml", str(tmp_path / "home")], cwd=folder, capture_output=True, text=True)
    assert died.returncode == 9, died.stderr
    return tmp_path / "home"


def gone_on_with(home: Path) -> Result:
    (result,) = resume(home=home, catalogue=CATALOGUE)
    return result


def test_a_profile_from_a_file_is_found_again(home: Path) -> None:
    result = gone_on_with(home)
    assert result.status == "done", result.problems
    assert result.provenance is not None and result.provenance.profile == "my"


def test_a_profile_whose_file_is_gone_is_named(home: Path) -> None:
    file = home.parent / "work" / "my.yaml"
    file.unlink()
    result = gone_on_with(home)
    assert result.status == "failed"
    assert f"the profile of this run is gone: there is no file {str(file)!r} any more" in str(result.problems[0])
    assert [run.status for run in history(home).runs()] == ["failed"]


def test_shipped_profiles_need_no_file(tmp_path: Path) -> None:
    assert load_profile("embedded").file == ""
    (tmp_path / "own.yml").write_text("summary: mine\ncapabilities: {}\n")
    assert load_profile(str(tmp_path / "own.yml")).file == str(tmp_path / "own.yml")
