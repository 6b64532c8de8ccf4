"""`--set STEP.ARGUMENT=VALUE`: values are what their tool declares, and whatever does not fit is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from diptych.orchestrator import read_provenance
from diptych.orchestrator.setting import parse_settings, with_settings
from diptych.planners.plan import Plan, parse_plan
from diptych.tools.catalogue import load_catalogue
from diptych.tools.errors import UsageError
from diptych.tools.images import load_image, save_image

from .small_tools import picture
from .test_cli import Cli, cli, kept  # noqa: F401 (fixtures)

PLAN = parse_plan(
    {
        "inputs": {"photo": "Image", "other": "Image"},
        "steps": [
            {"id": "area", "tool": "detect", "args": {"image": "$photo", "query": "cat"}},
            {"id": "soft", "tool": "blur", "args": {"image": "$photo"}},
            {"id": "small", "tool": "resize", "args": {"image": "$soft", "width": 40}},
            {"id": "boxes", "tool": "draw_boxes", "args": {"image": "$small", "boxes": "$area"}},
            {"id": "kind", "tool": "classify", "args": {"image": "$photo", "labels": ["cat", "dog"]}},
            {"id": "both", "tool": "collage", "args": {"images": ["$photo", "$boxes"]}},
        ],
        "outputs": ["$both", "$kind"],
        "checks": [{"check": "shows", "image": "$both", "query": "cat", "count": 1}],
    }
)


def changed(*settings: str) -> Plan:
    return with_settings(PLAN, parse_settings(settings), load_catalogue())


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("soft.strength=25", 25.0),
        ("soft.strength=12.5", 12.5),
        ("small.width=60", 60),
        ("small.width=null", None),
        ("boxes.labels=true", True),
        ("boxes.color=#ff0000", "#ff0000"),
        ("area.query=7 = seven, or so", "7 = seven, or so"),
        ('kind.labels=["a cat", "a dog, too"]', ["a cat", "a dog, too"]),
        ("both.layout=column", "column"),
        ("soft.image=$other", "$other"),
        ("both.images=$photo,$other,$boxes", ["$photo", "$other", "$boxes"]),
        ("area.query=$words", "$words"),
    ],
)
def test_a_value_is_what_its_tool_declares(setting: str, value: Any) -> None:
    id, _, argument = setting.partition("=")[0].partition(".")
    plan = changed(setting)
    found = plan.step(id).args[argument]
    assert (found, type(found)) == (value, type(value))
    others = [step for step in plan.steps if step.id != id]
    assert others == [step for step in PLAN.steps if step.id != id] and plan.checks == PLAN.checks
    assert parse_plan(plan.document()) == plan


def test_checks_can_be_set_too_and_several_things_at_once() -> None:
    plan = changed("check_1.count=3", "soft.strength=1", "small.height=9")
    assert plan.checks[0].args == {"image": "$both", "query": "cat", "count": 3}
    assert plan.step("small").args == {"image": "$soft", "width": 40, "height": 9}
    assert changed() == PLAN


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        (["strength=3"], "--set 'strength=3' is not STEP.ARGUMENT=VALUE; write for example"),
        (["soft.strength"], "is not STEP.ARGUMENT=VALUE"),
        ([".a=1"], "is not STEP.ARGUMENT=VALUE"),
        (["sofd.strength=3"], "the plan has no step 'sofd'; did you mean 'soft'?; it has: area, soft"),
        (["soft.strenght=3"], "step 'soft' calls 'blur', which has no argument 'strenght'; did you mean 'strength'?"),
        (["soft.strength=3", "soft.strength=4"], "argument 'strength' of step 'soft' is set twice"),
        (
            ["soft.strength=much"],
            "step 'soft', argument 'strength' takes a number from 0 to 100, but 'much' does not fit",
        ),
        (["soft.strength=101"], "takes a number from 0 to 100, but 101 does not fit: input should be less than"),
        (["small.width=2.5"], "argument 'width' takes a whole number from 1 to 20000 or null, but 2.5 does not fit"),
        (["both.layout=heap"], "takes one of row, column, grid, but 'heap' does not fit"),
        (["kind.labels=cat,dog"], "argument 'labels' takes a list such as"),
        (["boxes.labels=maybe"], "takes true or false, but 'maybe' does not fit"),
        (["soft.image=cat.png"], "step 'soft', argument 'image' takes Image, not 'cat.png'; name an input or a step"),
    ],
)
def test_what_does_not_fit_is_named(settings: list[str], complaint: str) -> None:
    with pytest.raises(UsageError) as caught:
        changed(*settings)
    assert complaint in str(caught.value)


def test_a_tool_that_is_not_there_is_named() -> None:
    plan = parse_plan({"steps": [{"id": "a", "tool": "conjure", "args": {}}], "outputs": ["$a"]})
    with pytest.raises(UsageError, match="step 'a' calls 'conjure', and no tool is called so"):
        with_settings(plan, parse_settings(["a.b=1"]), load_catalogue())


# The command


BLUR = {"id": "soft", "tool": "blur", "args": {"image": "$photo", "strength": 90}}


def test_run_map_plan_and_replay_set_the_same(cli: Cli) -> None:  # noqa: F811
    (cli.folder / "photos").mkdir()
    save_image(picture(90, 64), cli.folder / "photos" / "p.png")
    words = ("--workflow", cli.workflow(steps=[BLUR], outputs=["$soft"]))
    done = cli("run", *words, "photos/p.png", "-o", "run.png", "--set", "soft.strength=0")
    assert done.returncode == 0, done.stderr
    assert load_image(cli.folder / "run.png") == load_image(cli.folder / "photos" / "p.png")
    assert read_provenance(cli.folder / "run.png").plan.step("soft").args["strength"] == 0
    done = cli("map", *words, "photos", "-o", "out", "--set", "soft.strength=0")
    assert done.returncode == 0, done.stderr
    assert (cli.folder / "out" / "p.png").read_bytes() == (cli.folder / "run.png").read_bytes()
    again = cli("map", *words, "photos", "-o", "out", "--set", "soft.strength=50")
    assert again.stdout == "1 edited: out\n", "another plan: the row of the first does not stand"
    planned = cli("plan", *words, "--set", "soft.strength=7", "--json")
    assert json.loads(planned.stdout)["plan"]["steps"][0]["args"]["strength"] == 7
    done = cli("replay", "run.png", "-o", "again.png", "--set", "soft.strength=50", "--input", "photo=photos/p.png")
    assert done.returncode == 0, done.stderr
    assert load_image(cli.folder / "again.png") == load_image(cli.folder / "out" / "p.png")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("run", "blur it", "p.png", "--set", "soft.strength=1"), "goes with --workflow FILE"),
        (("plan", "blur it", "p.png", "--set", "soft.strength=1"), "goes with --workflow FILE"),
        (("run", "--workflow", "edit.json", "p.png", "--set", "soft=1"), "STEP.ARGUMENT=VALUE"),
        (("map", "--workflow", "edit.json", "p.png", "-o", "out", "--set", "soft.strength=a"), "from 0 to 100"),
        (("run", "--workflow", "edit.json", "p.png", "--set", "soft.image=$moon"), "'$moon' is neither an input"),
    ],
)
def test_wrong_settings_are_explained(cli: Cli, words: tuple[str, ...], complaint: str) -> None:  # noqa: F811
    save_image(picture(), cli.folder / "p.png")
    cli.workflow(steps=[BLUR], outputs=["$soft"])
    done = cli(*words)
    assert done.returncode in (1, 2) and complaint in done.stderr, done.stderr
    assert not list(Path(cli.folder).glob("*diptych*"))
