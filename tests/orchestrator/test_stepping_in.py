"""A person has the last word: on each repair, on which one it is to be, and on what is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from diptych.orchestrator import Control, Repair, Result, run_plan
from diptych.orchestrator.cli import main
from diptych.orchestrator.promises import promised
from diptych.orchestrator.search import Attempt, Decision
from diptych.orchestrator.stepping_in import correct, demanding
from diptych.planners.checklist import Checklist, Thing
from diptych.planners.plan import Plan, parse_plan
from diptych.tools.errors import UsageError

REPAIR = Repair(rungs=("nudge",), tries=3, seconds=300, learn=False)
CIRCLE, MOON = Checklist((Thing("circle", 1, "red"),)), Checklist((Thing("moon", 2),))


def drawing(checklist: Checklist) -> Plan:
    """A red circle is drawn, whatever the checks ask for."""
    args = {"prompt": "a red circle", "width": 64, "height": 64, "seed": 7, "num_inference_steps": 2}
    plan = parse_plan({"inputs": {}, "steps": [{"id": "a", "tool": "generate", "args": args}], "outputs": ["$a"]})
    return plan.model_copy(update={"checks": promised(checklist, "$a")})


def reviewed(home: Path, *said: Decision | None) -> tuple[Result, list[Attempt]]:
    """Run a search that no seed can end, and say this of its tries, one after the other."""
    shown: list[Attempt] = []
    answers = iter(said)

    def review(attempt: Attempt) -> Decision | None:
        shown.append(attempt)
        return next(answers, None)

    result = run_plan(drawing(MOON), {}, profile="tiny", home=home, repair=REPAIR, control=Control(review=review))
    return result, shown


def test_a_person_keeps_what_the_checks_would_take_back(tmp_path: Path) -> None:
    result, shown = reviewed(tmp_path, "keep", "drop", "drop")
    assert result.search and [each.outcome for each in result.search.attempts] == ["kept", "rolled back", "rolled back"]
    assert shown[0].after is not None and result.pictures[0].digest == shown[0].after.digest
    assert result.search.attempts[0].reason == "the person kept it"


def test_a_person_who_is_content_ends_it(tmp_path: Path) -> None:
    result, shown = reviewed(tmp_path, "drop", "done")
    assert result.search and result.search.stopped == "the person was content" and len(shown) == 2
    assert shown[1].after is not None and result.pictures[0].digest == shown[1].after.digest


def test_any_try_can_be_picked_afterwards(tmp_path: Path) -> None:
    result, _ = reviewed(tmp_path, "drop", "drop", "drop")
    assert result.search
    last = result.search.attempts[-1]
    assert last.plan is not None and last.after is not None and "plan" not in last.to_json()
    picked = run_plan(last.plan, {}, profile="tiny", home=tmp_path)
    assert picked.pictures[0].digest == last.after.digest
    assert next(step for step in picked.steps if step.id == "a").status == "cached"


def test_what_a_person_says_is_wrong_is_looked_for(tmp_path: Path) -> None:
    first = run_plan(drawing(CIRCLE), {}, profile="tiny", home=tmp_path)
    plan = demanding(first, "two circles", lambda words: Checklist((Thing("circle", 2),)))
    assert [(check.check, check.args.get("count")) for check in plan.checks] == [("colored", None), ("shows", 2)]
    result = correct(first, "two moons", read=lambda words: MOON, profile="tiny", home=tmp_path, repair=REPAIR)
    assert result.search is not None and len(result.checks) == 3
    assert "moon" in result.search.attempts[0].finding


def test_what_cannot_be_looked_for_is_said(tmp_path: Path) -> None:
    first = run_plan(drawing(CIRCLE), {}, profile="tiny", home=tmp_path)
    with pytest.raises(UsageError, match="'nicer' names nothing that can be looked for"):
        demanding(first, "nicer", lambda words: Checklist())
    with pytest.raises(UsageError, match="no picture to correct: the run ended as 'failed'"):
        correct(Result("failed"), "two stars")


def test_the_command_line_takes_what_must_be_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DIPTYCH_HOME", str(tmp_path / "home"))
    workflow, out = tmp_path / "plan.json", tmp_path / "out.png"
    workflow.write_text(json.dumps(drawing(CIRCLE).document()))
    args = ["run", "--workflow", str(workflow), "--profile", "tiny", "-o", str(out), "--no-repair", "--json"]
    with pytest.raises(SystemExit, match="0"):
        main([*args, "--must", "two moons"])
    checks = json.loads(capfd.readouterr().out)["checks"]
    assert ("shows", "moon", 2) in [(c["check"], c["args"]["query"], c["args"].get("count")) for c in checks]
    assert out.exists()
    with pytest.raises(SystemExit, match="2"):
        main([*args, "--must", "nicer"])
    assert "names nothing that can be looked for" in capfd.readouterr().err
