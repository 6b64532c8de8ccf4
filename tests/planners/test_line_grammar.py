"""The grammar of the next line lets through what fits the lines before, and nothing else."""

from __future__ import annotations

import re
from functools import cache

import pytest
from llguidance import LLMatcher, gbnf_to_lark

from diptych.planners.line_grammar import MOST_STEPS, LineGrammar
from diptych.tools.catalogue import Catalogue
from tests.planners.accepting import accepts
from tests.planners.plans import CATALOGUE
from tests.planners.test_notation import LINES

SEEN = 'a detect photo "face"\nb segment photo a\nc exists a\nd crop_each photo a\n'
REQUEST = 'hide the face, write "so" in dark olive green, 16:9, and count what is red'
FOREIGN = "távolítsd el a kutyát a rétről"


@cache
def rules(before: str = "", request: str = REQUEST) -> str:
    grammar = LineGrammar(["photo", "photo2"], CATALOGUE, request)
    for line in before.splitlines():
        grammar.add(line)
    return grammar.rules()


def allowed(line: str, before: str = "", request: str = REQUEST) -> bool:
    lark = LLMatcher.grammar_from_lark(gbnf_to_lark.any_to_lark(rules(before, request)))
    return accepts(lark, line)


@pytest.mark.parametrize("before", ["", SEEN])
def test_every_rule_that_is_used_is_defined_and_llguidance_reads_them(before: str) -> None:
    text = rules(before)
    defined = re.findall(r"^(\w+) ::=", text, re.MULTILINE)
    bare = re.sub(r'"(?:[^"\\]|\\.)*"|\[(?:[^\]\\]|\\.)*\]|\{[\d,]*\}', " ", text)
    assert set(re.findall(r"[A-Za-z]\w*", bare)) <= set(defined) and len(set(defined)) == len(defined)
    assert LLMatcher.validate_grammar(LLMatcher.grammar_from_lark(gbnf_to_lark.any_to_lark(text))) == ""


@pytest.mark.parametrize(
    ("request_", "line", "fits"),
    [
        ("entferne den Vogel und mach das Auto blau", 'a detect photo "bird"\n', True),
        ("entferne den Vogel und mach das Auto blau", 'a detect photo "car"\n', True),
        ("entferne den Vogel und mach das Auto blau", 'a detect photo "woman"\n', False),
        ("entferne den Vogel und mach das Auto blau", 'a border photo "blue"\n', True),
        ("entferne den Vogel und mach das Auto blau", 'a border photo "blau"\n', False),
        ("entferne das Dingsbums", 'a detect photo "thingy"\n', True),
        ("supprime la chaise", 'a detect photo "chair"\n', True),
        ("supprime la chaise", 'a detect photo "house"\n', False),
        ("quita la silal junto a la mesa", 'a detect photo "chair next to the table"\n', True),
    ],
)
def test_in_another_language_only_what_is_named_is_looked_for(request_: str, line: str, fits: bool) -> None:
    assert allowed(line, request=request_) == fits


def test_what_is_never_below_zero_has_no_sign() -> None:
    assert allowed("a resize photo height=860\n") and not allowed("a resize photo height=-860\n")
    assert allowed("a adjust photo brightness=-30\n") and allowed("a rotate photo -90\n")


def test_of_two_people_both_have_a_face() -> None:
    both = "hide the faces of Tom and Ann Smith"
    for person in ("Tom", "Ann Smith"):
        assert allowed(f'a detect photo "face of {person}"\n', request=both)
    assert not allowed('a detect photo "face of Bob"\n', request=both)
    assert not allowed('a detect photo "hand of Ann"\n', request=both)


def test_where_no_tool_can_begin_it_can_only_refuse() -> None:
    editors = Catalogue([CATALOGUE["blur"], CATALOGUE["resize"]])
    lark = LLMatcher.grammar_from_lark(gbnf_to_lark.any_to_lark(LineGrammar([], editors, "draw a cat").rules()))
    assert accepts(lark, 'refuse "drawing"\n') and not accepts(lark, "a resize photo width=3\n")


@pytest.mark.parametrize("name", LINES)
def test_what_is_written_is_allowed_line_by_line(name: str) -> None:
    before = ""
    for line in LINES[name][1].splitlines(keepends=True):
        assert allowed(line, before, FOREIGN), line
        before += line


@pytest.mark.parametrize(
    "line",
    [
        "e blur photo mask=b\n",
        "e blur photo mask=b strength=70 when=c\n",
        "e grayscale d each=image\n",
        "e collage [photo,photo2]\n",
        "e collage d\n",
        'e fill photo b "dark olive green"\n',
        'e write photo "so" color="red"\n',
        'e write photo "so" color="white"\n',
        'e crop_ratio photo "16:9" boxes=a\n',
        "",
    ],
)
def test_what_fits_is_allowed(line: str) -> None:
    assert allowed(line, SEEN)


@pytest.mark.parametrize(
    "line",
    [
        "e blur photo mask=a\n",  # boxes are no mask
        "e segment photo b\n",  # a mask is no boxes
        "e blur photo mask=e\n",  # itself
        "e blur z mask=b\n",  # nothing of that name
        "e blur photo3\n",
        "e collage [photo,b]\n",
        "e blur d mask=b\n",  # a list where one image goes, without each
        "e grayscale photo each=image\n",  # one image is no list
        'e flip photo "horizontal" when=b\n',  # a mask is no condition
        'e fill photo b "banana"\n',  # no color
        'e fill photo b "orange"\n',  # a color, but another was named
        'e fill photo b "face"\n',  # no color, though it was said
        'e detect photo "zebra"\n',  # was not said
        "f blur photo\n",  # not its turn
        'refuse "making a video"\n',  # only instead of a plan
        "e blur photo mask=b",  # no end
    ],
)
def test_what_does_not_fit_is_not(line: str) -> None:
    assert not allowed(line, SEEN)


def test_a_tool_waits_until_what_it_needs_is_there() -> None:
    assert not allowed("a invert b\n") and not allowed("a blur photo mask=b\n") and not allowed("")
    assert allowed("a blur photo\n") and allowed('refuse "making a video"\n') and allowed('ask "which?"\n')


def test_without_a_picture_only_a_new_one_can_be_made() -> None:
    grammar = LineGrammar([], CATALOGUE, "a red circle")
    lark = LLMatcher.grammar_from_lark(gbnf_to_lark.any_to_lark(grammar.rules()))
    assert accepts(lark, 'a generate "a red circle"\n') and "blur" not in grammar.rules()


def test_numbers_and_texts_of_other_steps_are_words() -> None:
    before = 'a detect photo "cups"\nb count a\n'
    assert allowed("c write photo b\n", before) and not allowed("c write photo a\n", before)


def test_in_other_languages_words_are_free() -> None:
    assert allowed('a detect photo "dog"\n', request=FOREIGN)


def test_it_ends_after_a_refusal_and_after_many_steps() -> None:
    grammar = LineGrammar(["photo"], CATALOGUE, "x")
    grammar.add('refuse "x"')
    assert not grammar.rules()
    grammar = LineGrammar(["photo"], CATALOGUE, "x")
    for number in range(MOST_STEPS):
        assert grammar.rules()
        grammar.add(f"{chr(97 + number)} grayscale photo")
    assert not grammar.rules()


def test_where_no_color_is_named_it_may_be_any_everyday_one() -> None:
    request = "put a frame around the picture please"
    assert allowed('a border photo "teal"\n', request=request) and not allowed('a border photo "so"\n', request=request)
