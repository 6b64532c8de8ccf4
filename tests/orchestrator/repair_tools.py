"""Small real tools whose work can be looked at and mended: pictures of plain squares on black.

A square is a connected region of one color. `find_some` overlooks squares and `scrawl` leaks; `paint` draws as many
squares as its seed says.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from diptych.orchestrator import Repair, Result, run_plan
from diptych.orchestrator.search import Search
from diptych.planners.plan import Plan, parse_plan
from diptych.tools.catalogue import Catalogue
from diptych.tools.detectors.detect import pick
from diptych.tools.editors.compose import regions
from diptych.tools.editors.drawing import composite
from diptych.tools.errors import ToolError
from diptych.tools.measures.checks import preserved
from diptych.tools.measures.measure import evidence
from diptych.tools.parameters import Seed
from diptych.tools.progress import tick
from diptych.tools.segmenters.masks import grow, union
from diptych.tools.segmenters.segment import region
from diptych.tools.tool import tool
from diptych.tools.values import Detections, Image, Mask, Verdict

COLORS = {"red": (255, 0, 0), "blue": (0, 0, 255), "green": (0, 255, 0)}
SIDE = 12
CALLS: Counter[str] = Counter()
STARTED = threading.Event()
"""Set while `dawdle` takes its time."""
Overlooked = Annotated[int, Field(ge=0, le=4)]


def squares(*placed: tuple[str, int, int]) -> Image:
    """Return a black picture of 120 × 60 with squares: (color, x, y) of their corners."""
    pixels = np.zeros((60, 120, 3), np.uint8)
    for color, x, y in placed:
        pixels[y : y + SIDE, x : x + SIDE] = COLORS[color]
    return Image(pixels)


def seen(image: Image, query: str) -> Detections:
    """Return the squares of a color, left to right."""
    boxes = sorted(regions(Mask((image.rgb == COLORS[query]).all(axis=2))))
    scores = np.linspace(0.9, 0.8, len(boxes))
    return Detections(np.array(boxes, np.float32).reshape(-1, 4), (query,) * len(boxes), scores, query)


@tool(family="detector", panel="plain")
def find(image: Image, query: str) -> Detections:
    """Find the squares of a color."""
    CALLS["find"] += 1
    return seen(image, query)


@tool(family="detector", panel="plain")
def find_some(image: Image, query: str, overlooked: Overlooked = 1) -> Detections:
    """Find the squares of a color, but for the last ones."""
    CALLS["find_some"] += 1
    found = seen(image, query)
    return found.subset(range(max(0, len(found) - overlooked)))


@tool(family="editor", hides="obscures")
def dim(image: Image, mask: Mask, strength: Annotated[float, Field(ge=0, le=100)] = 50.0) -> Image:
    """Darken what is selected; at least half of the strength is needed to hide it."""
    CALLS["dim"] += 1
    pixels = image.pixels.copy()
    pixels[mask.selected] = (pixels[mask.selected] * (0.5 if strength >= 50 else 1)).astype(np.uint8)
    return Image(pixels)


@tool(family="editor", hides="obscures")
def whiten(image: Image, mask: Mask) -> Image:
    """Paint what is selected white."""
    pixels = image.pixels.copy()
    pixels[mask.selected] = 255
    return Image(pixels)


@tool(family="editor", hides="removes")
def wipe(image: Image, mask: Mask) -> Image:
    """Make what is selected black."""
    CALLS["wipe"] += 1
    pixels = image.pixels.copy()
    pixels[mask.selected] = 0
    return Image(pixels)


@tool(family="editor", panel="generative")
def redraw(image: Image, mask: Mask, prompt: str, seed: Seed = None) -> Image:
    """Draw a color into what is selected; every third seed does, the others leave a speck in a corner."""
    CALLS["redraw"] += 1
    pixels = image.pixels.copy()
    if (seed or 0) % 3 == 0:
        pixels[mask.selected] = COLORS[prompt]
    else:
        pixels[0, 0] = (seed or 0) % 100
    return Image(pixels)


@tool(family="editor", hides="obscures")
def idle(image: Image, mask: Mask) -> Image:
    """Do nothing."""
    CALLS["idle"] += 1
    return image


@tool(family="editor", hides="removes")
def dawdle(image: Image, mask: Mask) -> Image:
    """Make what is selected black; the second time it takes long."""
    CALLS["dawdle"] += 1
    for part in range(2000 if CALLS["dawdle"] > 1 else 0):
        tick(part, 2000)
        STARTED.set()
        time.sleep(0.005)
    pixels = image.pixels.copy()
    pixels[mask.selected] = 0
    return Image(pixels)


@tool(family="editor", hides="removes")
def once(image: Image, mask: Mask) -> Image:
    """Make what is selected black; break the second time."""
    CALLS["once"] += 1
    if CALLS["once"] > 1:
        raise ToolError("worn out")
    pixels = image.pixels.copy()
    pixels[mask.selected] = 0
    return Image(pixels)


@tool(family="editor")
def scrawl(image: Image, mask: Mask) -> Image:
    """Paint the mask green, and spill some beside it."""
    pixels = image.pixels.copy()
    pixels[mask.selected] = COLORS["green"]
    pixels[:4, :4] = COLORS["green"]
    return Image(pixels)


@tool(family="generator")
def paint(prompt: str, seed: Seed = None) -> Image:
    """Draw between no and three squares, as the seed says, on a ground that is never the same."""
    CALLS["paint"] += 1
    drawn = seed or 0
    pixels = squares(*[(prompt, 10 + 30 * i, 20) for i in range(drawn % 4)]).pixels.copy()
    pixels[-1, -1] = np.frombuffer(drawn.to_bytes(4, "big"), np.uint8)[:3] // 2
    pixels[-1, 0] = drawn % 128
    return Image(pixels)


@tool(family="generator")
def stamp(prompt: str, seed: Seed = None) -> Image:
    """Draw one square, always the same."""
    CALLS["stamp"] += 1
    return squares((prompt, 10, 20))


@tool(family="measure")
def none_left(image: Image, query: str) -> Verdict:
    """Check that there is no square of a color."""
    CALLS["none_left"] += 1
    found = seen(image, query)
    return Verdict(not len(found), 0.1 if len(found) else 1.0, f"saw {len(found)} {query}", found)


@tool(family="measure")
def counted(image: Image, query: str, count: int = 1) -> Verdict:
    """Check that there are so many squares of a color."""
    found = seen(image, query)
    return Verdict(len(found) == count, 1.0 if len(found) == count else 0.3, f"saw {len(found)} {query}", found)


@tool(family="measure")
def moody(image: Image, query: str) -> Verdict:
    """Say something else every time."""
    CALLS["moody"] += 1
    return Verdict(CALLS["moody"] % 2 == 0, 0.5, "who knows", seen(image, query))


@tool(family="measure")
def broken(image: Image) -> Verdict:
    """Fail on purpose."""
    raise ToolError("the lens is dirty")


OWN = (
    find,
    find_some,
    dim,
    whiten,
    wipe,
    redraw,
    idle,
    dawdle,
    once,
    scrawl,
    paint,
    stamp,
    none_left,
    counted,
    moody,
    broken,
)
CATALOGUE = Catalogue([function.tool for function in (*OWN, evidence, pick, region, grow, union, composite, preserved)])
THREE = squares(("red", 10, 20), ("red", 50, 20), ("red", 90, 20))


def hiding(search: str, editor: str, *checks: dict[str, Any], **args: Any) -> Plan:
    """Return a plan that looks for red squares, selects them, and edits them."""
    steps = [
        {"id": "found", "tool": search, "args": {"image": "$photo", "query": "red"}},
        {"id": "area", "tool": "region", "args": {"image": "$photo", "boxes": "$found"}},
        {"id": "out", "tool": editor, "args": {"image": "$photo", "mask": "$area", **args}},
    ]
    return parse_plan({"inputs": {"photo": "Image"}, "steps": steps, "outputs": ["$out"], "checks": list(checks)})


GONE = {"check": "none_left", "image": "$out", "query": "red"}
KEPT = {"check": "preserved", "before": "$photo", "after": "$out", "outside": "$area"}


def drawing(tool_id: str, count: int, seed: int) -> Plan:
    """Return a plan that draws blue squares and checks their number."""
    check = {"check": "counted", "image": "$art", "query": "blue", "count": count}
    steps = [{"id": "art", "tool": tool_id, "args": {"prompt": "blue", "seed": seed}}]
    return parse_plan({"steps": steps, "outputs": ["$art"], "checks": [check]})


def repaired(
    plan: Plan, home: Path, image: Image | None = THREE, repair: Repair | None = None, **options: Any
) -> Result:
    """Run a plan with the loop, in the order of the ladder unless a repair is given."""
    inputs = {"photo": image} if plan.inputs else {}
    chosen = repair or Repair(learn=False)
    return run_plan(plan, inputs, home=home, catalogue=CATALOGUE, repair=chosen, **options)


def search_of(result: Result) -> Search:
    """Return the search of a result that must have one."""
    assert result.search is not None, result.checks
    return result.search


def verdicts(result: Result) -> list[bool | None]:
    """Return which checks passed."""
    return [check["passed"] for check in result.checks]


def rungs(result: Result) -> list[str]:
    """Return what was tried, and how it ended."""
    return [f"{attempt.rung}: {attempt.outcome}" for attempt in search_of(result).attempts]
