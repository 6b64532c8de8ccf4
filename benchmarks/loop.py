"""How well the loop repairs: `make bench-loop`, or `python benchmarks/loop.py --cases 120`.

Edits of faces, people and words in photos whose first pass is broken on purpose: the tool `detect` overlooks some of
what there is, or all of it. Checks and repairs use the ordinary tools; whether a thing is hidden in the end is judged
from its pixels by `loop_scenes.hidden`, which no part of the loop knows.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from dataclasses import dataclass, replace
from itertools import count as count_from
from math import ceil
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Literal, get_args

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.loop_scenes import Scene, Thing, figures, hidden, scene
from diptych.orchestrator import Repair, Result, run_plan
from diptych.orchestrator.planning import Limits, completed
from diptych.planners.plan import Plan, parse_plan
from diptych.tools.catalogue import Catalogue, load_catalogue
from diptych.tools.detectors.detect import detect
from diptych.tools.model import Detector
from diptych.tools.profiles import load_profile
from diptych.tools.values import Detections, Image

RESULTS = Path(__file__).parent / "results"
Fault = Literal["one", "half", "all", "none"]
"""How many of the things the first pass overlooks."""
Judge = Callable[[Scene, Image], list[bool]]
"""(scene, result) → per thing, whether it came out as asked. The loop never sees it."""
EDITS: dict[Thing, tuple[tuple[str, dict[str, Any]], ...]] = {
    "face": (("blur", {}), ("pixelate", {}), ("fill", {"color": "black"}), ("blur", {})),
    "person": (("blur", {}), ("pixelate", {}), ("fill", {"color": "gray"})),
    "text": (("erase", {}), ("fill", {"color": "black"}), ("blur", {}), ("pixelate", {})),
}


@dataclass(frozen=True)
class Case:
    """One edit with a broken first pass."""

    number: int
    scene: Scene
    plan: Plan
    fault: Fault
    edit: str


def overlooking(fault: Fault) -> Catalogue:
    """Return every tool, `detect` replaced by one that overlooks what `fault` says."""

    def find(image: Image, query: str, *, detector: Detector) -> Detections:
        found = detector.detect(image, query)
        lost = {"none": 0, "one": min(1, len(found)), "half": ceil(len(found) / 2), "all": len(found)}[fault]
        kept = random.Random(f"{image.digest}{query}").sample(range(len(found)), len(found) - lost)
        return found.subset(sorted(kept))

    version = 1000 + get_args(Fault).index(fault)
    tool = replace(detect.tool, function=find, version=version, batch=None)
    return Catalogue(tool if other.id == "detect" else other for other in load_catalogue().values())


def case(number: int) -> Case:
    """Return the case of that number: the same each time."""
    draw = random.Random(number)
    thing: Thing = ("face", "text", "face", "person", "text")[number % 5]  # type: ignore[assignment]
    editor, args = EDITS[thing][number // 5 % len(EDITS[thing])]
    select = "segment" if thing == "person" or draw.random() < 0.5 else "region"
    document = {
        "request": f"{editor} every {thing}",
        "inputs": {"photo": "Image"},
        "steps": [
            {"id": "found", "tool": "detect", "args": {"image": "$photo", "query": thing}},
            {"id": "area", "tool": select, "args": {"image": "$photo", "boxes": "$found"}},
            {"id": "out", "tool": editor, "args": {"image": "$photo", "mask": "$area", **args}},
        ],
        "outputs": ["$out"],
    }
    fault: Fault = ("one", "half", "one", "all")[draw.randrange(4)]  # type: ignore[assignment]
    return Case(
        number,
        scene(thing, draw),
        completed(parse_plan(document), Limits(load_catalogue(), load_profile("embedded"))),
        fault,
        editor,
    )


def carried_out(case: Case, fault: Fault, home: Path, repair: Repair | None) -> Result:
    return run_plan(
        case.plan,
        {"photo": case.scene.image},
        profile="embedded",
        home=home,
        catalogue=overlooking(fault),
        repair=repair,
    )


def measure(case: Case, home: Path, repair: Repair, judge: Judge) -> dict[str, Any]:
    """Run one case without and with the loop, and judge both."""
    first = carried_out(case, case.fault, home, None)
    start = time.perf_counter()
    last = carried_out(case, case.fault, home, repair)
    seconds = time.perf_counter() - start
    before, after = (_judged(case, result, judge) for result in (first, last))
    search = last.search
    return {
        "case": case.number,
        "thing": case.scene.thing,
        "edit": case.edit,
        "overlooked": case.fault,
        "things": len(case.scene.truth),
        "hidden_first": sum(before),
        "hidden": sum(after),
        "repaired": all(after),
        "worse": sum(after) < sum(before) or (search is not None and search.score < search.first_score),
        "passes": last.status == "done" and all(check["passed"] for check in last.checks),
        "kept": [a.rung for a in search.kept] if search else [],
        "changes": [a.change for a in search.kept] if search else [],
        "tries": len(search.attempts) if search else 0,
        "shares": [round(a.share, 3) for a in search.kept] if search else [],
        "pixels": [round(a.pixels, 4) for a in search.kept if a.pixels is not None] if search else [],
        "seconds_first": round(first.seconds, 2),
        "seconds_repairs": round(seconds, 2),
        "stopped": search.stopped if search else "no check failed",
    }


def _judged(case: Case, result: Result, judge: Judge) -> list[bool]:
    if result.status != "done" or len(result.pictures) != 1:
        return [False] * len(case.scene.truth)
    return judge(case.scene, result.pictures[0])


def undisturbed(case: Case, home: Path, judge: Judge) -> dict[str, Any]:
    """Run a case whose first pass overlooks nothing: is it right then, what do its checks cost, do they object?"""
    result = carried_out(case, "none", home, Repair(tries=0))
    checks = sum(record.seconds for record in result.steps if record.id.startswith("check_"))
    share = checks / max(sum(record.seconds for record in result.steps), 1e-9)
    right = all(_judged(case, result, judge))
    return {"case": case.number, "right": right, "share": share, "alarm": right and result.search is not None}


def one(number: int, home: str) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Return what a case gives undisturbed, and what the loop makes of it broken.

    The second is None for a case that is beyond these tools, broken or not, and for a fault that did no harm: what was
    overlooked is no thing of the scene.
    """
    each = case(number)
    calm = undisturbed(each, Path(home, "undisturbed"), hidden)  # nothing that it learns is known to the loop
    if not calm["right"]:
        return calm, None
    row = measure(each, Path(home), Repair(seconds=180), hidden)
    return calm, None if row["hidden_first"] == row["things"] else row


