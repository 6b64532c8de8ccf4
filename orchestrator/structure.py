"""Which steps of a run wait for which."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from ..tools.errors import UsageError


@dataclass(slots=True)
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


class Structure(NamedTuple):
    """Which steps wait for which; inputs of the plan are left out."""

    before: dict[str, tuple[str, ...]]
    """Step → the steps that it needs, its condition included."""
    after: dict[str, list[str]]
    """Step → the steps that need it."""
    order: list[str]
    """The steps, each one after all that it needs."""


def structure(nodes: Mapping[str, Node]) -> Structure:
    """Return who waits for whom. Raises UsageError for a cycle."""
    before = {name: tuple([source for source in node.sources if source in nodes]) for name, node in nodes.items()}
    after: dict[str, list[str]] = {name: [] for name in nodes}
    for name, sources in before.items():
        for source in sources:
            after[source].append(name)
    missing = {name: len(sources) for name, sources in before.items()}
    order = [name for name, number in missing.items() if not number]
    for name in order:  # grows while it is read: Kahn's algorithm
        for follower in after[name]:
            missing[follower] -= 1
            if not missing[follower]:
                order.append(follower)
    if len(order) < len(nodes):
        loop = ", ".join(map(repr, _loop(before, missing)))
        raise UsageError(f"the steps {loop} wait for each other; break the cycle")
    return Structure(before, after, order)


def _loop(before: Mapping[str, Iterable[str]], missing: Mapping[str, int]) -> list[str]:
    """Return a cycle among the steps that miss something: each of them has another one before it."""
    walked = [next(name for name, number in missing.items() if number)]
    while walked[-1] not in walked[:-1]:
        walked.append(next(source for source in before[walked[-1]] if missing[source]))
    return walked[walked.index(walked[-1]) + 1 :][::-1]


def ancestors(before: Mapping[str, Iterable[str]], names: Iterable[str]) -> set[str]:
    """Return these steps and everything that they need, directly or not."""
    found: set[str] = set()
    left = list(names)
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left.extend(before[name])
    return found


def remaining_path(graph: Structure, cost: Mapping[str, float]) -> dict[str, float]:
    """Return, for each step, the cost of the longest way from its start to the end of the run."""
    longest: dict[str, float] = {}
    for name in reversed(graph.order):
        after = [longest[follower] for follower in graph.after[name]]
        longest[name] = cost.get(name, 0.0) + (max(after) if after else 0.0)
    return longest
