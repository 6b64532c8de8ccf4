"""Small real tools, each of which counts its calls, and a way to run plans over them."""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from diptych.orchestrator import Result, run_plan
from diptych.planners.plan import Plan, parse_plan
from diptych.tools.catalogue import Catalogue
from diptych.tools.errors import ToolError
from diptych.tools.progress import tick
from diptych.tools.tool import tool
from diptych.tools.values import Image, Mask, Number, Text, Value, Verdict

CALLS: Counter[str] = Counter()
STARTED = threading.Event()


@tool(family="editor")
def lighten(image: Image, amount: int = 10) -> Image:
    """Add to every pixel."""
    CALLS["lighten"] += 1
    return Image((image.pixels.astype(int) + amount).clip(0, 255).astype(np.uint8))


@tool(family="editor")
def threshold(image: Image, level: int = 128) -> Image:
    """Make every pixel black or white."""
    CALLS["threshold"] += 1
    return Image(((image.pixels >= level) * 255).astype(np.uint8))


@tool(family="segmenter")
def bright(image: Image, level: int = 128) -> Mask:
    """Select the bright pixels."""
    CALLS["bright"] += 1
    return Mask(image.pixels[..., 0] >= level)


@tool(family="editor")
def blacken(image: Image, mask: Mask) -> Image:
    """Make the selected pixels black."""
    CALLS["blacken"] += 1
    pixels = image.pixels.copy()
    pixels[mask.selected] = 0
    return Image(pixels)


@tool(family="editor")
def halves(image: Image) -> list[Image]:
    """Cut the image into a left and a right half."""
    CALLS["halves"] += 1
    return [Image(part.copy()) for part in np.array_split(image.pixels, 2, axis=1)]


@tool(family="editor")
def join(images: list[Image]) -> Image:
    """Put images side by side."""
    CALLS["join"] += 1
    return Image(np.concatenate([image.pixels for image in images], axis=1))


@tool(family="measure")
def mean(image: Image) -> Number:
    """Measure the mean of all pixels."""
    CALLS["mean"] += 1
    return Number(round(float(image.pixels.mean())))


@tool(family="measure")
def is_bright(image: Image, level: float = 128.0) -> Verdict:
    """Check that the image is bright."""
    CALLS["is_bright"] += 1
    value = float(image.pixels.mean())
    return Verdict(value >= level, value / 255, f"the mean is {value:.0f}")


@tool(family="captioner")
def say(words: str, number: int = 0) -> Text:
    """Say words and a number."""
    CALLS["say"] += 1
    return Text(f"{words} {number}")


@tool(family="editor")
def refuse(image: Image) -> Image:
    """Fail on purpose."""
    CALLS["refuse"] += 1
    raise ToolError("the page has no text", hint="try another page")


@tool(family="segmenter")
def refuse_mask(image: Image) -> Mask:
    """Fail on purpose."""
    raise ToolError("nothing was found")


@tool(family="editor")
def crash(image: Image) -> Image:
    """Break."""
    known: dict[str, Image] = {}
    return known["missing"]


@tool(family="editor")
def leave(image: Image) -> Image:
    """Try to end the program."""
    sys.exit(3)


@tool(family="editor")
def scribble(image: Image) -> Image:
    """Change the input."""
    image.pixels[:] = 0
    return image


@tool(family="editor")
def lie(image: Image) -> Image:
    """Return something else."""
    return image.pixels  # type: ignore[return-value]


@tool(family="editor")
def slow(image: Image, parts: int = 2000) -> Image:
    """Work in many small parts."""
    CALLS["slow"] += 1
    for part in range(parts):
        tick(part, parts)
        STARTED.set()
        time.sleep(0.005)
    return image


FUNCTIONS: Sequence[Callable[..., Any]] = (
    *(lighten, threshold, bright, blacken, halves, join, mean, is_bright, say),
    *(refuse, refuse_mask, crash, leave, scribble, lie, slow),
)
CATALOGUE = Catalogue([function.tool for function in FUNCTIONS])  # type: ignore[attr-defined]


def picture(value: int = 100, width: int = 6) -> Image:
    """Return a small picture with a ramp in it."""
    pixels = np.full((4, width, 3), value, np.uint8)
    pixels[:, 0] = 200
    return Image(pixels)


def plan(steps: Sequence[str], outputs: str, checks: Sequence[dict[str, Any]] = ()) -> Plan:
    """Return a plan from lines such as `b lighten image=$photo amount=5 for_each=image when=$a`."""
    return parse_plan(
        {
            "inputs": {"photo": "Image"},
            "steps": [_step(line) for line in steps],
            "outputs": [f"${name}" for name in outputs.split()],
            "checks": list(checks),
        }
    )


def _step(line: str) -> dict[str, Any]:
    id, tool_id, *words = line.split()
    pairs = dict(word.split("=", 1) for word in words)
    extra: dict[str, Any] = {key: pairs.pop(key).replace("_", " ") for key in ("for_each", "when") if key in pairs}
    return {"id": id, "tool": tool_id, "args": {key: _value(word) for key, word in pairs.items()}, **extra}


def _value(word: str) -> Any:
    if "," in word:
        return word.split(",")
    return int(word) if word.lstrip("-").isdigit() else word


def execute(document: Plan, home: Path, value: Value | None = None, **options: Any) -> Result:
    """Run a plan over one small picture."""
    return run_plan(document, {"photo": value or picture()}, home=home, catalogue=CATALOGUE, **options)


def statuses(result: Result) -> dict[str, str]:
    """Return step → how it ended."""
    return {record.id: record.status for record in result.steps}
