"""A plan under construction: knows the current image, and never looks for the same thing twice."""

from __future__ import annotations

from typing import Any

from ..plan import Step


class Draft:
    """Collects steps for one request.

    `image` is what the next edit changes; `source` is what detectors look at: the untouched input, until an
    edit moves pixels (crop, rotate, …), from then on the result of that edit. `first` is the input it began with.
    """

    def __init__(self, image: str | None) -> None:
        self.steps: list[Step] = []
        self.first = image or ""
        self.image = image or ""
        self.source = image or ""
        self.last_mask = ""
        self.last_boxes = ""
        self.when: str | None = None

    def add(self, tool: str, **args: Any) -> str:
        """Append a call, or reuse an equal one; return the reference to its result."""
        for step in self.steps:
            if (step.tool, step.args) == (tool, args) and step.when in (None, self.when):
                return f"${step.id}"
        number = sum(step.tool == tool for step in self.steps)
        id = f"{tool}_{number + 1}" if number else tool
        self.steps.append(Step(id=id, tool=tool, args=args, when=self.when))
        return f"${id}"

    def edit(self, tool: str, **args: Any) -> None:
        """Change the current image; pixels stay where they are."""
        self.image = self.add(tool, image=self.image, **args)

    def reshape(self, tool: str, **args: Any) -> None:
        """Change the current image so that pixels move; from now on this is what is looked at."""
        self.edit(tool, **args)
        self.source = self.image

    def switch(self, image: str) -> None:
        """Go on with another input image."""
        self.image = self.source = image

    def find(self, query: str) -> str:
        self.last_boxes = self.add("detect", image=self.source, query=query)
        return self.last_boxes

    def segment(self, boxes: str) -> str:
        return self.add("segment", image=self.source, boxes=boxes)

    def subject(self) -> str:
        return self.add("subject", image=self.source)

    def invert(self, mask: str) -> str:
        return self.add("invert", mask=mask)
