"""Forty requests as strangers would write them, each with what must be true of the result."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from tests.requests.checks import (
    Check,
    absent,
    answers,
    answers_number,
    boxes_drawn,
    denies,
    every,
    face_fills,
    holds_all,
    level,
    mirrored,
    no_code,
    pasted,
    ratio,
    readable,
    refuses,
    scaled,
    size,
    unreadable,
    written_at,
)
from tests.requests.pictures import BADGE, LINK, PEOPLE, SIGN
from tests.requests.pixels import (
    backdrop,
    background_from,
    becomes,
    blends_in,
    brightness,
    colorfulness,
    drawn,
    framed,
    gray,
    quieter,
    recolored,
    same_inside,
    same_outside,
    sharpness,
    transparent_outside,
    unchanged,
)
from tests.requests.seeing import colored, either, inverse, lower_third, shape, things, without

Kind = Literal["plain", "compound", "typo", "question", "refusal", "several", "language", "condition"]


@dataclass(frozen=True)
class Case:
    """A request, the pictures it is about, and what to hold the result against."""

    request: str
    photos: tuple[str, ...]
    check: Check
    kind: Kind = "plain"

    @property
    def slug(self) -> str:
        """The kind and the first words: the case's name in the table of results."""
        words = re.findall(r"\w+", self.request.lower())
        return "-".join([self.kind, *words])[:60].rstrip("-")


_FACES = things("face", 0.6)
_TEXT = things("text", 0.35)
_AROUND_PERSON = inverse(shape("person", 3))
_AROUND_SUBJECT = inverse(shape("subject", 2))
_SUBJECT = shape("subject", -2)
_PETALS = without(colored("orange", -0.3), inverse(_SUBJECT))

