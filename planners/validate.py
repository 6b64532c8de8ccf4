"""Static checks of a plan: every problem at once, each local to a step and an argument, each with its fix.

Everything here is cheap and happens before a model is loaded: names, references, types, ranges, cycles, what
the profile can do, and whether its models fit the memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import networkx as nx

from ..tools.catalogue import Catalogue
from ..tools.errors import Problem
from ..tools.profiles import Profile, others_that_can
from ..tools.tool import Tool, Type
from .arguments import check_arguments, check_condition, check_iteration, plainly_fits
from .bounds import check_bounds
from .plan import Plan, Step, referenced
from .structure import graph, nearest, output_types

__all__ = ["graph", "output_types", "validate"]


@dataclass(frozen=True)
class _View:
    """What the checks look at, made once; the graph only for a plan that is not plainly in order."""

    plan: Plan
    catalogue: Catalogue
    profile: Profile | None
    memory_mb: int | None
    types: Mapping[str, Type | None] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "types", output_types(self.plan, self.catalogue))

    @cached_property
    def graph(self) -> nx.DiGraph[str]:
        return graph(self.plan)

    @cached_property
    def all_steps(self) -> list[Step]:
        """The steps, and the checks as steps."""
        return [*self.plan.steps, *self.plan.checked_steps()]

    @cached_property
    def ordered(self) -> bool:
        """Whether no step waits for itself."""
        return self._as_listed or bool(nx.is_directed_acyclic_graph(self.graph))

    @property
    def _as_listed(self) -> bool:
        """Whether each step comes after all that it needs, as in most plans."""
        before = set(self.plan.inputs)
        for step in self.all_steps:
            for _, name in step.references:
                if name not in before:
                    return False
            before.add(step.id)
        return True

    @cached_property
    def tools(self) -> dict[str, Tool]:
        """The tools of the plan, by id; those that exist."""
        found = {id: self.catalogue.get(id) for id in {step.tool for step in self.all_steps}}
        return {id: tool for id, tool in found.items() if tool}

    @cached_property
    def known_steps(self) -> list[Step]:
        """Those whose tool exists."""
        return [step for step in self.all_steps if step.tool in self.tools]


def validate(
    plan: Plan, catalogue: Catalogue, profile: Profile | None = None, *, memory_mb: int | None = None
) -> list[Problem]:
    """Return everything that is wrong with `plan`; an empty list means that it can run.

    `profile` adds what its models cannot do, and `memory_mb` (MiB) whether the largest of them fits. Problems
    of kind `invalid` are the planner's to mend, those of kind `unsupported` need another profile. An outsized
    plan gets no further than the one problem that says so.
    """
    outsized = list(check_bounds(plan))
    if outsized:
        return outsized
    view = _View(plan, catalogue, profile, memory_mb)
    problems = [problem for check in CHECKS for problem in check(view)]
    faulty = {problem.step for problem in problems}
    return problems + list(_abilities(view, faulty)) + list(_memory(view))


def _inputs(view: _View) -> Iterator[Problem]:
    for name, text in view.plan.inputs.items():
        try:
            Type.parse(text)
        except ValueError as error:
            yield Problem(f"input {name!r}: {error}")


def _ids(view: _View) -> Iterator[Problem]:
    if not view.plan.steps:
        yield Problem("the plan has no step; add one for each thing to do")
    checks = {step.id for step in view.plan.checked_steps()}
    for id, number in Counter(step.id for step in view.plan.steps).items():
        if not (id.isidentifier() and id.isascii()):
            yield Problem(f"the id {id!r} is not a name; use letters, digits and _, not starting with a digit", id)
        if number > 1:
            yield Problem(f"{number} steps have this id; give each its own, like '{id}_2'", id)
        if id in view.plan.inputs:
            yield Problem(f"an input has this name too; call the step '{id}_2'", id)
        if id in checks:
            yield Problem("this name belongs to one of the checks; choose another", id)


def _tools(view: _View) -> Iterator[Problem]:
    for step in view.all_steps:
        if step.tool not in view.tools:
            yield Problem(f"no tool is called {step.tool!r}{nearest(step.tool, view.catalogue)}", step.id)


def _references(view: _View) -> Iterator[Problem]:
    for step in view.all_steps:
        dangling = [reference for reference in step.references if reference[1] not in view.types]
        for argument, name in dict.fromkeys(dangling):
            others = [other for other in view.types if other != step.id]
            yield Problem(f"'${name}' is neither an input nor a step{nearest(name, others)}", step.id, argument)


def _cycles(view: _View) -> Iterator[Problem]:
    if view.ordered:
        return
    order = {step.id: i for i, step in enumerate(view.plan.steps)}
    circles = []
    for group in nx.strongly_connected_components(view.graph):
        if len(group) > 1 or view.graph.has_edge(*group, *group):
            # An edge leads to who needs the value: read backwards it says who waits for whom.
            part = view.graph.subgraph(group)
            names = [source for source, _ in nx.find_cycle(part)][::-1]
            start = names.index(min(names, key=order.__getitem__))
            circles.append([*names[start:], *names[:start], names[start]])
    for circle in sorted(circles, key=lambda names: order[names[0]]):
        chain = " needs ".join(map(repr, circle))
        yield Problem(f"the steps wait for each other: {chain}; take one of these references out", circle[0])


def _arguments(view: _View) -> Iterator[Problem]:
    for step in view.known_steps:
        if not plainly_fits(step, view.tools[step.tool], view.types):
            yield from check_arguments(step, view.catalogue, view.types)


def _iterations(view: _View) -> Iterator[Problem]:
    for step in view.known_steps:
        if step.for_each is not None:
            yield from check_iteration(step, view.catalogue[step.tool])


def _conditions(view: _View) -> Iterator[Problem]:
    for step in view.all_steps:
        if step.when:
            yield from check_condition(step, view.catalogue, view.types)


def _outputs(view: _View) -> Iterator[Problem]:
    if not view.plan.outputs:
        last = view.plan.steps[-1].id if view.plan.steps else "step"
        yield Problem(f"the plan has no output; add one, like '${last}'")
    for output, number in Counter(view.plan.outputs).items():
        name = referenced(output)
        if name not in view.types:
            shown = name or output
            yield Problem(f"output {output!r} is neither an input nor a step{nearest(shown, view.types)}")
        if number > 1:
            yield Problem(f"output {output!r} is listed {number} times; list it once")


def _unused(view: _View) -> Iterator[Problem]:
    """A step that leads to no output and no check; silent while a dangling name may be what should lead there."""
    wanted = {referenced(output) for output in view.plan.outputs}
    named = wanted | {name for step in view.all_steps for _, name in step.references}
    if not wanted or not named <= view.types.keys():
        return
    if view.ordered and all([step.id in named for step in view.plan.steps]):
        return  # every way goes on until it ends in an output or a check
    ends = {name for name, facts in view.graph.nodes.items() if name in wanted or facts["role"] == "check"}
    used = ends.union(*(nx.ancestors(view.graph, name) for name in ends))
    for step in view.plan.steps:
        if step.id not in used:
            yield Problem(f"its result is never used; add '${step.id}' to the outputs or take the step out", step.id)


def _verdicts(view: _View) -> Iterator[Problem]:
    able = [tool.id for tool in view.catalogue.values() if tool.output == Type("Verdict") and tool.planned]
    for step in view.plan.checked_steps():
        tool = view.catalogue.get(step.tool)
        if tool and tool.output != Type("Verdict"):
            choices = ", ".join(able) or "none here"
            yield Problem(f"a check must give Verdict, but {tool.id!r} gives {tool.output}; use {choices}", step.id)


CHECKS: tuple[Callable[[_View], Iterator[Problem]], ...] = (
    _inputs,
    _ids,
    _tools,
    _references,
    _cycles,
    _arguments,
    _iterations,
    _conditions,
    _outputs,
    _unused,
    _verdicts,
)
"""What is looked at, in the order in which problems are listed."""


def _abilities(view: _View, faulty: set[str | None]) -> Iterator[Problem]:
    """What the profile cannot do; asked only of steps that are sound, since models trust their parameters."""
    if view.profile is None:
        return
    for step in view.known_steps:
        tool = view.tools[step.tool]
        if not tool.models or step.id in faulty:
            continue
        params = _plain(step)
        reason = view.profile.objection(tool, params)
        if reason:
            able = others_that_can(tool, params, view.profile)
            fix = f"{', '.join(map(repr, able))} can" if able else "no shipped profile can"
            message = f"profile {view.profile.name!r} {reason}; {fix}"
            yield Problem(message, step.id, kind="unsupported")


def _plain(step: Step) -> dict[str, Any]:
    return {name: value for name, value in step.args.items() if value is not None and not referenced(value)}


def _memory(view: _View) -> Iterator[Problem]:
    """Models are loaded one at a time where they must, so each alone has to fit."""
    if view.profile is None or view.memory_mb is None:
        return
    users: dict[str, str] = {}
    for step in view.known_steps:
        for capability in view.tools[step.tool].models:
            if capability in view.profile.bindings:
                users.setdefault(capability, step.id)
    for capability, step_id in users.items():
        binding = view.profile.bindings[capability]
        needed = binding.memory_mb or binding.model.memory_mb
        if needed > view.memory_mb:
            message = (
                f"the {capability.replace('_', ' ')} of profile {view.profile.name!r} needs {needed} MiB of memory, "
                f"but {view.memory_mb} MiB are there; choose a smaller profile"
            )
            yield Problem(message, step_id, kind="unsupported")
