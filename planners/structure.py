"""The shape of a plan: its graph, the type on each edge, and the tools that lead from one type to another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches

import networkx as nx

from ..tools.catalogue import Catalogue
from ..tools.tool import Tool, Type
from .plan import Plan, Step


def graph(plan: Plan) -> nx.DiGraph[str]:
    """Return the graph of a plan: an edge leads from what is referenced to who needs it.

    Nodes are the names of inputs, steps and checks (`check_1`, …) with attribute `role` = `input`, `step` or
    `check`; an edge has `arguments`, the list of arguments that it feeds (`when` for a condition). References
    that lead nowhere have no edge, and of two steps with one id the first counts: validation reports both.
    """
    roles = dict.fromkeys(plan.inputs, "input")
    chosen: list[Step] = []
    for role, steps in (("step", plan.steps), ("check", plan.checked_steps())):
        for step in steps:
            if step.id not in roles:
                roles[step.id] = role
                chosen.append(step)
    edges: dict[tuple[str, str], list[str]] = {}
    for step in chosen:
        for argument, name in step.references:
            if roles.get(name, "check") != "check":
                edges.setdefault((name, step.id), []).append(argument)
    result: nx.DiGraph[str] = nx.DiGraph()
    result.add_nodes_from((name, {"role": role}) for name, role in roles.items())
    result.add_edges_from((source, target, {"arguments": names}) for (source, target), names in edges.items())
    return result


def output_types(plan: Plan, catalogue: Catalogue) -> dict[str, Type | None]:
    """Return name → type for every input and step; None where a tool or a type is unknown."""
    types: dict[str, Type | None] = {name: _parse(text) for name, text in plan.inputs.items()}
    tools = {id: catalogue.get(id) for id in {step.tool for step in plan.steps}}
    for step in plan.steps:
        tool = tools[step.tool]
        types.setdefault(step.id, step_type(step, tool) if tool else None)
    return types


def step_type(step: Step, tool: Tool) -> Type:
    """Return what a step gives: the tool's output, or a list of it where the step runs once per item."""
    return Type(tool.output.kind, many=True) if step.for_each else tool.output


def _parse(text: str) -> Type | None:
    try:
        return Type.parse(text)
    except ValueError:
        return None


def bridge(given: str, wanted: str, catalogue: Catalogue) -> list[str]:
    """Return the shortest chain of tools, at most two, that leads from one kind of value to another.

    Only tools that look at things count, not those that change images. Among equals the tool wins that asks
    for the fewest other arguments, then the one that stands first in the catalogue. Empty: there is none.
    """
    links = list(_links(catalogue))
    direct = [(cost, tool) for cost, source, target, tool in links if (source, target) == (given, wanted)]
    if direct:
        return [min(direct, key=lambda pair: pair[0])[1]]
    chains = [
        (cost + extra, [first, second])
        for cost, source, middle, first in links
        for extra, start, target, second in links
        if (source, middle, target) == (given, start, wanted)
    ]
    return min(chains, key=lambda pair: pair[0])[1] if chains else []


def _links(catalogue: Catalogue) -> Iterator[tuple[int, str, str, str]]:
    """Yield (number of other arguments, kind it takes, kind it gives, tool id)."""
    for tool in catalogue.values():
        if tool.family in ("editor", "generator"):
            continue
        ports = [port for port in tool.ports.values() if port.required]
        params = sum(param.required for param in tool.params.values())
        for kind in dict.fromkeys(port.type.kind for port in ports if not port.type.many):
            others = [port.type.kind for port in ports]
            others.remove(kind)
            # A picture is always at hand, so a tool that needs one beside the value asks for nothing more.
            if kind != "Image" and "Image" in others:
                others.remove("Image")
            if kind != tool.output.kind and not tool.output.many:
                yield params + len(others), kind, tool.output.kind, tool.id


def nearest(name: str, known: Iterable[str]) -> str:
    """Return `; did you mean 'dog'?` for a likely typing error, or `; known: …` with at most twelve names."""
    names = list(known)
    close = get_close_matches(name[:64], names, n=2, cutoff=0.6)
    if close:
        return f"; did you mean {' or '.join(map(repr, close))}?"
    if not names:
        return "; there is none"
    return f"; known: {', '.join(names[:12])}{' …' if len(names) > 12 else ''}"
