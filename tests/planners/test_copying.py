"""Free text in a plan is made of the words of the request, with typing errors mended."""

from __future__ import annotations

from itertools import chain

import pytest
from llguidance import LLMatcher, gbnf_to_lark

from diptych.planners.copying import phrases_of, words_of
from diptych.planners.line_grammar import LineGrammar
from diptych.tools.catalogue import load_catalogue
from tests.planners.accepting import accepts


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ("Blur the man's face, please.", ["man's", "face"]),
        ("remov the drmu form the picture", ["drum"]),
        ("blur the persn's eyes", ["person's", "eyes"]),
        ('write "Who did this?" at the top', ["Who", "did", "this?"]),
        ("put «Straße 12» below", ["Straße", "12"]),
        ("make it #ff8800", ["#ff8800"]),
        ("a red/blue frame", ["red", "blue"]),
        ('say "What\'s up?".', ["What's", "up?"]),
        ("do you see the sentence 'What's up?'? brighten it", ["What's", "up?"]),
        ("make the farmer's new color bright red", ["farmer", "farmer's"]),
    ],
)
def test_what_was_said_or_meant_may_be_written(request_: str, words: list[str]) -> None:
    allowed = words_of(request_)
    assert allowed is not None and set(words) <= set(chain(*allowed))


def test_what_was_not_said_may_not() -> None:
    allowed = words_of("make the background plum and remove the crow")
    assert allowed is not None and not {"pink", "crowd", "cream"} & set(chain(*allowed))


def test_words_keep_their_order_and_leave_none_out() -> None:
    grammar = LineGrammar(["photo"], load_catalogue(), "remove the black and white square code")
    lark = LLMatcher.grammar_from_lark(gbnf_to_lark.any_to_lark(grammar.rules()))
    assert accepts(lark, 'a detect photo "black and white square code"\n')
    assert accepts(lark, 'a detect photo "square code"\n') and accepts(lark, 'a detect photo "text"\n')
    assert not accepts(lark, 'a detect photo "black code"\n') and not accepts(lark, 'a detect photo "code black"\n')


def test_colors_are_those_that_are_named_with_typing_errors_mended() -> None:
    assert {"ice blue", "blue"} <= set(phrases_of(words_of("make the sky ice bue") or []))


@pytest.mark.parametrize(
    "request_", ["mets un fond rouge", "haz el fondo rojo", "удали фон", " ".join(f"part{n}" for n in range(200))]
)
def test_other_languages_and_long_stories_are_left_alone(request_: str) -> None:
    assert words_of(request_) is None


def test_quotes_and_backslashes_in_a_request_make_a_sound_grammar() -> None:
    rules = LineGrammar(["photo"], load_catalogue(), 'write "a\\b" and c"d').rules()
    assert "string ::= " in rules and '"a\\\\\\\\b"' in rules
