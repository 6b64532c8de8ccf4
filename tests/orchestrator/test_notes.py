"""What is no error but may explain a result reaches the result, the log and the console."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from diptych.orchestrator import run_plan
from diptych.orchestrator.assurance import unverified
from diptych.orchestrator.cli import main
from diptych.planners.plan import Check, Plan, parse_plan
from diptych.tools.progress import note, watched

UNKNOWN = "the model does not know these words of the prompt: fluffy, zebra"


def drawing(prompt: str) -> Plan:
    steps = [{"id": "a", "tool": "generate", "args": {"prompt": prompt, "num_inference_steps": 1, "seed": 1}}]
    return parse_plan({"inputs": {}, "steps": steps, "outputs": ["$a"]})


def test_words_that_a_model_does_not_know(tmp_path: Path) -> None:
    events = []
    result = run_plan(drawing("a fluffy red zebra"), {}, profile="tiny", home=tmp_path, on_event=events.append)
    assert result.notes == (UNKNOWN,) and result.to_json()["notes"] == [UNKNOWN]
    assert [event.facts["warning"] for event in events if event.kind == "note"] == [UNKNOWN]
    assert run_plan(drawing("a red circle"), {}, profile="tiny", home=tmp_path).notes == ()


def test_the_console_tells_notes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DIPTYCH_HOME", str(tmp_path / "home"))
    workflow = tmp_path / "plan.json"
    workflow.write_text(json.dumps(drawing("a fluffy red zebra").document()))
    args = ["run", "--workflow", str(workflow), "--profile", "tiny", "-o", str(tmp_path / "out.png"), "--no-repair"]
    with pytest.raises(SystemExit, match="0"):
        main(args)
    assert "fluffy, zebra" in " ".join(capsys.readouterr().err.split())


def test_outside_of_a_run_a_note_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    heard: list[str] = []
    with caplog.at_level(logging.WARNING, "diptych"):
        with watched(lambda done, total: None, heard.append):
            note("inside")
        note("outside")
    assert heard == ["inside"] and caplog.messages == ["outside"]


def test_what_nobody_could_check_is_said_to_be_unverified(tmp_path: Path) -> None:
    plan = drawing("a red circle").model_copy(update={"request": "draw something nicer"})
    unchecked = run_plan(plan, {}, profile="tiny", home=tmp_path)
    assert unchecked.unverified is not None and unchecked.to_json()["unverified"].startswith("not verified")
    check = Check.model_validate({"check": "shows", "image": "$a", "query": "circle"})
    checked = run_plan(plan.model_copy(update={"checks": [check]}), {}, profile="tiny", home=tmp_path)
    assert checked.unverified is None and checked.to_json()["unverified"] is None
    assert unverified(plan, [{"check": "preserved", "args": {"outside": "$m"}, "passed": True}]) is not None
