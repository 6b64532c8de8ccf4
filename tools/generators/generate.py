"""What a planner can call to make images, or parts of them, that were not there."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ..model import Generator, Inpainter, InstructEditor
from ..parameters import Prompt, Seed
from ..tool import tool
from ..values import Image, Mask

Side = Annotated[int, Field(ge=16, le=4096, description="pixels")]
Steps = Annotated[int | None, Field(ge=1, le=200)]
Guidance = Annotated[float | None, Field(ge=0, le=50)]


@tool(family="generator", models={"generator": Generator})
def generate(
    prompt: Prompt,
    negative_prompt: str = "",
    width: Side | None = None,
    height: Side | None = None,
    num_inference_steps: Steps = None,
    guidance_scale: Guidance = None,
    seed: Seed = None,
    *,
    generator: Generator,
) -> Image:
    """Make a new image from a description."""


@tool(family="editor", panel="generative", models={"inpainter": Inpainter})
def inpaint(
    image: Image,
    mask: Mask,
    prompt: Prompt,
    negative_prompt: str = "",
    num_inference_steps: Steps = None,
    guidance_scale: Guidance = None,
    seed: Seed = None,
    *,
    inpainter: Inpainter,
) -> Image:
    """Replace the selected pixels with new content from a description."""


@tool(family="editor", panel="generative", models={"inpainter": Inpainter})
def outpaint(
    image: Image,
    prompt: str = "",
    percent: Annotated[float, Field(ge=1, le=100)] = 25.0,
    seed: Seed = None,
    *,
    inpainter: Inpainter,
) -> Image:
    """Extend the image beyond its borders with new content."""


@tool(family="editor", panel="generative", models={"instruct_editor": InstructEditor})
def edit(
    image: Image,
    instruction: Prompt,
    num_inference_steps: Steps = None,
    guidance_scale: Guidance = None,
    seed: Seed = None,
    *,
    instruct_editor: InstructEditor,
) -> Image:
    """Change the image as a sentence says: add an object, change weather, season, style, pose or mood."""