COMPOUND = [
    Case(
        "blur the face and make everything but the person black and white",
        ("astronaut",),
        every(absent("face"), gray(_AROUND_PERSON), same_inside(without(shape("person", -2), _FACES), 0.9)),
    ),
    Case("read the sign and cover the text", ("sign",), every(answers(*SIGN), unreadable(*SIGN), same_outside(_TEXT))),
    Case(
        "I need a square version for my profile picture, centred on her face and 300 pixels wide.",
        ("astronaut",),
        every(size(300, 300), face_fills(0.15)),
    ),
    Case(
        "Swap that busy background for solid light blue, then crop the whole thing to 4:5",
        ("grace_hopper",),
        every(ratio(4, 5), backdrop("light blue"), face_fills(0.2)),
    ),
    Case(
        "clean up the grain and then sharpen it a little bit",
        ("noisy",),
        every(quieter(0.6), sharpness(0.75, 1.3)),
    ),
    Case(
        "Could you please straighten this scan and blow it up to 1600 px wide?",
        ("tilted",),
        every(level(), size(width=1600)),
    ),
    Case(
        "draw a green box around every face and tell me how many there are",
        ("team",),
        every(boxes_drawn("face", "green"), answers_number(PEOPLE)),
    ),
    Case(
        'Write "SUMMER TRIP" across the top in yellow and put a white border around the picture.',
        ("china",),
        every(written_at("top", "SUMMER TRIP"), framed("white")),
    ),
    Case("crop right in on her face and mirror it", ("astronaut",), every(face_fills(0.4), mirrored())),
    Case("pixelate the faces and shrink the photo to half its size", ("team",), every(absent("face"), scaled(0.5))),
    Case(
        "Blur what's behind her, and add the words 'Eileen Collins' at the bottom",
        ("astronaut",),
        every(sharpness(0, 0.5, without(_AROUND_SUBJECT, lower_third)), written_at("bottom", "Eileen Collins")),
    ),
    Case(
        "make it look like a pencil sketch and trim it to widescreen 16:9",
        ("coffee",),
        every(ratio(16, 9), drawn()),
    ),
    Case(
        "Tell me what the QR code says and then wipe it off the wall",
        ("poster",),
        every(answers(LINK), no_code(), same_outside(things("qr code", 0.35))),
    ),
]
SEVERAL = [
    Case("put these side by side", ("china", "flower"), holds_all("row")),
    Case(
        "Use the second photo as the background for the woman in the first one.",
        ("grace_hopper", "china"),
        every(background_from(shape("subject", 2), 1), same_inside(_SUBJECT)),
    ),
    Case(
        "stick the second picture small into the bottom right corner of the first",
        ("china", "coffee"),
        pasted(0.8, 0.8),
    ),
    Case("make a grid out of all four of these", ("coffee", "flower", "china", "rocket"), holds_all("grid")),
]
QUESTIONS = [
    Case(
        "how many people are there, and what does the badge say?",
        ("badge",),
        every(answers_number(1), answers(BADGE)),
    ),
    Case("What does it say on the wall?", ("sign",), answers(*SIGN)),
    Case("is there anybody in this picture?", ("rocket",), denies()),
    Case("Which website does that code lead to?", ("poster",), answers(LINK)),
    Case("how many faces can you see here", ("team",), answers_number(PEOPLE)),
    Case("what are the main colours of this photo?", ("rocket",), answers("blue")),
]
TYPOS = [
    Case(
        "remov teh text form the sign",
        ("sign",),
        every(unreadable(*SIGN), same_outside(_TEXT), blends_in(things("text"))),
    ),
    Case(
        "bluur the bakground pls",
        ("grace_hopper",),
        every(sharpness(0, 0.5, _AROUND_SUBJECT), same_inside(_SUBJECT)),
    ),
    Case("can u rescue this pic its realy dark", ("dim",), brightness(1.8)),
    Case("brighen it up a litle and bost the colors", ("china",), every(brightness(1.03, 1.8), colorfulness(1.1))),
    Case("roate this 90 degres clockwise", ("sideways",), becomes(lambda image: np.rot90(image.pixels, -1))),
    Case("pixlate all teh faces", ("team",), every(absent("face"), same_outside(_FACES))),
]
REFUSALS = [
    Case("Make a ten second video of this rocket taking off", ("rocket",), refuses("video", "animat")),
    Case("draw a box around the cat", ("cat",), refuses("cat")),
    Case("email this picture to my boss", ("coffee",), refuses("mail", "send")),
]
OTHERS = [
    Case("Mach das Bild bitte schwarz-weiß", ("coffee",), gray(), "language"),
    Case(
        "If there's a face in here, blur it; otherwise leave the picture alone.", ("coffee",), unchanged(), "condition"
    ),
    Case("pixelate the faces if there are any, if not turn it black and white", ("rocket",), gray(), "condition"),
    Case(
        "I need her without the background, transparent please",
        ("grace_hopper",),
        transparent_outside(shape("subject")),
    ),
    Case(
        "turn everything orange in this picture purple",
        ("flower",),
        every(recolored(_PETALS, "purple"), same_outside(either(colored("orange", 8), shape("subject", 3)))),
    ),
    Case(
        "Keep only the red in colour and make the rest greyscale",
        ("motorcycle",),
        every(gray(inverse(colored("red", 1))), same_inside(colored("red", -0.5), 0.9)),
    ),
    Case(
        'black out the words "CALL 555 0199" but leave the other line as it is',
        ("sign",),
        every(unreadable("555 0199"), readable("NO PARKING"), same_outside(_TEXT)),
    ),
    Case("I don't want anyone to recognise these people", ("team",), absent("face")),
]


def _all() -> list[Case]:
    groups: list[tuple[list[Case], Kind]] = [
        (COMPOUND, "compound"),
        (SEVERAL, "several"),
        (QUESTIONS, "question"),
        (TYPOS, "typo"),
        (REFUSALS, "refusal"),
    ]
    return [replace(case, kind=kind) for cases, kind in groups for case in cases] + OTHERS


CASES = _all()
