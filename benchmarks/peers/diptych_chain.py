"""The chain of no-op steps on Diptych, by its public function and on the bare engine: see `served`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from served import serve  # the folder of this script is on the path

from diptych.orchestrator import Result, run_plan
from diptych.orchestrator.engine import Engine
from diptych.orchestrator.estimates import Estimates
from diptych.orchestrator.lanes import Lanes
from diptych.orchestrator.log import Log
from diptych.orchestrator.pool import ModelPool
from diptych.orchestrator.store import Store
from diptych.orchestrator.work import shelf
from diptych.planners import bounds
from diptych.planners.plan import Plan, parse_plan
from diptych.planners.validate import validate
from diptych.tools.catalogue import Catalogue
from diptych.tools.profiles import load_profile
from diptych.tools.tool import tool
from diptych.tools.values import Number

LANES = 2


@tool(family="measure")
def plus_one(number: Number) -> Number:
    """Add one."""
    return Number(number.number + 1)


CATALOGUE = Catalogue([plus_one.tool])
START = Number(0)


def chain(length: int) -> Plan:
    """Return a plan of that many steps, each of which takes what the one before gives."""
    steps = [
        {"id": f"s{i}", "tool": "plus_one", "args": {"number": f"$s{i - 1}" if i else "$start"}} for i in range(length)
    ]
    return parse_plan({"inputs": {"start": "Number"}, "steps": steps, "outputs": [f"$s{length - 1}"]})


def public(length: int, folder: Path) -> dict[str, float]:
    """Time `run_plan` twice over one home folder: everything is computed, then nothing is."""
    # Plans of strangers are bounded to some hundred steps; the cost of a step is measured beyond that.
    bounds.MAX_STEPS = bounds.MAX_REFERENCES = max(length, bounds.MAX_STEPS)
    document = chain(length)
    shelf(folder)  # its files are made and opened

    def once() -> Result:
        return run_plan(document, {"start": START}, catalogue=CATALOGUE, home=folder, lanes=LANES)

    cold, first = timed(once)
    cached, second = timed(once)
    assert first.outputs == second.outputs == {f"s{length - 1}": Number(length)}, first.problems
    assert {record.status for record in second.steps} == {"cached"}
    return {"cold": cold, "cached": cached}


def bare(length: int, folder: Path) -> dict[str, float]:
    """Time the engine alone, its files opened anew for the second run; and the checks of the plan by themselves."""
    bounds.MAX_STEPS = bounds.MAX_REFERENCES = max(length, bounds.MAX_STEPS)
    document, profile = chain(length), load_profile("embedded")
    checking, problems = timed(lambda: validate(document, CATALOGUE, profile))
    assert not problems
    seconds = {}
    for name in ("cold", "cached"):
        log, estimates, store = Log(folder / "log.db"), Estimates(folder / "estimates.db"), Store(folder / "store")
        pool = ModelPool()
        engine = Engine(CATALOGUE, profile, pool, log, estimates, Lanes(pool, LANES), store)
        run = log.start("").run

        def once(engine: Engine = engine, run: str = run) -> None:
            engine.run(document, {"start": START}, run=run)
            engine.log.finish(run, "done")

        seconds[name], _ = timed(once)
        for part in (log, estimates, store):
            part.close()
    return {**seconds, "checking": checking}


def timed(work: Any) -> tuple[float, Any]:
    """Return the seconds that a function took, and its result."""
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


if __name__ == "__main__":
    serve({"run_plan": public, "bare": bare})
