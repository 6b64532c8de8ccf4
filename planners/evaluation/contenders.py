"""Planners that are there to be compared with, beside those that `load_planner` knows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from ...tools.catalogue import Catalogue
from ...tools.tool import Tool
from ..embedded import ADAPTER, EmbeddedPlanner, complete
from ..planner import Planner, load_planner
from ..retrieval import narrowed

MOST_TOOLS = 16
"""Tools that the embedded model is told of: more make it slow and no better."""
_SHOTS = """photo: blur the dog
a detect photo "dog"
b segment photo a
c blur photo b
photo: how many cars are there?
a detect photo "cars"
b count a
"""


class ToldPlanner(EmbeddedPlanner):
    """The embedded model, told the tools that are nearest to the request; it writes no others.

    That is how it could plan with a catalogue that it has not learnt.
    """

    def __init__(self, adapter: Path | None) -> None:
        super().__init__(adapter)

    def complete(self, request: str, inputs: Sequence[str], catalogue: Catalogue, *, attempt: int = 0) -> str:
        """Return the shorthand that the model writes."""
        chosen = narrowed(request, catalogue, MOST_TOOLS)
        return complete(self._adapter, request, inputs, chosen, attempt=attempt, preamble=told(chosen))


def told(catalogue: Catalogue) -> str:
    """Return what a model that does not know a catalogue is told before the request: its tools, how to write them."""
    tools = "\n".join(map(_line, catalogue.values()))
    return f"Turn the request into calls, one a line. Tools:\n{tools}\nExamples:\n{_SHOTS}Request: "


CONTENDERS: dict[str, Callable[[], Planner]] = {
    "base": lambda: ToldPlanner(None),
    "told": lambda: ToldPlanner(ADAPTER),
    "once": lambda: EmbeddedPlanner(tries=1),
}
"""`base`: the embedded model without its adapter, told the tools; `told`: with the adapter, and told the tools; `once`:
with the adapter, and the first answer counts."""


def load_contender(spec: str) -> Planner:
    """Return the planner of a name: `base`, `told`, `once`, or as for `load_planner`. Raises UsageError for others."""
    return CONTENDERS[spec]() if spec in CONTENDERS else load_planner(spec)


def _line(tool: Tool) -> str:
    required = [name for name, param in tool.params.items() if param.required]
    return f"{tool.id} {' '.join([*tool.ports, *required])} - {tool.summary}"
