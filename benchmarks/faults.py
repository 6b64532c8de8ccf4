"""Two hundred processes killed at random moments, each resumed: `make bench-faults`, or with `--kills N --seed N`.

Five runs over mixed plans go at once in each process; the moment is drawn anew every time, by the clock or in the
middle of an SQL statement, a file operation, an event, or a call of a tool. `tests/orchestrator/fault_driver.py`
kills, `fault_checks.py` judges.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))  # the tests are a package of the checkout

from tests.orchestrator.fault_checks import Digests, Witness, undisturbed  # noqa: E402
from tests.orchestrator.fault_driver import KINDS, Kill, Nursery  # noqa: E402

PLAN_SEEDS = (1, 2, 3, 4, 5, 6)


def one(nursery: Nursery, kill: Kill, seed: int, expected: dict[str, Digests]) -> dict[str, Any]:
    """Kill one process and resume its runs; say what was killed and what was wrong afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        witness = Witness(home)
        code = nursery.start(home, seed, kill)
        witness.look()
        unfinished = witness.unfinished()
        finished, calls = len(witness.finished), witness.seen
        resumed = nursery.resume(home)
        faults = witness.judge(expected)
        faults += [f"the resuming process ended with {resumed}"] if resumed else []
        return {
            "kind": kill.kind,
            "at": round(kill.at, 4),
            "plans": seed,
            "killed": code == -9,
            "runs_left_unfinished": unfinished,
            "steps_finished_before": finished,
            "calls_before": calls,
            "calls_after": witness.seen - calls,
            "faults": faults,
        }


def summary(rows: list[dict[str, Any]], seconds: float) -> dict[str, Any]:
    """Return what is written down: totals, the goal, and every row with a fault."""
    bad = [row for row in rows if row["faults"]]
    killed = [row for row in rows if row["killed"]]
    whole = len(rows) - len(bad)
    goal = {
        "name": f"of {len(rows)} kills, those after which every run completed, no finished step ran twice, "
        "nothing was lost or torn",
        "value": whole,
        "goal": len(rows),
        "better": "higher",
        "met": not bad,
    }
    return {
        "kills": len(rows),
        "by_kind": dict(Counter(row["kind"] for row in rows)),
        "runs_resumed": sum(row["runs_left_unfinished"] for row in killed),
        "steps_finished_before_the_kill": sum(row["steps_finished_before"] for row in killed),
        "calls_before": sum(row["calls_before"] for row in killed),
        "calls_after": sum(row["calls_after"] for row in killed),
        "seconds": round(seconds, 1),
        "faulty": bad,
        "goals": [goal],
    }


def kill_many(kills: int, seed: int) -> list[dict[str, Any]]:
    """Return a row per process that was killed; one that ended before its moment is replaced by another."""
    dice = random.Random(seed)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder, Nursery() as nursery:
        expected = {number: undisturbed(number, Path(folder) / str(number)) for number in PLAN_SEEDS}
        while sum(row["killed"] for row in rows) < kills:
            kill = Kill.draw(KINDS[len(rows) % len(KINDS)], dice)
            plans = dice.choice(PLAN_SEEDS)
            rows.append(one(nursery, kill, plans, expected[plans]))
            for fault in rows[-1]["faults"]:
                print(f"{kill}, plans {plans}: {fault}", flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    options = parser.parse_args()
    start = time.monotonic()
    rows = [row for row in kill_many(options.kills, options.seed) if row["killed"] or row["faults"]]
    result = {"seed": options.seed, **summary(rows, time.monotonic() - start)}
    path = ROOT / "benchmarks" / "results" / "faults.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps({key: value for key, value in result.items() if key != "faulty"}, indent=1))
    sys.exit(bool(result["faulty"]))


if __name__ == "__main__":
    main()
