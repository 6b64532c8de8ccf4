"""Catalogues that are not ours, to practise on: tools under ever other names, said in other words, among others.

The tools stand in `catalogues/tools.yaml`. A planner that always meets them under the same names would learn these by
heart; here a name may say nothing, an argument may be called otherwise, and only the description is sure to tell.
Some tools are held out: what is measured on these says how well a description of something new is read.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from ...tools.catalogue import Catalogue
from ..external import external

FOLDER = Path(__file__).parent / "catalogues"
FEWEST, MOST = 4, 14
"""Tools of a catalogue."""
_NAMELESS = 0.15
"""Share of catalogues whose names say nothing."""
_RENAMED = 0.3
"""Share of arguments that go by another name."""
_OTHERWISE: Mapping[str, tuple[str, ...]] = {
    "image": ("picture", "photo", "img", "input", "image_path"),
    "text": ("content", "input_text", "string", "words"),
    "object": ("thing", "label", "phrase", "target", "text"),
    "question": ("query", "prompt", "ask"),
    "query": ("text", "keywords", "q"),
    "expression": ("formula", "term", "input"),
    "box": ("bbox", "region", "area", "coordinates"),
    "place": ("position", "location", "where"),
    "prompt": ("description", "text", "keywords"),
    "instruction": ("prompt", "change", "how"),
    "data": ("command", "values", "code"),
    "problem": ("equation", "command", "task"),
    "topic": ("subject", "query"),
    "aspect": ("attribute", "property"),
}


@dataclass(frozen=True)
class Practice:
    """One tool to practise on."""

    takes: Mapping[str, str]
    """Argument → type, as a catalogue file writes it."""
    gives: str
    names: tuple[str, ...]
    says: tuple[str, ...]
    apart: frozenset[str] = frozenset()
    """Tools that would do much the same."""
    unseen: bool = False
    """Whether training never meets it."""


@cache
def practice_tools() -> dict[str, Practice]:
    """Return every tool by the key that requests' plans are written with."""
    rows = yaml.safe_load((FOLDER / "tools.yaml").read_text(encoding="utf-8"))
    return {
        key: Practice(
            row["takes"],
            row["gives"],
            tuple(row["names"]),
            tuple(row["says"]),
            frozenset(row.get("apart", ())),
            row.get("unseen", False),
        )
        for key, row in rows.items()
    }


@cache
def unseen_tools() -> frozenset[str]:
    """Return the tools that training never meets."""
    return frozenset(key for key, tool in practice_tools().items() if tool.unseen)


def near(keys: Iterable[str]) -> set[str]:
    """Return these tools and all that would do much the same as one of them."""
    tools, keys = practice_tools(), set(keys)
    return keys.union(*(tools[key].apart for key in keys)) | {key for key in tools if tools[key].apart & keys}


def go_together(keys: Collection[str], without: Collection[str] = ()) -> bool:
    """Whether a catalogue may hold all of these tools, and leave out the others."""
    tools = practice_tools()
    rivals = any(tools[key].apart.intersection(keys) for key in keys)
    return len(keys) < MOST and not rivals and not set(keys).intersection(without)


def draw_catalogue(draw: random.Random, needed: Iterable[str], without: Iterable[str] = ()) -> dict[str, str]:
    """Return key → name of the tools of a catalogue, shuffled: those that are needed, and others but `without`."""
    tools = practice_tools()
    chosen = dict.fromkeys(needed)
    banned = {*without, *near(chosen)}
    others = [key for key in tools if key not in banned and key not in chosen]
    size = draw.randint(FEWEST, MOST)
    for key in draw.sample(others, len(others)):
        if len(chosen) < size and not near([key]) & chosen.keys():
            chosen[key] = None
    keys = draw.sample(list(chosen), len(chosen))
    if draw.random() < _NAMELESS:
        stem = draw.choice(("tool", "fn", "service", "skill", "t"))
        numbers = draw.sample(range(100), len(keys))
        return {key: f"{stem}_{number}" for key, number in zip(keys, numbers, strict=True)}
    return {key: draw.choice(tools[key].names) for key in keys}


def described(draw: random.Random, names: Mapping[str, str]) -> Catalogue:
    """Return the catalogue of these tools, each described in one of its ways, or in two."""
    return external({"tools": [_entry(draw, practice_tools()[key], name) for key, name in names.items()]})


def _entry(draw: random.Random, tool: Practice, name: str) -> dict[str, object]:
    says = draw.sample(tool.says, 2 if draw.random() < 0.3 else 1)
    inputs: list[dict[str, str]] = []
    for argument, type in tool.takes.items():
        others = [word for word in _OTHERWISE.get(argument, ()) if word not in {entry["name"] for entry in inputs}]
        renamed = others and draw.random() < _RENAMED
        inputs.append({"name": draw.choice(others) if renamed else argument, "type": type})
    return {"name": name, "description": " ".join(says), "inputs": inputs, "output": tool.gives}
