"""The checks can fail: each one does on a picture to which nothing was done, and passes on one that was done right."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image as PIL
from PIL import ImageOps

from diptych.orchestrator import Result
from diptych.tools.values import Image
from tests.requests import checks, pixels
from tests.requests.cases import CASES, Case
from tests.requests.checks import Check
from tests.requests.pictures import LINK, PEOPLE, SIGN, picture
from tests.requests.seeing import colored, inverse, shape, things

ABOUT_WORDS = [
    ("answers", checks.answers(LINK), "nothing to say", LINK),
    ("answers_number", checks.answers_number(PEOPLE), "face: 13", "face: 3"),
    ("answers_number of decimals", checks.answers_number(PEOPLE), "0.3 %", "3 faces"),
    ("denies", checks.denies(), "yes: found 1 'person'", "no: found no 'person'"),
]
ABOUT_PICTURES: list[tuple[str, Check, str]] = [
    ("absent", checks.absent("face"), "team"),
    ("unreadable", checks.unreadable(SIGN[1]), "sign"),
    ("readable", checks.readable("SUMMER"), "sign"),
    ("written_at", checks.written_at("top", SIGN[0]), "sign"),
    ("no_code", checks.no_code(), "poster"),
    ("face_fills", checks.face_fills(0.4), "astronaut"),
    ("boxes_drawn", checks.boxes_drawn("face", "green"), "team"),
    ("size", checks.size(300, 300), "astronaut"),
    ("scaled", checks.scaled(0.5), "team"),
    ("ratio", checks.ratio(16, 9), "coffee"),
    ("mirrored", checks.mirrored(), "coffee"),
    ("level", checks.level(), "tilted"),
    ("holds_all", checks.holds_all("row"), "china flower"),
    ("holds_all in a grid", checks.holds_all("grid"), "china flower coffee rocket"),
    ("pasted", checks.pasted(0.8, 0.8), "china coffee"),
    ("same_outside", pixels.same_outside(things("text")), "sign"),
    ("same_inside", pixels.same_inside(shape("subject")), "astronaut"),
    ("becomes", pixels.becomes(lambda image: np.rot90(image.pixels, -1)), "sideways"),
    ("gray", pixels.gray(), "coffee"),
    ("gray of a part", pixels.gray(inverse(shape("person"))), "astronaut"),
    ("backdrop", pixels.backdrop("light blue"), "grace_hopper"),
    ("blends_in", pixels.blends_in(things("text")), "sign"),
    ("recolored", pixels.recolored(colored("orange"), "purple"), "flower"),
    ("framed", pixels.framed("white"), "china"),
    ("transparent_outside", pixels.transparent_outside(shape("subject")), "astronaut"),
    ("background_from", pixels.background_from(shape("subject"), 1), "astronaut china"),
    ("brightness", pixels.brightness(1.8), "dim"),
    ("colorfulness", pixels.colorfulness(1.1), "china"),
    ("sharpness", pixels.sharpness(0, 0.5, inverse(shape("subject"))), "grace_hopper"),
    ("quieter", pixels.quieter(0.6), "noisy"),
    ("drawn", pixels.drawn(), "coffee"),
]


@pytest.mark.parametrize(("check", "wrong", "right"), [row[1:] for row in ABOUT_WORDS], ids=[r[0] for r in ABOUT_WORDS])
def test_a_wrong_answer_fails(check: Check, wrong: str, right: str) -> None:
    check([], Result("done", right))
    for answer in (wrong, None):
        with pytest.raises(AssertionError):
            check([], Result("done", answer))


@pytest.mark.parametrize(("check", "names"), [row[1:] for row in ABOUT_PICTURES], ids=[r[0] for r in ABOUT_PICTURES])
def test_an_unedited_picture_fails(check: Check, names: str) -> None:
    inputs = [picture(name) for name in names.split()]
    with pytest.raises(AssertionError):
        check(inputs, Result("done", outputs={"photo": inputs[0]}))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.slug)
def test_no_case_passes_when_nothing_is_done(case: Case) -> None:
    inputs = [picture(name) for name in case.photos]
    idle_is_right = case.kind == "condition" and "leave the picture alone" in case.request
    idle = Result("failed") if idle_is_right else Result("done", outputs={"photo": inputs[0]})
    with pytest.raises(AssertionError):
        case.check(inputs, idle)


def test_unchanged_fails_on_an_edit() -> None:
    coffee = picture("coffee")
    pixels.unchanged()([coffee], Result("done", outputs={"photo": coffee}))
    with pytest.raises(AssertionError, match="was changed"):
        pixels.unchanged()([coffee], Result("done", outputs={"photo": Image(255 - coffee.pixels)}))


def test_refuses_wants_the_missing_ability_by_name() -> None:
    check = checks.refuses("video")
    check([], Result("refused", "this cannot be done: no tool for making a video"))
    for result in (Result("done", "video"), Result("refused", "this cannot be done"), Result("failed", "video")):
        with pytest.raises(AssertionError):
            check([], result)


def test_a_failed_run_or_own_check_fails_whatever_the_picture() -> None:
    coffee = picture("coffee")
    outputs = {"photo": coffee}
    broken = Result("done", outputs=outputs, checks=[{"check": "preserved", "passed": False}])
    for result in (broken, Result("failed", outputs=outputs), Result("done")):
        with pytest.raises(AssertionError):
            pixels.unchanged()([coffee], result)


def _edits() -> list[tuple[str, Check, str, PIL.Image]]:
    """Return edits that PIL alone can do right."""
    coffee, china, sign, poster = (picture(name).to_pil() for name in ("coffee", "china", "sign", "poster"))
    covered, wiped, row = sign.copy(), poster.copy(), PIL.new("RGB", (1280, 427))
    covered.paste("ivory", (205, 205, 695, 395))
    wiped.paste("gray", (345, 185, 565, 405))
    row.paste(china, (0, 0))
    row.paste(picture("flower").to_pil(), (640, 0))
    return [
        ("gray", pixels.gray(), "coffee", coffee.convert("L").convert("RGB")),
        ("mirrored", checks.mirrored(), "coffee", ImageOps.mirror(coffee)),
        ("scaled", checks.scaled(0.5), "coffee", coffee.resize((300, 200))),
        ("framed", pixels.framed("white"), "china", ImageOps.expand(china, 20, "white")),
        ("unreadable", checks.unreadable(*SIGN), "sign", covered),
        ("blends_in", pixels.blends_in(things("text")), "sign", covered),
        ("same_outside", pixels.same_outside(things("text", 0.5)), "sign", covered),
        ("no_code", checks.no_code(), "poster", wiped),
        ("holds_all", checks.holds_all("row"), "china flower", row),
        ("brightness", pixels.brightness(1.8), "dim", picture("coffee").to_pil()),
        ("quieter", pixels.quieter(0.6), "noisy", china),
    ]


@pytest.mark.parametrize("name", [edit[0] for edit in _edits()])
def test_an_edit_done_right_passes(name: str) -> None:
    check, names, edited = next(edit[1:] for edit in _edits() if edit[0] == name)
    check([picture(part) for part in names.split()], Result("done", outputs={"edited": Image.from_pil(edited)}))
