"""How often a planner asked its language model, and how many tokens that took.

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
