"""10,000 requests that nobody should send, to the real embedded planner: `python benchmarks/fuzz.py`.

No crash, no plan that is not valid, no program started. About an hour on two idle cores; `--count` sends fewer, and
what was sent is the same for the same seed, so that a failure can be met again with `--seed S --first N`.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from diptych.planners.embedded import EmbeddedPlanner
from diptych.planners.evaluation.fuzz import accepted, requests
from diptych.tools.catalogue import load_catalogue
from diptych.tools.values import Image

RESULTS = Path(__file__).parent / "results"
STARTS = ("os.system", "os.exec", "os.posix_spawn", "os.fork", "subprocess.Popen")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0, help="number of the first request that is sent")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--dry", action="store_true", help="write no result")
    args = parser.parse_args()
    planner, catalogue = EmbeddedPlanner(), load_catalogue().planned
    photo = Image(np.zeros((64, 64, 3), np.uint8))
    accepted(planner, "blur the face", catalogue, photo)  # loads the model, which may ask the system things
    started = watch()
    ends: Counter[str] = Counter()
    failures: list[dict[str, Any]] = []
    seconds: list[float] = []
    for number, request in enumerate(islice(requests(args.seed), args.first, args.first + args.count), args.first):
        begun = time.monotonic()
        try:
            ends[accepted(planner, request, catalogue, photo)] += 1
        except Exception as error:  # a crash is what is looked for, of whatever kind
            ends["crash"] += 1
            failures.append({"number": number, "request": request[:500], "error": f"{type(error).__name__}: {error}"})
        seconds.append(time.monotonic() - begun)
        if sys.stderr.isatty() or number % 500 == 499:
            print(f"\r{number + 1 - args.first} sent: {dict(ends)}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    report(args, ends, failures, seconds, started)


def watch() -> list[str]:
    """Return a list that grows by a line whenever this process starts a program."""
    started: list[str] = []
    sys.addaudithook(lambda event, given: started.append(f"{event} {given!r}"[:300]) if event in STARTS else None)
    return started


def report(
    args: argparse.Namespace,
    ends: Counter[str],
    failures: list[dict[str, Any]],
    seconds: list[float],
    started: list[str],
) -> None:
    """Print what came of the requests, write it down, and leave with 1 when a goal was missed."""
    goals = [
        {"name": "crashes and invalid plans", "value": ends["crash"], "goal": 0, "met": not ends["crash"]},
        {"name": "programs started", "value": len(started), "goal": 0, "met": not started},
    ]
    result = {
        "requests": args.count,
        "seed": args.seed,
        "ends": dict(ends),
        "median_seconds": float(np.median(seconds)),
        "longest_seconds": max(seconds),
        "failures": failures[:50],
        "started": started[:50],
        "goals": goals,
    }
    print(json.dumps(result, indent=1, ensure_ascii=True))
    if not args.dry:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "fuzz.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    if not all(goal["met"] for goal in goals):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
