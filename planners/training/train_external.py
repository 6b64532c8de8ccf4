"""Teach the small LLM to plan with tools that it has never met: a LoRA adapter, trained as the planner's is.

    python -m diptych.planners.training.train_external --examples 6000 --start planners/adapter/planner.safetensors

A dozen requests share a catalogue. They stand in one row after it, each seeing the catalogue and itself alone, so that
what the catalogue says is read once for all of them.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import islice
from typing import Any

from ..embedded import prompt_text, system_text
from ..external import ADAPTER, told
from .external_requests import ExternalRequests, Lesson, staged
from .external_tools import described
from .train import END, Batch, Course, main

_TURNS = 12
"""Requests that share a catalogue."""
_TRIED = 40
"""Requests among which those are found."""
_LONGEST = 1100
"""Tokens of a lesson; a longer one is left out."""


def lessons(seed: int, tokenizer: Any) -> Iterator[Batch]:
    """Yield lessons for ever; the same seed gives the same ones."""
    asked, draw = iter(ExternalRequests(seed)), random.Random(f"lessons-{seed}")
    while True:
        batch = _packed(staged(draw, islice(asked, _TRIED), _TURNS), draw, tokenizer)
        if batch.tokens.shape[1] <= _LONGEST:
            yield batch


def _packed(lesson: Lesson, draw: random.Random, tokenizer: Any) -> Batch:
    import torch

    def ids(text: str) -> list[int]:
        return list(tokenizer(text, add_special_tokens=False).input_ids)

    tokens = ids(system_text(told(described(draw, lesson.names))))
    first = len(tokens)
    turns, answers, positions = [0] * first, [False] * first, list(range(first))
    for turn, example in enumerate(lesson.examples, 1):
        asked, answer = ids(prompt_text(example.request, example.inputs)), ids(example.answer + END)
        tokens += asked + answer
        turns += [turn] * len(asked + answer)
        answers += [False] * len(asked) + [True] * len(answer)
        positions += range(first, first + len(asked + answer))
    turn_of = torch.tensor(turns)
    seen = (turn_of[:, None] == turn_of) | (turn_of == 0)  # the catalogue, and the turn itself
    blocked = torch.zeros(seen.shape).masked_fill(~seen.tril(), torch.finfo(torch.bfloat16).min)
    return Batch(
        torch.tensor([tokens]),
        blocked[None, None],
        torch.tensor([answers]),
        len(lesson.examples),
        torch.tensor([positions]),
    )


PLANNING_WITH_OTHERS = Course(ADAPTER, lessons, state="external")

if __name__ == "__main__":
    main(PLANNING_WITH_OTHERS, examples=6000)
