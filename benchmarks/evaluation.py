"""Every set of requests, planned by the embedded model in three ways: `python benchmarks/evaluation.py --data FOLDER`.

`base` is the model without its adapter, told the tools that are nearest to the request; `once` has the adapter and
writes what is likeliest token by token; `embedded` looks at what else it might have written where it hesitated, and
draws an answer again that is no valid plan. With the catalogues of others the model has another adapter, which has
learnt to read descriptions, and is told the tools as well. Failures count as zero. FOLDER holds the
public sets' files; without it only our own sets are measured. About half an hour on two cores; `--limit` takes so many
requests of each.
"""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from diptych.planners.evaluation.contenders import load_contender
from diptych.planners.evaluation.harness import Row, costs, evaluate, summarize
from diptych.planners.evaluation.items import DATA
from diptych.planners.evaluation.mistakes import mistakes
from diptych.planners.evaluation.sets import Set, load_set

RESULTS = Path(__file__).parent / "results" / "evaluation.json"
OURS = ("held-out", "strangers")
PUBLIC = ("edits", "visprog")
EXTERNAL = ("gta", "taskbench")
WAYS = ("base", "once", "embedded")
FEW = 20
"""Requests of a set that the model without its adapter is asked: it is an order of magnitude slower."""
MANY = 800


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get(DATA))
    parser.add_argument("--limit", type=int, default=MANY, help="requests of each set with the adapter")
    parser.add_argument("--sets", nargs="*", help="only these; the others' figures stay as they are")
    parser.add_argument("--ways", nargs="*", help="only these; the others' figures stay as they are")
    args = parser.parse_args()
    for name in args.sets or (*OURS, *((*PUBLIC, *EXTERNAL) if args.data else ())):
        chosen = load_set(name, args.data)
        for way in WAYS:
            if way in (args.ways or [way]):
                row = _measured(chosen, way, min(args.limit, FEW if way == "base" else MANY))
                print(json.dumps({key: value for key, value in row.items() if key != "mistakes"}), flush=True)
                _keep(row)


def _keep(row: dict[str, Any]) -> None:
    """Put a row into the results, in the place of the one before it."""
    known = json.loads(RESULTS.read_text(encoding="utf-8"))["rows"] if RESULTS.exists() else []
    rows = [other for other in known if (other["set"], other["planner"]) != (row["set"], row["planner"])]
    rows.append(row)
    document = {"rows": rows, "goals": _goals(rows)}
    RESULTS.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _measured(chosen: Set, way: str, limit: int) -> dict[str, Any]:
    """Return the figures of one way on one set, and its most frequent mistakes."""
    answers: list[Row] = list(evaluate(load_contender(way), chosen, limit))
    asked = {row.id for row in answers}
    items = [item for item in chosen.items if item.id in asked]
    return {
        "set": chosen.name,
        "planner": way,
        "items": len(answers),
        "of": len(chosen.items),
        "figures": {figure.name: round(figure.value or 0.0, 4) for figure in summarize(answers)},
        "costs": {name: round(value, 3) for name, value in costs(answers).items()},
        "mistakes": [asdict(mistake) for mistake in mistakes(items, answers, chosen.catalogue)],
    }


def _goals(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what the best way on each set is to reach, where that was measured."""
    wanted = (
        ("held-out", "embedded", "exact", 0.92),
        ("held-out", "embedded", "node_f1", 0.97),
        ("held-out", "embedded", "valid", 1.0),
        ("edits", "embedded", "job", 0.9),
        ("gta", "embedded", "node_f1", 0.6),
    )
    figures = {(row["set"], row["planner"]): row["figures"] for row in rows}
    goals = []
    for name, way, figure, goal in wanted:
        value = figures.get((name, way), {}).get(figure)
        if value is not None:
            goals.append({"name": f"{name}: {figure}", "value": value, "goal": goal, "met": value >= goal})
    return goals


if __name__ == "__main__":
    main()
