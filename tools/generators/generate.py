"""What a planner can call to make images, or parts of them, that were not there."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from ..errors import ToolError
from ..model import Drawing, Generator, Inpainter, InstructEditor
from ..parameters import Prompt, Seed
from ..tool import tool
from ..values import Image, Mask

Side = Annotated[int, Field(ge=16, le=4096, description="pixels")]
DEFAULT_SIDE = 1024
"""Width and height, in pixels, when a plan gives neither; one given side makes a square."""
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
    drawing = _drawing(prompt, negative_prompt, width, height, num_inference_steps, guidance_scale, seed)
    return generator.generate(**drawing)


@generate.batched
def _(calls: Sequence[Mapping[str, Any]]) -> list[Image]:
    generator: Generator = calls[0]["generator"]
    arguments = [{name: value for name, value in call.items() if name != "generator"} for call in calls]
    return generator.generate_many([_drawing(**given) for given in arguments])


def _drawing(
    prompt: str,
    negative_prompt: str = "",
    width: int | None = None,
    height: int | None = None,
    num_inference_steps: int | None = None,
    guidance_scale: float | None = None,
    seed: int | None = None,
) -> Drawing:
    """Return what a generator is called with, from the arguments of the tool."""
    return Drawing(
        prompt=prompt,
        negative_prompt=negative_prompt,
        size_wh=(width or height or DEFAULT_SIDE, height or width or DEFAULT_SIDE),
        steps=num_inference_steps,
        guidance_scale=guidance_scale,
        seed=_drawn(seed),
    )


@tool(family="editor", panel="generative", models={"inpainter": Inpainter}, version=2)
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
    if mask.size_wh != image.size_wh:
        mask_size, image_size = (f"{width}×{height}" for width, height in (mask.size_wh, image.size_wh))
        raise ToolError(
            f"inpaint: the mask is {mask_size}, but the image is {image_size}", hint="make the mask from the same image"
        )
    return inpainter.inpaint(
        image,
        mask,
        prompt,
        negative_prompt=negative_prompt,
        steps=num_inference_steps,
        guidance_scale=guidance_scale,
        seed=_drawn(seed),
    )


@tool(family="editor", panel="generative", models={"inpainter": Inpainter}, reshapes=True, version=2)
def outpaint(
    image: Image,
    prompt: str = "",
    percent: Annotated[float, Field(ge=1, le=100)] = 25.0,
    seed: Seed = None,
    *,
    inpainter: Inpainter,
) -> Image:
    """Extend the image beyond its borders with new content."""
    width, height = image.size_wh
    across, down = (max(1, round(side * percent / 100)) for side in (width, height))
    frame = [(down, down), (across, across)]
    canvas = np.pad(image.pixels, [*frame, (0, 0)], mode="symmetric")
    new = np.pad(np.zeros((height, width), bool), frame, constant_values=True)
    return inpainter.inpaint(
        Image(canvas), Mask(new), prompt, negative_prompt="", steps=None, guidance_scale=None, seed=_drawn(seed)
    )


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
    return instruct_editor.edit(
        image, instruction, steps=num_inference_steps, guidance_scale=guidance_scale, seed=_drawn(seed)
    )


def _drawn(seed: int | None) -> int:
    """Return the seed, or a fresh one for a direct call; the engine always gives one and records it."""
    return secrets.randbelow(2**32) if seed is None else seed
