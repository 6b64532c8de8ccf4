"""Mask algebra."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ..tool import tool
from ..values import Mask


@tool(family="segmenter", panel="plain")
def invert(mask: Mask) -> Mask:
    """Select everything that `mask` does not: the background of a subject."""


@tool(family="segmenter", panel="plain")
def grow(mask: Mask, percent: Annotated[float, Field(ge=-50, le=50)] = 1.0) -> Mask:
    """Widen the selection on all sides, in percent of the image's shorter side; negative shrinks it."""


@tool(family="segmenter", panel="plain")
def union(a: Mask, b: Mask) -> Mask:
    """Select what either mask selects."""


@tool(family="segmenter", panel="plain")
def subtract(a: Mask, b: Mask) -> Mask:
    """Select what `a` selects and `b` does not."""


@tool(family="segmenter", panel="plain")
def intersect(a: Mask, b: Mask) -> Mask:
    """Select only what both masks select."""
