"""How well the embedded planner plans: `python benchmarks/planner.py` (about ten minutes on two cores).

Measured on the held-out split of the planning set: phrases and words that training never saw. The same model
without the adapter, told the whole catalogue in its prompt and decoding under the same grammar, stands beside it.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from diptych.planners.embedded import ADAPTER, TRIES, EmbeddedPlanner, complete
from diptych.planners.evaluation.contenders import SHOTS
from diptych.planners.external import told
from diptych.planners.training.clauses import Example
from diptych.planners.training.evaluate import held_out, measure, outcome
from diptych.tools.catalogue import load_catalogue

RESULTS = Path(__file__).parent / "results"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=500)
    parser.add_argument("--zero-shot", type=int, default=60, help="examples for the model without adapter; 0 skips it")
    parser.add_argument("--adapter", type=Path, default=ADAPTER)
    args = parser.parse_args()
    catalogue = load_catalogue().planned
    examples = held_out(catalogue, args.examples)
    planner = EmbeddedPlanner(args.adapter)
    planner.complete("warm up", ["photo"], catalogue)

    redrawn: list[str] = []

    def adapted(request: str, inputs: Sequence[str]) -> str:
        """Answer as the planner does: an answer that is no valid plan is drawn again."""
        text = ""
        for attempt in range(TRIES):
            text = planner.complete(request, inputs, catalogue, attempt=attempt)
            if outcome(text, Example(request, tuple(inputs), "", ()), catalogue).valid:
                break
            if attempt == 0:
                redrawn.append(request)
        return text

    score = measure(adapted, examples, catalogue)
    result: dict[str, Any] = {"machine": f"{platform.machine()}, CPU only", "adapter": score.summary()}
    result["adapter"]["valid_at_once"] = 1 - len(redrawn) / len(examples)
    result["adapter"]["peak_memory_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    if args.zero_shot:
        described = told(catalogue) + SHOTS

        def plain(request: str, inputs: Sequence[str]) -> str:
            return complete(None, request, inputs, catalogue, told=described)

        result["zero_shot"] = measure(plain, examples[: args.zero_shot], catalogue).summary()
    result["mistakes"] = score.mistakes[:60]
    figures = result["adapter"]
    result["goals"] = [
        {"name": "valid plans", "value": figures["valid"], "goal": 1.0, "met": figures["valid"] == 1.0},
        {"name": "exactly right plans", "value": figures["exact"], "goal": 0.85, "met": figures["exact"] >= 0.85},
        {
            "name": "median seconds",
            "value": figures["median_seconds"],
            "goal": 5.0,
            "met": figures["median_seconds"] < 5,
        },
    ]
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "planner.json").write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    for row in result["goals"]:
        print(f"{row['name']:24} {row['value']:.3f}  goal {row['goal']}  {'met' if row['met'] else 'NOT met'}")
    for name, figure in {**figures, "zero-shot": result.get("zero_shot")}.items():
        print(f"{name}: {figure}")


if __name__ == "__main__":
    main()
