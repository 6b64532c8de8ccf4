"""Repair of a picture that was made from a description: only what is wrong in it is drawn anew.

    too few        another one: over a thing that nobody asked for, or in a free place
    wrong color    the wrong ones recolored, or drawn over
    wrong place    one taken away, and drawn again where it belongs
    doubted        the one that may be none drawn again in its place
    too many       the surplus taken away (see `local_repair`), or those of another color first

One thing at a time: each is kept for itself, and what is right stays as it is. As in `local_repair`, all new steps
depend on the check having failed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..planners.plan import Plan, Step
from ..tools.detectors.places import OPPOSITE, Side
from .amending import fresh, on_top, without
from .situation import Candidate, Situation, reseeded

_MARK = "__"
"""Stands in the ids of repairs, between the id of the step that drew the picture and the tool."""
_SEEDS = 4
_NEEDED = frozenset({"detect", "evidence", "pick", "region", "room", "unasked", "inpaint", "erase"})
_CHOICES = ("smallest", "leftmost", "rightmost", "topmost", "bottommost")
"""Which of too many things may be the one that is too many."""


@dataclass(frozen=True)
class _Place:
    """What a new thing is to stand beside."""

    side: Side
    of: str
    """The phrase for the other thing."""


def suits(at: Situation) -> bool:
    """Say whether a finding is about what a described picture shows, and the tools to mend it are there."""
    mendable = at.finding.kind in ("too few", "too many", "wrong color", "wrong place", "doubted")
    return mendable and at.root is not None and at.catalogue.keys() >= _NEEDED


def redraw(at: Situation) -> Iterator[Candidate]:
    """Yield the plans that draw one thing anew, take one away, or give it its color."""
    maker = at.maker
    if maker is None:
        return
    scene = _Scene(at, maker)
    query = str(at.finding.step.args.get("query", ""))
    match at.finding.kind:
        case "too few" if query:
            yield from scene.another(query)
        case "too many":
            yield from scene.fewer()
        case "wrong color":
            yield from scene.recolored(query, str(at.finding.step.args["color"]))
        case "wrong place":
            side: Side = at.finding.step.args["side"]
            of = str(at.finding.step.args["of"])
            yield from scene.moved(query, _Place(side, of))
            yield from scene.moved(of, _Place(OPPOSITE[side], query))
        case "doubted":
            yield from scene.redrawn(query, "one that may be none")


def unrepaired(plan: Plan, root: Step) -> Plan:
    """Return the plan without the repairs of the picture that `root` draws: another picture needs others."""
    repairs = [step.id for step in plan.steps if step.id.startswith(f"{root.id}{_MARK}")]
    return without(plan, repairs, root.id)


class _Scene:
    """A picture, what its checks say should be in it, and the repairs of it."""

    def __init__(self, at: Situation, maker: Step) -> None:
        self.at, self.maker = at, maker
        self.checks = [check for check in at.plan.checks if f"${maker.id}" in check.args.values()]
        queries = [check.args[name] for check in self.checks for name in ("query", "of") if name in check.args]
        self.queries = list(dict.fromkeys(map(str, queries)))

    def another(self, query: str) -> Iterator[Candidate]:
        """Draw one more: over a thing that nobody asked for, or where there is room; where it belongs, if it can be."""
        places: list[_Place | None] = [*self._places(query), None]
        for seed in self._seeds():
            for place in places:
                for free in ("unasked", "room"):
                    steps = _Steps(self.at.plan, self.maker)
                    self._draw(steps, query, place, seed, free)
                    where = f" {place.side} {place.of!r}" if place else ""
                    told = "in a free place" if free == "room" else "over what was not asked for"
                    yield self._candidate(steps, f"add {free}", f"another {query!r}, {told}{where}", seed)

    def fewer(self) -> Iterator[Candidate]:
        """Take one away, in turn each that stands out."""
        for which in _CHOICES:
            steps = _Steps(self.at.plan, self.maker)
            seen = self._found(steps)
            one = steps.add("pick", boxes=seen, which=which)
            steps.add("erase", image=steps.image, mask=steps.add("region", image=steps.image, boxes=one))
            yield self._candidate(steps, f"erase {which}", f"the {which} of the surplus erased")

    def recolored(self, query: str, color: str) -> Iterator[Candidate]:
        """Give the wrong ones the color; where that does not help, draw one of them anew, or take it away."""
        if {"recolor", "segment"} <= self.at.catalogue.keys():
            steps = _Steps(self.at.plan, self.maker)
            mask = steps.add("segment", image=steps.image, boxes=self._found(steps))
            steps.add("recolor", image=steps.image, mask=mask, color=color)
            yield self._candidate(steps, "recolor", f"the {query!r} that are not {color} recolored")
        yield from self.redrawn(query, f"one that is not {color}")
        steps = _Steps(self.at.plan, self.maker)
        area = steps.add("region", image=steps.image, boxes=self._found(steps))
        steps.add("erase", image=steps.image, mask=area)
        yield self._candidate(steps, "erase", f"the {query!r} that are not {color} erased")

    def redrawn(self, query: str, what: str) -> Iterator[Candidate]:
        """Draw the largest of the wrong ones anew, in its place."""
        for seed in self._seeds():
            steps = _Steps(self.at.plan, self.maker)
            one = steps.add("pick", boxes=self._found(steps), which="largest")
            area = steps.add("region", image=steps.image, boxes=one)
            steps.add("inpaint", image=steps.image, mask=area, prompt=self._named(query), seed=seed)
            yield self._candidate(steps, "redraw", f"{self._named(query)!r} in the place of {what}", seed)

    def moved(self, query: str, place: _Place) -> Iterator[Candidate]:
        """Take the largest of them away, and draw it again on the side where it belongs."""
        for seed in self._seeds():
            steps = _Steps(self.at.plan, self.maker)
            found = steps.add("detect", image=steps.image, query=query)
            one = steps.add("pick", boxes=found, which="largest")
            steps.add("erase", image=steps.image, mask=steps.add("region", image=steps.image, boxes=one))
            self._draw(steps, query, place, seed)
            yield self._candidate(steps, "move", f"{query!r} drawn again {place.side} {place.of!r}", seed)

    # Parts

    def _draw(self, steps: _Steps, query: str, place: _Place | None, seed: int, free: str = "room") -> None:
        """Append what draws a thing in a place that the tool `free` chooses: `room` or `unasked`."""
        seen = {each: self._seen(steps, each, least=free == "unasked") for each in self.queries}
        beside: dict[str, Any] = {"of": seen[place.of], "side": place.side} if place else {}
        known = {"taken" if free == "room" else "asked": list(seen.values())}
        area = steps.add(free, image=steps.image, **known, **beside)
        steps.add("inpaint", image=steps.image, mask=area, prompt=self._named(query), seed=seed)

    def _seen(self, steps: _Steps, query: str, *, least: bool = False) -> str:
        """Append what finds the things of a name, of too many those that are seen best; `least`: no more than one
        where they were not counted."""
        found = steps.add("detect", image=steps.image, query=query)
        shown = [check.args for check in self.checks if check.check == "shows" and check.args["query"] == query]
        count = next((args["count"] for args in shown if args.get("count")), 1 if least else None)
        return steps.add("pick", boxes=found, which="best", count=count) if count else found

    def _found(self, steps: _Steps) -> str:
        """Append what gives the boxes that the failed check points at."""
        return steps.add("evidence", verdict=steps.seen(self.at.finding.step))

    def _places(self, query: str) -> list[_Place]:
        """Return what the checks say of where a thing is to stand."""
        told = [check.args for check in self.checks if "side" in check.args]
        ours = [_Place(args["side"], args["of"]) for args in told if args["query"] == query]
        return ours + [_Place(OPPOSITE[args["side"]], args["query"]) for args in told if args["of"] == query]

    def _named(self, query: str) -> str:
        """Return how to ask for one: 'a red circle'."""
        colors = [
            check.args["color"] for check in self.checks if "color" in check.args and check.args["query"] == query
        ]
        words = f"{colors[0]} {query}" if colors else query
        return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"

    def _seeds(self) -> Sequence[int]:
        tool = self.at.catalogue["inpaint"]
        return [reseeded(self.maker, tool, number)["seed"] for number in range(1, _SEEDS + 1)]

    def _candidate(self, steps: _Steps, way: str, change: str, seed: int | None = None) -> Candidate:
        plan = on_top(self.at.plan, self.maker.id, steps.conditional(self.at.finding.step))
        told = change + (f" (seed {seed})" if seed is not None else "")
        return Candidate("local", f"local {way}", told, plan, in_all=True)


class _Steps:
    """Steps on top of a picture; `image` refers to the last picture made."""

    def __init__(self, plan: Plan, maker: Step) -> None:
        self._plan, self._stem = plan, maker.id.split(_MARK)[0]
        self.image = f"${maker.id}"
        self._steps: list[Step] = []

    def add(self, tool: str, **args: Any) -> str:
        """Append a step; return the reference to its result."""
        id = fresh(self._plan, f"{self._stem}{_MARK}{tool}", [step.id for step in self._steps])
        self._steps.append(Step(id=id, tool=tool, args=args))
        if tool in ("erase", "inpaint", "recolor"):
            self.image = f"${id}"
        return f"${id}"

    def seen(self, check: Step) -> str:
        """Append the check as a step, once: its verdict is known already."""
        known = next((step for step in self._steps if (step.tool, step.args) == (check.tool, check.args)), None)
        return f"${known.id}" if known else self.add(check.tool, **check.args)

    def conditional(self, check: Step) -> list[Step]:
        """Return all steps; those but the check itself happen only where it fails."""
        seen = self.seen(check).removeprefix("$")
        first = next(step for step in self._steps if step.id == seen)
        rest = [step.model_copy(update={"when": f"not ${seen}"}) for step in self._steps if step is not first]
        return [first, *rest]
