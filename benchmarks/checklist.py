"""How well text-to-image prompts are read: `python benchmarks/checklist.py` (about fifteen minutes on two cores).

The 553 prompts of GenEval and the same 553 rewritten at length by UniWorld-V1, none of which was trained on; the
folder of their files is given with --data, or in DIPTYCH_EVALS. With
`--planner openai:MODEL` a model behind an endpoint reads them instead, told `planners/checklist_prompt.md`; the key
comes from OPENAI_API_KEY.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

from diptych.planners.chat_api import ChatPlanner
from diptych.planners.checklist import Checklist, read_checklist
from diptych.planners.checklist_reader import ADAPTER, read_prompt, read_prompt_with
from diptych.planners.evaluation.harness import sampled
from diptych.planners.evaluation.items import data_file
from diptych.planners.evaluation.promises import Promise, load_promises, measure
from diptych.planners.planner import load_planner
from diptych.planners.training.checklists import ChecklistComposer
from diptych.tools.errors import UsageError

RESULTS = Path(__file__).parent / "results"
HELD_OUT_SEED = 2026
GOALS = {"short": 0.95, "long": 0.85}
FILES = {"short": "geneval_prompts.jsonl", "long": "geneval_prompts_long.jsonl"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--planner", default="embedded", help="embedded, or openai:MODEL[@BASE_URL]")
    parser.add_argument("--adapter", type=Path, default=ADAPTER, help="of the embedded model")
    parser.add_argument("--limit", type=int, help="so many prompts of each set, evenly over it")
    parser.add_argument("--data", type=Path, help="folder of the public sets (default: $DIPTYCH_EVALS)")
    parser.add_argument("--held-out", type=int, default=200, help="own prompts with held-out phrases; 0 skips them")
    parser.add_argument("--out", type=Path, default=RESULTS / "checklist.json")
    args = parser.parse_args()
    read = reader(args.planner, args.adapter)
    read("a red circle")  # loads the model
    result: dict[str, Any] = {"machine": f"{platform.machine()}, CPU only", "planner": args.planner, "goals": []}
    for name, file in FILES.items():
        promises = load_promises(data_file(file, args.data))
        found = measure(read, sampled(promises, args.limit))
        result[name] = {**found.summary(), "mistakes": sampled(found.mistakes, 10)}
        value, goal = result[name]["f1"], GOALS[name]
        result["goals"].append({"name": f"F1, {name} prompts", "value": value, "goal": goal, "met": value >= goal})
        print(json.dumps({name: found.summary()}, indent=1), flush=True)
    if args.held_out:
        for name, share in (("short", 0.0), ("long", 1.0)):
            found = measure(read, held_out(args.held_out, share))
            result[f"held_out_{name}"] = {**found.summary(), "mistakes": sampled(found.mistakes, 10)}
            print(json.dumps({f"held-out {name}": found.summary()}, indent=1), flush=True)
    result["peak_memory_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    for row in result["goals"]:
        print(f"{row['name']:24} {row['value']:.3f}  goal {row['goal']}  {'met' if row['met'] else 'NOT met'}")


def reader(spec: str, adapter: Path) -> Callable[[str], Checklist]:
    """Return what reads prompts. Raises UsageError for a planner that cannot."""
    if spec == "embedded":
        return lambda prompt: read_prompt(prompt, adapter=adapter)
    planner = load_planner(spec)
    if not isinstance(planner, ChatPlanner):
        raise UsageError(f"the planner {spec!r} does not read prompts; known: embedded, openai:MODEL[@BASE_URL]")
    return lambda prompt: read_prompt_with(planner, prompt)


def held_out(count: int, long: float) -> list[Promise]:
    """Return prompts of our own, made of phrases that training never sees; always the same."""
    examples = islice(ChecklistComposer(HELD_OUT_SEED, test=True, long=long), count)
    return [Promise(each.request, each.kinds[0], read_checklist(each.answer)) for each in examples]


if __name__ == "__main__":
    main()
