"""What a description promises of the picture made from it."""

from __future__ import annotations

import pytest

from diptych.orchestrator.planning import Limits, completed
from diptych.orchestrator.promises import described_checks, promised
from diptych.planners.checklist import Checklist, Relation, Thing
from diptych.planners.plan import Check, Plan, parse_plan
from diptych.tools.catalogue import load_catalogue
from diptych.tools.errors import PlanError
from diptych.tools.profiles import load_profile

CATALOGUE = load_catalogue()
SCENE = Checklist((Thing("circle", 2, "red"), Thing("star", 1, "blue")), (Relation(0, "left of", 1),))


def told(checks: list[Check]) -> list[str]:
    return [f"{c.check} " + " ".join(f"{v}" for k, v in c.args.items() if k != "image") for c in checks]


def drawing(prompt: str = "two red circles left of a blue star", **more: object) -> Plan:
    steps = [{"id": "a", "tool": "generate", "args": {"prompt": prompt}}]
    return parse_plan({"inputs": {}, "steps": steps, "outputs": ["$a"], **more})


@pytest.mark.parametrize(
    ("checklist", "checks"),
    [
        (Checklist((Thing("bench"),)), ["shows bench"]),
        (Checklist((Thing("cow"), Thing("clock"))), ["shows cow", "shows clock"]),
        (Checklist((Thing("dog", 0),)), ["absent dog"]),
        (Checklist((Thing("car", 1, "red"),)), ["shows car", "colored car red"]),
        (Checklist((Thing("clock", 3), Thing("cat"))), ["shows clock 3", "shows cat 1"]),
        (Checklist((Thing("cup", 1, "red"), Thing("cup", 1, "blue"))), ["shows red cup", "shows blue cup"]),
        (Checklist((Thing("sign"),), texts=("OPEN",)), ["shows sign", "reads OPEN"]),
        (Checklist(), []),
        (
            SCENE,
            ["shows circle 2", "colored circle red", "shows star 1", "colored star blue", "placed circle left of star"],
        ),
    ],
)
def test_one_check_per_atom(checklist: Checklist, checks: list[str]) -> None:
    found = promised(checklist, "$a")
    assert told(found) == checks and all(check.args["image"] == "$a" for check in found)


def test_a_plan_gets_the_checks_of_its_descriptions_once() -> None:
    plan = drawing()
    checks = described_checks(plan, CATALOGUE, lambda prompt: SCENE)
    assert len(checks) == 5
    again = plan.model_copy(update={"checks": checks})
    assert described_checks(again, CATALOGUE, lambda prompt: SCENE) == []


def test_what_cannot_be_read_promises_nothing() -> None:
    def unreadable(prompt: str) -> Checklist:
        raise PlanError([])

    assert described_checks(drawing(), CATALOGUE, unreadable) == []


def test_a_check_that_the_profile_cannot_make_is_left_out() -> None:
    plan = drawing()
    tiny, embedded = (Limits(CATALOGUE, load_profile(name)) for name in ("tiny", "embedded"))
    assert len(completed(plan, tiny, lambda prompt: SCENE).checks) == 5
    assert completed(plan, embedded, lambda prompt: SCENE).checks == []
