"""Checklists: written and read alike, kept to the prompt's words, scored by atoms; and the model that reads them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.planners.chat_api import ChatPlanner
from diptych.planners.checklist import (
    COLORS,
    Checklist,
    Relation,
    Thing,
    atoms_of,
    checklist_grammar,
    contradictions,
    read_checklist,
    summed,
    write_checklist,
)
from diptych.planners.checklist_reader import ADAPTER, read_prompt, read_prompt_with
from diptych.planners.evaluation.promises import load_promises, measure
from diptych.planners.nouns import plural, singulars
from diptych.planners.training.banks import holdout, sections
from diptych.planners.training.checklists import ChecklistComposer
from diptych.planners.training.prompt_words import FOLDER, KINDS
from diptych.tools.detectors.places import SIDES
from diptych.tools.errors import PlanError, ToolError, UsageError
from tests.planners.accepting import accepts
from tests.planners.test_chat_api import Server, said

CATS = Checklist(
    (Thing("cat", 2, "black"), Thing("wine glass"), Thing("dog", 0)), (Relation(0, "left of", 1),), ("OPEN",)
)
SHORTHAND = "2|black|cat\n1||wine glass\n0||dog\n1 left of 2\nsays|OPEN\n"

NOUN = st.text("abcdefghijklmnopqrstuvwxyz'-", min_size=1, max_size=8).filter(lambda noun: noun not in COLORS)
THING = st.builds(Thing, NOUN, st.integers(1, 99), st.sampled_from(("", *COLORS)))
TEXTS = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1).map(lambda text: f"{text} {text}")


@st.composite
def checklists(draw: st.DrawFn) -> Checklist:
    things = draw(st.lists(THING, max_size=9, unique=True))
    places = st.sampled_from(range(len(things))) if len(things) > 1 else st.nothing()
    pairs = st.lists(places, min_size=2, max_size=2, unique=True) if len(things) > 1 else st.nothing()
    relation = st.builds(lambda pair, side: Relation(pair[0], side, pair[1]), pairs, st.sampled_from(SIDES))
    relations = draw(st.lists(relation, max_size=4)) if len(things) > 1 else []
    return Checklist(tuple(things), tuple(relations), tuple(draw(st.lists(TEXTS, max_size=2))))


@given(checklists())
def test_what_is_written_reads_the_same(checklist: Checklist) -> None:
    assert read_checklist(write_checklist(checklist)) == checklist


def test_shorthand() -> None:
    assert write_checklist(CATS) == SHORTHAND
    assert read_checklist("\n" + SHORTHAND.replace("cat", "Cat ")) == CATS
    assert read_checklist("") == Checklist()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("two|red|cat", "no line of a checklist"),
        ("1|red|", "no line of a checklist"),
        ("says|", "no line of a checklist"),
        ("1||cat\n1 beside 1", "no line of a checklist"),
        ("1||cat\n1 left of 2", "there are 1 things"),
        ("1||cat\n0 left of 1", "there are 1 things"),
        ("1||cat\n1 above 1", "not stand beside itself"),
        ("1|red|blue\n0||circle", r"'blue' is a color, not a thing"),
        ("1||cat\n2||cat\n1||cat", r"1\|\|cat is told twice"),
        ("1||cat\n0||dog\n1 above 2", "must not be there"),
    ],
)
def test_what_is_no_checklist_is_named(text: str, reason: str) -> None:
    with pytest.raises(PlanError, match=reason):
        read_checklist(text)


def test_every_problem_is_told() -> None:
    with pytest.raises(PlanError) as caught:
        read_checklist("nonsense\n1||cat\n1 above 1")
    assert len(caught.value.problems) == 2


def test_atoms() -> None:
    assert atoms_of(CATS) == {
        ("object", "cat"),
        ("count", "cat", 2),
        ("color", "cat", "black"),
        ("object", "wine glass"),
        ("absent", "dog"),
        ("relation", "cat", "left of", "wine glass"),
        ("text", "open"),
    }


@pytest.mark.parametrize(("side", "turned"), [("left of", "right of"), ("above", "below")])
def test_a_relation_is_one_atom_however_it_is_told(side: str, turned: str) -> None:
    told = read_checklist(f"1||cat\n1||dog\n1 {side} 2")
    assert atoms_of(told) == atoms_of(read_checklist(f"1||Dogs\n1||cat\n1 {turned} 2"))
    assert atoms_of(told) != atoms_of(read_checklist(f"1||cat\n1||dog\n2 {side} 1"))


def decodable(prompt: str, text: str) -> bool:
    from llguidance import LLMatcher, gbnf_to_lark

    return accepts(LLMatcher.grammar_from_lark(gbnf_to_lark.any_to_lark(checklist_grammar(prompt.split()))), text)


@pytest.mark.parametrize("test", [False, True])
def test_the_grammar_accepts_every_answer_that_is_taught(test: bool) -> None:
    for example in islice(ChecklistComposer(11, test=test), 60):
        assert decodable(example.request, example.answer), (example.request, example.answer)


@pytest.mark.parametrize(
    "text",
    ["1||zebra\n", "1|pink|cat\n", "1||\n", "1||cat", "100||cat\n", "1 near 2\n", "says|CLOSED\n", "1||cat\nhello\n"],
)
def test_the_grammar_keeps_to_the_prompt(text: str) -> None:
    prompt = 'Two black cats left of a wine glass, "OPEN" on a sign, no dogs'
    assert decodable(prompt, SHORTHAND)
    assert not decodable(prompt, text)


@pytest.mark.parametrize("relation", ["1 left of 3", "3 above 1", "2 below 2"])
def test_the_grammar_places_things_beside_others_that_were_told(relation: str) -> None:
    two = "2|black|cat\n1||wine glass\n"
    prompt = "Two black cats left of a wine glass"
    assert decodable(prompt, f"{two}1 left of 2\n2 below 1\n")
    assert not decodable(prompt, f"{two}{relation}\n")
    assert not decodable(prompt, "2|black|cat\n1 left of 2\n")


@pytest.mark.parametrize("prompt", ["|||", '"', "\\ \\n", "a|b \"c\" 'd'", "猫 🙂", "-", "<|im_end|>"])
def test_the_grammar_of_strange_words_is_a_grammar(prompt: str) -> None:
    assert decodable(prompt, "")
    assert not decodable(prompt, "1||cat\n")


def test_nouns_survive_their_plural() -> None:
    nouns = [line.partition(":")[0].lower() for kind in (*KINDS, "more_things") for line in sections(FOLDER)[kind]]
    assert len(nouns) > 400
    for noun in nouns:
        word = noun.split()[-1]
        assert singulars(plural(noun).split()[-1])[0] == word, noun
        assert singulars(word)[0] == word, noun


@pytest.mark.parametrize(
    ("several", "one"),
    [
        *[("benchs", "bench"), ("buses", "bus"), ("houses", "house"), ("vases", "vase"), ("glass", "glass")],
        *[("wolves", "wolf"), ("gloves", "glove"), ("ties", "tie"), ("ponies", "pony"), ("people", "person")],
        *[("scissors", "scissors"), ("tennis", "tennis"), ("dresses", "dress"), ("tomatoes", "tomato")],
    ],
)
def test_one_of_several(several: str, one: str) -> None:
    assert singulars(several)[0] == one


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1|red|circle\n0||circle", ["there is to be 1 red circle, and there is to be no circle"]),
        ("1|red|blue circle\n0||circle", ["there is to be 1 red blue circle, and there is to be no circle"]),
        ("1||hot dog\n0||dog", []),
        ("1||circle\n0|red|circle", []),
        ("1|blue|circle\n0|red|circle", []),
        ("2||cat\n3||cat", []),
        ("2|red|cat\n3|blue|cat", []),
        ("1||cat\n1||dog\n1 left of 2\n1 right of 2", ["the cat is to be both left of and right of the dog"]),
        ("1||cat\n1||dog\n1 above 2\n2 above 1", ["the cat is to be both above and below the dog"]),
        ("1||cat\n1||dog\n1 above 2\n2 below 1\n1 left of 2", []),
    ],
)
def test_contradictions(text: str, said: list[str]) -> None:
    assert contradictions(read_checklist(text)) == said


@pytest.mark.parametrize(
    ("text", "sum_of_it"),
    [
        ("3||apple\n5||apple", "8||apple\n"),
        ("3|red|apple\n1||cat\n5|red|apple\n2|green|apple\n0||apple", "8|red|apple\n1||cat\n2|green|apple\n0||apple\n"),
        ("3||apple\n5||apple\n1||cat\n1 left of 2\n2 above 3", "8||apple\n1||cat\n1 above 2\n"),
        ("1||cat\n2||dog\n1 left of 2\nsays|OPEN", "1||cat\n2||dog\n1 left of 2\nsays|OPEN\n"),
    ],
)
def test_things_alike_are_counted_together(text: str, sum_of_it: str) -> None:
    assert write_checklist(summed(read_checklist(text))) == sum_of_it


def test_same_seed_same_examples() -> None:
    first, second = (list(islice(ChecklistComposer(3), 40)) for _ in range(2))
    assert first == second
    assert first != list(islice(ChecklistComposer(4), 40))
    assert {example.kinds for example in first} == {("short",), ("long",)}


def test_splits_share_no_phrase() -> None:
    large = {section: lines for section, lines in sections(FOLDER).items() if len(lines) > 22}
    assert len(large) > 15
    for section, lines in large.items():
        train, test = (set(holdout(lines, section, test=held)) for held in (False, True))
        assert train | test == set(lines)
        assert not train & test, section


def test_long_prompts_are_long() -> None:
    lengths = [len(example.request.split()) for example in islice(ChecklistComposer(5, long=1.0), 100)]
    assert min(lengths) >= 45
    assert max(lengths) <= 160


def test_scores_by_hand(tmp_path: Path) -> None:
    file = tmp_path / "prompts.jsonl"
    rows = [
        {"tag": "counting", "include": [{"class": "bench", "count": 3}], "prompt": "three benchs"},
        {
            "tag": "position",
            "include": [{"class": "dog", "count": 1}, {"class": "tv", "count": 1, "position": ["right of", 0]}],
            "prompt": "a tv right of a dog",
        },
        {"tag": "colors", "include": [{"class": "cup", "count": 1, "color": "red"}], "prompt": "a red cup"},
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    answers = {"three benchs": "3||Benches", "a tv right of a dog": "1||dog\n1||tv", "a red cup": "nonsense"}
    figures = measure(lambda prompt: read_checklist(answers[prompt]), load_promises(file)).summary()
    assert figures["tasks"] == {"counting": 1.0, "position": 0.8, "colors": 0.0}
    assert figures["f1"] == pytest.approx(0.6)
    assert figures["failures"] == 1
    assert figures["parts"]["object"] == pytest.approx({"precision": 1.0, "recall": 0.75, "f1": 6 / 7})
    assert figures["parts"]["relation"] == {"precision": 1.0, "recall": 0.0, "f1": 0.0}


def test_a_file_of_something_else_is_named(tmp_path: Path) -> None:
    (tmp_path / "other.jsonl").write_text('{"prompt": "a dog"}\n', encoding="utf-8")
    for name in ("other.jsonl", "missing.jsonl"):
        with pytest.raises(UsageError, match=name):
            load_promises(tmp_path / name)


def test_a_missing_adapter_is_named(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"lost\.safetensors is missing"):
        read_prompt("a red circle", adapter=tmp_path / "lost.safetensors")


@pytest.mark.skipif(not ADAPTER.exists(), reason="the adapter is not part of this checkout")
@pytest.mark.parametrize(
    ("prompt", "shorthand"),
    [
        ("a photo of a bench", "1||bench\n"),
        ("a photo of four red apples", "4|red|apple\n"),
        ("a photo of a brown giraffe and a white stop sign", "1|brown|giraffe\n1|white|stop sign\n"),
        ("a red circle left of a blue square", "1|red|circle\n1|blue|square\n1 left of 2\n"),
        ("a cat above a couch, no dogs", "1||cat\n1||couch\n0||dog\n1 above 2\n"),
    ],
)
def test_prompts_are_read(prompt: str, shorthand: str) -> None:
    assert atoms_of(read_prompt(prompt)) == atoms_of(read_checklist(shorthand))


def test_nothing_said_is_nothing_promised() -> None:
    assert read_prompt("  \n") == read_prompt("... |") == Checklist()


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    server = Server()
    yield server
    server.http.shutdown()
    server.http.server_close()


def test_a_model_behind_an_endpoint_is_told_how(endpoint: Server) -> None:
    endpoint.replies = [lambda body: said("1||cat\n")]
    assert read_prompt_with(ChatPlanner("m", base_url=endpoint.url), "a cat,\nplease") == Checklist((Thing("cat"),))
    told, request = endpoint.seen[0]["messages"]
    assert request == {"role": "user", "content": "Request: a cat, please"}
    assert "1|white|sign" in told["content"]
    endpoint.replies = [lambda body: said("Sure! Here is the list")]
    with pytest.raises(PlanError, match="no line of a checklist"):
        read_prompt_with(ChatPlanner("m", base_url=endpoint.url), "a cat")


def test_the_examples_in_the_prompt_are_checklists() -> None:
    told = Path(read_prompt_with.__code__.co_filename).with_name("checklist_prompt.md").read_text(encoding="utf-8")
    for example in told.split("Request: ")[1:]:
        prompt, answer = example.split("\n", 1)
        assert decodable(prompt, answer.strip() + "\n")
        assert read_checklist(answer).things
