"""Does looking pay? `make bench-geneval`, or `python benchmarks/geneval.py --per-kind 34 --seeds 3 --hard 100`.

GenEval's six tasks (arXiv 2310.11513) and a hard set of compound scenes, drawn by the tiny text-to-image model. Four
ways to spend the same number of denoising steps, all with the same checks:

    one shot    the first picture
    retry       draw until the checks pass; the last one drawn counts
    best of N   draw N pictures; the one whose checks score highest counts
    loop        repair what the checks found, by Diptych's own loop

One call of a generator is 20 denoising steps, of text to image or of inpainting. What counts in the end is judged by
exact rules on the pixels (`shape_finder`, `geneval.judge`), which no check uses: these ask the tiny detector.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from diptych.orchestrator import Repair, Result, run_plan
from diptych.orchestrator.promises import promised
from diptych.orchestrator.verdicts import Checked
from diptych.planners.checklist import Checklist, Relation, Thing
from diptych.planners.checklist_reader import read_prompt
from diptych.planners.plan import Plan, parse_plan
from diptych.tools.measures.calibration import calibration_of
from diptych.tools.profiles import load_profile
from diptych.tools.tiny import geneval
from diptych.tools.tiny.scenes import KINDS
from diptych.tools.tiny.shape_finder import find_shapes
from diptych.tools.values import Image

RESULTS = Path(__file__).parent / "results"
BUDGETS = (1, 2, 4, 8, 16)
WAYS = ("one shot", "retry", "best of N", "loop")
HARD = "compound"
HARD_BUDGETS = (1, 2, 4, 8)


@dataclass(frozen=True)
class Case:
    """A prompt to be drawn from a seed."""

    task: geneval.Task
    seed: int
    budget: int
    """Most generator calls that any way may take."""


@cache
def home() -> str:
    return tempfile.mkdtemp(prefix="geneval-")


def plan_of(case: Case, seed: int, *, exact: bool) -> Plan:
    """Return the plan that draws the prompt, with the checks that it promises."""
    steps = [
        {
            "id": "drawn",
            "tool": "generate",
            "args": {"prompt": case.task.prompt, "width": 64, "height": 64, "seed": seed},
        }
    ]
    plan = parse_plan({"request": case.task.prompt, "inputs": {}, "steps": steps, "outputs": ["$drawn"]})
    read = checklist_of(case.task) if exact else read_prompt(case.task.prompt)
    return plan.model_copy(update={"checks": promised(read, "$drawn", calibration_of(load_profile("tiny")))})


def checklist_of(task: geneval.Task) -> Checklist:
    """Return what the prompt says, without a model that reads it."""
    things = tuple(Thing(g.shape, g.count, g.color if task.colored else "") for g in task.groups)
    return Checklist(things, (Relation(0, task.side, 1),) if task.side else ())


def drawn(plan: Plan, repair: Repair | None = None) -> Result:
    return run_plan(plan, {}, profile="tiny", home=home(), repair=repair)


def score(result: Result) -> float:
    """Return how much of the checklist holds, in [0, 1], as the loop counts it."""
    return Checked(result.plan, result).score if result.plan else 0.0


def right(task: geneval.Task, picture: Image) -> bool:
    """Judge a picture by exact rules on its pixels."""
    seen = find_shapes(picture)
    return geneval.judge(task, seen, geneval.colors_of(picture, seen)).right


def measure(case: Case, exact: bool) -> dict[str, Any]:
    """Return per way and budget whether the picture is right, and what the loop did."""
    start = time.perf_counter()
    seeds = random.Random(case.seed).sample(range(2**32), BUDGETS[-1])
    samples = list(_samples(case, seeds, exact))
    budgets = [budget for budget in BUDGETS if budget <= case.budget]
    sampling = time.perf_counter() - start
    found: dict[str, dict[str, Any]] = {way: {} for way in WAYS}
    for budget in budgets:
        best = max(samples[:budget], key=lambda sample: sample[0])
        last = samples[min(budget, len(samples)) - 1]
        for way, (held, picture) in (("one shot", samples[0]), ("retry", last), ("best of N", best)):
            found[way][str(budget)] = (right(case.task, picture), held)
    start = time.perf_counter()
    repair = Repair(rungs=("local", "nudge"), tries=60, seconds=300, generator_calls=case.budget - 1, learn=False)
    result = drawn(plan_of(case, seeds[0], exact=exact), repair)
    for budget, (held, picture) in zip(budgets, _states(result, samples[0], budgets), strict=True):
        found["loop"][str(budget)] = (right(case.task, picture), held)
    attempts = result.search.attempts if result.search else ()
    return {
        "kind": case.task.kind,
        "prompt": case.task.prompt,
        "seed": case.seed,
        "ways": found,
        "first": (samples[0][0] == 1.0, right(case.task, samples[0][1])),
        "last": (score(result) == 1.0, right(case.task, result.pictures[0])),
        "pixels": [a.pixels for a in attempts if a.outcome == "kept" and a.rung == "local" and a.pixels is not None],
        "share": [a.share for a in attempts],
        "worse": result.search is not None and result.search.score < result.search.first_score,
        "stopped": result.search.stopped if result.search else "",
        "seconds": (sampling, time.perf_counter() - start),
    }


def _samples(case: Case, seeds: Sequence[int], exact: bool) -> Iterator[tuple[float, Image]]:
    """Yield one picture per seed and what its checks say, until all of them pass."""
    for seed in seeds[: case.budget]:
        result = drawn(plan_of(case, seed, exact=exact))
        yield score(result), result.pictures[0]
        if score(result) == 1.0:
            return


def _states(result: Result, first: tuple[float, Image], budgets: Sequence[int]) -> Iterator[tuple[float, Image]]:
    """Yield the loop's best picture, and its score, as it was after each number of generator calls."""
    for budget in budgets:
        state, calls = first, 1
        for attempt in result.search.attempts if result.search else ():
            calls += attempt.generator_calls
            if calls > budget:
                break
            if attempt.outcome == "kept" and attempt.after is not None:
                state = (attempt.score, attempt.after)
        yield state


