"""Reloads of models under a budget that holds two of five: `python benchmarks/eviction.py`, half a minute, no GPU.

Five plans run in the engine's own order: its run state says what is ready, its scheduler is fair between the runs
that are active at a time, and another run comes whenever one ends. The order of the runs, and how long their steps
really take, are drawn from a seed; the pool is told what can be foreseen (orchestrator/turns.py): the active runs,
with expected seconds, taking turns. Each trace of leases is then replayed on the real pool, with models that load at
once and state what a load would cost, once for each policy. Beside them stands the optimum that knows the whole
trace (exact, by dynamic programming over what is resident).

Memory is what the profile `gpu-24gb` states. A load is taken to cost 1.5 s and 1 s per 1,000 MiB (a disk of about
1 GB/s): an assumption, as are the length of each step, in SECONDS, and how far it strays, in SPREAD. With sizes of
the profile, two models fit in most pairs (and three small ones); `alike` is the pure case: two of five.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations
from pathlib import Path
from typing import Any, ClassVar, Self

from diptych.orchestrator.engine import graph_nodes
from diptych.orchestrator.estimates import Measure
from diptych.orchestrator.eviction import Policy, Resident, least_recently_used, next_use
from diptych.orchestrator.pool import ModelPool, lease_name
from diptych.orchestrator.scheduler import Scheduler, Task
from diptych.orchestrator.state import RunState
from diptych.orchestrator.structure import remaining_path
from diptych.orchestrator.turns import Ahead, next_uses
from diptych.planners.notation import read_steps
from diptych.planners.plan import Plan, parse_plan
from diptych.planners.validate import validate
from diptych.tools.catalogue import load_catalogue
from diptych.tools.model import Model
from diptych.tools.profiles import Binding, load_profile

PLANS = {
    "replace an object, and look": """
        a detect photo "dog"
        b segment photo a
        c inpaint photo b "a cat"
        d shows c "cat"
        e similarity c "a cat on a sofa"
    """,
    "remove people and describe what is left": """
        a detect photo "person"
        b segment photo a
        c grow b
        d erase photo c
        e absent d "person"
        f caption d
    """,
    "ask, then edit": """
        a answer photo "which object does not belong here?"
        b detect photo "red car"
        c segment photo b
        d recolor photo c "blue"
        e answer d "does the car look natural?"
    """,
    "sort photos and mark the best match": """
        a classify photo ["indoors", "outdoors"]
        b similarity photo "a sunny day"
        c detect photo "face"
        d segment photo c
        e blur photo mask=d
        f similarity e "people whose faces cannot be seen"
        g caption e
    """,
    "extend, fill, and check by question": """
        a outpaint photo prompt="meadow"
        b detect a "sign"
        c segment a b
        d inpaint a c "a tree"
        e answer d "is there any text left?"
        f similarity d "a meadow with a tree"
    """,
}
SECONDS = {"detect": 0.4, "shows": 0.4, "absent": 0.4, "segment": 0.5, "inpaint": 8.0, "outpaint": 8.0, "erase": 8.0}
SECONDS |= {"answer": 2.5, "caption": 3.0, "similarity": 0.1, "classify": 0.3}
_PLAIN_SECONDS = 0.1
SPREAD = 0.4
"""Standard deviation of the logarithm of a step's real over its expected seconds."""
RUNS, SEEDS = 60, 20
GOAL = 1.05
CATALOGUE, PROFILE = load_catalogue(), load_profile("gpu-24gb")


@dataclass(frozen=True)
class Use:
    """One lease of a trace, and what the pool has been told by then."""

    model: str
    at: float
    """Seconds since the start; loads take none, so that the trace is the same for every policy."""
    expected: Mapping[str, float]


@dataclass(frozen=True)
class Setting:
    """A budget, and how large the models are taken to be."""

    name: str
    budget_mb: float
    active: int
    """Runs at a time."""
    equal: bool = False
    """Whether all models count as equally large and dear."""

    def memory_mb(self, model: str) -> float:
        return 1.0 if self.equal else float(BINDINGS[model].memory_mb)

    def seconds(self, model: str) -> float:
        return 1.0 if self.equal else 1.5 + BINDINGS[model].memory_mb / 1000


SETTINGS = [
    *[Setting(f"12,500 MiB, sizes of the profile, {n} at a time", 12_500, n) for n in (1, 3, 5, 15)],
    *[Setting(f"two models, all taken to be alike, {n} at a time", 2, n, equal=True) for n in (1, 3, 5, 15)],
]


