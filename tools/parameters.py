"""Parameter types that several tools share."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from .colors import parse_color


def _color(text: str) -> str:
    parse_color(text)
    return text


Color = Annotated[str, AfterValidator(_color), Field(description="a color name or #rrggbb")]
Percent = Annotated[float, Field(ge=0, le=100)]
Change = Annotated[float, Field(ge=-100, le=100, description="percent; negative is less")]
Seed = Annotated[
    int | None, Field(ge=0, lt=2**32, description="fixes the random draw; chosen and recorded when absent")
]
Position = Literal["top-left", "top", "top-right", "left", "center", "right", "bottom-left", "bottom", "bottom-right"]
Prompt = Annotated[str, Field(min_length=1, max_length=2000)]
Query = Annotated[str, Field(min_length=1, max_length=200, description="a phrase that names what to look for")]
Among = Annotated[
    list[Query] | None,
    Field(max_length=16, description="phrases for other things: what one of them names more surely is not meant"),
]
