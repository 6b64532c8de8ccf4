"""What a session takes for a command, with the packaged embedding; none of these words is one of the examples."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import yaml

from diptych.planners import commands
from diptych.planners.commands import COMMANDS, Meaning, meaning_of
from diptych.planners.evaluation.sets import held_out

SAID = {
    "undo": ["please take that back", "undo this please", "can you undo the last thing", "go one step back"],
    "redo": ["please redo that", "ok redo", "bring back what I just undid", "go one step forward"],
    "original": ["show the original again", "remove all the edits", "I want to start over"],
    "again": ["please repeat that", "do that one more time", "and once more", "the same again please"],
    "less": ["a little less please", "still too strong", "that's a bit much", "too much, tone it down"],
    "more": ["a little more please", "more, please", "it could be stronger", "even stronger"],
    "instead": [
        "no, teal",
        "rather in pink",
        "I meant orange",
        "at the bottom instead",
        "no, 40 percent",
        "no, cartoon",
    ],
    "other": ["not this one, the other one", "no, I meant the other", "that was the wrong one"],
}
EDITS = [
    *("a touch darker", "remove the other bottle", "undo the red eyes", "tone down the highlights", "less noise"),
    *("save the whales as a title", "more vivid colors", "the sky is too blue", "make him smile again", "sepia"),
    *("reset the white balance", "add one more tree", "how many are left?", "bring back detail in the shadows"),
]


@pytest.mark.parametrize(("command", "words"), [(c, w) for c, several in SAID.items() for w in several])
def test_commands_in_other_words(command: str, words: str) -> None:
    assert meaning_of(words) == Meaning(command)  # type: ignore[arg-type]


@pytest.mark.parametrize("words", EDITS)
def test_requests_about_the_picture_are_none(words: str) -> None:
    assert meaning_of(words) == Meaning()


@pytest.mark.parametrize(
    ("words", "file"),
    [
        ("save as out.png", "out.png"),
        ("please write this to /tmp/a.webp", "/tmp/a.webp"),
        ('export it as "my cat.JPG"', "my cat.JPG"),
    ],
)
def test_the_name_to_save_under(words: str, file: str) -> None:
    assert meaning_of(words) == Meaning("save", file=file)


@pytest.mark.parametrize(
    "words", ["", "  ", "?!", "save", "🙂", "put a.png beside b.png", "paste logo.png on the wall"]
)
def test_no_name_to_save_under(words: str) -> None:
    assert meaning_of(words).file is None


@pytest.mark.parametrize(
    ("words", "doubts"), [("restore the photo", {"edit", "original"}), ("still too weak", {"less", "more"})]
)
def test_what_may_be_either_is_left_open(words: str, doubts: set[str]) -> None:
    meaning = meaning_of(words)
    assert meaning.command is None and set(meaning.doubts) == doubts


def test_ordinary_requests_are_left_to_the_planner() -> None:
    """Requests for pictures, edits and answers, as the planner is measured on; longer ones are not even looked at."""
    found = Counter(bool(m.command or m.doubts) for m in (meaning_of(item.request) for item in held_out().items[:200]))
    assert found[False] >= 196


def test_without_the_embedding_the_examples_are_known(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from diptych.planners import retrieval

    monkeypatch.setattr(retrieval, "EMBEDDING", str(tmp_path))
    for cached in (retrieval._embedder, commands._classifier):
        cached.cache_clear()
    assert meaning_of("Undo that!") == Meaning("undo") and meaning_of("undo this please") == Meaning()
    monkeypatch.undo()
    for cached in (retrieval._embedder, commands._classifier):
        cached.cache_clear()


def test_the_examples_are_of_known_meanings_and_none_is_of_two() -> None:
    lines = yaml.safe_load(Path(commands.__file__).with_name("commands.yaml").read_text(encoding="utf-8"))
    assert set(lines) == {*COMMANDS, "edit"}
    said = Counter(example.lower() for examples in lines.values() for example in examples)
    assert [example for example, number in said.items() if number > 1] == []
    assert not {words for several in SAID.values() for words in several} & said.keys()
