"""Requests that nobody should send: no crash, no invalid plan, nothing executed. `benchmarks/fuzz.py` sends 10,000."""

from __future__ import annotations

import random
import re
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np
import pytest

from diptych.orchestrator import run
from diptych.planners.answer import read_answer
from diptych.planners.copying import words_of
from diptych.planners.embedded import EmbeddedPlanner, prompt_text
from diptych.planners.evaluation.fuzz import ORDERS, SURROGATES, accepted, requests
from diptych.planners.line_grammar import LineGrammar
from diptych.planners.notation import read_steps
from diptych.planners.plan import Plan
from diptych.planners.planner import as_text
from diptych.planners.prompt import user_message
from diptych.planners.validate import validate
from diptych.tools.errors import PlanError, Refusal
from diptych.tools.values import Image
from tests.planners.plans import CATALOGUE

PHOTO = Image(np.zeros((64, 64, 3), np.uint8))


STARTS = frozenset({"os.system", "os.exec", "os.posix_spawn", "os.fork", "subprocess.Popen"})
_watched: list[list[str]] = []


def _listen(event: str, arguments: tuple[Any, ...]) -> None:
    if event in STARTS and _watched:
        _watched[-1].append(f"{event} {arguments!r}")


sys.addaudithook(_listen)


@pytest.fixture
def nothing_starts() -> Iterator[None]:
    """Fail when a program was started meanwhile, by whatever means."""
    _watched.append([])
    yield
    assert _watched.pop() == []


def test_the_trap_catches(nothing_starts: None) -> None:
    subprocess.run(["true"], check=True)
    assert _watched[-1].pop().startswith("subprocess.Popen")
    while _watched[-1]:
        _watched[-1].pop()


def test_three_thousand_through_reading_copying_and_checking(nothing_starts: None) -> None:
    """A strange text as a request, as an answer in shorthand, and as an answer in JSON."""
    kinds = set()
    for text in islice(requests(seed=1), 3000):
        request = as_text(text)
        assert prompt_text(request, ["photo"]).count("<|im_end|>") == 1
        words = words_of(request)
        assert words is None or all("\n" not in form for forms in words for form in forms)
        assert user_message(request, {"photo": PHOTO}).encode()
        for read in (_shorthand, _json):
            try:
                validate(read(text), CATALOGUE)
                kinds.add("plan")
            except (PlanError, Refusal) as error:
                kinds.add(type(error).__name__)
                assert str(error)
    assert kinds == {"plan", "PlanError", "Refusal"}


def _shorthand(text: str) -> Plan:
    steps, outputs = read_steps(text, ["photo"], CATALOGUE)
    return Plan(inputs={"photo": "Image"}, steps=steps, outputs=outputs)


def _json(text: str) -> Plan:
    return read_answer(text, request=as_text(text), inputs={"photo": "Image"})


def test_half_broken_answers_are_read_or_refused(nothing_starts: None) -> None:
    """Sound shorthand with characters put in, left out and changed: what still reads is checked like any other."""
    draw = random.Random(3)
    sound = 'a detect photo "face"\nb segment photo a\nc blur photo mask=b strength=70\nd collage [c,photo]\n'
    valid = 0
    for _ in range(3000):
        letters = list(sound)
        for _ in range(draw.randint(0, 6)):
            at = draw.randrange(len(letters))
            letters[at : at + draw.randint(0, 2)] = draw.choice(
                ['"', "[", "=", "\n", "$", "\\", "b", "9" * 40, "\x00", ""]
            )
        try:
            valid += not validate(_shorthand("".join(letters)), CATALOGUE)
        except PlanError as error:
            assert error.problems
    assert 0 < valid < 3000


def test_every_word_of_a_strange_request_is_one_sound_literal_of_the_grammar() -> None:
    literal = r'"(?:[^"\\\n]|\\.)*"'
    seen = 0
    for text in islice(requests(seed=2), 400):
        words = words_of(as_text(text))
        rules = LineGrammar(["photo"], CATALOGUE, as_text(text)).rules()
        if words is not None:
            lines = [line for line in rules.split("\n") if re.match(r"w\d+ ::= ", line)]
            assert len(lines) == sum(map(bool, words))
            for line in lines:
                assert re.fullmatch(rf'w\d+ ::= \({literal}(?: \| {literal})*\)( \(" " w\d+\)\?)?', line), text
            seen += 1
    assert seen > 100


def test_words_of_a_very_long_word_are_found_at_once() -> None:
    """The ways to leave two letters out of 4,000 would fill the memory."""
    draw = random.Random(5)
    long = "".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=4000))
    assert (long,) in (words_of(f"blur the face {long}") or [(long,)])


@pytest.fixture(scope="module")
def planner() -> EmbeddedPlanner:
    return EmbeddedPlanner()


@pytest.mark.parametrize("number", range(30))
def test_the_real_planner_meets_strange_requests(planner: EmbeddedPlanner, number: int, nothing_starts: None) -> None:
    text = next(islice(requests(seed=100 + number), 1))
    assert accepted(planner, text, CATALOGUE, PHOTO) in ("plan", "refuse", "ask", "error")


@pytest.mark.parametrize("order", ORDERS)
def test_the_real_planner_meets_orders(planner: EmbeddedPlanner, order: str, nothing_starts: None) -> None:
    assert accepted(planner, order, CATALOGUE, PHOTO) in ("plan", "refuse", "ask", "error")


def test_bytes_that_are_no_text_are_read_as_question_marks(planner: EmbeddedPlanner, tmp_path: Any) -> None:
    request = f"make it black and white {SURROGATES}"
    made = planner.plan(request, [PHOTO], CATALOGUE)
    assert made.request == "make it black and white ??" and made.to_json()
    done = run(request, PHOTO, planner=planner, profile="embedded", home=tmp_path)
    assert done.status in ("done", "refused", "failed")
