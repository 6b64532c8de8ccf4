"""What a rung of the ladder looks at: a plan, what is wrong with it, and the tools there are."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from ..planners.plan import Plan, Step, referenced
from ..tools.catalogue import Catalogue
from ..tools.tool import Tool, Type
from .search import Rung
from .verdicts import Finding


@dataclass(frozen=True)
class Candidate:
    """A repair that may be tried."""

    rung: Rung
    way: str
    """What is learned about: the rung and what it moves, without the ids of this plan."""
    change: str
    """The same for this plan, in words."""
    plan: Plan
    anew: bool = False
    """Whether it draws the whole picture anew, and no repair of it is left."""
    in_all: bool = False
    """Whether it may break a promise where it keeps more of them in all: in a picture that was drawn, what one thing
    gains another may lose."""


@dataclass(frozen=True)
class Situation:
    """A plan, what is wrong with it, and the tools there are."""

    plan: Plan
    finding: Finding
    catalogue: Catalogue

    @property
    def maker(self) -> Step | None:
        """The step that made what was looked at; None for an input, and for a step over a list."""
        step = next((step for step in self.plan.steps if step.id == self.finding.maker), None)
        return step if step is not None and step.for_each is None else None

    @property
    def root(self) -> Step | None:
        """The step that made a picture from a description, of which what was looked at is the picture or a repair."""
        step = self.maker
        while step is not None and "image" in step.args:
            step = self.source(step, "image")
        return step if step is not None and self.tool(step).family == "generator" and step.for_each is None else None

    def tool(self, step: Step) -> Tool:
        return self.catalogue[step.tool]

    def source(self, step: Step, argument: str) -> Step | None:
        """Return the step that an argument is connected to."""
        name = referenced(step.args.get(argument))
        return next((other for other in self.plan.steps if other.id == name), None)

    def above(self, maker: Step) -> list[Step]:
        """Return the steps that made the mask or the boxes of an edit, the nearest first."""
        found: list[Step] = []
        queue = [step for argument in ("mask", "boxes") if (step := self.source(maker, argument))]
        while queue:
            step = queue.pop(0)
            if step in found or step.for_each or self.tool(step).output.kind not in ("Mask", "Detections"):
                continue
            found.append(step)
            queue += [source for argument, _ in step.references if (source := self.source(step, argument))]
        return found

    def searches(self, maker: Step) -> list[Step]:
        """Return those of them, or of the maker itself, that looked for something in a picture."""
        return [step for step in [maker, *self.above(maker)] if self.is_search(step)]

    @property
    def answerable(self) -> list[Step]:
        """The steps whose fault it may be: the search for what was overlooked, else what selected and what edited."""
        maker = self.maker
        if maker is None:
            return []
        if self.finding.kind == "leaked":
            return [maker]
        if self.finding.kind in ("missed", "not found"):
            return self.searches(maker)
        return [*(step for step in self.above(maker) if not self.is_search(step)), maker]

    def is_search(self, step: Step) -> bool:
        tool = self.tool(step)
        return tool.output == Type("Detections") and "boxes" not in tool.ports


def reseeded(step: Step, tool: Tool, number: int) -> dict[str, Any]:
    """Return another seed that follows from the step's own, so that a search is the same each time."""
    if "seed" not in tool.params:
        return {}
    return {"seed": random.Random(f"{step.args.get('seed')}/{number}").randrange(2**32)}


def required(tool: Tool) -> list[str]:
    """Return the parameters that a tool must be told."""
    return [param.name for param in tool.params.values() if param.required]
