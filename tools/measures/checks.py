"""What a plan can promise about its result."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ..model import Detector, Reader
from ..parameters import Query
from ..tool import tool
from ..values import Image, Mask, Verdict


@tool(family="measure", models={"detector": Detector})
def shows(
    image: Image, query: Query, count: Annotated[int | None, Field(ge=1, le=100)] = None, *, detector: Detector
) -> Verdict:
    """Check that the image shows what the phrase names, `count` times where given."""


@tool(family="measure", models={"detector": Detector})
def absent(image: Image, query: Query, *, detector: Detector) -> Verdict:
    """Check that nothing in the image is what the phrase names."""


@tool(family="measure", models={"reader": Reader})
def reads(image: Image, words: Query, *, reader: Reader) -> Verdict:
    """Check that the words can be read in the image."""


@tool(family="measure", panel="plain")
def preserved(before: Image, after: Image, outside: Mask) -> Verdict:
    """Check that no pixel outside the mask has changed."""
