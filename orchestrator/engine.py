"""The engine: what runs of plans have in common, and how the steps of one ended.

    lanes         tools and models: whatever computes; each decides what follows from it   (lanes.py, lane.py)
    scheduler     which of the ready calls of all runs goes next                            (scheduler.py)
    execution     one run: what happens next                                                (execution.py)
                  its steps under way, how they end, lost results made again (under_way.py, endings.py, remaking.py)
    I/O lane      encoding, storing, logging: whatever would hold up the lanes              (keeping.py)

There are no barriers: a step starts when what it needs is there and a lane is free. A step whose key is known ends at
once and nothing of it is loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal

from ..planners.plan import Plan
from ..planners.validate import output_types
from ..tools.catalogue import Catalogue
from ..tools.profiles import Binding, Profile
from ..tools.tool import Tool
from .calls import Held, Result, through
from .estimates import Estimates
from .holdings import Holdings
from .lane import Cost, Executor, Lane
from .lanes import Lanes
from .log import Event, Log
from .policy import DEFAULT_POLICY, Control, Policy
from .pool import Listener, ModelPool, lease_name
from .store import Store
from .structure import Node, ancestors

Status = Literal["done", "cached", "failed", "skipped", "passed through", "cancelled"]


@dataclass(slots=True)
class StepRecord:
    """How one step ended. Not frozen: that would take as long as the rest of what ends a quick step."""

    id: str
    tool: str
    status: Status
    seconds: float = 0.0
    digests: tuple[str, ...] = ()
    """Content of its result: one digest, or one per item of a list."""
    error: str | None = None
    """Why it failed, or why it did not run."""
    held: Held | None = field(default=None, repr=False, compare=False)
    values: Holdings | None = field(default=None, repr=False, compare=False)
    """Where the result is loaded from."""

    @property
    def value(self) -> Result | None:
        """The result, loaded when asked for; None when there is none, or when it is no longer kept."""
        return self.values.lasting(self.held) if self.values else None


MakeExecutor = Callable[["Engine", Listener, Callable[[Cost], None]], Executor]
"""(engine, listener of models, ledger of costs) → what makes the calls of one run."""


def local(engine: Engine, listener: Listener, ledger: Callable[[Cost], None]) -> Executor:
    """Make calls in this process."""
    return Lane(engine.profile, engine.pool, listener, ledger)


@dataclass(frozen=True)
class Engine:
    """What runs have in common; several may run at once over the same lanes."""

    catalogue: Catalogue
    profile: Profile
    pool: ModelPool
    log: Log
    estimates: Estimates
    lanes: Lanes
    store: Store | None = None
    """None: nothing is kept beyond the run."""
    executor: MakeExecutor = local

    def run(
        self,
        plan: Plan,
        inputs: Mapping[str, Result],
        *,
        run: str,
        on_event: Callable[[Event], None] = lambda event: None,
        policy: Policy = DEFAULT_POLICY,
        control: Control | None = None,
        only: Collection[str] | None = None,
        careful: bool = False,
        doomed: Mapping[str, str] | None = None,
    ) -> list[StepRecord]:
        """Run the steps and checks of a valid plan, or only `only` and what they need; return one record per step.

        `run` is the id that `Log.start` gave. `on_event` is called on this thread. `control`, or Ctrl-C, stops the run:
        running steps are asked to give up, and what is finished is kept. `careful` and `doomed` (step → why it is
        not tried again) are for runs that are resumed.
        """
        from .execution import Execution

        nodes = graph_nodes(plan, self.catalogue, only)
        chosen = control or Control()
        execution = Execution(
            self, plan, nodes, inputs, run, policy=policy, control=chosen, careful=careful, doomed=doomed
        )
        return execution.drive(on_event)

    def leases(self, tool: Tool) -> dict[str, Binding]:
        """Return the models that a tool needs with this profile, by the names of their leases."""
        device, dtype, bindings = self.profile.device, self.profile.dtype, self.profile.bindings
        return {lease_name(bindings[c], device, dtype): bindings[c] for c in tool.models if c in bindings}


def graph_nodes(plan: Plan, catalogue: Catalogue, only: Collection[str] | None = None) -> dict[str, Node]:
    """Return what the run state has to know: every step and check, or only `only` and their ancestors."""
    steps = (*plan.steps, *plan.checked_steps())
    types = output_types(plan, catalogue) if any([step.when for step in steps]) else {}
    nodes: dict[str, Node] = {}
    for step in steps:
        if step.when is None:
            nodes[step.id] = Node(frozenset([name for _, name in step.references]))
            continue
        needs = frozenset(name for argument, name in step.references if argument != "when")
        condition, negated = step.when.rpartition("$")[2], step.when.startswith("not ")
        nodes[step.id] = Node(needs, condition, negated, through(step, catalogue[step.tool], types))
    if only is not None:
        sources = {name: node.sources & nodes.keys() for name, node in nodes.items()}
        wanted = ancestors(sources, only)
        nodes = {name: node for name, node in nodes.items() if name in wanted}
    return nodes
