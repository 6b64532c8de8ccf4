"""The loop over small real tools: what it mends and keeps, what it learns, and that good results cost nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from diptych.orchestrator import Repair, Result, run, run_plan
from diptych.orchestrator.amending import with_args, with_step
from diptych.orchestrator.api import history
from diptych.orchestrator.report import render
from diptych.orchestrator.resuming import left_by
from diptych.orchestrator.work import shelf
from diptych.planners.plan import Plan
from diptych.tools.catalogue import Catalogue
from diptych.tools.errors import Problem
from diptych.tools.values import Image

from .repair_tools import (
    CALLS,
    CATALOGUE,
    GONE,
    KEPT,
    THREE,
    drawing,
    hiding,
    repaired,
    rungs,
    search_of,
    seen,
    squares,
    verdicts,
)


def test_nothing_is_done_when_every_check_passes(tmp_path: Path) -> None:
    result = repaired(hiding("find", "wipe", GONE, KEPT), tmp_path)
    assert verdicts(result) == [True, True] and result.search is None
    assert not (tmp_path / "repairs.db").exists()
    assert all(not event.kind.startswith("repair") for event in history(tmp_path).replay(result.run_id))


def test_only_what_was_missed_is_edited_again(tmp_path: Path) -> None:
    first = run_plan(hiding("find_some", "wipe", GONE, KEPT), {"photo": THREE}, home=tmp_path, catalogue=CATALOGUE)
    assert verdicts(first) == [False, True]
    CALLS.clear()
    result = repaired(hiding("find_some", "wipe", GONE, KEPT), tmp_path)
    assert verdicts(result) == [True, True] and rungs(result) == ["local: kept"]
    assert not seen(result.pictures[0], "red")
    assert CALLS == {"wipe": 1, "none_left": 1}, "the search and the first edit are known already"
    (attempt,) = search_of(result).attempts
    assert attempt.evidence is not None and attempt.evidence.xyxy.tolist() == [[90, 20, 102, 32]]
    assert attempt.pixels == pytest.approx(144 / 7200)
    assert (attempt.again, attempt.steps) == (2, 5), "the checks"
    assert search_of(result).stopped == "every check passes"


def test_the_plan_of_the_result_is_the_repaired_one(tmp_path: Path) -> None:
    result = repaired(hiding("find_some", "wipe", GONE, KEPT), tmp_path)
    assert result.plan is not None and result.provenance is not None and result.provenance.plan == result.plan
    again = run_plan(result.plan, {"photo": THREE}, home=tmp_path / "other", catalogue=CATALOGUE)
    assert again.pictures == result.pictures and verdicts(again) == [True, True] and again.search is None


def test_the_repaired_plan_suits_other_pictures(tmp_path: Path) -> None:
    plan = repaired(hiding("find_some", "wipe", GONE, KEPT), tmp_path).plan
    assert plan is not None
    overlooks_nothing = with_step(plan, with_args(plan.step("found"), overlooked=0))
    for document, count in ((plan, 2), (plan, 4), (overlooks_nothing, 2)):
        image = squares(*[("red", 8 + 25 * number, 20) for number in range(count)])
        result = run_plan(document, {"photo": image}, home=tmp_path, catalogue=CATALOGUE)
        assert result.status == "done" and verdicts(result) == [True, True] and not seen(result.pictures[0], "red")
    assert {record.id: record.status for record in result.steps}["out_again"] == "passed through"


def test_several_findings_one_after_the_other(tmp_path: Path) -> None:
    document = hiding("find_some", "wipe", GONE, {**GONE, "query": "blue"}, KEPT)
    result = repaired(document, tmp_path, squares(("red", 10, 5), ("red", 40, 5), ("blue", 90, 30)))
    assert verdicts(result) == [True, True, True] and rungs(result) == ["local: kept", "local: kept"]


def test_a_leak_is_undone(tmp_path: Path) -> None:
    result = repaired(hiding("find", "scrawl", KEPT), tmp_path)
    assert rungs(result) == ["preserve: kept"] and verdicts(result) == [True]
    outside = ~(THREE.rgb == (255, 0, 0)).all(axis=2)
    assert np.array_equal(result.pictures[0].rgb[outside], THREE.rgb[outside])
    assert len(seen(result.pictures[0], "green")) == 3


def test_a_parameter_is_moved(tmp_path: Path) -> None:
    result = repaired(hiding("find", "dim", GONE, strength=20), tmp_path, repair=Repair(rungs=("nudge",), learn=False))
    assert verdicts(result) == [True] and result.plan is not None
    assert result.plan.step("out").args["strength"] == 60
    assert "strength of 'out' up: 20 → 60" in search_of(result).attempts[-1].change


def test_a_search_that_misses_is_moved(tmp_path: Path) -> None:
    result = repaired(hiding("find_some", "wipe", GONE), tmp_path, repair=Repair(rungs=("nudge",), learn=False))
    assert verdicts(result) == [True] and result.plan is not None
    assert result.plan.step("found").args["overlooked"] == 0


def test_another_tool_of_the_same_kind(tmp_path: Path) -> None:
    result = repaired(hiding("find", "idle", GONE, KEPT), tmp_path, repair=Repair(rungs=("swap",), learn=False))
    assert verdicts(result) == [True, True] and result.plan is not None
    assert result.plan.step("out").tool in ("dim", "whiten"), "what obscures, not what removes"


def test_nothing_found_at_all(tmp_path: Path) -> None:
    one = squares(("red", 50, 20))
    assert (
        run_plan(hiding("find_some", "wipe", GONE), {"photo": one}, home=tmp_path, catalogue=CATALOGUE).status
        == "failed"
    )
    result = repaired(hiding("find_some", "wipe", GONE), tmp_path, one)
    assert result.status == "done" and verdicts(result) == [True] and not seen(result.pictures[0], "red")
    nothing = repaired(hiding("find_some", "wipe", GONE), tmp_path, squares())
    assert nothing.status == "failed" and search_of(nothing).stopped == "nothing is left to try"


def test_a_second_look_is_for_what_is_to_be_hidden(tmp_path: Path) -> None:
    """To paint the wrong place green would be no repair: that nothing was found is said instead."""
    result = repaired(hiding("find_some", "scrawl"), tmp_path, squares(("red", 50, 20)))
    assert result.status == "failed" and result.search is None and "found no 'red'" in str(result.problems[0])


@pytest.mark.parametrize("first", [0, 2, 3])
def test_other_seeds(first: int, tmp_path: Path) -> None:
    result = repaired(drawing("paint", 1, first), tmp_path, repair=Repair(rungs=("nudge",), tries=16, learn=False))
    assert verdicts(result) == [True] and search_of(result).stopped == "every check passes"
    again = repaired(drawing("paint", 1, first), tmp_path / "b", repair=Repair(rungs=("nudge",), tries=16, learn=False))
    assert again.plan == result.plan, "the same search each time"


def test_what_is_too_much_is_removed_from_a_drawing(tmp_path: Path) -> None:
    result = repaired(drawing("paint", 1, 3), tmp_path, repair=Repair(rungs=("local",), learn=False))
    assert verdicts(result) == [True] and rungs(result) == ["local: kept"]
    assert len(seen(result.pictures[0], "blue")) == 1


def test_a_generative_edit_is_made_again_only_where_it_failed(tmp_path: Path) -> None:
    document = hiding("find_some", "redraw", GONE, prompt="blue", seed=3)
    result = repaired(document, tmp_path, repair=Repair(rungs=("local",), generator_calls=4, learn=False))
    assert verdicts(result) == [True] and len(seen(result.pictures[0], "blue")) == 3
    assert {a.change for a in search_of(result).attempts} == {
        "'redraw' again, only at the 1 place that the check found"
    }
    assert result.plan is not None and result.plan.step("out").args["seed"] == 3, "what was right is kept"


class Answering:
    """A planner that gives prepared plans and remembers the problems it was shown."""

    def __init__(self, *plans: Plan) -> None:
        self.plans, self.shown = list(plans), list[Sequence[Problem]]()

    def plan(
        self,
        request: str,
        images: Sequence[Image],
        catalogue: Catalogue,
        history: Sequence[object] = (),
        problems: Sequence[Problem] = (),
    ) -> Plan:
        self.shown.append(problems)
        return self.plans.pop(0)


def asked(planner: Answering, home: Path, **options: Repair | None) -> Result:
    return run("hide the red", THREE, planner=planner, catalogue=CATALOGUE, home=home, **options)  # type: ignore[arg-type]


def test_the_planner_is_told_what_was_seen(tmp_path: Path) -> None:
    planner = Answering(hiding("find", "idle", GONE), hiding("find", "wipe", GONE))
    result = asked(planner, tmp_path, repair=Repair(rungs=("replan",)))
    assert rungs(result) == ["replan: kept"] and verdicts(result) == [True, True]
    assert "none_left: saw 3 red" in planner.shown[1][0].message and planner.shown[1][0].step == "out"


def test_a_plan_that_promises_less_is_not_kept(tmp_path: Path) -> None:
    planner = Answering(hiding("find", "idle", GONE), hiding("find", "idle"))
    result = asked(planner, tmp_path, repair=Repair(rungs=("replan",)))
    assert rungs(result) == ["replan: rolled back"] and verdicts(result)[0] is False
    assert "no longer promises 'none_left'" in search_of(result).attempts[0].reason


def test_run_repairs_unless_told_not_to(tmp_path: Path) -> None:
    assert verdicts(asked(Answering(hiding("find_some", "wipe", GONE)), tmp_path)) == [True, True]
    plain = asked(Answering(hiding("find_some", "wipe", GONE)), tmp_path, repair=None)
    assert verdicts(plain) == [False, True] and plain.search is None


def test_a_partial_repair_is_kept(tmp_path: Path) -> None:
    """Of two findings only one can be mended: that much is gained."""
    document = hiding("find_some", "wipe", GONE, {"check": "counted", "image": "$out", "query": "blue", "count": 2})
    result = repaired(document, tmp_path, repair=Repair(rungs=("local",), learn=False))
    assert verdicts(result) == [True, False] and search_of(result).score > search_of(result).first_score


def test_the_log_tells_the_search(tmp_path: Path) -> None:
    result = repaired(hiding("find_some", "wipe", GONE), tmp_path)
    told = {event.kind: event.facts for event in history(tmp_path).replay(result.run_id)}
    assert told["repair started"]["rung"] == "local" and told["repair started"]["plan"]["steps"]
    assert told["repair ended"]["outcome"] == "kept" and told["repairs ended"]["stopped"] == "every check passes"


def test_what_helped_before_goes_first(tmp_path: Path) -> None:
    experience = shelf(tmp_path).experience
    for _ in range(6):
        experience.record("none_left: missed, wipe", "local wipe", False, 1.0)
        experience.record("none_left: missed, wipe", "swap find_some for find", True, 0.1)
    result = repaired(hiding("find_some", "wipe", GONE), tmp_path, repair=Repair())
    assert rungs(result) == ["swap: kept"]
    other = repaired(hiding("find_some", "wipe", GONE), tmp_path, repair=Repair(learn=False))
    assert rungs(other) == ["local: kept"]


def test_experience_survives_and_fades(tmp_path: Path) -> None:
    repaired(hiding("find_some", "wipe", GONE), tmp_path, repair=Repair())
    experience = shelf(tmp_path).experience
    known = experience.known("none_left: missed, wipe")
    assert known["local wipe"].tries == known["local wipe"].helped == 1 and known["local wipe"].seconds > 0
    for _ in range(200):
        experience.record("kind", "way", True, 0.0)
    assert experience.known("kind")["way"].tries <= 51


def test_json_and_the_page_show_the_search(tmp_path: Path) -> None:
    result = repaired(hiding("find_some", "wipe", GONE), tmp_path)
    (told,) = result.to_json()["search"]["attempts"]
    assert told["evidence"] == [[90, 20, 102, 32]] and told["outcome"] == "kept" and told["again"] < told["steps"]
    json.dumps(result.to_json())
    page = render(result, {"photo": THREE})
    words = ("Repairs", "what the check saw", "what the repair changed", "none_left: saw 1 red", "every check passes")
    assert not [part for part in words if part not in page]
    assert "Repairs" not in render(repaired(hiding("find", "wipe", GONE), tmp_path), {"photo": THREE})


@pytest.mark.parametrize("tried", [hiding("find_some", "wipe", GONE, KEPT), drawing("paint", 1, 3)])
def test_a_policy_survives_the_log(tried: Plan, tmp_path: Path) -> None:
    policy = Repair(rungs=("local", "nudge"), tries=5, learn=False)
    result = repaired(tried, tmp_path, repair=policy)
    assert Repair.of(json.loads(json.dumps(history(tmp_path).replay(result.run_id)[0].facts["repair"]))) == policy


def test_after_a_death_nothing_is_repaired_any_more(tmp_path: Path) -> None:
    result = repaired(hiding("find_some", "wipe", GONE), tmp_path)
    events = history(tmp_path).replay(result.run_id)
    assert left_by(events).repair == Repair(learn=False)
    begun = next(event for event in events if event.kind == "step started")
    died = [*events[: events.index(begun) + 1], events[0]._replace(kind="run resumed", facts={})]
    assert left_by(died).suspects and left_by(died).repair is None


def test_a_plan_without_promises_is_repaired_when_it_found_nothing(tmp_path: Path) -> None:
    result = repaired(hiding("find_some", "wipe"), tmp_path, squares(("red", 50, 20)))
    assert result.status == "done" and not seen(result.pictures[0], "red")
