"""What passed its checks here is chosen the next time: by evidence, in sight, and never behind a record's back."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from diptych.orchestrator import Result, run, run_plan
from diptych.orchestrator.api import history
from diptych.orchestrator.experience import Odds
from diptych.orchestrator.keys import revision_of
from diptych.orchestrator.merits import Merits, Standing, recorded
from diptych.orchestrator.resuming import BOUND
from diptych.orchestrator.work import shelf
from diptych.planners.plan import Plan, parse_plan
from diptych.planners.planner import load_planner
from diptych.planners.validate import validate
from diptych.tools.catalogue import load_catalogue
from diptych.tools.profiles import Profile, load_profile
from diptych.tools.tiny.render import render
from diptych.tools.tiny.scenes import draw_scene
from diptych.tools.values import Image
from tests.requests.pictures import picture

from .test_cli import Cli, cli, kept  # noqa: F401

CATALOGUE, EMBEDDED = load_catalogue(), load_profile("embedded")
FACES = "embedded, detector of face"
ERASING = """
summary: rendered scenes, with two ways to erase
photos: false
capabilities:
  detector: {adapter: grounding-dino, source: tiny:detector, options: {threshold: 0.2}}
  segmenter: {adapter: grabcut}
  eraser:
    adapter: diffusion-inpaint
    source: tiny:inpaint
    options: {steps: 4, guidance_scale: 3.0}
    others:
      - {adapter: patch-fill}
      - {adapter: diffusion-inpaint, source: org/not-here}
