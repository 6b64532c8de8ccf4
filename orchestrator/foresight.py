"""What the plan of a run lets one know beforehand: how long each way to the end is, and which models come next."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import islice

from ..planners.plan import Step
from .calls import Result
from .engine import Engine
from .estimates import megapixels
from .lane import measured_name
from .state import RunState, remaining_path
from .turns import MOST_TURNS

_UNKNOWN_SECONDS = 1.0
"""What a step that was never measured counts for."""


class Foresight:
    """Looks ahead in one run; all pictures are taken to have about the size of the inputs."""

    def __init__(
        self, engine: Engine, steps: Mapping[str, Step], state: RunState, inputs: Mapping[str, Result]
    ) -> None:
        self._engine = engine
        self._steps = steps
        self._size = megapixels(inputs)
        self._known: dict[str, float] = {}
        costs = {tool: self.expected(tool) for tool in {step.tool for step in steps.values()}}
        self.rank = remaining_path(state.graph, {name: costs[step.tool] for name, step in steps.items()})
        """Step → seconds from its start to the end of the run, along the longest way."""
        catalogue = engine.catalogue
        self._leases = {
            name: engine.leases(catalogue[step.tool]) for name, step in steps.items() if catalogue[step.tool].models
        }
        self._left = dict.fromkeys(sorted(self._leases, key=lambda name: -self.rank[name]))
        self._seconds = {name: costs[steps[name].tool] for name in self._leases}
        self.bindings = {lease: binding for leases in self._leases.values() for lease, binding in leases.items()}
        """Every model that the run needs, by the name of its lease; empty: none."""

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

    def ahead(self, ended: Collection[str], running: Collection[str]) -> list[tuple[Collection[str], float]]:
        """Return (leases, expected seconds) of the steps with models that have not begun, the next one first."""
        steps: list[tuple[Collection[str], float]] = []
        for name in tuple(islice(self._left, MOST_TURNS)):
            if name in ended or name in running:
                del self._left[name]
            else:
                steps.append((self._leases[name], self._seconds[name]))
        return steps
