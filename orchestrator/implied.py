"""The checks that a plan's edits imply, beyond those that its planner wrote.

    an edit with a mask         leaves every other pixel as it was                            preserved
    hiding a thing by name      leaves none of its kind where the plan looked for it          absent
    hiding words                leaves nothing to read there                                  unreadable

What can be asked of a detector after an edit depends on the thing. A blurred face is no face to it, a blurred person
is a person still, and an eye is drawn into every face: of such things only those count that the edit left as they
were. Where a detector always finds something (a main subject) or cannot be trusted to (an area of a color), nothing is
promised.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..planners.plan import Check, Plan, Step, referenced
from ..planners.validate import output_types
from ..tools.catalogue import Catalogue
from ..tools.detectors.routing import NONE, Route, route
from ..tools.tool import Tool, Type

_FINE = frozenset({"face", "text", "code"})
"""Abilities (`routing.Route`) whose things are known by their detail: obscured, they are found no more."""
_SHAPES = frozenset({"person", NONE})
"""Those whose things are known by their outline: removed, they are found no more."""
_NEVER = frozenset({"subject", "region"})
_OTHER = Route(NONE)


def implied_checks(plan: Plan, catalogue: Catalogue) -> list[Check]:
    """Return the checks of `plan` that it does not have yet; those of one step stand together.

    `preserved` is for edits whose result reaches an output in place: no tool in between moves pixels. Steps over
    lists promise nothing.
    """
    types = output_types(plan, catalogue)
    steps = {step.id: step for step in plan.steps}
    in_place = _reaching(plan, catalogue)
    found: list[Check] = []
    for step in plan.steps:
        if step.for_each is None and step.tool in catalogue:
            checks = [*_preserved(step, catalogue, in_place), *_hidden(step, steps, catalogue)]
            found += [check for check in checks if check.check in catalogue and check not in (*plan.checks, *found)]
    return [check for check in found if _fits(check, catalogue, types)]


def _preserved(step: Step, catalogue: Catalogue, in_place: set[str]) -> Iterator[Check]:
    tool = catalogue[step.tool]
    masked = tool.family == "editor" and {"image", "mask"} <= tool.ports.keys()
    if not masked or step.id not in in_place or tool.mask_use != "edits":
        return
    if referenced(step.args.get("mask")):
        yield _check("preserved", before=step.args["image"], after=f"${step.id}", outside=step.args["mask"])


def _hidden(step: Step, steps: Mapping[str, Step], catalogue: Catalogue) -> Iterator[Check]:
    """Yield what hiding promises of each thing that was looked for by name."""
    tool = catalogue[step.tool]
    if tool.hides is None:
        return
    place = step.args.get("mask", step.args.get("boxes"))
    after = f"${step.id}"
    for search, chosen in searches(referenced(place), steps, catalogue):
        if chosen and "mask" not in step.args:
            continue  # the place is not known as a mask
        inside = {"inside": place} if chosen else {}
        words = search.args.get("words")
        ability = "text" if words else (route(search.args["query"], None) or _OTHER).ability
        vanishes = _vanishes(ability, step, tool)
        if ability == "text" and vanishes:
            yield _check("unreadable", image=after, **({"words": words} if words else {}), **inside)
        elif ability not in _NEVER and not (words or (chosen and not vanishes)):
            before = {} if vanishes else {"before": step.args["image"]}
            yield _check("absent", image=after, query=search.args["query"], **inside, **before)


def _vanishes(ability: str, step: Step, tool: Tool) -> bool:
    """Say whether a detector, asked again, no longer finds a thing that was edited so."""
    if "mask" not in tool.ports:
        return False  # a picture stuck on a face may be a face
    if ability in _FINE:
        return _fully(step, tool)
    return ability in _SHAPES and tool.hides == "removes"


def _fully(step: Step, tool: Tool) -> bool:
    """Say whether an edit is as strong as its tool makes it when nothing is said of that."""
    return all(step.args.get(name, p.default) == p.default for name, p in tool.params.items() if not p.required)


def searches(
    name: str | None, steps: Mapping[str, Step], catalogue: Catalogue, chosen: bool = False
) -> Iterator[tuple[Step, bool]]:
    """Yield the steps that found, by a phrase, what a mask or boxes hold, and whether some of it was left out.

    Nothing is yielded for what is left when a thing is taken away: the background, everything but a face.
    """
    step = steps.get(name or "")
    tool = catalogue.get(step.tool) if step else None
    if step is None or tool is None or step.for_each:
        return
    boxes = referenced(step.args.get("boxes"))
    phrase = step.args.get("query", step.args.get("words"))
    if tool.output == Type("Detections") and isinstance(phrase, str) and not referenced(phrase):
        yield step, chosen
    elif boxes and tool.output.kind in ("Mask", "Detections"):
        yield from searches(boxes, steps, catalogue, chosen or tool.output.kind == "Detections")
    elif tool.widens and not _shrinks(step):
        for source in dict.fromkeys(source for argument, source in step.references if argument != "when"):
            yield from searches(source, steps, catalogue, chosen)


def _shrinks(step: Step) -> bool:
    percent = step.args.get("percent", 0)
    return not isinstance(percent, (int, float)) or percent < 0


def _check(id: str, **args: object) -> Check:
    return Check.model_validate({"check": id, **args})


def _fits(check: Check, catalogue: Catalogue, types: Mapping[str, Type | None]) -> bool:
    """Say whether every port of a check gets the type it takes."""
    ports = catalogue[check.check].ports
    names = {port: referenced(value) for port, value in check.args.items() if port in ports}
    return all(name is not None and types.get(name) == ports[port].type for port, name in names.items())


def _reaching(plan: Plan, catalogue: Catalogue) -> set[str]:
    """Return the steps whose result comes to an output without being reshaped."""
    steps = {step.id: step for step in plan.steps}
    queue = [output.removeprefix("$") for output in plan.outputs]
    seen: set[str] = set()
    while queue:
        name = queue.pop()
        if name in seen or name not in steps:
            continue
        seen.add(name)
        tool = catalogue.get(steps[name].tool)
        if tool is None or not tool.reshapes:
            queue += [source for _, source in steps[name].references]
    return seen