"""


@pytest.fixture(autouse=True)
def _on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIPTYCH_MERITS", "on")


def hiding(query: str, edit: str, judged: bool = True) -> Plan:
    """Return a plan that finds, selects and edits something; a check may look whether any of it is left."""
    steps: list[dict[str, Any]] = [
        {"id": "found", "tool": "detect", "args": {"image": "$photo", "query": query}},
        {"id": "area", "tool": "segment", "args": {"image": "$photo", "boxes": "$found"}},
        {"id": "out", "tool": edit, "args": {"image": "$photo", "mask": "$area"}},
    ]
    checks = [{"check": "absent", "image": "$out", "query": query}] if judged else []
    return parse_plan({"inputs": {"photo": "Image"}, "steps": steps, "outputs": ["$out"], "checks": checks})


def search_in(plan: Plan) -> str:
    return plan.step("found").tool


def merits(home: Path, kind: str = "", *judged: tuple[str, int, int]) -> Merits:
    """Return what is known below `home` after these: (who, of how many checks, how many passed)."""
    for way, tries, passed in judged:
        for number in range(tries):
            shelf(home).merits.record(kind, way, number < passed, 0.1)
    return shelf(home).merits


# Choosing


@pytest.mark.parametrize(
    ("odds", "best"),
    [
        ({"first": Odds(), "other": Odds()}, "first"),
        ({"first": Odds(2, 0, 1), "other": Odds()}, "first"),
        ({"first": Odds(4, 0, 1), "other": Odds()}, "other"),
        ({"first": Odds(100, 90, 1), "other": Odds(2, 2, 1)}, "first"),
        ({"first": Odds(15, 9, 1), "other": Odds(15, 14, 1)}, "other"),
        ({"first": Odds(100, 95, 300), "other": Odds(100, 98, 20)}, "other"),
        ({"first": Odds(100, 95, 20), "other": Odds(100, 98, 300)}, "first"),
    ],
    ids=[
        "nothing known",
        "two failures",
        "four failures",
        "few praised",
        "better",
        "as good, quicker",
        "as good, slow",
    ],
)
def test_the_best_is_what_passed_most_then_what_is_quickest(odds: dict[str, Odds], best: str) -> None:
    assert Standing("work", odds).best == best


def test_a_search_that_fails_here_is_done_by_the_tool_that_does_not(tmp_path: Path) -> None:
    known = merits(tmp_path, FACES, ("detect", 10, 3), ("detect_closely", 4, 4))
    chosen = known.preferred(hiding("face", "blur"), CATALOGUE, EMBEDDED)
    assert search_in(chosen) == "detect_closely" and validate(chosen, CATALOGUE, EMBEDDED) == []
    assert known.preferred(chosen, CATALOGUE, EMBEDDED) == chosen
    assert search_in(known.preferred(hiding("person", "blur"), CATALOGUE, EMBEDDED)) == "detect", "of faces only"
    assert search_in(known.preferred(hiding("face", "blur", judged=False), CATALOGUE, EMBEDDED)) == "detect"
    assert search_in(known.preferred(hiding("face", "blur"), CATALOGUE, load_profile("tiny"))) == "detect"


def test_what_is_preferred_says_why(tmp_path: Path) -> None:
    plan = hiding("face", "blur")
    assert merits(tmp_path).standings(plan, CATALOGUE, EMBEDDED) == []
    known = merits(tmp_path, FACES, ("detect", 15, 14), ("detect_closely", 11, 6))
    (standing,) = known.standings(plan, CATALOGUE, EMBEDDED)
    assert str(standing) == f"{FACES}: checks passed here: 14 of 15 with detect, 6 of 11 with detect_closely; " + (
        "detect is preferred"
    )


def test_it_can_be_switched_off_and_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = merits(tmp_path, FACES, ("detect", 10, 0))
    monkeypatch.setenv("DIPTYCH_MERITS", "off")
    assert search_in(known.preferred(hiding("face", "blur"), CATALOGUE, EMBEDDED)) == "detect"
    monkeypatch.setenv("DIPTYCH_MERITS", "on")
    assert search_in(known.preferred(hiding("face", "blur"), CATALOGUE, EMBEDDED)) == "detect_closely"
    assert known.clear() == 1 and known.everything() == []
    assert search_in(known.preferred(hiding("face", "blur"), CATALOGUE, EMBEDDED)) == "detect"


# Learning, with the photo tools


def learned(home: Path) -> dict[str, tuple[float, float]]:
    return {
        standing.work: (odds.tries, odds.helped)
        for standing in shelf(home).merits.everything()
        for odds in standing.odds.values()
    }


def test_a_run_counts_once_and_what_is_known_already_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = {"photo": picture("team")}
    monkeypatch.setenv("DIPTYCH_MERITS", "off")
    run_plan(hiding("face", "blur"), photos, home=tmp_path, use_store=False)
    assert not (tmp_path / "merits.db").exists()
    monkeypatch.setenv("DIPTYCH_MERITS", "on")
    for _ in range(2):
        result = run_plan(hiding("face", "blur"), photos, home=tmp_path)
        assert [check["passed"] for check in result.checks] == [True]
    once = (1.0, 1.0)
    assert learned(tmp_path) == {
        FACES: once,
        "embedded, model as detector": once,
        "embedded, model as segmenter": once,
    }
    assert b"team" not in (tmp_path / "merits.db").read_bytes()


def test_a_plan_of_a_request_takes_it_a_workflow_does_not(tmp_path: Path) -> None:
    merits(tmp_path, FACES, ("detect", 10, 0))
    plan = hiding("face", "blur")
    (tmp_path / "plan.json").write_text(plan.to_json())
    planner = load_planner(f"workflow:{tmp_path / 'plan.json'}")
    asked = run("hide the faces", picture("team"), planner=planner, home=tmp_path)
    assert asked.plan is not None and search_in(asked.plan) == "detect_closely"
    given = run_plan(plan, {"photo": picture("team")}, home=tmp_path)
    assert given.plan is not None and search_in(given.plan) == "detect"


def test_a_file_that_cannot_be_used_costs_nothing_but_a_note(tmp_path: Path) -> None:
    (tmp_path / "merits.db").mkdir()
    result = run_plan(hiding("face", "blur"), {"photo": picture("team")}, home=tmp_path)
    assert result.status == "done" and "merits.db" in result.notes[0]


# Models, with those of the tiny family


@pytest.fixture
def erasing(tmp_path: Path) -> Profile:
    (tmp_path / "erasing.yaml").write_text(ERASING)
    return load_profile(str(tmp_path / "erasing.yaml"))


def eraser_of(result: Result) -> str:
    assert result.provenance is not None, result.problems
    return result.provenance.models["eraser"].partition(":")[0]


@pytest.fixture
def scene() -> dict[str, Image]:
    return {"photo": render(draw_scene(3)).image}


@pytest.fixture
def erase(tmp_path: Path, erasing: Profile, scene: dict[str, Image]) -> Callable[[], Result]:
    shape = draw_scene(3).things[0].shape
    return lambda: run_plan(hiding(shape, "erase"), scene, profile=erasing, home=tmp_path / "home")


def test_a_model_that_fails_makes_way_for_another_that_is_here(
    tmp_path: Path, erasing: Profile, erase: Callable[[], Result]
) -> None:
    home = tmp_path / "home"
    first = erase()
    assert first.status == "done", first.problems
    assert eraser_of(first) == "diffusion-inpaint"
    diffusion = revision_of(erasing.bindings["eraser"].offered[0], erasing)
    merits(home, "erasing, model as eraser", (diffusion, 8, 0))
    second = erase()
    assert eraser_of(second) == "patch-fill" and second.outputs != first.outputs
    assert {step.id: step.status for step in second.steps}["out"] == "done", "no result of the other model is taken"
    assert history(home).replay(second.run_id)[0].facts[BOUND] == {"eraser": "patch-fill::float32"}
    (standing,) = shelf(home).merits.standings(hiding("star", "erase"), CATALOGUE, erasing)[-1:]
    assert "with patch-fill" in str(standing)


def test_a_record_is_replayed_with_its_own_model(
    tmp_path: Path, erasing: Profile, erase: Callable[[], Result], scene: dict[str, Image]
) -> None:
    first = erase()
    diffusion = revision_of(erasing.bindings["eraser"].offered[0], erasing)
    merits(tmp_path / "home", "erasing, model as eraser", (diffusion, 8, 0))
    assert first.plan is not None and first.provenance is not None
    own = recorded(erasing, first.provenance.models)
    again = run_plan(first.plan, scene, profile=own, home=tmp_path / "home", use_store=False)
    assert eraser_of(again) == "diffusion-inpaint" and again.pictures == first.pictures


def test_models_that_are_not_here_are_never_taken(tmp_path: Path, erasing: Profile) -> None:
    known = merits(tmp_path, "erasing, model as eraser")
    for binding in erasing.bindings["eraser"].offered[:2]:
        merits(tmp_path, "erasing, model as eraser", (revision_of(binding, erasing), 30, 0))
    assert known.bound(erasing).bindings["eraser"].source != "org/not-here"


def test_a_profile_without_others_is_left_as_it_is(tmp_path: Path) -> None:
    assert merits(tmp_path).bound(EMBEDDED) is EMBEDDED


# On the command line


def test_the_command_line_shows_it_and_forgets_it(cli: Cli, tmp_path: Path) -> None:  # noqa: F811
    cli.env["DIPTYCH_HOME"] = str(tmp_path / "home")
    merits(tmp_path / "home", FACES, ("detect", 15, 14), ("detect_closely", 11, 6))
    (tmp_path / "plan.json").write_text(hiding("face", "blur").to_json())
    done = cli("plan", "--workflow", "plan.json")
    assert done.returncode == 0 and "14 of 15 with detect, 6 of 11 with detect_closely" in done.stdout, done.stderr
    told = json.loads(cli("merits", "--json").stdout)
    assert told["works"][FACES]["detect_closely"]["tries"] == 11 and told["on"]
    assert "forgotten: 2" in cli("merits", "--clear").stdout
    assert "no check has judged a tool here yet" in cli("merits").stdout
