"""What people hand in, as the values that a plan takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Union

from ..planners.plan import Plan
from ..tools.errors import UsageError
from ..tools.images import load_image
from ..tools.tool import Type
from ..tools.values import KINDS, Image, Number, Text, Value
from .calls import Result as Output

if TYPE_CHECKING:
    from PIL.Image import Image as PILImage

Given = Union[Value, "PILImage", str, Path, float, Sequence[Value]]
"""A value, a PIL image, the path of a picture, words, a number, or a list of values."""


def plan_inputs(plan: Plan, given: Mapping[str, Given]) -> dict[str, Output]:
    """Return the inputs of a plan as values. Raises UsageError for a missing, unknown or unfitting one."""
    missing = [name for name in plan.inputs if name not in given]
    unknown = [name for name in given if name not in plan.inputs]
    if missing or unknown:
        wanted = ", ".join(f"{name} ({kind})" for name, kind in plan.inputs.items()) or "nothing"
        faults = [f"{name!r} is missing" for name in missing] + [f"{name!r} is none of them" for name in unknown]
        raise UsageError(f"the plan takes {wanted}; {', '.join(faults)}")
    return {name: to_value(given[name], kind, name) for name, kind in plan.inputs.items()}


def to_value(given: Given, kind: str, name: str) -> Output:
    """Return one input as a value of that type; a path is read. Raises UsageError that names the input."""
    try:
        wanted = Type.parse(kind)
    except ValueError as error:
        raise UsageError(f"input {name!r}: {error}") from None
    if wanted.many:
        if not isinstance(given, (list, tuple)):
            raise UsageError(f"input {name!r} expects {kind}, not {type(given).__name__}; give a list")
        return tuple(_single(item, wanted.kind, name) for item in given)
    return _single(given, wanted.kind, name)


def _single(given: object, kind: str, name: str) -> Value:
    if isinstance(given, KINDS[kind]):
        return given
    if kind == "Image" and isinstance(given, (str, Path)):
        return load_image(given)
    if kind == "Image" and hasattr(given, "getbands"):
        return Image.from_pil(given)  # type: ignore[arg-type]
    if kind == "Text" and isinstance(given, str):
        return Text(given)
    if kind == "Number" and isinstance(given, (int, float)) and not isinstance(given, bool):
        return Number(float(given))
    raise UsageError(f"input {name!r} expects {kind}, not {type(given).__name__}")


def file_names(given: Mapping[str, Given]) -> dict[str, str]:
    """Return the paths among the inputs."""
    return {name: str(value) for name, value in given.items() if isinstance(value, (str, Path))}
