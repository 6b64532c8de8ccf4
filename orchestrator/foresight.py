"""What the plan of a run lets one know beforehand: how long each way to the end is, and which models come next."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from ..planners.plan import Step
from ..tools.profiles import Binding
from .calls import Result
from .engine import Engine
from .estimates import megapixels
from .lane import measured_name
from .state import RunState, remaining_path

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
        costs = {tool: self.expected(tool) for tool in {step.tool for step in steps.values()}}
        self.rank = remaining_path(state.graph, {name: costs[step.tool] for name, step in steps.items()})
        """Step → seconds from its start to the end of the run, along the longest way."""
        catalogue = engine.catalogue
        self._with_models = {name for name, step in steps.items() if catalogue[step.tool].models}
        self._bindings: dict[str, Binding] = {}
        for name in self._with_models:
            self._bindings |= engine.leases(catalogue[steps[name].tool])

    def expected(self, tool: str) -> float:
        """Return how many seconds a call of a tool will probably take."""
        name = measured_name(tool, self._engine.catalogue[tool].version)
        estimate = self._engine.estimates.predict(name, self._size)
        return estimate.seconds if estimate else _UNKNOWN_SECONDS

    @property
    def uses_models(self) -> bool:
        """Whether any step needs a model."""
        return bool(self._with_models)

    def binding(self, lease: str) -> Binding:
        """Return what a lease that steps of this run need stands for."""
        return self._bindings[lease]

    def next_uses(self, now: str, begun: Collection[str]) -> dict[str, float]:
        """Return, for each model that steps after `now` need, the seconds until the first of them.

        `begun` are the steps that run or have ended.
        """
        uses: dict[str, float] = {}
        for name in self._with_models.difference(begun):
            # Another step starts when there is as much less left to do than now.
            wait = max(self.rank[now] - self.rank[name], 0.0)
            for lease in self._engine.leases(self._engine.catalogue[self._steps[name].tool]):
                uses[lease] = min(wait, uses.get(lease, wait))
        return uses
