"""What a run would do: which steps are known already, and what the others will probably cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ..planners.plan import Plan, Step
from ..tools.catalogue import Catalogue
from ..tools.profiles import Profile
from ..tools.tool import Tool
from .calls import Binder, Held, Result, truth
from .engine import graph_nodes
from .estimates import Estimates, megapixels
from .lane import measured_name
from .store import Store
from .structure import Node, structure


class PreviewedStep(NamedTuple):
    """One step before it runs."""

    step: str
    tool: str
    cached: bool
    """Its result is known: it will not run."""
    seconds: float | None
    """Measured on this machine for pictures of this size; None when it has never run here."""
    memory_mb: float | None
    """Its models and what it needs beside them, in MiB; None when that is not known."""


class _Unknown(Exception):
    """The content of this input is not known before the run."""


class _Known:
    """What is known of names before anything runs."""

    def __init__(self, inputs: Mapping[str, Result], store: Store) -> None:
        self.contents = {name: Held.of(result) for name, result in inputs.items()}
        self._store = store

    def held(self, name: str) -> Held:
        if name not in self.contents:
            raise _Unknown(name)
        return self.contents[name]

    def value(self, name: str) -> Result:
        held = self.held(name)
        values = held.values or tuple(v for v in map(self._store.value, held.digests) if v is not None)
        if len(values) < len(held.digests):
            raise _Unknown(name)
        return values if held.many else values[0]


def preview_plan(
    plan: Plan,
    inputs: Mapping[str, Result],
    catalogue: Catalogue,
    profile: Profile,
    store: Store,
    estimates: Estimates,
) -> list[PreviewedStep]:
    """Return one entry per step and check, in the order of the plan."""
    known = _Known(inputs, store)
    steps = {step.id: step for step in (*plan.steps, *plan.checked_steps())}
    nodes = graph_nodes(plan, catalogue)
    size = megapixels(inputs)
    binder = Binder(profile, known)
    order = structure(nodes).order
    found = {name: _settle(steps[name], nodes[name], catalogue, binder, known, store) for name in order}
    return [
        _describe(step, catalogue[step.tool], profile, found[name], size, estimates) for name, step in steps.items()
    ]


def _settle(step: Step, node: Node, catalogue: Catalogue, binder: Binder, known: _Known, store: Store) -> bool:
    """Note the content of a step's result if it is known, and say whether it is."""
    try:
        if node.condition and truth(known.value(node.condition)) == node.negated:
            if node.through:
                known.contents[step.id] = known.held(node.through)
            return True
        stored = [store.find(call.key) for call in binder.bind(step, catalogue[step.tool])]
    except _Unknown:
        return False
    parts = [part for part in stored if part]
    if len(parts) < len(stored):
        return False
    many = step.for_each is not None or any(part.many for part in parts)
    known.contents[step.id] = Held(tuple(digest for part in parts for digest in part.digests), many)
    return True


def _describe(
    step: Step, tool: Tool, profile: Profile, cached: bool, size: float, estimates: Estimates
) -> PreviewedStep:
    estimate = estimates.predict(measured_name(tool.id, tool.version), size)
    bindings = [profile.bindings[capability] for capability in tool.models if capability in profile.bindings]
    models_mb = sum(binding.memory_mb or binding.model.memory_mb for binding in bindings)
    memory = models_mb + (estimate.memory_mb if estimate else 0.0)
    seconds = 0.0 if cached else estimate.seconds if estimate else None
    return PreviewedStep(step.id, tool.id, cached, seconds, memory if memory or estimate else None)
