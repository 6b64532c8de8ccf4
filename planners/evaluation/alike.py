"""Whether a plan does the same job as another, where free words and strengths need not agree to the letter.

Tools, how they are wired, conditions and choices must agree. A phrase to look for, a prompt or an instruction agrees
when it is about the same words, and how strongly something is done when it is of the same sign and size.
"""

from __future__ import annotations

import math
import re
from typing import Any

from ...tools.catalogue import Catalogue
from ..plan import Plan, Step, referenced
from .scores import plain

ROUGH = frozenset({"strength", "brightness", "contrast", "saturation", "temperature", "size", "margin", "scale"})
"""Parameters that say how strongly, or how large."""
FREE = frozenset({"query", "prompt", "instruction", "question", "labels"})
"""Parameters that are a person's words in another form."""
_FACTOR = 2.5
"""How far two strengths may be apart."""
_RIM = 5
"""Percent by which a selection may be grown and still be the same."""
_SHARED = 0.5
"""Which share of the words of both have to be common, unless one says all that the other does."""
_IDLE = frozenset(
    re.findall(
        r"\w+",
        "a an the my his her their our your its this that these those all every each of in on at to for with and is "
        "are it image picture photo please",
    )
)


def alike(one: Plan, other: Plan, catalogue: Catalogue) -> bool:
    """Whether two valid plans over the same inputs have the same outputs, up to words and strengths."""
    a, b = ({step.id: step for step in plan.steps} for plan in (one, other))
    left = list(other.outputs)
    for output in one.outputs:
        match = next((o for o in left if _same(output, o, a, b, catalogue)), None)
        if match is None:
            return False
        left.remove(match)
    return not left


def _same(one: Any, other: Any, a: dict[str, Step], b: dict[str, Step], catalogue: Catalogue) -> bool:
    """Whether two values of two plans are made alike."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(_same(x, y, a, b, catalogue) for x, y in zip(one, other, strict=True))
    left, right = _ungrown(referenced(one), a), _ungrown(referenced(other), b)
    if (left is None) != (right is None):
        return False
    if left is None or right is None:
        return plain(one) == plain(other)
    if left not in a or right not in b:
        return left == right
    return _same_step(a[left], b[right], a, b, catalogue)


def _ungrown(name: str | None, steps: dict[str, Step]) -> str | None:
    """Return the selection that a step widens a little, which is the same thing with its rim."""
    while name in steps and steps[name].tool == "grow" and 0 <= steps[name].args.get("percent", 1) <= _RIM:
        name = referenced(steps[name].args["mask"])
    return name


def _same_step(one: Step, other: Step, a: dict[str, Step], b: dict[str, Step], catalogue: Catalogue) -> bool:
    if one.tool != other.tool or bool(one.for_each) != bool(other.for_each):
        return False
    pixels = catalogue[one.tool].output.kind == "Image"
    if pixels and not _same_condition(one.when, other.when, a, b, catalogue):
        return False  # a selection that is not made changes nothing: what is edited has the condition
    for name in {**one.args, **other.args}:
        x, y = (_argument(step, name, catalogue) for step in (one, other))
        if name in ROUGH and isinstance(x, (int, float)) and isinstance(y, (int, float)):
            same = _rough(x, y)
        elif name in FREE and x is not None and y is not None:
            same = _about(x) == _about(y) or _overlap(_about(x), _about(y))
        else:
            same = _same(x, y, a, b, catalogue)
        if not same:
            return False
    return True


def _same_condition(
    one: str | None, other: str | None, a: dict[str, Step], b: dict[str, Step], catalogue: Catalogue
) -> bool:
    if one is None or other is None:
        return one is other
    return one.startswith("not ") == other.startswith("not ") and _same(
        f"${one.rpartition('$')[2]}", f"${other.rpartition('$')[2]}", a, b, catalogue
    )


def _argument(step: Step, name: str, catalogue: Catalogue) -> Any:
    """Return an argument, or the default that stands for it."""
    param = catalogue[step.tool].params.get(name)
    default = None if param is None or param.required else param.default
    return step.args.get(name, default)


def _rough(x: float, y: float) -> bool:
    if x == y:
        return True
    return x * y > 0 and abs(math.log(abs(x) / abs(y))) <= math.log(_FACTOR)


def _about(value: Any) -> frozenset[str]:
    """Return the words that carry a free text, plurals and singulars alike."""
    text = " ".join(map(str, value)) if isinstance(value, list) else str(value)
    words = [word for word in re.findall(r"\w+", text.casefold()) if word not in _IDLE]
    return frozenset(re.sub(r"(?<=[hsx])es$|(?<=\w\w)s$", "", word) if len(word) > 3 else word for word in words)


def _overlap(one: frozenset[str], other: frozenset[str]) -> bool:
    common = one & other
    return bool(common) and (common in (one, other) or len(common) >= _SHARED * max(len(one), len(other)))
