"""Reads a text-to-image prompt as a checklist, with the small LLM that ships with the program.

The same packaged model as the planner's, with an adapter of its own. It writes the shorthand of `checklist.py` under
a grammar made of the prompt's words, so that it cannot check for what nobody asked for.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from ..tools.errors import PlanError, Problem
from .checklist import NOTHING, Checklist, checklist_grammar, read_checklist
from .embedded import prompt_text, write
from .planner import as_text

if TYPE_CHECKING:
    from .chat_api import ChatPlanner

ADAPTER = Path(__file__).parent / "adapter" / "checklist.safetensors"
INPUT = "checklist"
"""What stands before the prompt, where the planner's requests have the names of images."""
TRIES = 4
"""First the most likely answer, then samples at rising temperature."""


@lru_cache(maxsize=256)
def read_prompt(prompt: str, *, adapter: Path = ADAPTER) -> Checklist:
    """Return what a text-to-image prompt promises; the same prompt is read once in a process.

    Loads the model on the first call and keeps it. Raises PlanError when none of the answers is a checklist,
    UsageError when the prompt is longer than the model reads (some 2,500 words), ToolError when the adapter is missing.
    """
    prompt = as_text(prompt)
    rules = checklist_grammar(prompt.replace("<|", "< |").split())
    if rules == NOTHING:
        return Checklist()
    problems: tuple[Problem, ...] = ()
    for attempt in range(TRIES):
        try:
            return read_checklist(write(adapter, prompt_text(prompt, [INPUT]), rules, attempt=attempt))
        except PlanError as error:
            problems = error.problems
    raise PlanError(problems)


def read_prompt_with(planner: ChatPlanner, prompt: str) -> Checklist:
    """Return the checklist that a model behind an endpoint reads; what it is told is in `checklist_prompt.md`.

    Raises PlanError when its answer is no checklist, and what the endpoint raises.
    """
    told = Path(__file__).with_name("checklist_prompt.md").read_text(encoding="utf-8")
    request = f"Request: {' '.join(as_text(prompt).split())}"
    return read_checklist(planner.write([{"role": "system", "content": told}, {"role": "user", "content": request}]))
