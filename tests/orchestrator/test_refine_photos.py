"""The loop on photos with the shipped tools: a plan that overlooks faces, by the command line and out of a PNG."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from diptych.orchestrator import read_provenance
from diptych.tools.images import save_image
from diptych.tools.weights import home
from tests.requests.pictures import picture
from tests.requests.seeing import seen

from .test_cli import COMMAND

LARGEST = {
    "request": "hide everybody's face",
    "inputs": {"photo": "Image"},
    "steps": [
        {"id": "faces", "tool": "detect", "args": {"image": "$photo", "query": "face"}},
        {"id": "one", "tool": "pick", "args": {"boxes": "$faces", "which": "leftmost"}},
        {"id": "area", "tool": "segment", "args": {"image": "$photo", "boxes": "$one"}},
        {"id": "out", "tool": "blur", "args": {"image": "$photo", "mask": "$area"}},
    ],
    "outputs": ["$out"],
    "checks": [
        {"check": "absent", "image": "$out", "query": "face"},
        {"check": "preserved", "before": "$photo", "after": "$out", "outside": "$area"},
    ],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a photo of three people, a plan that blurs one of them, and a home of its own."""
    place = tmp_path_factory.mktemp("photos")
    save_image(picture("team"), place / "team.png")
    (place / "plan.json").write_text(json.dumps(LARGEST))
    (place / "home").mkdir()
    (place / "home" / "weights").symlink_to(home() / "weights")
    return place


def call(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "DIPTYCH_HOME": str(folder / "home"), "HF_HUB_OFFLINE": "1", "COLUMNS": "200"}
    return subprocess.run([*COMMAND, *words], cwd=folder, env=env, capture_output=True, text=True)


def run(folder: Path, *words: str) -> dict[str, Any]:
    done = call(folder, "run", "--workflow", "plan.json", "team.png", "--json", *words)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_faces_that_a_plan_overlooks_are_found_and_hidden(folder: Path) -> None:
    answer = run(folder, "-o", "out.png", "--report", "out.html")
    assert [check["passed"] for check in answer["checks"]] == [True, True]
    (attempt,) = answer["search"]["attempts"]
    assert attempt["outcome"] == "kept" and len(attempt["evidence"]) == 2
    page = (folder / "out.html").read_text()
    assert "Repairs" in page and "what the check saw" in page
    record = read_provenance(folder / "out.png")
    assert [step.id for step in record.plan.steps][-1] != "out", "the PNG carries the repaired plan"
    done = call(folder, "replay", "out.png", "-o", "again.png")
    assert done.returncode == 0, done.stderr
    assert (folder / "again.png").read_bytes() == (folder / "out.png").read_bytes()


def test_repairs_can_be_switched_off_and_bounded(folder: Path) -> None:
    plain = run(folder, "-o", "plain.png", "--no-repair")
    assert plain["search"] is None and [check["passed"] for check in plain["checks"]] == [False, True]
    bounded = run(folder, "-o", "bounded.png", "--budget", "0")
    assert bounded["search"]["stopped"] == "the budget of 0 s is used up"
    assert len(seen(picture("team"), "face")) == 3


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--budget", "-3"), "'seconds' of a repair must be 0 or more, not -3"),
        (("--no-repair", "--budget", "5"), "leave one of them out"),
    ],
)
def test_options_that_make_no_sense(folder: Path, words: tuple[str, ...], message: str) -> None:
    done = call(folder, "run", "--workflow", "plan.json", "team.png", *words)
    assert done.returncode == 2 and message in done.stderr
