"""Planners that are there to be compared with, beside those that `load_planner` knows."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...tools.catalogue import Catalogue
from ..embedded import MOST_TOLD, EmbeddedPlanner, complete
from ..external import told
from ..planner import Planner, load_planner
from ..retrieval import narrowed

SHOTS = """
Examples:
photo: blur the dog
a detect photo "dog"
b segment photo a
c blur photo b
photo: how many cars are there?
a detect photo "cars"
b count a"""
"""Examples for a model that has learnt nothing of the shorthand."""


class BasePlanner(EmbeddedPlanner):
    """The embedded model without an adapter, told the tools that are nearest to the request; it writes no others."""

    def complete(self, request: str, inputs: Sequence[str], catalogue: Catalogue, *, attempt: int = 0) -> str:
        """Return the shorthand that the model writes."""
        chosen = narrowed(request, catalogue, MOST_TOLD)
        return complete(None, request, inputs, chosen, attempt=attempt, told=told(chosen) + SHOTS)


CONTENDERS: dict[str, Callable[[], Planner]] = {
    "base": lambda: BasePlanner(tries=1),
    "once": lambda: EmbeddedPlanner(tries=1, doubts=0),
}
"""`base`: the embedded model without its adapter, told the tools; `once`: with the adapter. Of both the first answer
counts, written token by token as is likeliest."""


def load_contender(spec: str) -> Planner:
    """Return the planner of a name: `base`, `once`, or as for `load_planner`. Raises UsageError for others."""
    return CONTENDERS[spec]() if spec in CONTENDERS else load_planner(spec)
