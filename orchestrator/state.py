"""How far a run is: a pure machine over the graph of steps. No threads, no files, no clock.

    waiting ──start──▶ running ──finish──▶ done
       │                  ├──────fail────▶ failed
       │                  └──────stop────▶ cancelled
       ├─ condition is false ────────────▶ passed through   (hands on one of its inputs)
       ├─ something it needs is missing ─▶ skipped
       └─ drop, cancel ──────────────────▶ cancelled

A condition is looked at before anything else that the step needs: `blur … when $found` hands its image on when
nothing was found, although the mask that it would have used was never made.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import networkx as nx

from ..tools.errors import UsageError

Ended = Literal["done", "passed through", "failed", "skipped", "cancelled"]
_WITH_VALUE = ("done", "passed through")


@dataclass(frozen=True)
class Node:
    """What the machine has to know about one step; names that are not nodes are inputs of the plan."""

    needs: frozenset[str] = frozenset()
    """Steps and inputs whose values it takes, its condition left out."""
    condition: str | None = None
    """Step or input that decides whether it runs."""
    negated: bool = False
    """Run when the condition is false instead."""
    through: str | None = None
    """Step or input whose value it hands on when it does not run; None: nothing fits, so it is skipped."""

    @property
    def sources(self) -> frozenset[str]:
        """Everything that has to be there, or known, before it can run."""
        return self.needs if self.condition is None else self.needs | {self.condition}


class Ending(NamedTuple):
    """One step has come to its end."""

    step: str
    status: Ended
    reason: str = ""
    """Why it did not run; names the step at the root of it."""


def structure(nodes: Mapping[str, Node]) -> nx.DiGraph[str]:
    """Return the graph of steps, an edge from each step to those that need it. Raises UsageError for a cycle.

    Its attribute `order` lists the steps, each one after all that it needs.
    """
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(nodes)
    graph.add_edges_from((source, name) for name, node in nodes.items() for source in node.sources if source in nodes)
    try:
        graph.graph["order"] = list(nx.topological_sort(graph))
    except nx.NetworkXUnfeasible:
        loop = [edge[0] for edge in nx.find_cycle(graph)]
        raise UsageError(f"the steps {', '.join(map(repr, loop))} wait for each other; break the cycle") from None
    return graph


def remaining_path(graph: nx.DiGraph[str], cost: Mapping[str, float]) -> dict[str, float]:
    """Return, for each step of a `structure`, the cost of the longest way from its start to the end of the run."""
    longest: dict[str, float] = {}
    for name in reversed(graph.graph["order"]):
        longest[name] = cost.get(name, 0.0) + max((longest[after] for after in graph.successors(name)), default=0.0)
    return longest


class RunState:
    """The machine. Each method returns the endings that it caused, in the order in which they follow.

    `truths` answers the conditions that rest on inputs of the plan.
    """

    def __init__(self, nodes: Mapping[str, Node], truths: Mapping[str, bool] | None = None) -> None:
        self.graph = structure(nodes)
        self.ended: dict[str, Ending] = {}
        self.running: set[str] = set()
        self.cancelled = False
        self._nodes = dict(nodes)
        self._truths = dict(truths or {})
        self._ready: dict[str, None] = {}
        self._all_well = True
        self._first = self._settle(nodes)

    def begin(self) -> list[Ending]:
        """Return what ended before anything ran: conditions on inputs. Call it once, first."""
        first, self._first = self._first, []
        return first

    @property
    def ready(self) -> Collection[str]:
        """Steps that may start now, in the order in which they became ready."""
        return self._ready.keys()

    @property
    def over(self) -> bool:
        """Whether every step has ended."""
        return len(self.ended) == len(self._nodes)

    def start(self, step: str) -> None:
        """Note that a ready step runs. Raises UsageError for any other."""
        if step not in self._ready:
            raise UsageError(f"step {step!r} cannot start: it is {self._word(step)}, not ready")
        del self._ready[step]
        self.running.add(step)

    def finish(self, step: str, truth: bool | None = None) -> list[Ending]:
        """Note that a running step is done; `truth` is what its value means as a condition."""
        if truth is not None:
            self._truths[step] = truth
        return self._end(step, "done")

    def fail(self, step: str, reason: str) -> list[Ending]:
        """Note that a running step failed; whatever needs it is skipped."""
        return self._end(step, "failed", reason)

    def stop(self, step: str, reason: str = "the run was cancelled") -> list[Ending]:
        """Note that a running step gave up."""
        return self._end(step, "cancelled", reason)

    def drop(self, step: str, reason: str) -> list[Ending]:
        """Note that a step will not be started; whatever needs it is skipped. Raises UsageError when it runs."""
        if step in self.ended or step in self.running:
            raise UsageError(f"step {step!r} cannot be dropped: it is {self._word(step)}")
        self._ready.pop(step, None)
        return [self._mark(step, "cancelled", reason), *self._settle(self.graph.successors(step))]

    def cancel(self) -> list[Ending]:
        """End everything that has not started; running steps still have to finish, fail or stop."""
        self.cancelled = True
        self._ready.clear()
        waiting = [name for name in self._nodes if name not in self.ended and name not in self.running]
        return [self._mark(name, "cancelled", "the run was cancelled") for name in waiting]

    def _end(self, step: str, status: Ended, reason: str = "") -> list[Ending]:
        if step not in self.running:
            raise UsageError(f"step {step!r} cannot end: it is {self._word(step)}, not running")
        self.running.remove(step)
        return [self._mark(step, status, reason), *self._settle(self.graph.successors(step))]

    def _settle(self, steps: Iterable[str]) -> list[Ending]:
        """Look at steps whose surroundings changed, and at whatever that changes in turn."""
        endings: list[Ending] = []
        queue = list(steps)
        for name in queue:
            if self.cancelled or name in self.ended or name in self.running or name in self._ready:
                continue
            ending = self._look(name)
            if ending:
                endings.append(ending)
                queue.extend(self.graph.successors(name))
        return endings

    def _look(self, name: str) -> Ending | None:
        """Decide about one waiting step: end it, make it ready, or leave it waiting."""
        node = self._nodes[name]
        if node.condition is not None:
            missing = self._missing({node.condition})
            if missing:
                return self._mark(name, "skipped", missing)
            if not self._here(node.condition):
                return None
            if self._truths.get(node.condition, True) == node.negated:
                return self._pass(name, node)
        missing = self._missing(node.needs)
        if missing:
            return self._mark(name, "skipped", missing)
        if all(map(self._here, node.needs)):
            self._ready[name] = None
        return None

    def _pass(self, name: str, node: Node) -> Ending | None:
        sign = "true" if node.negated else "false"
        if node.through is None:
            return self._mark(name, "skipped", f"the condition ${node.condition} of step {name!r} is {sign}")
        missing = self._missing({node.through})
        if missing:
            return self._mark(name, "skipped", missing)
        if not self._here(node.through):
            return None
        # What it hands on also stands for it where a later step is conditional on it.
        if node.through in self._truths:
            self._truths[name] = self._truths[node.through]
        return self._mark(name, "passed through", f"the condition ${node.condition} is {sign}")

    def _here(self, name: str) -> bool:
        """Whether the value of `name` exists."""
        if name not in self._nodes:
            return True
        ending = self.ended.get(name)
        return ending is not None and ending.status in _WITH_VALUE

    def _missing(self, names: Iterable[str]) -> str | None:
        """Return the root cause why one of `names` will never have a value, or None."""
        if self._all_well:
            return None
        for name in sorted(names):
            ending = self.ended.get(name)
            if ending and ending.status == "failed":
                return f"step {name!r} failed: {ending.reason}"
            if ending and ending.status in ("skipped", "cancelled"):
                return ending.reason
        return None

    def _mark(self, name: str, status: Ended, reason: str = "") -> Ending:
        if status not in _WITH_VALUE:
            self._all_well = False
        ending = self.ended[name] = Ending(name, status, reason)
        return ending

    def _word(self, step: str) -> str:
        if step in self.ended:
            return self.ended[step].status
        return "running" if step in self.running else "waiting" if step in self._nodes else "unknown"
