"""The closed vocabulary: every sentence of the family is in it, and what is not is named."""

from __future__ import annotations

import logging
import random

import pytest

from diptych.tools import hub
from diptych.tools.catalogue import load_catalogue
from diptych.tools.classifiers.clip import TEMPLATES
from diptych.tools.profiles import load_profile
from diptych.tools.tiny.scenes import COLORS, SHAPES, scenes
from diptych.tools.tiny.sentences import full_caption, prompt, random_caption, random_question, wrong_caption
from diptych.tools.tiny.words import bert_tokenizer, clip_tokenizer, unknown_words, vocabulary


def test_the_family_knows_its_own_sentences() -> None:
    dice = random.Random(0)
    for scene in scenes(300):
        said = [full_caption(scene), prompt(scene), random_caption(scene, dice), wrong_caption(scene, dice)]
        for text in (*said, *random_question(scene, dice)):
            assert not unknown_words(text), text
    for template in TEMPLATES:
        assert not unknown_words(template.format("red circle")), template


@pytest.mark.parametrize(
    ("text", "unknown"),
    [
        ("A red Circle.", ()),
        ("a fluffy cat left of a red cat", ("fluffy", "cat")),
        ("", ()),
        ("two café stars", ("caf", "é")),
        ("7 stars", ("7",)),
    ],
)
def test_words_outside_are_named(text: str, unknown: tuple[str, ...]) -> None:
    assert unknown_words(text) == unknown


def test_every_word_is_one_token() -> None:
    clip, bert = clip_tokenizer(), bert_tokenizer()
    for word in vocabulary():
        assert len(clip(word, add_special_tokens=False)["input_ids"]) == 1, word
        ids = bert(word, add_special_tokens=False)["input_ids"]
        assert len(ids) == 1 and ids != [bert.unk_token_id], word
    assert bert("red circle. what?")["input_ids"][0] == 101
    assert [bert.convert_tokens_to_ids(mark) for mark in ("[CLS]", "[SEP]", ".", "?")] == [101, 102, 1012, 1029]


def test_a_model_that_lacks_a_word_says_so(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "diptych.tools.hub"):
        assert hub.fitted(bert_tokenizer(), "is there a fluffy Cat?", 20, "question") == "is there a fluffy Cat?"
    assert "does not know these words of the question: fluffy, Cat" in caplog.text


def test_the_profile_looks_only_for_what_it_knows() -> None:
    tools, tiny = load_catalogue(), load_profile("tiny")
    assert tiny.objection(tools["detect"], {"query": "fluffy cat"}) == "does not know 'fluffy', 'cat'"
    assert tiny.objection(tools["classify"], {"labels": ["red circle", "dog"]}) == "does not know 'dog'"
    for color in COLORS:
        for shape in SHAPES:
            assert tiny.objection(tools["detect"], {"query": f"the {color} {shape}"}) is None
