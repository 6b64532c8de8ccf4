"""How alike two plans are: tools, edges, arguments, and whether they do exactly the same.

Node, edge and argument F1 as in TaskBench (Shen et al. 2023, arXiv 2311.18760): each is the F1 of two bags. Names of
steps and the order in which they are written do not matter.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Any

from ...tools.catalogue import Catalogue
from ..plan import Plan, Step, referenced


@dataclass(frozen=True)
class Facts:
    """What a valid plan says, free of the names and the order in which it says it."""

    nodes: tuple[str, ...]
    """The tool of each step."""
    edges: tuple[tuple[str, str, str], ...]
    """(tool that gives the value, or name of the input; tool that takes it; argument)."""
    arguments: tuple[tuple[str, str, str], ...]
    """(tool, parameter, value) for each plain value that is not the default."""
    trees: tuple[str, ...]
    """One nested call per output; a parameter at its default is left out."""


def facts_of(plan: Plan, catalogue: Catalogue) -> Facts:
    """Return the facts of a valid plan."""
    steps = {step.id: step for step in plan.steps}
    tools = {step.id: step.tool for step in plan.steps}
    edges = [(tools.get(name, name), step.tool, key) for step in plan.steps for key, name in step.references]
    arguments = [
        (step.tool, name, plain(value))
        for step in plan.steps
        for name, value in step.args.items()
        if name in catalogue[step.tool].params and not _has_reference(value) and not _default(step, name, catalogue)
    ]
    trees = sorted(_tree(referenced(output) or "", steps, catalogue) for output in plan.outputs)
    return Facts(tuple(tools.values()), tuple(edges), tuple(arguments), tuple(trees))


def f1(wanted: Iterable[Hashable], given: Iterable[Hashable]) -> float | None:
    """Return the F1 of two bags in [0, 1]; None when both are empty, so that nothing is measured."""
    one, other = Counter(wanted), Counter(given)
    size = one.total() + other.total()
    return 2 * (one & other).total() / size if size else None


def _tree(name: str, steps: dict[str, Step], catalogue: Catalogue) -> str:
    """Return a step as a nested call, numbers and case normalised."""
    if name not in steps:
        return name
    step = steps[name]
    words = [
        f"{argument}={_value(value, steps, catalogue)}"
        for argument, value in sorted(step.args.items())
        if not _default(step, argument, catalogue)
    ]
    if step.for_each:
        words.append(f"each={step.for_each}")
    if step.when:
        words.append("when=" + step.when.split("$")[0] + _tree(step.when.rpartition("$")[2], steps, catalogue))
    return f"{step.tool}({', '.join(words)})"


def _value(value: Any, steps: dict[str, Step], catalogue: Catalogue) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_value(item, steps, catalogue) for item in value) + "]"
    name = referenced(value)
    return _tree(name, steps, catalogue) if name else plain(value)


def plain(value: Any) -> str:
    """Return a plain value as it is compared: numbers without trailing zeros, texts in small letters."""
    if isinstance(value, list):
        return "[" + ", ".join(map(plain, value)) + "]"
    return f"{value:g}" if isinstance(value, (int, float)) else repr(str(value).casefold())


def _default(step: Step, argument: str, catalogue: Catalogue) -> bool:
    """Whether an argument says no more than leaving it out would."""
    param = catalogue[step.tool].params.get(argument)
    return step.args[argument] is None or (
        param is not None and not param.required and step.args[argument] == param.default
    )


def _has_reference(value: Any) -> bool:
    return any(referenced(item) for item in (value if isinstance(value, list) else [value]))
