"""Teach the small LLM to read text-to-image prompts: a LoRA adapter, trained as the planner's is.

    python -m diptych.planners.training.train_checklist --examples 3000 --start planners/adapter/planner.safetensors

It starts best from the planner's adapter, which has already learnt to copy words out of a request.
"""

from __future__ import annotations

from ..checklist_reader import ADAPTER
from .checklists import ChecklistComposer
from .train import Course, alike, main

READING = Course(ADAPTER, alike(ChecklistComposer, 8), state="checklist")

if __name__ == "__main__":
    main(READING, examples=3000)
