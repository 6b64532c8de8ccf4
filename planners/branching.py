"""The likelier of the plans that a model might write: where it hesitated, it is asked again without its first choice.

Writing the likeliest token each time can miss the likelier plan: a small model that is unsure of one word goes on
from it as if it had been sure. So each line knows how likely its tokens were and which others came close; the most
doubtful ones are taken back, one at a time, and of all plans that are sound the likeliest is kept. Most requests leave
no doubt, and cost nothing more. What is copied from the request counts for nothing: one spelling is as good as another;
the words of a refusal, or of a question back, are the model's own and count.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from .line_grammar import LineGrammar

MOST = 3
"""Doubts that are followed, the greatest first."""
LEAST = math.log(0.08)
"""Log-probability of another token from which on there is a doubt."""
_FREE = ("refuse ", "ask ")
"""Lines whose words are the model's own."""


@dataclass(frozen=True)
class Token:
    """One token that a model wrote."""

    id: int
    text: str
    """Empty for the one that ends an answer."""
    logprob: float
    """Natural logarithm of its probability, whatever the grammar would let through."""
    others: tuple[tuple[int, float], ...] = ()
    """Ids and log-probabilities of the likeliest at its place."""


@dataclass(frozen=True)
class Line:
    """One line of a plan without its line break; an empty one ends it."""

    text: str
    tokens: tuple[Token, ...] = ()


Ask = Callable[[str, str, Sequence[int]], Line]
"""(what is written so far, GBNF grammar of the next line, ids of tokens that may not be in it) → that line."""


def likeliest(ask: Ask, grammar: LineGrammar, sound: Callable[[str], bool], most: int = MOST) -> str:
    """Return the likeliest sound plan among the first that a model writes and those at its `most` greatest doubts.

    Where none is sound, the first is returned.
    """
    best = first = written(ask, grammar)
    doubts = sorted(_doubts(first), key=lambda doubt: -doubt.gain)[:most]
    settled = not doubts or sound(_text(first))
    for doubt in doubts:
        before = first[: doubt.line]
        other = before + written(ask, _after(grammar, before), _text(before), (doubt.token,))
        likelier = _likelihood(other, doubt.quoted) > _likelihood(best, doubt.quoted)
        if (likelier or not settled) and sound(_text(other)):
            best, settled = other, True
    return _text(best)


def written(ask: Ask, grammar: LineGrammar, text: str = "", banned: Sequence[int] = ()) -> list[Line]:
    """Return the lines that a model writes after `text`; tokens of `banned` are not in the first of them."""
    lines: list[Line] = []
    while rules := grammar.rules():
        line = ask(text + _text(lines), rules, () if lines else banned)
        lines.append(line)
        if not line.text:
            break
        grammar.add(line.text)
    return lines


@dataclass(frozen=True)
class _Doubt:
    line: int
    token: int
    gain: float
    """Log-probability of the other token, less that of the one that was written."""
    quoted: bool
    """Whether it is about words of the request: which of them, not what to do."""


def _doubts(lines: Sequence[Line]) -> Iterator[_Doubt]:
    for number, line in enumerate(lines):
        for token, quoted in _marked(line):
            close = [logprob for id, logprob in token.others if id != token.id and logprob > LEAST]
            if close and not (quoted and line.text.startswith(_FREE)):
                yield _Doubt(number, token.id, max(close) - token.logprob, quoted)


def _likelihood(lines: Sequence[Line], words: bool) -> float:
    """Return the log-probability of a plan; without that of the `words` in it, of which some plans have more."""
    return sum(
        token.logprob
        for line in lines
        for token, quoted in _marked(line)
        if words or not quoted or line.text.startswith(_FREE)
    )


def _marked(line: Line) -> Iterator[tuple[Token, bool]]:
    """Yield the tokens of a line, and whether each is within quotation marks."""
    inside = False
    for token in line.tokens:
        yield token, inside
        inside ^= token.text.replace('\\"', "").count('"') % 2 == 1


def _after(grammar: LineGrammar, lines: Sequence[Line]) -> LineGrammar:
    grammar = grammar.afresh()
    for line in lines:
        grammar.add(line.text)
    return grammar


def _text(lines: Sequence[Line]) -> str:
    return "".join(f"{line.text}\n" for line in lines if line.text)
