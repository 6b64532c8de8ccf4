"""What a planner is, and how one is chosen by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from ..tools.catalogue import Catalogue
from ..tools.errors import Problem, UsageError
from ..tools.values import Image
from .plan import Plan


@dataclass(frozen=True)
class Turn:
    """An earlier exchange of the same session: what was asked, and the plan that answered it."""

    request: str
    plan: Plan


@runtime_checkable
class Planner(Protocol):
    """Turns a request into a plan."""

    def plan(
        self,
        request: str,
        images: Sequence[Image],
        catalogue: Catalogue,
        history: Sequence[Turn] = (),
        problems: Sequence[Problem] = (),
    ) -> Plan:
        """Return a plan for `request` over `images`, which are its inputs `photo`, `photo2`, …

        `problems` is what was wrong with the plan of the last turn. Raises Refusal when the request is out of
        reach or ambiguous, and PlanError with every problem when no valid plan was found.
        """


def input_names(count: int) -> list[str]:
    """Return the names of the inputs for `count` images: photo, photo2, photo3, …"""
    return ["photo", *(f"photo{i}" for i in range(2, count + 1))][:count]


def as_text(request: str) -> str:
    """Return a request with `?` for whatever is no character: bytes of a command line that are no UTF-8."""
    return request.encode("utf-8", "replace").decode("utf-8")


def load_planner(spec: str, *, images: bool = False) -> Planner:
    """Return the planner that `spec` names.

    * `embedded`: the small language model that needs no network, key or GPU
    * `openai:MODEL` or `openai:MODEL@BASE_URL`: an OpenAI-compatible endpoint; the key comes from
      OPENAI_API_KEY only, the address from OPENAI_BASE_URL where it is not given; `images` attaches the images
    * `local:FOLDER` or `local:ORG/NAME@REVISION`: a Hugging Face language model in this process
    * `workflow:FILE`: the plan that a JSON or YAML file holds

    Nothing is loaded before the first plan. Raises UsageError that lists these.
    """
    kind, colon, rest = spec.partition(":")
    known = "embedded, openai:MODEL[@BASE_URL], local:PATH_OR_ID, workflow:FILE"
    if kind not in PLANNERS or bool(colon and rest) == (kind == "embedded"):
        raise UsageError(f"unknown planner {spec!r}; known: {known}")
    return PLANNERS[kind](rest, images)


def _embedded(rest: str, images: bool) -> Planner:
    from .embedded import EmbeddedPlanner

    return EmbeddedPlanner()


def _chat_api(rest: str, images: bool) -> Planner:
    from .chat_api import ChatPlanner

    model, at, address = rest.partition("@http")
    return ChatPlanner(model, base_url=f"http{address}" if at else None, images=images)


def _local(rest: str, images: bool) -> Planner:
    from .local import LocalPlanner

    return LocalPlanner(rest)


def _workflow(rest: str, images: bool) -> Planner:
    from .workflow import WorkflowPlanner

    return WorkflowPlanner(rest)


PLANNERS: dict[str, Callable[[str, bool], Planner]] = {
    "embedded": _embedded,
    "openai": _chat_api,
    "local": _local,
    "workflow": _workflow,
}
"""First word of a planner's name → how to make it."""
