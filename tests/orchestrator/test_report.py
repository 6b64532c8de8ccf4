"""The report: one page that holds everything, loads nothing, and runs nobody else's script."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from diptych.orchestrator import run_plan
from diptych.orchestrator.pictures import picture_of
from diptych.orchestrator.report import render, write_report
from diptych.orchestrator.report_search import repairs
from diptych.orchestrator.search import Attempt, Outcome, Search
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


def dotted(*dots: tuple[int, int], side: int = 64) -> Image:
    """Return a black picture with white dots of 8 × 8 pixels."""
    pixels = np.zeros((side, side, 3), np.uint8)
    for x, y in dots:
        pixels[y : y + 8, x : x + 8] = 255
    return Image(pixels)


DOT = Detections(np.array([[8, 8, 16, 16]]), ("dot",), np.array([0.9]))
ONE, NONE = dotted((8, 8)), dotted()


def attempt(outcome: Outcome, evidence: Detections | None = DOT, after: Image | None = NONE) -> Attempt:
    facts = ("local", f"erase {EVIL}", "absent: found 1 'dot'", outcome, "it passes now")
    return Attempt(*facts, 1.0, steps=4, evidence=evidence, before=ONE, after=after)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("tried", "shown"),
    [
        (attempt("kept"), ["before", "what the check saw", "what the repair changed", "after"]),
        (attempt("kept", Detections.empty("dot")), ["before", "what the repair changed", "after"]),
        (attempt("kept", after=ONE), ["before", "what the check saw", "after"]),
        (attempt("kept", after=dotted(side=32)), ["before", "what the check saw", "after"]),
        (attempt("kept", after=Image(255 - ONE.pixels)), ["before", "what the check saw", "after"]),
        (attempt("rolled back"), ["after"]),
        (attempt("failed", after=None), []),
    ],
    ids=["all", "nothing found", "nothing changed", "another size", "all changed", "rolled back", "failed"],
)
def test_a_repair_in_pictures(tried: Attempt, shown: list[str]) -> None:
    section = repairs(Search("so", 0.0, 1.0, (tried,)))
    assert re.findall(r'<img[^>]* alt="([^"]*)"', section) == shown
    assert EVIL not in section and "&lt;script&gt;" in section


def test_what_did_not_help_is_folded_between_what_did() -> None:
    outcomes: list[Outcome] = ["failed", "rolled back", "kept", "stopped", "kept"]
    section = repairs(Search("so", 0.0, 1.0, tuple(map(attempt, outcomes))))
    parts = re.findall(r"tr(?:y|ies) that w\w+ not kept|pill pass", section)
    assert parts == ["tries that were not kept", "pill pass", "try that was not kept", "pill pass"]
    assert section.count('<details class="panel others">') == 2, "closed"
    assert repairs(None) == ""


@pytest.mark.parametrize(("number", "opened"), [(3, 3), (12, 0)])
def test_steps_of_a_long_plan_are_closed(number: int, opened: int, tmp_path: Path) -> None:
    names = ["photo", *(f"s{i}" for i in range(number))]
    steps = [
        {"id": name, "tool": "flip", "args": {"image": f"${source}", "direction": "horizontal"}}
        for source, name in pairwise(names)
    ]
    plan = parse_plan({"inputs": {"photo": "Image"}, "steps": steps, "outputs": [f"${names[-1]}"]})
    result = run_plan(plan, {"photo": ONE}, home=tmp_path)
    assert result.status == "done", result.problems
    text = render(result, {"photo": ONE})
    assert len(re.findall(r'<details class="panel step"', text)) == number
    assert len(re.findall(r'<details class="panel step" open', text)) == opened


def test_a_failed_step_of_a_long_plan_is_open(tmp_path: Path) -> None:
    flips = [{"id": f"s{i}", "tool": "flip", "args": {"image": "$photo", "direction": "vertical"}} for i in range(8)]
    cut = {"id": "cut", "tool": "crop", "args": {"image": "$photo", "boxes": "$none"}}
    none = {"id": "none", "tool": "detect", "args": {"image": "$photo", "query": "face"}}
    outputs = [f"${step['id']}" for step in (*flips, cut)]
    plan = parse_plan({"inputs": {"photo": "Image"}, "steps": [*flips, none, cut], "outputs": outputs})
    text = render(run_plan(plan, {"photo": ONE}, profile="embedded", home=tmp_path), {"photo": ONE})
    assert re.findall(r'panel step" open><summary>.*?<b>(.*?)</b>', text) == ["cut"]


def test_small_pictures_are_enlarged_pixel_by_pixel() -> None:
    picture = picture_of(ONE)
    assert picture is not None and picture.size == (448, 448)
    assert (np.asarray(picture)[::7, ::7] == ONE.pixels).all()
    thin = picture_of(Image(np.zeros((3, 900, 3), np.uint8)))
    assert thin is not None and thin.size == (900, 3)


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
