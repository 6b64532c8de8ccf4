"""The rungs of the ladder: from one finding to amended plans that may mend it, what touches least first.

Which tool can stand in for another, which can select, remove or restore, is read off the catalogue: families, types,
what a tool hides. No rung knows what a picture shows; the checks of the amended plan judge.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ..planners.plan import Plan, Step, referenced
from ..tools.catalogue import Catalogue
from ..tools.tool import Param, Tool, Type
from .amending import fresh, masked_by, on_top, with_args, with_step
from .local_repair import local
from .scene_repair import redraw, suits, unrepaired
from .search import Rung
from .situation import Candidate, Situation, required, reseeded

_WIDER = (1.0, 3.0)
"""By how much a mask is grown, in percent of the picture's shorter side."""
_SEEDS = 16


def preserve(at: Situation) -> Iterator[Candidate]:
    """Lay the picture before the edit over all that lies outside of the mask, with a soft seam."""
    check, maker = at.finding.step, at.maker
    if at.finding.kind != "leaked" or maker is None or not {"before", "after", "outside"} <= check.args.keys():
        return
    if check.args["after"] != f"${maker.id}":
        return
    layers = {"image": Type("Image"), "mask": Type("Mask"), "background": Type("Image")}
    for tool in at.catalogue.values():
        if {port.name: port.type for port in tool.ports.values()} == layers and not required(tool):
            args = {"image": f"${maker.id}", "mask": check.args["outside"], "background": check.args["before"]}
            kept = Step(id=fresh(at.plan, f"{maker.id}_kept"), tool=tool.id, args=args)
            change = f"outside of the mask, the picture from before {maker.id!r} again"
            yield Candidate("preserve", f"preserve {tool.id}", change, on_top(at.plan, maker.id, [kept]))


def nudge(at: Situation) -> Iterator[Candidate]:
    """Draw another seed, widen the mask, move a number: of the step that made the picture, or of a search."""
    maker = at.maker
    if maker is None:
        return
    if at.finding.kind in ("missed", "not found"):
        for search in at.searches(maker):
            yield from _moved(at, search)
        return
    if at.finding.kind == "leaked":
        return
    yield from _other_seeds(at, at.plan, maker)
    if at.root is not None and at.root != maker:
        yield from _other_seeds(at, unrepaired(at.plan, at.root), at.root)
    yield from _wider_mask(at, maker)
    if maker != at.root:  # nobody wants a picture of another size
        yield from _moved(at, maker)


def _other_seeds(at: Situation, plan: Plan, maker: Step) -> Iterator[Candidate]:
    tool = at.tool(maker)
    for number in range(1, _SEEDS + 1) if "seed" in tool.params else ():
        args = reseeded(maker, tool, number)
        other = with_step(plan, with_args(maker, **args))
        change = f"another seed for {maker.id!r}: {args['seed']}"
        whole = maker == at.root
        yield Candidate("nudge", f"nudge {tool.id}.seed", change, other, anew=whole, in_all=whole)


def _wider_mask(at: Situation, maker: Step) -> Iterator[Candidate]:
    name = referenced(maker.args.get("mask"))
    if at.finding.kind != "still there" or name is None or "grow" not in at.catalogue:
        return
    mask = f"${name}"
    for percent in _WIDER:
        wide = Step(id=fresh(at.plan, f"{maker.id}_wider"), tool="grow", args={"mask": mask, "percent": percent})
        steps = [part for step in at.plan.steps for part in ([wide, step] if step.id == maker.id else [step])]
        plan = with_step(at.plan.model_copy(update={"steps": steps}), with_args(maker, mask=f"${wide.id}"))
        plan = masked_by(plan, maker.id, mask, f"${wide.id}")
        change = f"the mask of {maker.id!r} wider by {percent:g} %"
        yield Candidate("nudge", f"nudge {maker.tool}.mask wider", change, plan)


def _moved(at: Situation, step: Step) -> Iterator[Candidate]:
    """Move each number halfway to the end of its range: up, then down. What a tool has to be told stays as it is."""
    for name, param in at.tool(step).params.items():
        value = step.args.get(name, param.default)
        if name == "seed" or param.required or isinstance(value, bool) or not isinstance(value, (int, float)):
            continue
        for direction, other in _halfway(param, value):
            plan = with_step(at.plan, with_args(step, **{name: other}))
            change = f"{name} of {step.id!r} {direction}: {value:g} → {other:g}"
            yield Candidate("nudge", f"nudge {step.tool}.{name} {direction}", change, plan)


def _halfway(param: Param, value: float) -> Iterator[tuple[str, float]]:
    shapes = [param.schema, *param.schema.get("anyOf", ())]
    ends = [("up", "maximum"), ("down", "minimum")]
    for direction, end in ends:
        limit = next((shape[end] for shape in shapes if end in shape), None)
        if limit is None or limit == value:
            continue
        middle = value + (limit - value) / 2
        whole = any(shape.get("type") == "integer" for shape in shapes)
        other = round(middle) if whole else middle
        yield direction, limit if other == value else other


def swap(at: Situation) -> Iterator[Candidate]:
    """Let another tool do the same: the edit, the selection under it, or the search."""
    if at.finding.kind == "leaked":
        return
    for step in at.answerable:
        for other, args in alternatives(step, at.catalogue):
            plan = with_step(at.plan, step.model_copy(update={"tool": other.id, "args": args}))
            change = f"{other.id!r} instead of {step.tool!r} in {step.id!r}"
            yield Candidate("swap", f"swap {step.tool} for {other.id}", change, plan)


def alternatives(step: Step, catalogue: Catalogue) -> Iterator[tuple[Tool, dict[str, Any]]]:
    """Yield the tools that can stand in for a step's own, each with the arguments that carry over.

    They are of its family, take everything it is connected to and all it needs to be told, need nothing more, and give
    the same type. Editors must besides hide alike or, where they do not hide, both be generative; other tools must both
    look at a picture: what is done with masks and boxes alone has a meaning that types do not tell.
    """
    tool = catalogue[step.tool]
    ports = {name: port.type for name, port in tool.ports.items() if name in step.args}
    for other in catalogue.values():
        args = {name: value for name, value in step.args.items() if name in {**other.ports, **other.params}}
        alike = (other.family, other.output, other.hides) == (tool.family, tool.output, tool.hides)
        if other.id == tool.id or not alike or not _same_trade(tool, other):
            continue
        carried = all(name in other.ports and other.ports[name].type == type for name, type in ports.items())
        told = set(required(tool)) <= other.params.keys()
        needs = {*(port.name for port in other.ports.values() if port.required), *required(other)}
        if carried and told and needs <= args.keys() and _accepted(other, args):
            yield other, args


def _same_trade(tool: Tool, other: Tool) -> bool:
    if tool.family in ("editor", "generator"):
        return tool.hides is not None or (tool.generative and other.generative)
    return all(any(port.type == Type("Image") for port in each.ports.values()) for each in (tool, other))


def _accepted(tool: Tool, args: Mapping[str, Any]) -> bool:
    for name, param in tool.params.items():
        if name in args and not referenced(args[name]):
            try:
                param.check(args[name])
            except ValueError:
                return False
    return True


LADDER: dict[Rung, Callable[[Situation], Iterator[Candidate]]] = {
    "preserve": preserve,
    "local": lambda at: redraw(at) if suits(at) else local(at),
    "nudge": nudge,
    "swap": swap,
}
"""Rung → what it would try; `replan` is no rung of the catalogue but of a planner."""