def name_of(binding: Binding) -> str:
    return lease_name(binding, PROFILE.device, PROFILE.dtype)


BINDINGS = {name_of(binding): binding for binding in PROFILE.bindings.values()}


def plan_of(title: str) -> Plan:
    """Return a valid plan from its shorthand."""
    steps, outputs = read_steps(PLANS[title], ["photo"], CATALOGUE)
    plan = parse_plan(
        {
            "request": title,
            "inputs": {"photo": "Image"},
            "steps": [step.model_dump(exclude_none=True) for step in steps],
            "outputs": outputs,
        }
    )
    problems = validate(plan, CATALOGUE, PROFILE)
    assert not problems, (title, problems)
    return plan


class Run:
    """One run of a plan while its trace is recorded."""

    def __init__(self, plan: Plan) -> None:
        nodes = graph_nodes(plan, CATALOGUE)
        self.state = RunState(nodes)
        self.state.begin()
        self.tools = {step.id: step.tool for step in plan.steps}
        costs = {name: SECONDS.get(tool, _PLAIN_SECONDS) for name, tool in self.tools.items()}
        self.expected = costs
        self.rank = remaining_path(self.state.graph, costs)

    def models(self, step: str) -> frozenset[str]:
        return frozenset(name_of(PROFILE.bindings[c]) for c in CATALOGUE[self.tools[step]].models)

    def ahead(self, served: float, begun: str | None) -> Ahead:
        """Return what is still to come, the longest way first."""
        left = self.tools.keys() - self.state.ended.keys() - {begun}
        steps = sorted(left, key=lambda name: -self.rank[name])
        return Ahead(served, [(self.models(name), self.expected[name]) for name in steps])


