"""The shorthand: what is written can be read, and reads as the same steps."""

from __future__ import annotations

import pytest

from diptych.planners.notation import read_steps, write_steps
from diptych.planners.plan import Step
from diptych.tools.errors import PlanError, Refusal
from tests.planners.plans import CATALOGUE, step

LINES = {
    "a required parameter": (
        [step("detect", "detect", image="$photo", query="red car")],
        'a detect photo "red car"\n',
    ),
    "references and an option": (
        [
            step("detect", "detect", image="$photo", query="face"),
            step("segment", "segment", image="$photo", boxes="$detect"),
            step("blur", "blur", image="$photo", mask="$segment", strength=70),
        ],
        'a detect photo "face"\nb segment photo a\nc blur photo mask=b strength=70\n',
    ),
    "a float that is whole": ([step("rotate", "rotate", image="$photo", degrees=90.0)], "a rotate photo 90\n"),
    "a fraction": ([step("rotate", "rotate", image="$photo", degrees=-1.5)], "a rotate photo -1.5\n"),
    "quotes and line breaks": (
        [step("write", "write", image="$photo", text='say "hi" = [1]\nnow\\')],
        'a write photo "say \\"hi\\" = [1]\\nnow\\\\"\n',
    ),
    "other alphabets": ([step("write", "write", image="$photo", text="größe 犬")], 'a write photo "größe 犬"\n'),
    "an option with spaces": (
        [step("write", "write", image="$photo", text="x", color="light blue")],
        'a write photo "x" color="light blue"\n',
    ),
    "a list of references": (
        [step("collage", "collage", images=["$photo", "$photo2"])],
        "a collage [photo,photo2]\n",
    ),
    "a list of words": (
        [step("classify", "classify", image="$photo", labels=["a cat", "a dog"])],
        'a classify photo ["a cat","a dog"]\n',
    ),
    "a truth value": (
        [
            step("detect", "detect", image="$photo", query="cup"),
            step("draw_boxes", "draw_boxes", image="$photo", boxes="$detect", labels=True),
        ],
        'a detect photo "cup"\nb draw_boxes photo a labels=true\n',
    ),
    "once per item, and two steps of one tool": (
        [
            step("detect", "detect", image="$photo", query="cup"),
            step("crop_each", "crop_each", image="$photo", boxes="$detect"),
            step("grayscale", "grayscale", image="$crop_each", for_each="image"),
            step("grayscale_2", "grayscale", image="$photo"),
        ],
        'a detect photo "cup"\nb crop_each photo a\nc grayscale b each=image\nd grayscale photo\n',
    ),
    "conditions": (
        [
            step("detect", "detect", image="$photo", query="face"),
            step("exists", "exists", boxes="$detect"),
            step("flip", "flip", image="$photo", direction="horizontal", when="$exists"),
            step("grayscale", "grayscale", image="$flip", when="not $exists"),
        ],
        'a detect photo "face"\nb exists a\nc flip photo "horizontal" when=b\nd grayscale c unless=b\n',
    ),
}


@pytest.mark.parametrize("name", LINES)
def test_round_trip(name: str) -> None:
    steps, text = LINES[name]
    assert write_steps(steps, CATALOGUE) == text
    assert read_steps(text, ["photo", "photo2"], CATALOGUE)[0] == steps


def test_unused_results_are_the_outputs() -> None:
    text = 'a detect photo "face"\nb count a\nc caption photo\n'
    assert read_steps(text, ["photo"], CATALOGUE)[1] == ["$count", "$caption"]


@pytest.mark.parametrize(
    ("text", "missing", "question"),
    [
        ('refuse "making a video"', ("making a video",), None),
        ('ask "which dog?"', (), "which dog?"),
        ('refuse "cut', ("cut",), None),
    ],
)
def test_refusals(text: str, missing: tuple[str, ...], question: str | None) -> None:
    with pytest.raises(Refusal) as caught:
        read_steps(text, ["photo"], CATALOGUE)
    assert (caught.value.missing, caught.value.question) == (missing, question)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the answer holds no step; write one line per step"),
        ("a blurr photo", "line 'a blurr photo': 'blurr' is not a tool of the catalogue"),
        ("a", "line 'a': 'a' is not a tool of the catalogue"),
        ('a detect photo "x" "y"', 'line \'a detect photo "x" "y"\': \'"y"\' is one argument too many'),
        ("a rotate photo 1.2.3", "line 'a rotate photo 1.2.3': cannot read '1.2.3'"),
    ],
)
def test_what_cannot_be_read(text: str, message: str) -> None:
    with pytest.raises(PlanError) as caught:
        read_steps(text, ["photo"], CATALOGUE)
    assert [str(problem) for problem in caught.value.problems] == [message]


def test_unknown_names_become_references_that_validation_reports() -> None:
    assert read_steps("a invert z", [], CATALOGUE)[0] == [Step(id="invert", tool="invert", args={"mask": "$z"})]


def test_more_steps_than_letters() -> None:
    with pytest.raises(ValueError, match="27 steps; the shorthand has 26 letters"):
        write_steps([step(f"s{i}", "sharpen", image="$photo") for i in range(27)], CATALOGUE)
