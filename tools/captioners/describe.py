"""What a planner can call to get words out of an image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field

from ..model import Answerer, Captioner, Reader
from ..parameters import Prompt
from ..tool import tool
from ..values import Image, Labels, Text


@tool(family="captioner", models={"captioner": Captioner})
def caption(image: Image, *, captioner: Captioner) -> Text:
    """Describe in words what the image shows."""
    return captioner.caption(image)


@caption.batched
def _(calls: Sequence[Mapping[str, Any]]) -> list[Text]:
    captioner: Captioner = calls[0]["captioner"]
    return captioner.caption_many([call["image"] for call in calls])


@tool(family="captioner", models={"answerer": Answerer})
def answer(image: Image, question: Prompt, *, answerer: Answerer) -> Text:
    """Answer a question about the image that counting and reading cannot answer."""
    return answerer.answer(image, question)


@tool(family="captioner", models={"reader": Reader})
def read(image: Image, *, reader: Reader) -> Text:
    """Read all text in the image."""
    from .rapid_ocr import reading_order

    lines = reader.read(image)
    return Text("\n".join(lines.labels[index] for index in reading_order(lines)))


@tool(family="captioner", panel="plain")
def read_code(image: Image) -> Text:
    """Decode the QR codes and bar codes in the image."""
    from .codes import codes

    return Text("\n".join(code.message for code in codes(image) if code.message))


@tool(family="captioner", panel="plain")
def dominant_colors(image: Image, count: Annotated[int, Field(ge=1, le=12)] = 5) -> Labels:
    """Name the most frequent colors with the share of the image that each covers."""
    from .palette import palette

    return Labels(dict(palette(image)[:count]))
