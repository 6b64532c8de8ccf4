"""How often a planner asked its language model, how many tokens that took, and how long.

with counted() as usage:
    planner.plan(…)
usage.answers, usage.prompt_tokens, usage.answer_tokens
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass
class Usage:
    """What was counted inside one `counted` block."""

    answers: int = 0
    """Answers of the model; all but the first of a plan are repairs."""
    prompt_tokens: int = 0
    answer_tokens: int = 0
    reading: float = 0.0
    """Seconds in which the model read what it had not read before; 0 where the model does not say."""
    writing: float = 0.0
    """Seconds in which it wrote."""
    first_token: float = 0.0
    """Seconds from the first question to the first token of its answer."""


_current: ContextVar[Usage | None] = ContextVar("usage", default=None)


@contextmanager
def counted() -> Iterator[Usage]:
    """Count the answers of this thread until the block ends; blocks may be nested, the inner one counts."""
    usage = Usage()
    token = _current.set(usage)
    try:
        yield usage
    finally:
        _current.reset(token)


def count_answer(prompt_tokens: int, answer_tokens: int) -> None:
    """Say that a model has answered; 0 for tokens that are not known. Nothing happens outside `counted`."""
    usage = _current.get()
    if usage is not None:
        usage.answers += 1
        usage.prompt_tokens += prompt_tokens
        usage.answer_tokens += answer_tokens


def count_seconds(reading: float, writing: float, tokens: int) -> None:
    """Say how long a model read and then wrote so many tokens. Nothing happens outside `counted`."""
    usage = _current.get()
    if usage is not None:
        if not usage.first_token:
            usage.first_token = reading + writing / max(tokens, 1)
        usage.reading += reading
        usage.writing += writing