def cases(per_kind: int, seeds: int, hard: int, start: int = 0) -> list[Case]:
    tasks = geneval.tasks(per_kind, start=start) if per_kind else []
    six = [Case(task, 1000 * n + s, BUDGETS[-1]) for n, task in enumerate(tasks) for s in range(seeds)]
    compound = geneval.tasks(hard, (HARD,), start=start) if hard else []
    return six + [Case(task, 10**6 + n, HARD_BUDGETS[-1]) for n, task in enumerate(compound)]


def table(rows: Sequence[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Return way → budget → share of pictures that are right."""
    budgets = rows[0]["ways"]["loop"] if rows else {}
    return {w: {b: statistics.fmean(row["ways"][w][b][0] for row in rows) for b in budgets} for w in WAYS}


def overall(rows: Sequence[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Return the mean over the six tasks, as GenEval takes it."""
    tables = [table([row for row in rows if row["kind"] == kind]) for kind in KINDS[:6]]
    return {w: {b: statistics.fmean(t[w][b] for t in tables) for b in tables[0][w]} for w in WAYS}


def ends(rows: Sequence[dict[str, Any]]) -> dict[str, int]:
    """Return how often the loop went from what to what, each as the checks and the judge see it."""
    words = {(p, r): f"{'passed' if p else 'failed'} and {'right' if r else 'wrong'}" for p in (0, 1) for r in (0, 1)}
    return dict(Counter(f"{words[tuple(row['first'])]} → {words[tuple(row['last'])]}" for row in rows).most_common())


def summary(rows: Sequence[dict[str, Any]], given: argparse.Namespace) -> dict[str, Any]:
    six, hard = ([row for row in rows if (row["kind"] == HARD) is which] for which in (False, True))
    kinds = {
        kind: table([row for row in rows if row["kind"] == kind]) for kind in dict.fromkeys(row["kind"] for row in rows)
    }
    agree = [passed == true for row in rows for passed, true in [row["first"]]]
    pixels, share = ([value for row in rows for value in row[name]] for name in ("pixels", "share"))
    result: dict[str, Any] = {
        "prompts": len({row["prompt"] for row in six}),
        "pictures": len(six),
        "hard": len(hard),
        "checklist": "exact" if given.exact else "read by the embedded model",
        "overall": overall(six) if six else {},
        "kinds": kinds,
        "ends": {name: ends(part) for name, part in (("six tasks", six), (HARD, hard)) if part},
        "agreement of checks and judge": statistics.fmean(agree),
        "false alarms": statistics.fmean(true and not passed for row in rows for passed, true in [row["first"]]),
        "overlooked": statistics.fmean(passed and not true for row in rows for passed, true in [row["first"]]),
        "median share of pixels changed by a kept local repair": statistics.median(pixels) if pixels else None,
        "median share of the graph run again": statistics.median(share) if share else None,
        "worse than the first": sum(row["worse"] for row in rows),
        "seconds": {name: sum(row["seconds"][i] for row in rows) for i, name in enumerate(("sampling", "loop"))},
    }
    result["goals"] = list(_goals(result))
    return result


def draw_curves(result: dict[str, Any], path: Path) -> None:
    """Draw the share of right pictures against the number of generator calls, for the six tasks and the hard set."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    parts = {"six tasks of GenEval": result["overall"], "compound scenes": result["kinds"].get(HARD)}
    shown = {name: part for name, part in parts.items() if part}
    figure, axes = plt.subplots(1, len(shown), figsize=(4.6 * len(shown), 3.4), squeeze=False)
    for axis, (name, part) in zip(axes[0], shown.items(), strict=True):
        for way in WAYS:
            axis.plot(list(part[way]), list(part[way].values()), marker="o", markersize=4, label=way)
        axis.set_title(name, fontsize=10)
        axis.set_xlabel("generator calls")
        axis.grid(alpha=0.3)
    axes[0][0].set_ylabel("share of right pictures")
    axes[0][0].legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _goals(result: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if result["overall"]:
        ways = result["overall"]
        first, at_four = ways["one shot"]["1"], ways["loop"]["4"]
        yield _goal(
            "share of the one-shot distance to 1 that the loop closes, budget 4",
            (at_four - first) / max(1 - first, 1e-9),
            0.8,
        )
        for kind in ("counting", "position", "color_attribution"):
            for budget in ("2", "4", "8"):
                lead = result["kinds"][kind]["loop"][budget] - result["kinds"][kind]["best of N"][budget]
                yield _goal(f"lead of the loop over best of N, {kind}, budget {budget}", lead, 0.0, above=True)
    if result["hard"]:
        hard = result["kinds"][HARD]
        yield _goal("hard set, budget 8: loop / best of N", hard["loop"]["8"] / max(hard["best of N"]["8"], 1e-9), 2.0)
    yield _goal("runs that ended below their first score", result["worse than the first"], 0, least=False)


def _goal(name: str, value: float, goal: float, *, least: bool = True, above: bool = False) -> dict[str, Any]:
    met = value > goal if above else value >= goal if least else value <= goal
    return {"name": name, "value": round(float(value), 4), "goal": goal, "met": bool(met)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--per-kind", type=int, default=34, help="prompts of each of the six tasks")
    parser.add_argument("--seeds", type=int, default=3, help="pictures of each prompt")
    parser.add_argument("--hard", type=int, default=100, help="compound scenes")
    parser.add_argument("--start", type=int, default=0, help="first seed of the prompts: others to develop with")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--exact", action="store_true", help="checks from the task itself instead of the prompt")
    parser.add_argument("--out", type=Path, default=RESULTS / "geneval.json")
    parser.add_argument("--curves", type=Path, default=RESULTS.parents[1] / "docs" / "geneval.png")
    given = parser.parse_args()
    todo = cases(given.per_kind, given.seeds, given.hard, given.start)
    rows: list[dict[str, Any]] = []
    with ProcessPoolExecutor(given.jobs, mp_context=get_context("spawn"), initializer=_one_thread) as pool:
        for future in as_completed([pool.submit(measure, case, given.exact) for case in todo]):
            rows.append(future.result())
            print(f"\r{len(rows)} of {len(todo)}", end="", file=sys.stderr, flush=True)
    rows.sort(key=lambda row: row["seed"])
    result = summary(rows, given)
    given.out.parent.mkdir(exist_ok=True)
    given.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    draw_curves(result, given.curves)
    print()
    for name, part in {"overall": result["overall"], **result["kinds"]}.items():
        for way in WAYS if part else ():
            print(f"{name:20} {way:10} " + "  ".join(f"{b}: {value:.3f}" for b, value in part[way].items()))
    for name in ("agreement of checks and judge", "false alarms", "overlooked", "seconds"):
        print(f"{name}: {result[name]}")
    for row in result["goals"]:
        print(f"{row['name']:75} {row['value']:8.3f}  goal {row['goal']}  {'met' if row['met'] else 'NOT met'}")


def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)


if __name__ == "__main__":
    main()
