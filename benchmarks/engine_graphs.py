"""Graphs whose best time is known beforehand, for `engine.py`: a diamond, four lanes, and a cone of a photo plan."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import networkx as nx

from diptych.orchestrator import Result, run_plan
from diptych.planners.plan import Plan, parse_plan
from diptych.planners.structure import graph
from diptych.tools.catalogue import Catalogue
from diptych.tools.tool import tool
from diptych.tools.values import Number

PHOTO = Path(__file__).parent.parent / "examples" / "photos" / "astronaut.jpg"
REPEATS = 3


@tool(family="measure")
def pause(number: Number, other: Number | None = None, *, seconds: float = 0.0) -> Number:
    """Wait, and add up."""
    time.sleep(seconds)
    return Number(number.number + seconds + (other.number if other else 0.0))


SLEEPERS = Catalogue([pause.tool])
DIAMOND = (
    ("top", "start", None, 0.2),
    ("long", "top", None, 0.6),
    ("short", "top", None, 0.3),
    ("shorter", "short", None, 0.2),
    ("bottom", "long", "shorter", 0.2),
)
"""Step, what it takes, what else it takes, seconds; a barrier after each level would cost 0.2 s more."""
CRITICAL_SECONDS = 1.0
LANES = 4
LANE_SECONDS = 0.5

CHANGED = "warm"
LOOK: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("light", "enhance_light", {"image": "$photo"}),
    ("faces", "detect", {"image": "$photo", "query": "face"}),
    ("face", "region", {"image": "$photo", "boxes": "$faces"}),
    ("around", "grow", {"mask": "$face", "percent": 2}),
    ("people", "detect", {"image": "$photo", "query": "person"}),
    ("figure", "segment", {"image": "$photo", "boxes": "$people"}),
    ("rest", "invert", {"mask": "$figure"}),
    ("soft", "blur", {"image": "$light", "mask": "$rest", "strength": 40}),
    ("gray", "grayscale", {"image": "$soft", "mask": "$rest"}),
    (CHANGED, "adjust", {"image": "$gray", "mask": "$figure", "temperature": 20}),
    ("hidden", "pixelate", {"image": "$warm", "mask": "$around"}),
    ("edge", "outline", {"image": "$hidden", "mask": "$figure"}),
    ("dark", "vignette", {"image": "$edge"}),
    ("crisp", "sharpen", {"image": "$dark"}),
    ("mirrored", "flip", {"image": "$crisp", "direction": "horizontal"}),
    ("framed", "border", {"image": "$mirrored", "color": "white"}),
    ("small", "resize", {"image": "$photo", "percent": 50}),
    ("plain", "grayscale", {"image": "$small"}),
    ("pair", "collage", {"images": ["$framed", "$plain"]}),
    ("titled", "write", {"image": "$pair", "text": "before and after"}),
)
"""Twenty steps over a photo: step, tool, arguments."""


def diamond() -> dict[str, float]:
    """Return the seconds of the diamond on two lanes, and of its critical path."""
    steps = [
        _step(name, "pause", {"number": f"${a}", "seconds": seconds, **({"other": f"${b}"} if b else {})})
        for name, a, b, seconds in DIAMOND
    ]
    document = parse_plan({"inputs": {"start": "Number"}, "steps": steps, "outputs": ["$bottom"]})
    return {"seconds": _sleep(document, lanes=2), "critical": CRITICAL_SECONDS}


def four_lanes() -> float:
    """Return the seconds of four steps that do not need each other, each of them half a second long."""
    names = [f"s{i}" for i in range(LANES)]
    # A hair of difference makes four calls of them: equal calls would be one.
    steps = [
        _step(name, "pause", {"number": "$start", "seconds": LANE_SECONDS + i * 1e-6}) for i, name in enumerate(names)
    ]
    outputs = [f"${name}" for name in names]
    return _sleep(parse_plan({"inputs": {"start": "Number"}, "steps": steps, "outputs": outputs}), lanes=LANES)


def _sleep(document: Plan, *, lanes: int) -> float:
    """Return the shortest of several runs, each in a home folder of its own."""
    taken = []
    for _ in range(REPEATS):
        with tempfile.TemporaryDirectory() as home:
            start = time.perf_counter()
            result = run_plan(document, {"start": Number(0)}, catalogue=SLEEPERS, home=home, lanes=lanes)
            taken.append(time.perf_counter() - start)
            assert result.status == "done", result.problems
    return min(taken)


def cone() -> dict[str, Any]:
    """Run twenty real steps over a photo, then once more with another parameter in the middle.

    Returns the seconds of both runs, the steps that ran again and those that had to.
    """
    with tempfile.TemporaryDirectory() as home:
        first = _edit(LOOK, home)
        changed = [(id, tool_id, {**args, "temperature": 35} if id == CHANGED else args) for id, tool_id, args in LOOK]
        second = _edit(changed, home)
    document = _photo_plan(LOOK)
    needed = {CHANGED} | nx.descendants(graph(document), CHANGED)
    ran = {record.id for record in second.steps if record.status != "cached"}
    return {
        "steps": len(LOOK),
        "first_seconds": first.seconds,
        "second_seconds": second.seconds,
        "ran": sorted(ran),
        "needed": sorted(needed),
    }


def _edit(steps: Sequence[tuple[str, str, Mapping[str, Any]]], home: str) -> Result:
    result = run_plan(_photo_plan(steps), {"photo": PHOTO}, home=home)
    assert result.status == "done", result.problems
    return result


def _photo_plan(steps: Sequence[tuple[str, str, Mapping[str, Any]]]) -> Plan:
    document = [_step(id, tool_id, args) for id, tool_id, args in steps]
    return parse_plan({"inputs": {"photo": "Image"}, "steps": document, "outputs": [f"${steps[-1][0]}"]})


def _step(id: str, tool_id: str, args: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": id, "tool": tool_id, "args": dict(args)}
