"""The report: one page that holds everything, loads nothing, and runs nobody else's script."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from diptych.orchestrator import run_plan
from diptych.orchestrator.pictures import picture_of
from diptych.orchestrator.report import render, write_report
from diptych.planners.plan import parse_plan
from diptych.tools.values import Depth, Detections, Image, Mask, Number, Value, Verdict
from tests.photos import photo

EVIL = '<script>alert("x")</script>'
PLAN = {
    "request": f"gray {EVIL}",
    "inputs": {"photo": "Image"},
    "steps": [
        {"id": "red", "tool": "color_range", "args": {"image": "$photo", "color": "orange"}},
        {"id": "gray", "tool": "grayscale", "args": {"image": "$photo", "mask": "$red"}},
        {"id": "words", "tool": "write", "args": {"image": "$gray", "text": EVIL}},
    ],
    "outputs": ["$words"],
    "checks": [{"check": "preserved", "before": "$photo", "after": "$gray", "outside": "$red"}],
}


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    result = run_plan(parse_plan(PLAN), {"photo": photo("astronaut")}, home=tmp_path_factory.mktemp("home"))
    assert result.status == "done", result.problems
    return render(result, {"photo": photo("astronaut")}, profile="embedded")


def test_it_holds_the_run(page: str) -> None:
    for part in ("color_range", "grayscale", "preserved", "before", "after", "<svg", "The plan as JSON"):
        assert part in page
    assert page.count("data:image/jpeg;base64,") >= 5


def test_nothing_is_loaded_from_elsewhere(page: str) -> None:
    outside = re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?(?!data:|#)([^"')>\s]+)""", page)
    assert [link for link in outside if not link.startswith("picture.src")] == []
    assert not [url for url in re.findall(r"https?://[^\s\"'<]+", page) if "www.w3.org" not in url]


def test_strangers_words_are_escaped(page: str) -> None:
    assert EVIL not in page
    assert page.count("<script") == 1
    assert "script-src 'sha256-" in page


def test_a_run_without_a_plan_has_a_page(tmp_path: Path) -> None:
    from diptych.orchestrator import Result

    write_report(tmp_path / "r.html", Result("refused", "no tool for this"), {}, request="sing")
    text = (tmp_path / "r.html").read_text()
    assert "no tool for this" in text and "refused" in text


@pytest.mark.parametrize(
    ("value", "drawn"),
    [
        (Mask(np.ones((512, 512), bool)), True),
        (Mask(np.ones((3, 5), bool)), True),
        (Detections.empty("cat"), True),
        (Detections(np.array([[-5, -5, 900, 900]]), ("face",), np.array([0.9])), True),
        (Image(np.zeros((1, 1, 4), np.uint8)), True),
        (Depth(np.full((4, 4), np.nan)), True),
        (Number(3), False),
        (Verdict(True, 1, "so"), False),
    ],
)
def test_every_value_as_a_picture(value: Value, drawn: bool) -> None:
    picture = picture_of(value, photo("astronaut"), 200)
    assert (picture is not None) == drawn
    assert picture is None or (picture.mode == "RGB" and max(picture.size) <= 200)
