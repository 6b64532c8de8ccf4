"""One request of a set, and what a right answer to it is."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ...tools.errors import UsageError
from ..plan import Plan

DATA = "DIPTYCH_EVALS"
"""Name of the environment variable that says where the files of the public sets lie."""
SOURCES = {
    "edit_instructions.jsonl": "I2EBench, https://github.com/cocoshe/I2EBench, Apache-2.0",
    "geneval_prompts.jsonl": "GenEval, https://github.com/djghosh13/geneval, MIT",
    "geneval_prompts_long.jsonl": "UniWorld-V1, https://github.com/PKU-YuanGroup/UniWorld-V1, MIT",
    "gta_dev.json": "GTA, https://github.com/open-compass/GTA, Apache-2.0",
    "gta_tools.json": "GTA, https://github.com/open-compass/GTA, Apache-2.0",
    "taskbench_hf_requests.jsonl": "TaskBench, https://github.com/microsoft/JARVIS/tree/main/taskbench, MIT",
    "taskbench_hf_tools.json": "TaskBench, https://github.com/microsoft/JARVIS/tree/main/taskbench, MIT",
    "visprog_programs.json": "VisProg, https://github.com/allenai/visprog, Apache-2.0",
}
"""File → the public data set it was made from, and its licence."""

Answer = Literal["plan", "refuse", "ask"]


@dataclass(frozen=True)
class Wanted:
    """What is known about a right answer; each set fills what it has, and only that is scored."""

    answer: Answer | None = "plan"
    """What sort of answer is right; None: not known, or either may be."""
    plan: Plan | None = None
    """The right plan, to be met exactly and in part."""
    tools: tuple[str, ...] | None = None
    """The tools that a right plan uses, each once, where no plan is known."""
    arguments: tuple[tuple[str, str, str], ...] | None = None
    """(tool, parameter, value) of a right plan, where no plan is known."""
    does: Callable[[Plan], bool] | None = None
    """Whether a valid plan does the job, where many plans can."""
    declined: bool = False
    """Whether a refusal, or a question back, does the job of `does` as well."""
    note: str = ""
    """The same in words, for the rows."""


@dataclass(frozen=True)
class Item:
    """A request."""

    id: str
    request: str
    inputs: tuple[str, ...]
    """Names of the images it is about."""
    kind: str
    """What sort of request it is; figures are also given per kind."""
    wanted: Wanted


def data_file(name: str, folder: Path | None) -> Path:
    """Return where a set's file is. Raises UsageError that says where the file comes from."""
    chosen = folder or (Path(os.environ[DATA]) if os.environ.get(DATA) else None)
    source = f"it is made from {SOURCES[name]}"
    if chosen is None:
        raise UsageError(f"the set needs {name!r}; {source}; give its folder with --data FOLDER or in ${DATA}")
    if not (chosen / name).is_file():
        raise UsageError(f"there is no {name!r} in {str(chosen)!r}; {source}")
    return chosen / name
