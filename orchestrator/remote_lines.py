"""Which steps of a plan follow a call in a straight line, so that one task can make them all on one worker.

photo ─▶ a ─▶ b ─▶ c ─┬─▶ d          a, b, c are a line: nobody but the next one takes what each of them gives,
                      └─▶ e          and whatever else the next one takes is there before the line begins
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping
from typing import Any

from ..planners.plan import Plan, Step, referenced
from ..tools.catalogue import Catalogue
from ..tools.tool import Param, Tool
from .calls import Call, Source

_Place = tuple[str, frozenset[tuple[str, tuple[str, ...]]]]
"""What a call and its step have in common: the tool, and the names that arrive at each port."""


class Lines:
    """The lines of one plan. Steps that run once per item, or only on a condition, do not follow in one."""

    def __init__(self, plan: Plan, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        steps = {step.id: step for step in (*plan.steps, *plan.checked_steps())}
        users: dict[str, list[Step]] = {}
        for step in steps.values():
            for name in {name for _, name in step.references}:
                users.setdefault(name, []).append(step)
        self._following = {name: found[0] for name, found in users.items() if len(found) == 1 and _simple(found[0])}
        self._places: dict[_Place, list[Step]] = {}
        for step in steps.values():
            if step.for_each is None:
                self._places.setdefault(_place(step, catalogue[step.tool]), []).append(step)
        self._alone: set[str] = set()
        self._lock = threading.Lock()

    def step_of(self, call: Call) -> Step | None:
        """Return the step that a call is of; None for a call that is not the whole of its step.

        Of steps that make the very same call it is any: the call has one key, and its result is that of all of them.
        """
        place = call.tool.id, frozenset((port, wire.names) for port, wire in call.wires.items())
        fitting = [step for step in self._places.get(place, ()) if _has(step, call)]
        return min(fitting, key=lambda step: _computed(step, call.tool), default=None)

    def after(self, step: Step, source: Source) -> list[Step]:
        """Return the steps that follow `step` in a line, given what is there when it begins."""
        line: list[Step] = []
        if _is_there(source, step.id):
            return line  # a lost result is made once more; what follows was made long ago
        made = {step.id}
        with self._lock:
            while following := self._following.get(step.id):
                others = {name for _, name in following.references} - made
                if {step.id, following.id} & self._alone or not all(_is_there(source, name) for name in others):
                    break
                line.append(following)
                made.add(following.id)
                step = following
        return line

    def break_up(self, steps: Collection[str]) -> None:
        """Keep these steps out of lines from now on: whichever of them cost a worker is then known by name."""
        with self._lock:
            self._alone.update(steps)


def _simple(step: Step) -> bool:
    return step.for_each is None and step.when is None


def _place(step: Step, tool: Tool) -> _Place:
    wires = {port: _names(step.args[port]) for port in tool.ports if port in step.args}
    return tool.id, frozenset((port, names) for port, names in wires.items() if names)


def _names(value: Any) -> tuple[str, ...]:
    return tuple(name for name in map(referenced, value if isinstance(value, list) else (value,)) if name)


def _has(step: Step, call: Call) -> bool:
    """Say whether the parameters of a call are those of the step; one that is computed may be anything."""
    return all(_same(param, step.args, call.params[name]) for name, param in call.tool.params.items())


def _computed(step: Step, tool: Tool) -> int:
    """Return how many parameters of a step are references: the fewer, the surer it is the one that was looked for."""
    return sum(referenced(step.args.get(name)) is not None for name in tool.params)


def _same(param: Param, args: Mapping[str, Any], value: Any) -> bool:
    if param.name not in args:
        return bool(param.default == value)
    try:
        return referenced(args[param.name]) is not None or bool(param.check(args[param.name]) == value)
    except ValueError:
        return False


def _is_there(source: Source, name: str) -> bool:
    try:
        source.held(name)
    except KeyError:
        return False
    return True
