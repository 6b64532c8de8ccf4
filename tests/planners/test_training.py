"""The planning set: every example has a valid plan, the splits do not meet, noise spares what is copied."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import islice

import pytest

from diptych.planners.notation import read_steps, write_steps
from diptych.planners.plan import Step
from diptych.planners.training.banks import holdout, phrases
from diptych.planners.training.clauses import Example
from diptych.planners.training.compose import Composer
from diptych.planners.training.draft import Draft
from diptych.planners.training.evaluate import measure, outcome
from diptych.planners.training.intents import INTENTS
from diptych.planners.training.joining import AND, in_a_row
from diptych.planners.training.noise import ORDERS, WRAPS, misspell, strip_marks, wrap
from diptych.planners.training.slots import Filler, Slot, Target, query_of
from diptych.planners.training.speech import again, complaining, corrected, introduced, listed, pronoun_of
from diptych.planners.training.translated import foreign_compound
from diptych.tools.catalogue import load_catalogue

CATALOGUE = load_catalogue()


def test_every_intent_has_phrases() -> None:
    assert set(INTENTS) <= set(phrases())


@pytest.mark.parametrize("test", [False, True])
def test_every_example_is_a_valid_plan(test: bool) -> None:
    examples = list(islice(Composer(CATALOGUE, 7, test=test), 400))
    wrong = [example for example in examples if not outcome(example.answer, example, CATALOGUE).valid]
    assert not wrong
    assert len({kind for example in examples for kind in example.kinds}) > 80


def test_same_seed_same_examples() -> None:
    first, second = (list(islice(Composer(CATALOGUE, 3), 50)) for _ in range(2))
    assert first == second
    assert first != list(islice(Composer(CATALOGUE, 4), 50))


def test_splits_share_no_phrase() -> None:
    shared = []
    for section, lines in phrases().items():
        train, test = (set(holdout(lines, section, test=held)) for held in (False, True))
        if test == set(lines):  # no phrase of this small section fell into the test split
            shared.append(section)
        else:
            assert not train & test, section
    assert len(shared) <= 6


def test_shorthand_survives_a_round_trip() -> None:
    for example in islice(Composer(CATALOGUE, 5), 200):
        if not example.answer.startswith(("refuse", "ask")):
            steps, _ = read_steps(example.answer, example.inputs, CATALOGUE)
            assert write_steps(steps, CATALOGUE) == example.answer


@pytest.mark.parametrize(
    ("phrase", "query"),
    [
        ("the face", "face"),
        ("all of the red cars", "red cars"),
        ("her face", "face"),
        ("every single dog on the table", "dog on the table"),
        ("people", "people"),
        ("the", "the"),
    ],
)
def test_query_drops_determiners(phrase: str, query: str) -> None:
    assert query_of(phrase) == query


def test_draft_looks_once() -> None:
    draft = Draft("$photo")
    face = Target("object", "face")
    draft.edit("blur", mask=face.mask(draft))
    draft.edit("grayscale", mask=draft.invert(face.mask(draft)))
    assert [step.tool for step in draft.steps] == ["detect", "segment", "blur", "invert", "grayscale"]
    assert draft.steps[-1].args["image"] == "$blur"


def test_draft_looks_again_after_pixels_moved() -> None:
    draft = Draft("$photo")
    draft.reshape("rotate", degrees=90)
    draft.find("face")
    assert draft.steps[-1].args["image"] == "$rotate"


def test_typos_spare_what_is_copied() -> None:
    text = "write \x02Grüße aus Wien\x03 somewhere underneath"
    for seed in range(50):
        noisy = misspell(random.Random(seed), text)
        assert "Grüße aus Wien" in strip_marks(noisy)
    assert any(misspell(random.Random(seed), text) != text for seed in range(5))


def test_measure_counts_failures_as_zero() -> None:
    examples = [e for e in islice(Composer(CATALOGUE, 9), 40) if not e.answer.startswith(("refuse", "ask"))]
    right = {example.request: example.answer for example in examples}
    assert measure(lambda request, inputs: right[request], examples, CATALOGUE).summary()["exact"] == 1.0
    broken = measure(lambda request, inputs: "nonsense", examples, CATALOGUE).summary()
    assert (broken["valid"], broken["exact"], broken["node_f1"]) == (0.0, 0.0, 0.0)


def made(sort: Callable[[Composer], Example], count: int = 40) -> list[tuple[Example, list[Step]]]:
    """Examples of one sort with their steps."""
    composer = Composer(CATALOGUE, 21)
    examples = [sort(composer) for _ in range(count)]
    return [(e, read_steps(e.answer, e.inputs, CATALOGUE)[0]) for e in examples]


def test_the_rest_of_a_thing_is_all_but_the_thing() -> None:
    for example, steps in made(Composer.complement):
        masks = [step.args["mask"] for step in steps if step.args.get("mask") and step.tool != "invert"]
        inverted = {f"${step.id}": step.args["mask"] for step in steps if step.tool == "invert"}
        first, second = masks
        assert inverted.get(second) == first or inverted.get(first) == second, example


def test_a_count_as_a_condition_holds_from_the_number_that_was_said() -> None:
    for example, steps in made(Composer._counting):
        exists = next(step for step in steps if step.tool == "exists")
        edits = [step for step in steps if step.when]
        said = {int(word) for word in example.request.split() if word.isdigit() and int(word) < 12}
        assert edits and exists.args["at_least"] >= 2
        assert not said or {exists.args["at_least"], exists.args["at_least"] - 1} & said or len(said) > 1, example


def test_two_wishes_in_another_language_are_of_one_language() -> None:
    languages = {line.partition("|")[0].strip() for line in phrases()["foreign_frames"]}
    assert set(AND) <= languages
    for example, steps in made(foreign_compound):
        assert len([step for step in steps if CATALOGUE[step.tool].output.kind != "Mask"]) >= 2, example


def test_parts_of_a_picture_are_kept_or_cut_by_the_numbers_that_were_said() -> None:
    composer = Composer(CATALOGUE, 22)
    for kind in ("crop_off", "crop_sides"):
        for _ in range(20):
            clause = composer.clause(kind)
            draft = Draft("$photo")
            composer.build(clause, draft, ("photo",))
            cut = clause.slots["rim"].value
            assert draft.steps[0].args.get("percent", 50) == 100 - (cut if kind == "crop_off" else 2 * cut)
            assert [step.tool for step in draft.steps] == ["part", "crop"]


def test_wishes_keep_their_order_however_they_are_joined() -> None:
    wishes = ["crop it", "turn it", "blur it"]
    joined = [in_a_row(random.Random(seed), wishes) for seed in range(300)]
    assert all(wish in text for text in joined for wish in wishes)
    backward = [text for text in joined if text.index("blur it") < text.index("crop it")]
    assert 10 < len(backward) < 50
    assert all("before" in text or "first" in text or "after" in text for text in backward)


def test_a_wish_without_a_verb_is_no_order() -> None:
    framed = {wrap(random.Random(seed), "bokeh") for seed in range(500)}
    assert framed == {"bokeh", *(frame.format("bokeh") for frame in WRAPS)}
    orders = {frame.format("crop it") for frame in ORDERS}
    assert orders & {wrap(random.Random(seed), "crop it") for seed in range(500)}


@pytest.mark.parametrize(
    ("phrase", "pronoun"),
    [
        ("the dog", "it"),
        ("the glass", "it"),
        ("the dog in the red boots", "it"),
        ("the dogs", "them"),
        ("both children", "them"),
        ("the people in the back", "them"),
        ("the two largest cups", "them"),
    ],
)
def test_one_thing_is_it_and_many_are_them(phrase: str, pronoun: str) -> None:
    assert pronoun_of(phrase) == pronoun


def test_of_a_list_all_are_meant() -> None:
    composer = Composer(CATALOGUE, 23)
    for _ in range(30):
        example = listed(composer)
        steps, _ = read_steps(example.answer, example.inputs, CATALOGUE)
        unions = sum(step.tool == "union" for step in steps)
        assert 1 <= unions <= 2 and not [step for step in steps if step.when], example


def test_only_what_is_right_in_the_end_is_looked_for() -> None:
    composer = Composer(CATALOGUE, 24)
    things = iter([Slot("the cat", Target("object", "cat")), Slot("the dog", Target("object", "dog"))] * 20)
    composer.filler.object = lambda: next(things)  # type: ignore[method-assign]
    for _ in range(20):
        example = corrected(composer)
        steps, _ = read_steps(example.answer, example.inputs, CATALOGUE)
        assert [step.args["query"] for step in steps if step.tool == "detect"] == ["dog"], example


def test_what_has_been_named_is_looked_for_once() -> None:
    composer = Composer(CATALOGUE, 25)
    thing = Slot("the dog", Target("object", "dog"))
    composer.filler.object = lambda: thing  # type: ignore[method-assign]
    for sort in (introduced, again):
        for _ in range(20):
            example = sort(composer)
            steps, _ = read_steps(example.answer, example.inputs, CATALOGUE)
            assert sum(step.tool == "detect" for step in steps) == 1, example


def test_every_complaint_is_met_by_an_edit_that_needs_no_more_words() -> None:
    for line in phrases()["complaint"]:
        kind = line.partition("=>")[2].strip()
        clause = Composer(CATALOGUE, 26).bare_clause(kind)
        draft = Draft("$photo")
        INTENTS[kind].build(draft, clause.slots)
        assert len(draft.steps) == 1, line
    for example in (complaining(Composer(CATALOGUE, seed)) for seed in range(20)):
        assert outcome(example.answer, example, CATALOGUE).valid, example


def test_a_thing_of_the_second_picture_is_looked_for_there() -> None:
    composer = Composer(CATALOGUE, 27)
    for _ in range(20):
        clause = composer.clause("paste_object")
        draft = Draft("$photo")
        composer.build(clause, draft, ("photo", "photo2"))
        assert {step.args["image"] for step in draft.steps if step.tool in ("detect", "find_text")} <= {"$photo2"}
        assert (draft.steps[-1].tool, draft.steps[-1].args["image"]) == ("paste", "$photo")


def test_one_area_is_not_each_of_several() -> None:
    filler = Filler(random.Random(1))
    assert not [slot.text for _ in range(300) if "each" in (slot := filler.one()).text.split()]
