"""Which plans do the job of an editing instruction, and which wordings training knows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from diptych.planners.evaluation.jobs import head, job_for, singular
from diptych.planners.evaluation.sets import load_set
from diptych.planners.evaluation.wording import known_wording, spread
from diptych.planners.plan import Plan
from diptych.planners.training.banks import holdout, phrases
from diptych.planners.validate import validate
from tests.planners.plans import CATALOGUE, plan, step

SAMPLES = Path(__file__).parent / "evals"


def found(query: str, *steps: str, tool: str, **args: object) -> Plan:
    """A plan that edits what a phrase names."""
    made = plan(
        step("boxes", "detect", image="$photo", query=query),
        step("area", "segment", image="$photo", boxes="$boxes"),
        step("rest", "invert", mask="$area") if "rest" in steps else step("more", "grow", mask="$area"),
        step("out", tool, image="$photo", mask="$rest" if "rest" in steps else "$more", **args),
    )
    assert validate(made, CATALOGUE) == []
    return made


def whole(tool: str, **args: object) -> Plan:
    made = plan(step("out", tool, image="$photo", **args))
    assert validate(made, CATALOGUE) == []
    return made


SCENE = plan(
    step("subject", "subject", image="$photo"),
    step("rest", "invert", mask="$subject"),
    step("out", "inpaint", image="$photo", mask="$rest", prompt="a snowy landscape"),
)


def edit(instruction: str) -> Plan:
    return plan(step("out", "edit", image="$photo", instruction=instruction))


CASES = [
    ("ColorAlteration", "Tinge the umbrella green", found("umbrella", tool="recolor", color="green"), True),
    ("ColorAlteration", "Tinge the umbrella green", found("umbrella", tool="fill", color="#008000"), True),
    ("ColorAlteration", "Tinge the umbrella green", found("umbrella", tool="recolor", color="red"), False),
    ("ColorAlteration", "Tinge the umbrella green", found("woman", tool="recolor", color="green"), False),
    ("ColorAlteration", "Tinge the umbrella green", found("umbrella", "rest", tool="recolor", color="green"), False),
    ("ColorAlteration", "Dye the man's shoes red", found("shoes of the man", tool="recolor", color="red"), True),
    ("ColorAlteration", "Dye the man's shoes red", found("man", tool="recolor", color="red"), False),
    ("ColorAlteration", "Change the boy's hair color to pink", found("boy's hair", tool="recolor", color="pink"), True),
    ("ColorAlteration", "Dye the horse's coat grey", found("horse's coat", tool="recolor", color="grey"), True),
    ("ColorAlteration", "Dye the horse's coat grey", found("horse", tool="recolor", color="grey"), True),
    ("ColorAlteration", "Dye the woman's coat grey", found("woman", tool="recolor", color="grey"), False),
    ("ColorAlteration", "Blacken the horse's coat", found("horse's coat", tool="recolor", color="black"), True),
    ("ColorAlteration", "Blacken the horse's coat", found("horse's coat", tool="recolor", color="red"), False),
    ("RegionAccuracy", "The sky shall adopt a black hue", found("sky", tool="recolor", color="black"), True),
    ("RegionAccuracy", "The sky shall adopt a black hue", found("sky", tool="erase"), False),
    ("RegionAccuracy", "The orange must be removed", found("orange", tool="erase"), True),
    ("ObjectRemoval", "There must be no scissors in the image", found("scissors", tool="erase"), True),
    ("ObjectRemoval", "Remove the man in white from the image", found("man in white", tool="erase"), True),
    ("ObjectRemoval", "Remove the man in white from the image", found("man", tool="blur"), False),
    ("Replacement", "Swap the boy with a fluffy bird", found("boy", tool="inpaint", prompt="a fluffy bird"), True),
    ("Replacement", "Swap the boy with a fluffy bird", found("bird", tool="inpaint", prompt="a boy"), False),
    ("BGReplacement", "Change the background of this photo to snow", SCENE, True),
    ("BGReplacement", "Change the background of this photo to a beach", SCENE, False),
    ("HazeRemoval", "Remove the haze", whole("dehaze"), True),
    ("HazeRemoval", "Remove the haze", whole("blur"), False),
    ("Lowlight", "Brightening the scene", whole("adjust", brightness=30), True),
    ("Lowlight", "Brightening the scene", whole("adjust", brightness=-30), False),
    ("StyleAlteration", "Make it an oil painting", whole("stylize", style="oil"), True),
    ("StyleAlteration", "Make it an oil painting", whole("stylize", style="sketch"), False),
    ("StyleAlteration", "Give it a cyberpunk style", whole("edit", instruction="a cyberpunk style"), True),
    ("RainRemoval", "Purge the raindrops", found("raindrops", tool="erase"), True),
    ("RainRemoval", "Purge the raindrops", found("car", tool="erase"), False),
    ("Counting", "Add two carrots to the bowl", whole("edit", instruction="add two carrots to the bowl"), True),
    ("Counting", "Add two carrots to the bowl", whole("edit", instruction="add a bowl"), False),
    ("Counting", "Place a cat on the sofa to enrich the setting", edit("place a cat on the sofa"), True),
    ("Counting", "Place a cat on the sofa, adding some life", edit("place a cat on the sofa"), True),
    ("Counting", "Place a cat on the sofa, adding some life", edit("adding some life"), False),
    ("DirectionPerception", "Add a cat to the left of the dog", edit("add a cat"), False),
]


@pytest.mark.parametrize(("kind", "request_", "made", "right"), CASES)
def test_what_does_the_job(kind: str, request_: str, made: Plan, right: bool) -> None:
    check, _ = job_for(kind, request_, CATALOGUE)
    assert check(made) is right


def test_doing_more_is_not_the_job() -> None:
    check, _ = job_for("HazeRemoval", "Remove the haze", CATALOGUE)
    more = plan(step("clear", "dehaze", image="$photo"), step("out", "grayscale", image="$clear"))
    assert validate(more, CATALOGUE) == [] and not check(more)


def test_every_sample_is_read_and_no_empty_plan_does_it() -> None:
    rows = [json.loads(line) for line in (SAMPLES / "edit_instructions.jsonl").read_text().splitlines()]
    for row in rows:
        check, note = job_for(row["kind"], row["instruction"], CATALOGUE)
        assert note and not check(whole("flip", direction="vertical"))


@pytest.mark.parametrize(
    ("phrase", "noun"),
    [
        ("the man's red shoes on the mat", "shoe"),
        ("shoes of a man", "shoe"),
        ("men", "man"),
        ("all of the cherries", "cherry"),
        ("a pair of glasses", "glass"),
        ("people playing soccer", "person"),
        ("buses", "bus"),
        ("wild horses", "horse"),
        ("two tomatoes", "tomato"),
        ("boxes", "box"),
        ("T-shirt", "t-shirt"),
        ("", ""),
    ],
)
def test_head_nouns(phrase: str, noun: str) -> None:
    assert head(phrase) == noun
    assert singular(noun) == noun


def test_wordings_of_the_training_side_are_known_and_held_out_ones_are_not() -> None:
    """Which line is held out is settled by its hash, so the lines are looked up, not named."""
    lines = [line for line in phrases()["recolor"] if line.count("{") == 2 and "{o}" in line and "{c}" in line]
    train = holdout(lines, "recolor", test=False)
    for line in train[:40]:
        assert known_wording(line.removeprefix("! ").format(o="the umbrella", c="green")), line
    assert known_wording("REMOVE the Giraffe from the image.")
    assert not known_wording("Bestrew the umbrella with a coat that is nothing if not green, would you")
    assert not known_wording("remove remove remove remove the the the the the the giraffe")


def test_a_slot_takes_what_it_would_in_training() -> None:
    assert known_wording("dye the umbrella green") == known_wording("dye the old umbrella dark red")
    assert not known_wording("{o} {c}")


def test_the_split_is_even_over_kinds_and_does_not_depend_on_the_order() -> None:
    entries = [(kind, f"{kind}{number}") for kind, count in (("a", 50), ("b", 3), ("c", 20)) for number in range(count)]
    chosen = spread(entries, 30, kind=lambda e: e[0], key=lambda e: e[1])
    backwards = spread(reversed(entries), 30, kind=lambda e: e[0], key=lambda e: e[1])
    assert sorted(chosen) == sorted(backwards)
    assert {kind: sum(e[0] == kind for e in chosen) for kind in "abc"} in (
        {"a": 14, "b": 3, "c": 13},
        {"a": 13, "b": 3, "c": 14},
    )


def test_edits_are_split_by_wording() -> None:
    new, known = load_set("edits", SAMPLES), load_set("edits-known", SAMPLES)
    assert len(new.items) + len(known.items) == 15
    assert "Swap the boy with a fluffy bird" in {item.request for item in known.items}
    assert not {item.request for item in new.items} & {item.request for item in known.items}
    assert not any(known_wording(item.request) for item in new.items)


FACES = plan(
    step("faces", "detect", image="$photo", query="face of Nicole Kidman"),
    step("out", "sticker", image="$photo", boxes="$faces", kind="tongue"),
)
COUNT = plan(step("boxes", "detect", image="$photo", query="trains"), step("count", "count", boxes="$boxes"))


@pytest.mark.parametrize(
    ("id", "made", "right"),
    [
        ("imgedit-00", FACES, True),
        ("imgedit-00", whole("grayscale"), False),
        ("imgedit-06", found("red bus", "rest", tool="blur"), True),
        ("imgedit-06", found("red bus", tool="blur"), False),
        ("imgedit-07", found("red bus", tool="inpaint", prompt="a blue bus"), True),
        ("imgedit-08", found("red bus", tool="inpaint", prompt="a blue bus"), False),
        ("gqa-01", COUNT, True),
        ("gqa-01", plan(step("out", "answer", image="$photo", question="are there trains or fences")), True),
        ("gqa-01", plan(step("out", "answer", image="$photo", question="is there a cat")), False),
        ("gqa-01", found("trains", tool="erase"), False),
    ],
)
def test_what_does_visprogs_jobs(id: str, made: Plan, right: bool) -> None:
    item = next(item for item in load_set("visprog", SAMPLES).items if item.id == id)
    assert item.wanted.does is not None and item.wanted.does(made) is right
