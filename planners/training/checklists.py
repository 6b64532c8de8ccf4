"""Pairs of a text-to-image prompt and its checklist, without end: what the small model learns to read prompts from.

Short prompts are put together from groups of things (`short_prompts.py`), long ones from first sentences and details
(`long_prompts.py`); the phrases are in `prompts/`, one in ten of each sort held out for the test split.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..checklist import write_checklist
from ..checklist_reader import INPUT
from .clauses import Example
from .long_prompts import long_prompt
from .prompt_words import PromptWords
from .short_prompts import short_prompt

LONG = 0.4
"""Share of long prompts."""


class ChecklistComposer:
    """Yields examples for ever; the same seed gives the same ones."""

    def __init__(self, seed: int, *, test: bool = False, long: float = LONG) -> None:
        self._words = PromptWords(seed, test=test)
        self._long = long
        self.draw = self._words.draw

    def __iter__(self) -> Iterator[Example]:
        while True:
            kind = "long" if self._words.chance(self._long) else "short"
            prompt, checklist = (long_prompt if kind == "long" else short_prompt)(self._words)
            yield Example(prompt, (INPUT,), write_checklist(checklist), (kind,))
