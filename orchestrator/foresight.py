"""What the plan of a run lets one know beforehand: how long each way to the end is, and which models come next."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cached_property
from itertools import islice

from ..planners.plan import Step
from .calls import Result
from .engine import Engine
from .estimates import megapixels
from .lane import measured_name
from .pool import Listener
from .state import RunState
from .structure import remaining_path
from .turns import MOST_TURNS

Turn = tuple[Collection[str], float]
"""Leases that a step needs, and the seconds that it will probably take."""
_UNKNOWN_SECONDS = 1.0
"""What a step that was never measured counts for."""


class Foresight:
    """Looks ahead in one run; all pictures are taken to have about the size of the inputs."""

    def __init__(
        self, engine: Engine, steps: Mapping[str, Step], state: RunState, inputs: Mapping[str, Result]
    ) -> None:
        self._engine = engine
        self._size = megapixels(inputs)
        self._known: dict[str, float] = {}
        tools = {step.tool: engine.catalogue[step.tool] for step in steps.values()}
        costs = {tool: self.expected(tool) for tool in tools}
        self._costs = {name: costs[step.tool] for name, step in steps.items()}
        self._graph = state.graph
        leases = {id: engine.leases(tool) for id, tool in tools.items() if tool.models}
        self._leases = {name: leases[step.tool] for name, step in steps.items() if step.tool in leases}
        self._left = dict.fromkeys(sorted(self._leases, key=lambda name: -self.rank[name]))
        self.bindings = {lease: binding for each in leases.values() for lease, binding in each.items()}
        """Every model that the run needs, by the name of its lease; empty: none."""

    @cached_property
    def rank(self) -> Mapping[str, float]:
        """Step → seconds from its start to the end of the run, along the longest way; a cached run never asks."""
        return remaining_path(self._graph, self._costs)

    def expected(self, tool: str) -> float:
        """Return how many seconds a call of a tool will probably take."""
        if tool in self._known:
            return self._known[tool]
        name = measured_name(tool, self._engine.catalogue[tool].version)
        estimate = self._engine.estimates.predict(name, self._size)
        if estimate is None:
            return _UNKNOWN_SECONDS
        self._known[tool] = estimate.seconds
        return estimate.seconds

    def ahead(self, step: Step, state: RunState) -> tuple[list[Turn], Collection[str], float]:
        """Return, when a step begins: the steps with models to come, the next one first; its own models; its seconds.

        That is what `Lanes.foresee` wants to know.
        """
        steps: list[Turn] = []
        for name in tuple(islice(self._left, MOST_TURNS)):
            if name in state.ended or name in state.running:
                del self._left[name]
            else:
                steps.append((self._leases[name], self._costs[name]))
        return steps, self._leases.get(step.id, ()), self.expected(step.tool)

    def prefetch(self, uses: Mapping[str, float], listener: Listener) -> None:
        """Let the pool bring the model that is used next and is not there; `uses` says in how many seconds."""
        pool, profile = self._engine.pool, self._engine.profile
        missing = {lease: wait for lease, wait in uses.items() if wait > 0 and lease in self.bindings}
        missing = {lease: wait for lease, wait in missing.items() if lease not in pool.resident()}
        if missing:
            binding = self.bindings[min(missing, key=missing.__getitem__)]
            pool.prefetch(binding, device=profile.device, dtype=profile.dtype, listener=listener)
