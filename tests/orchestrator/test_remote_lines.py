"""Which steps go to a worker in one task: those between which nothing else happens."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest

from diptych.orchestrator.calls import Binder, Call, Held, Result
from diptych.orchestrator.remote_lines import Lines
from diptych.planners.plan import Plan, Step
from diptych.tools.profiles import load_profile
from diptych.tools.values import Number

from .small_tools import CATALOGUE, picture, plan

CHECK = {"check": "is_bright", "image": "$c"}


class There:
    """What is there when a line begins: one picture under each of some names."""

    def __init__(self, names: str) -> None:
        self.names = names.split()

    def held(self, name: str) -> Held:
        if name not in self.names:
            raise KeyError(name)
        return Held.of(picture())

    def value(self, name: str) -> Result:
        return Number(2.0) if name == "n" else picture()


def line(document: Plan, first: str, there: str = "photo") -> str:
    found = Lines(document, CATALOGUE).after(document.step(first), There(there))
    return " ".join(step.id for step in found)


@pytest.mark.parametrize(
    ("steps", "there", "expected"),
    [
        (["a lighten image=$photo", "b lighten image=$a", "c mean image=$b"], "photo", "b c"),
        (["a lighten image=$photo", "b lighten image=$a", "c blacken image=$a mask=$m"], "photo m", ""),
        (["a lighten image=$photo", "b bright image=$a", "c blacken image=$photo mask=$b"], "photo", "b c"),
        (["a lighten image=$photo", "b blacken image=$a mask=$m", "c mean image=$b"], "photo", ""),
        (["a lighten image=$photo", "b blacken image=$a mask=$m", "c mean image=$b"], "photo m", "b c"),
        (["a halves image=$photo", "b join images=$a", "c mean image=$b"], "photo", "b c"),
        (["a halves image=$photo", "b lighten image=$a for_each=image", "c join images=$b"], "photo", ""),
        (["a mean image=$photo", "b lighten image=$photo when=$a", "c mean image=$b"], "photo", ""),
        (["a mean image=$photo", "b say words=hello number=$a", "c say words=$b"], "photo", "b c"),
        (["a lighten image=$photo", "b join images=$a,$a", "c mean image=$b"], "photo", "b c"),
        (["a lighten image=$photo", "b lighten image=$a", "c mean image=$b"], "photo a b", ""),
    ],
    ids=["chain", "fork", "triangle", "waits", "found", "list", "each", "condition", "words", "twice", "again"],
)
def test_a_line_goes_on_while_nothing_else_happens(steps: Sequence[str], there: str, expected: str) -> None:
    assert line(plan(steps, "c"), "a", there) == expected


def test_checks_end_lines_and_make_forks() -> None:
    steps = ["a lighten image=$photo", "b lighten image=$a", "c lighten image=$b"]
    assert line(plan(steps, "c", [CHECK]), "a") == "b c check_1"
    assert line(plan(steps, "c", [CHECK, {**CHECK, "level": 9}]), "a") == "b c"


def test_steps_that_cost_a_worker_go_alone() -> None:
    document = plan([f"{b} lighten image=${a}" for a, b in pairwise(["photo", *"abcdef"])], "f")
    lines = Lines(document, CATALOGUE)
    lines.break_up(["c", "d"])
    for first, expected in (("a", ["b"]), ("c", []), ("d", []), ("e", ["f"])):
        assert [step.id for step in lines.after(document.step(first), There("photo"))] == expected


def calls_of(document: Plan, id: str) -> list[Call]:
    source = There(" ".join(["photo", *(step.id for step in document.steps)]))
    step = document.step(id)
    return Binder(load_profile("embedded"), source).bind(step, CATALOGUE[step.tool])


def test_the_step_of_a_call_is_found_by_what_it_says() -> None:
    document = plan(
        [
            *("a lighten image=$photo", "b lighten image=$photo amount=3", "c lighten image=$a amount=3"),
            *("m bright image=$c", "d blacken image=$b mask=$m", "n mean image=$c", "v say words=two number=$n"),
            *("w say words=three number=$n", "u say words=two number=4"),
        ],
        "d",
    )
    lines = Lines(document, CATALOGUE)
    for step in document.steps:
        (call,) = calls_of(document, step.id)
        assert lines.step_of(call) == step


def test_a_call_of_an_item_has_no_step() -> None:
    document = plan(["a halves image=$photo", "b lighten image=$a for_each=image", "c join images=$b"], "c")
    assert Lines(document, CATALOGUE).step_of(calls_of(document, "b")[0]) is None


def test_a_long_chain_is_found_quickly() -> None:
    names = ["photo", *(f"s{number}" for number in range(2000))]
    document = plan([f"{b} lighten image=${a}" for a, b in pairwise(names)], names[-1])
    lines = Lines(document, CATALOGUE)
    assert len(lines.after(document.step("s0"), There("photo"))) == 1999
    (call,) = calls_of(document, "s1000")
    found = lines.step_of(call)
    assert isinstance(found, Step) and found.id == "s1000"
