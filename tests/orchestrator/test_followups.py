"""One plan out of two, and the last edit once more but otherwise."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from diptych.orchestrator.chaining import chained, pictures_of, pruned
from diptych.orchestrator.corrections import corrected
from diptych.orchestrator.followups import LESS, MORE, drawn_anew, other, scaled
from diptych.planners.plan import Plan, parse_plan
from diptych.planners.validate import validate
from diptych.tools.catalogue import load_catalogue
from diptych.tools.errors import Refusal
from diptych.tools.values import Detections

CATALOGUE = load_catalogue()
FACE = [("d", "detect", {"image": "$photo", "query": "face"}), ("m", "segment", {"image": "$photo", "boxes": "$d"})]


def plan(*steps: tuple[str, str, dict[str, Any]], outputs: str = "", inputs: int = 1) -> Plan:
    names = ["photo", "photo2"][:inputs]
    return parse_plan(
        {
            "inputs": dict.fromkeys(names, "Image"),
            "steps": [{"id": id, "tool": tool, "args": args} for id, tool, args in steps],
            "outputs": [f"${name}" for name in (outputs or steps[-1][0]).split()],
        }
    )


def edit(tool: str, **args: Any) -> Plan:
    return plan(("e", tool, {"image": "$photo", **args}))


def boxes(*lefts: float, query: str = "dog") -> Detections:
    xyxy = np.array([[x, 0, x + 10, 10] for x in lefts], np.float32).reshape(-1, 4)
    return Detections(xyxy, (query,) * len(lefts), np.linspace(0.9, 0.5, len(lefts), dtype=np.float32), query)


@pytest.mark.parametrize(
    ("made", "factor", "change"),
    [
        (edit("blur"), LESS, "blur: strength 50 → 31.25"),
        (edit("blur", strength=31.25), MORE, "blur: strength 31.25 → 50"),
        (edit("blur", strength=90), MORE, "blur: strength 90 → 100"),
        (edit("adjust", brightness=-16), LESS, "adjust: brightness -16 → -10"),
        (edit("adjust", brightness=10, contrast=20), MORE, "adjust: brightness 10 → 16, contrast 20 → 32"),
        (edit("rotate", degrees=8), LESS, "rotate: degrees 8 → 5"),
        (
            plan(
                *FACE,
                ("b", "blur", {"image": "$photo", "mask": "$m"}),
                ("v", "vignette", {"image": "$b", "strength": 20}),
            ),
            MORE,
            "vignette: strength 20 → 32",
        ),
    ],
)
def test_less_and_more(made: Plan, factor: float, change: str) -> None:
    amended = scaled(made, CATALOGUE, factor)
    assert amended.change == change
    assert validate(amended.plan, CATALOGUE) == []


def test_more_undoes_less() -> None:
    start = edit("adjust", temperature=-30)
    there = scaled(start, CATALOGUE, LESS).plan
    assert scaled(there, CATALOGUE, MORE).plan.steps == start.steps


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (edit("grayscale"), "'grayscale' has no amount that could be less"),
        (edit("pixelate", blocks=20), "'pixelate' has no amount"),
        (edit("resize", percent=50), "'resize' has no amount"),
        (plan(("c", "caption", {"image": "$photo"})), "the last request has no amount"),
        (plan(("b", "blur", {"image": "$photo"}), ("v", "vignette", {"image": "$b"})), "less of 'blur' or 'vignette'?"),
    ],
)
def test_no_amount_or_two_are_not_guessed(made: Plan, message: str) -> None:
    with pytest.raises(Refusal, match=message.replace("?", r"\?")):
        scaled(made, CATALOGUE, LESS)


def test_an_amount_at_its_end() -> None:
    with pytest.raises(Refusal, match="'blur' cannot do more: strength 100 is the end of its range"):
        scaled(edit("blur", strength=100), CATALOGUE, MORE)


PICKED = plan(
    FACE[0],
    ("p", "pick", {"boxes": "$d", "which": "largest"}),
    ("m", "segment", {"image": "$photo", "boxes": "$p"}),
    ("b", "blur", {"image": "$photo", "mask": "$m"}),
)


def test_the_other_one_goes_round_from_left_to_right() -> None:
    from diptych.tools.detectors.detect import pick

    found = {"d": boxes(40, 0, 80)}
    made, lefts = PICKED, []
    for _ in range(4):
        for step in made.steps:
            if step.tool == "pick":
                found[step.id] = pick(
                    found[step.args["boxes"][1:]], **{k: v for k, v in step.args.items() if k != "boxes"}
                )
        lefts.append(float(found["p"].xyxy[0, 0]))
        made = other(made, found.get).plan
        assert validate(made, CATALOGUE) == []
        assert [step.tool for step in made.steps].count("pick") == 2
    assert lefts == [40, 80, 0, 40]


def test_the_other_of_a_few_stays_among_them() -> None:
    """The largest of the two leftmost: the third from the left is no candidate."""
    two = ("two", "pick", {"boxes": "$d", "which": "leftmost", "count": 2})
    largest = ("p", "pick", {"boxes": "$two", "which": "largest"})
    made = plan(FACE[0], two, largest, *[(s.id, s.tool, s.args) for s in PICKED.steps[2:]])
    amended = other(made, {"d": boxes(0, 20, 40), "two": boxes(0, 20), "p": boxes(20)}.get)
    assert amended.change == "dog: number 1 of 2 from the left"
    assert validate(amended.plan, CATALOGUE) == [] and amended.plan.step("two") == made.step("two")


@pytest.mark.parametrize(
    ("made", "found", "message"),
    [
        (PICKED, {"d": boxes(5), "p": boxes(5)}, "only one 'dog' was found"),
        (PICKED, {"d": boxes(), "p": boxes()}, "not known any more"),
        (PICKED, {}, "not known any more"),
        (edit("blur"), {}, "did not choose one thing among several"),
        (
            plan(*FACE, ("b", "blur", {"image": "$photo", "mask": "$m"})),
            {"d": boxes(1, 2)},
            "all 2 of 'dog' were taken",
        ),
    ],
)
def test_no_other_one(made: Plan, found: dict[str, Detections], message: str) -> None:
    with pytest.raises(Refusal, match=message):
        other(made, found.get)


def test_seeds_are_drawn_anew() -> None:
    made = plan(
        ("g", "generate", {"prompt": "a cat", "seed": 3}), ("b", "blur", {"image": "$g", "strength": 3}), inputs=0
    )
    assert [step.args for step in drawn_anew(made, CATALOGUE).steps] == [{"prompt": "a cat"}, made.steps[1].args]


def test_two_edits_become_one_plan() -> None:
    first = plan(*FACE, ("b", "blur", {"image": "$photo", "mask": "$m"})).model_copy(update={"request": "blur it"})
    second = first.model_copy(update={"request": "blur it more"})
    both, names = chained(first, ["b"], second)
    assert [step.id for step in both.steps] == ["d", "m", "b", "d_2", "m_2", "b_2"]
    assert both.step("b_2").args == {"image": "$b", "mask": "$m_2"}
    assert (both.outputs, both.request, names["b"]) == (["$b_2"], "blur it; then blur it more", "b_2")
    assert validate(both, CATALOGUE) == []


def test_conditions_and_checks_are_renamed() -> None:
    steps = [
        {"id": "d", "tool": "detect", "args": {"image": "$photo", "query": "face"}},
        {"id": "e", "tool": "exists", "args": {"boxes": "$d"}},
        {"id": "b", "tool": "blur", "args": {"image": "$photo"}, "when": "not $e"},
    ]
    check = {"check": "absent", "image": "$b", "query": "face"}
    turn = parse_plan({"inputs": {"photo": "Image"}, "steps": steps, "outputs": ["$b"], "checks": [check]})
    both, _ = chained(turn, ["b"], turn)
    assert both.step("b_2").when == "not $e_2"
    assert [dict(c.args) for c in both.checks] == [{"image": "$b", "query": "face"}, {"image": "$b_2", "query": "face"}]
    assert validate(pruned(both), CATALOGUE) == []


def test_what_the_output_does_not_rest_on_is_left_out() -> None:
    first = edit("blur").model_copy(update={"inputs": {"photo": "Image", "photo2": "Image"}})
    new = plan(("g", "generate", {"prompt": "a cat"}))
    both, _ = chained(first, ["e", "photo2"], new)
    assert [step.id for step in pruned(both).steps] == ["g"] and not pruned(both).inputs


def test_lists_and_masks_have_no_name_as_pictures() -> None:
    assert pictures_of(plan(FACE[0], ("c", "crop_each", {"image": "$photo", "boxes": "$d"})), CATALOGUE) is None
    assert pictures_of(plan(*FACE), CATALOGUE) is None
    assert pictures_of(plan(FACE[0], ("n", "count", {"boxes": "$d"}), outputs="n photo"), CATALOGUE) == ["photo"]


WRITTEN = plan(
    *FACE,
    ("b", "blur", {"image": "$photo", "mask": "$m"}),
    ("w", "write", {"image": "$b", "text": "hi", "color": "red"}),
)


@pytest.mark.parametrize(
    ("made", "request_", "change"),
    [
        (edit("border", color="red"), "no, teal", "border: color red → teal"),
        (edit("border", color="red"), "in light blue instead", "border: color red → light blue"),
        (edit("border", color="red"), "rather 10 percent", "border: percent 4.0 → 10.0"),
        (WRITTEN, "no, in the top-left corner", "write: position bottom → top-left"),
        (WRITTEN, "at the top instead", "write: position bottom → top"),
        (WRITTEN, "white would be better", "write: color red → white"),
        (edit("stylize", style="sketch"), "no, sepia", "stylize: style sketch → sepia"),
        (edit("adjust", brightness=-30), "rather 20", "adjust: brightness -30 → -20.0"),
        (edit("flip", direction="horizontal"), "the other way, vertically", None),
        (edit("grayscale"), "no, teal", None),
        (edit("border", color="red"), "no, the dog", None),
        (edit("border", color="red"), "between 3 and 5", None),
    ],
)
def test_another_value_is_taken_from_the_words(made: Plan, request_: str, change: str | None) -> None:
    found = corrected(made, CATALOGUE, request_)
    assert (found and found.change) == change
    assert found is None or not validate(found.plan, CATALOGUE)


def test_the_value_that_is_there_already_is_said() -> None:
    with pytest.raises(Refusal, match="'border' has color red already"):
        corrected(edit("border", color="red"), CATALOGUE, "no, red")
