"""Which of several plans is kept: by a model that is a table of probabilities, and by the real one."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest

from diptych.planners.branching import Line, Token, likeliest
from diptych.planners.embedded import EmbeddedPlanner
from diptych.planners.line_grammar import LineGrammar
from diptych.tools.catalogue import load_catalogue

CATALOGUE = load_catalogue().planned
END = Token(0, "", 0.0)


def token(id: int, text: str, share: float, **others: float) -> Token:
    """A token and the shares of others: `t7=0.4` is the token with the id 7."""
    rivals = tuple((int(name[1:]), math.log(value)) for name, value in others.items())
    return Token(id, text, math.log(share), ((id, math.log(share)), *rivals))


class Table:
    """Writes what a table says: (lines so far, what is banned) → the next line."""

    def __init__(self, lines: dict[tuple[str, tuple[int, ...]], Line]) -> None:
        self.lines, self.asked = lines, 0

    def __call__(self, text: str, rules: str, banned: Sequence[int]) -> Line:
        assert rules
        self.asked += 1
        return self.lines.get((text, tuple(banned)), Line("", (END,)))


def grammar() -> LineGrammar:
    return LineGrammar(["photo"], CATALOGUE, "soften it")


SOFT = Line("a blur photo", (token(1, "a", 1.0), token(2, " blur", 0.5, t3=0.4), token(9, " photo", 0.1)))
HARD = Line("a denoise photo", (token(1, "a", 1.0), token(3, " denoise", 0.4, t2=0.5), token(9, " photo", 0.9)))


def test_the_likelier_plan_is_kept_though_it_begins_less_likely() -> None:
    table = Table({("", ()): SOFT, ("", (2,)): HARD})
    assert likeliest(table, grammar(), lambda text: True) == "a denoise photo\n"


def test_the_first_plan_is_kept_when_it_is_likelier() -> None:
    unlikely = Line(HARD.text, (*HARD.tokens[:2], token(9, " photo", 0.01)))
    table = Table({("", ()): SOFT, ("", (2,)): unlikely})
    assert likeliest(table, grammar(), lambda text: True) == "a blur photo\n"


def test_a_likelier_plan_that_cannot_run_is_not_kept() -> None:
    table = Table({("", ()): SOFT, ("", (2,)): HARD})
    assert likeliest(table, grammar(), lambda text: "blur" in text) == "a blur photo\n"
    assert likeliest(table, grammar(), lambda text: False) == "a blur photo\n"


def test_where_there_is_no_doubt_nothing_more_is_asked() -> None:
    sure = Line("a blur photo", (token(1, "a", 1.0), token(2, " blur", 0.95, t3=0.02)))
    table = Table({("", ()): sure})
    assert likeliest(table, grammar(), lambda text: pytest.fail("not to be asked")) == "a blur photo\n"
    assert table.asked == 2  # the line, and the end


DOG = Line(
    'a detect photo "dog"',
    (token(1, "a detect photo", 0.9), token(2, ' "', 1.0), token(3, "dog", 0.3, t4=0.2), token(5, '"', 0.9)),
)


def test_of_two_namings_the_likelier_is_kept() -> None:
    frog = Line(
        'a detect photo "frog"',
        (token(1, "a detect photo", 0.9), token(2, ' "', 1.0), token(4, "frog", 0.2, t3=0.3), token(5, '"', 1.0)),
    )
    likely = Line(frog.text, (*frog.tokens[:2], token(4, "frog", 0.4), frog.tokens[3]))
    assert likeliest(Table({("", ()): DOG, ("", (3,)): frog}), grammar(), lambda text: True) == f"{DOG.text}\n"
    assert likeliest(Table({("", ()): DOG, ("", (3,)): likely}), grammar(), lambda text: True) == f"{frog.text}\n"


def test_what_is_named_counts_for_nothing_when_the_doubt_is_what_to_do() -> None:
    hard = Line(HARD.text, (token(1, "a", 1.0), token(3, " denoise", 0.8, t2=0.1)))
    named = Line(DOG.text, (token(2, "a detect photo", 0.9, t3=0.09), token(7, ' "', 1.0), token(8, "dog", 0.01)))
    assert likeliest(Table({("", ()): named, ("", (2,)): hard}), grammar(), lambda text: True) == f"{DOG.text}\n"


def test_a_refusal_is_as_unlikely_as_its_words() -> None:
    blur = Line("a blur photo", (token(1, "a", 0.5, t2=0.4), token(3, " blur photo", 0.6)))
    films = Line('refuse "films"', (token(2, 'refuse "', 0.4), token(4, "films", 0.5), token(5, '"', 1.0)))
    certain = Line(films.text, (films.tokens[0], token(4, "films", 0.9), films.tokens[2]))
    assert likeliest(Table({("", ()): blur, ("", (1,)): films}), grammar(), lambda text: True) == f"{blur.text}\n"
    assert likeliest(Table({("", ()): blur, ("", (1,)): certain}), grammar(), lambda text: True) == f"{films.text}\n"


def test_a_question_back_is_in_the_words_of_the_model() -> None:
    question = Line('ask "which one"', (token(1, 'ask "', 0.9), token(2, "which", 0.3, t5=0.5), token(3, ' one"', 0.5)))
    table = Table({("", ()): question})
    assert likeliest(table, grammar(), lambda text: True) == 'ask "which one"\n'
    assert table.asked == 1


def test_an_end_that_came_too_early_is_taken_back() -> None:
    sure = Line("a blur photo", (token(2, "a blur photo", 1.0),))
    more = Line("b sharpen a", (token(4, "b sharpen a", 0.6, t0=0.4),))
    early = Line("", (token(0, "", 0.35, t4=0.6),))
    table = Table({("", ()): sure, ("a blur photo\n", ()): early, ("a blur photo\n", (0,)): more})
    assert likeliest(table, grammar(), lambda text: True) == "a blur photo\nb sharpen a\n"


def test_at_most_so_many_doubts_are_followed() -> None:
    tokens = tuple(token(10 + i, f" {i}", 0.4, t99=0.3) for i in range(8))
    table = Table({("", ()): Line("a blur photo", tokens)})
    likeliest(table, grammar(), lambda text: True, most=2)
    assert table.asked == 2 + 2


def test_the_real_model_writes_the_same_where_it_is_sure() -> None:
    """Over requests that it is sure of, both ways give the same plans."""
    once, twice = EmbeddedPlanner(doubts=0), EmbeddedPlanner()
    for request in ("blur the face", "make it black and white", "remove the car and crop to the man"):
        assert once.complete(request, ["photo"], CATALOGUE) == twice.complete(request, ["photo"], CATALOGUE)
