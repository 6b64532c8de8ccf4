"""What a plan has to fit, and that a plan which fitted once is not taken to fit for ever."""

from __future__ import annotations

from dataclasses import replace

import pytest

from diptych.orchestrator import planning
from diptych.orchestrator.planning import Limits, UnsupportedPlan
from diptych.planners.plan import Plan, Step, parse_plan
from diptych.tools.catalogue import Catalogue, load_catalogue
from diptych.tools.profiles import load_profile

LIMITS = Limits(load_catalogue(), load_profile("embedded"))


def blur() -> Plan:
    step = {"id": "soft", "tool": "blur", "args": {"image": "$photo"}}
    return parse_plan({"inputs": {"photo": "Image"}, "steps": [step], "outputs": ["$soft"]})


def test_a_plan_that_was_sound_is_not_checked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    assert LIMITS.check(blur()) == []
    monkeypatch.setattr(planning, "validate", lambda *_, **__: pytest.fail("it was checked again"))
    assert LIMITS.check(blur()) == []


def test_a_plan_that_was_changed_is_checked_again() -> None:
    plan = blur()
    assert LIMITS.check(plan) == []
    plan.steps.append(Step(id="more", tool="blurr", args={"image": "$soft"}))
    assert "blurr" in str(LIMITS.check(plan)[0])


def test_what_one_profile_can_do_another_may_not() -> None:
    step = {"id": "cat", "tool": "generate", "args": {"prompt": "a red circle", "seed": 1}}
    plan = parse_plan({"steps": [step], "outputs": ["$cat"]})
    assert replace(LIMITS, profile=load_profile("tiny")).check(plan) == []
    with pytest.raises(UnsupportedPlan, match="has no generator"):
        LIMITS.check(plan)


def test_what_one_catalogue_has_another_may_not() -> None:
    assert LIMITS.check(blur()) == []
    fewer = Catalogue([tool for tool in LIMITS.catalogue.values() if tool.id != "blur"])
    assert replace(LIMITS, catalogue=fewer).check(blur())