@dataclass
class Recorder:
    """Runs plans on one lane and notes every lease."""

    active: int
    chance: random.Random
    trace: list[Use] = field(default_factory=list)

    def record(self) -> list[Use]:
        titles = [title for _ in range(RUNS // len(PLANS)) for title in self.chance.sample(list(PLANS), len(PLANS))]
        coming = [Run(plan_of(title)) for title in titles]
        scheduler, runs, served, now = Scheduler(), dict[str, Run](), dict[str, float](), 0.0
        while coming or runs:
            while coming and len(runs) < self.active:
                name = f"run {len(coming)}"
                served[name] = min(served.values(), default=0.0)
                runs[name] = coming.pop()
                scheduler.enter(name)
                self._offer(scheduler, name, runs[name], now)
            (task,) = scheduler.take("device", now=now)
            run, expected = runs[task.run], runs[task.run].expected[task.job]
            lines = [
                each.ahead(served[name] + expected * (each is run), task.job if each is run else None)
                for name, each in runs.items()
            ]
            told = next_uses(lines, expected)
            self.trace += [Use(model, now, told) for model in run.models(task.job)]
            seconds = expected * math.exp(self.chance.gauss(0, SPREAD))
            now += seconds
            served[task.run] += seconds
            scheduler.served(task.run, seconds)
            run.state.finish(task.job)
            self._offer(scheduler, task.run, run, now)
            if run.state.over:
                scheduler.leave(task.run)
                del runs[task.run], served[task.run]
        return self.trace

    def _offer(self, scheduler: Scheduler, name: str, run: Run, now: float) -> None:
        for step in list(run.state.ready):
            run.state.start(step)
            models = run.models(step)
            scheduler.add(Task(name, run.rank[step], run.tools[step], models, lane="device", since=now, job=step))


# Replay on the pool


class Stated(Model):
    """A model that loads at once; what it would cost is noted."""

    loads: ClassVar[list[str]] = []

    @classmethod
    def load(cls, source: Any, *, device: str = "cpu", dtype: str = "float32", **options: Any) -> Self:
        cls.loads.append(str(source))
        return cls()


class Bound(Binding):
    """A binding to a model that only states things."""

    @cached_property
    def model(self) -> type[Model]:
        return Stated


class Simulated:
    """A device on which a load takes what the setting says."""

    def __init__(self, seconds: Callable[[str], float]) -> None:
        self._seconds = seconds

    def used_mb(self, device: str) -> float:
        return 0.0

    def free_caches(self, device: str) -> None:
        return None

    @contextmanager
    def measured(self, device: str) -> Iterator[Measure]:
        result = Measure()
        yield result
        result.seconds = self._seconds(Stated.loads[-1])


def replay(trace: Sequence[Use], setting: Setting, policy: Policy) -> list[str]:
    """Return the models that the real pool loads, in order."""
    Stated.loads.clear()
    now = 0.0
    pool = ModelPool(setting.budget_mb, policy=policy, host_mb=0, memory=Simulated(setting.seconds), clock=lambda: now)
    bound = {model: Bound("any", "stated", model, memory_mb=int(setting.memory_mb(model))) for model in BINDINGS}
    names = {model: lease_name(binding, "cpu", "float32") for model, binding in bound.items()}
    for use in trace:
        now = use.at
        pool.expect({names[model]: wait for model, wait in use.expected.items()})
        with pool.lease(bound[use.model]):
            pass
    return list(Stated.loads)


def optimum(trace: Sequence[Use], setting: Setting, cost: Callable[[str], float]) -> float:
    """Return the least total cost of loads by whoever knows the trace: over every set that may be resident."""
    best: dict[frozenset[str], float] = {frozenset(): 0.0}
    for use in trace:
        after: dict[frozenset[str], float] = {}
        for resident, spent in best.items():
            if use.model in resident:
                _keep(after, resident, spent)
                continue
            for count in range(len(resident) + 1):
                for others in combinations(sorted(resident), count):
                    chosen = frozenset((*others, use.model))
                    if sum(map(setting.memory_mb, chosen)) <= setting.budget_mb:
                        _keep(after, chosen, spent + cost(use.model))
        best = after
    return min(best.values())


def _keep(best: dict[frozenset[str], float], resident: frozenset[str], spent: float) -> None:
    best[resident] = min(spent, best.get(resident, math.inf))


# Variants that were tried


def greedy(score: Callable[[Resident], float]) -> Policy:
    """Return a policy that drops the lowest scores until it is enough."""

    def policy(idle: Sequence[Resident], missing_mb: float) -> list[Resident]:
        chosen: list[Resident] = []
        for resident in sorted(idle, key=lambda resident: (score(resident), resident.last_use)):
            if sum(victim.memory_mb for victim in chosen) < missing_mb:
                chosen.append(resident)
        return chosen

    return policy


def soon(resident: Resident) -> float:
    return max(resident.next_use, 0.01)


POLICIES: dict[str, Policy] = {
    "least recently used": least_recently_used,
    "ours": next_use,
    "farthest next use": greedy(lambda r: -r.next_use),
    "reload / next use": greedy(lambda r: r.reload_seconds / soon(r)),
    "reload / next use / MiB": greedy(lambda r: r.reload_seconds / soon(r) / r.memory_mb),
}


def measure(setting: Setting) -> dict[str, Any]:
    """Return reloads and reload seconds over all seeds, for each policy and the optimum; first loads included."""
    traces = [Recorder(setting.active, random.Random(seed)).record() for seed in range(SEEDS)]
    rows: dict[str, Any] = {}
    best_seconds = [optimum(trace, setting, setting.seconds) for trace in traces]
    best_loads = [optimum(trace, setting, lambda model: 1.0) for trace in traces]
    rows["optimum"] = {"loads": round(sum(best_loads)), "seconds": round(sum(best_seconds), 1)}
    for name, policy in POLICIES.items():
        loads = [replay(trace, setting, policy) for trace in traces]
        seconds = [sum(map(setting.seconds, each)) for each in loads]
        rows[name] = {
            "loads": sum(map(len, loads)),
            "seconds": round(sum(seconds), 1),
            "times_optimum": round(sum(seconds) / sum(best_seconds), 4),
            "worst_seed": round(max(s / b for s, b in zip(seconds, best_seconds, strict=True)), 4),
        }
    return {"setting": setting.name, "uses": sum(map(len, traces)), "policies": rows}


def goals(results: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return one goal for each setting: reload seconds against the optimum."""
    found = []
    for result in results:
        value = result["policies"]["ours"]["times_optimum"]
        name = f"reload seconds, times those of the optimum: {result['setting']}"
        found.append({"name": name, "value": value, "goal": GOAL, "met": value <= GOAL})
    return found


def main() -> None:
    results = []
    for setting in SETTINGS:
        results.append(measure(setting))
        print(f"{setting.name}; {results[-1]['uses']} leases in {SEEDS} traces")
        for name, row in results[-1]["policies"].items():
            print(f"  {name:24}", *(f"{key} {value:<8}" for key, value in row.items()), flush=True)
    document = {"results": results, "goals": goals(results)}
    folder = Path(__file__).parent / "results"
    folder.mkdir(exist_ok=True)
    (folder / "eviction.json").write_text(json.dumps(document, indent=1) + "\n")
    print(*document["goals"], sep="\n")


if __name__ == "__main__":
    main()