def photos(count: int, jobs: int) -> Iterator[dict[str, Any]]:
    """Measure the loop on photos; yield all results so far after each case."""
    rows, calm = list[dict[str, Any]](), list[dict[str, Any]]()
    with tempfile.TemporaryDirectory() as home, ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        numbers = count_from(0)
        waiting = {pool.submit(one, next(numbers), home) for _ in range(jobs)}
        while len(rows) < count:
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for future in done:
                undisturbed_, row = future.result()
                calm.append(undisturbed_)
                rows += [row] if row else []
                waiting.add(pool.submit(one, next(numbers), home))
            if rows:
                yield {"photos": summary(rows), "undisturbed": _calm(calm), "rows": rows}
        for future in waiting:
            future.cancel()


def _calm(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "cases": len(rows),
        "right": sum(row["right"] for row in rows),
        "share_of_time_in_checks": figures([row["share"] for row in rows]),
        "false_alarms": [row["case"] for row in rows if row["alarm"]],
    }


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    groups: dict[str, list[bool]] = defaultdict(list)
    for row in rows:
        for name in (row["thing"], row["edit"], f"overlooked {row['overlooked']}"):
            groups[name].append(row["repaired"])
    return {
        "cases": len(rows),
        "repaired": round(statistics.mean(row["repaired"] for row in rows), 4),
        "by_group": {name: f"{sum(group)} of {len(group)}" for name, group in sorted(groups.items())},
        "rungs_kept": Counter(rung for row in rows for rung in row["kept"]),
        "tries": figures([row["tries"] for row in rows]),
        "graph_run_again": figures([share for row in rows for share in row["shares"]]),
        "pixels_changed_by_a_repair": figures([share for row in rows for share in row["pixels"]]),
        "seconds_of_the_repairs": figures([row["seconds_repairs"] for row in rows]),
        "seconds_of_the_first_run": figures([row["seconds_first"] for row in rows]),
        "worse_than_the_first": sum(row["worse"] for row in rows),
        "checks_and_judge_agree": round(statistics.mean(row["passes"] == row["repaired"] for row in rows), 4),
    }


def goals(found: dict[str, Any]) -> list[dict[str, Any]]:
    edits, again = found["photos"], found["photos"]["graph_run_again"].get("median", 1.0)
    alarms = found["undisturbed"]["false_alarms"]
    return [
        _goal("broken edits of faces, people and words in photos", edits["cases"], 100, edits["cases"] >= 100),
        _goal("share of them that the loop repairs", edits["repaired"], 0.9, edits["repaired"] >= 0.9),
        _goal("median share of the graph that a repair runs again", again, 0.4, again <= 0.4),
        _goal(
            "results worse than the first attempt", edits["worse_than_the_first"], 0, not edits["worse_than_the_first"]
        ),
        _goal("false alarms on good edits", len(alarms), 0, not alarms),
    ]


def _goal(name: str, value: float, goal: float, met: bool) -> dict[str, Any]:
    return {"name": name, "value": value, "goal": goal, "met": met}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=120)
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--out", type=Path, default=RESULTS / "loop.json")
    args = parser.parse_args()
    args.out.parent.mkdir(exist_ok=True)
    result: dict[str, Any] = {}
    told = 0
    for found in photos(args.cases, args.jobs):
        result = {"goals": goals(found), **found}  # written each time: a run that is stopped leaves what it has
        args.out.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        for row in found["rows"][told:]:
            mark = "repaired" if row["repaired"] else "NOT repaired"
            print(f"{row['case']:4} {row['thing']:7} {row['edit']:9} {mark:13} {row['stopped']}", flush=True)
        told = len(found["rows"])
    for row in result["goals"]:
        print(f"{row['name']:52} {row['value']:<8} goal {row['goal']:<5} {'met' if row['met'] else 'NOT met'}")


if __name__ == "__main__":
    main()
