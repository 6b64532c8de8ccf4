"""All the tools there are: the built-in ones and those of installed packages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache, cached_property
from importlib import import_module, metadata
from typing import Any

from .errors import UsageError
from .tool import Tool

BUILTIN = (
    "detectors.detect",
    "segmenters.segment",
    "segmenters.masks",
    "captioners.describe",
    "classifiers.classify",
    "measures.measure",
    "measures.checks",
    "measures.scenes",
    "measures.second_opinion",
    "generators.generate",
    "editors.effects",
    "editors.light",
    "editors.geometry",
    "editors.drawing",
    "editors.cutout",
)
"""Modules of this package that hold tools, in the order in which they are listed."""

ENTRY_POINTS = "diptych.tools"
"""Group under which other packages offer a tool function, or a module full of them."""


class Catalogue(Mapping[str, Tool]):
    """Tools by id, in a stable order."""

    def __init__(self, tools: Iterable[Tool]) -> None:
        self._tools: dict[str, Tool] = {}
        for tool in tools:
            other = self._tools.setdefault(tool.id, tool)
            if other is not tool:
                raise UsageError(
                    f"two tools are called {tool.id!r}: {_origin(other)} and {_origin(tool)}; rename or uninstall one"
                )

    def __getitem__(self, id: str) -> Tool:
        return self._tools[id]

    def __contains__(self, id: object) -> bool:
        return id in self._tools

    def __iter__(self) -> Iterator[str]:
        return iter(self._tools)

    def __len__(self) -> int:
        return len(self._tools)

    @cached_property
    def planned(self) -> Catalogue:
        """The tools that planners are told of."""
        return Catalogue(tool for tool in self.values() if tool.planned)


@cache
def load_catalogue() -> Catalogue:
    """Return the built-in tools and those of installed packages. Raises UsageError when two share an id."""
    modules = [import_module(f".{name}", __package__) for name in BUILTIN]
    found: list[Any] = [item for module in modules for item in _tools_in(module)]
    for entry in metadata.entry_points(group=ENTRY_POINTS):
        target = entry.load()
        found += [target.tool] if hasattr(target, "tool") else _tools_in(target)
    return Catalogue(found)


def _tools_in(module: Any) -> list[Tool]:
    """Return the tools that are defined in `module`, not those it merely imports."""
    functions = [item for item in vars(module).values() if isinstance(getattr(item, "tool", None), Tool)]
    return [function.tool for function in functions if function.__module__ == module.__name__]


def _origin(tool: Tool) -> str:
    return f"{tool.function.__module__}.{tool.function.__qualname__}"
