"""Fill a mask by diffusion: any inpainting pipeline of diffusers, at the image's own resolution."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np

from .. import hub
from ..errors import ToolError
from ..model import Eraser, Inpainter
from ..pipelines import Options, Pipeline, open_pipeline
from ..values import Image, Mask
from ..values.base import Array
from .compose import Box, apply_inside, same_size
from .seam import settled

_AROUND = 2.0
"""Side of the square that the model sees, as a multiple of the longer side of the mask."""
_CLOSEST = 0.25
"""Least side of that square, as a share of the side the model was trained at: enlarging more shows it only blur."""
_GRAIN = 16
_RIM = 8
"""Pixels, at the model's size, by which its mask is wider than the one asked for: a cell of its latent image. What
it draws there is thrown away, but nothing of the old object's edge is left to continue from."""
_BACKGROUND = "background, empty scene, nothing there, seamless continuation of the surroundings"
_NO_OBJECTS = "object, person, animal, thing, text, artifact"


class DiffusionInpainter(Inpainter, Eraser):
    """Works on a crop around the mask, at the size the model was trained at, and pastes back only inside the mask.

    It erases as well, by asking for background: with the same source in a profile, both share one set of weights.
    """

    memory_mb: ClassVar[int] = 8000
    has_low_memory: ClassVar[bool] = True

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline

    @classmethod
    def load(
        cls,
        source: str | Mapping[str, str],
        *,
        device: str = "cpu",
        dtype: str = "float32",
        steps: int | None = None,
        guidance_scale: float | None = None,
        variant: str | None = None,
        offload: bool | None = None,
        low_memory: bool = False,
    ) -> Self:
        """Load a pipeline folder, of inpainting or of text to image; the last keywords are `pipelines.Options`."""
        options = Options(steps, guidance_scale, variant, offload, low_memory)
        needs = ("prompt", "image", "mask_image")
        return cls(
            open_pipeline("AutoPipelineForInpainting", source, device=device, dtype=dtype, needs=needs, options=options)
        )

    def to_host(self) -> bool:
        return self._pipeline.to_host()

    def to_device(self) -> None:
        self._pipeline.to_device()

    def inpaint(
        self,
        image: Image,
        mask: Mask,
        prompt: str,
        *,
        negative_prompt: str,
        steps: int | None,
        guidance_scale: float | None,
        seed: int,
    ) -> Image:
        """Return the image with new content inside `mask`; outside, every pixel and all alpha stay as they are.

        An empty prompt asks for what the surroundings suggest. Raises ToolError for a mask of another size or
        one that selects nothing.
        """
        same_size(image, mask)
        bounds = mask.bounds()
        if bounds is None:
            raise ToolError("the mask selects nothing", hint="grow it, or find the object in another way")
        box = surroundings(bounds, image.size_wh, self._pipeline.side)
        size_wh = _size_of(box, self._pipeline.side)
        drawn = self._pipeline.draw(
            prompt.strip() or _BACKGROUND,
            seed=seed,
            steps=steps,
            guidance_scale=guidance_scale,
            negative_prompt=negative_prompt,
            width=size_wh[0],
            height=size_wh[1],
            strength=self._strength(),
            **_seen(image, mask, box, size_wh),
        )
        x0, y0, x1, y1 = box
        rgb = np.array(image.rgb)
        crop = np.s_[y0:y1, x0:x1]
        rgb[crop] = settled(hub.resized(drawn, (x1 - x0, y1 - y0)), rgb[crop], mask.selected[crop])
        return apply_inside(image, rgb, mask)

    def erase(self, image: Image, mask: Mask) -> Image:
        """Fill the mask with background; the same image and mask give the same result."""
        return self.inpaint(
            image, mask, _BACKGROUND, negative_prompt=_NO_OBJECTS, steps=None, guidance_scale=None, seed=0
        )

    def _strength(self) -> float | None:
        """Return 1 for pipelines that would keep part of the old object by default, None for their own value."""
        if not self._pipeline.takes("strength"):
            return None
        return 1.0 if self._pipeline.default("strength") < 0.99 else None


def surroundings(bounds: Box, size_wh: tuple[int, int], side: int) -> Box:
    """Return the part of the image that the model sees: a square around `bounds`, as far as the image has one."""
    x0, y0, x1, y1 = bounds
    wanted = max(math.ceil(_AROUND * max(x1 - x0, y1 - y0)), math.ceil(_CLOSEST * side))
    left, right = _span(x0, x1, wanted, size_wh[0])
    top, bottom = _span(y0, y1, wanted, size_wh[1])
    return left, top, right, bottom


def _span(low: int, high: int, wanted: int, length: int) -> tuple[int, int]:
    """Return a range of at most `wanted` pixels around low..high, moved so that it lies in 0..length."""
    size = min(wanted, length)
    start = min(max(0, (low + high - size) // 2), length - size)
    return start, start + size


def _size_of(box: Box, side: int) -> tuple[int, int]:
    """Return the model's size for a crop: the area it was trained at in the shape of the crop, multiples of 16."""
    width, height = box[2] - box[0], box[3] - box[1]
    scale = side / math.sqrt(width * height)
    return (
        max(_GRAIN, round(width * scale / _GRAIN) * _GRAIN),
        max(_GRAIN, round(height * scale / _GRAIN) * _GRAIN),
    )


def _seen(image: Image, mask: Mask, box: Box, size_wh: tuple[int, int]) -> dict[str, Any]:
    """Return the crop and its mask as the pipelines take them, at the model's size."""
    from PIL import Image as PIL

    x0, y0, x1, y1 = box
    crop = hub.resized(np.ascontiguousarray(image.rgb[y0:y1, x0:x1]), size_wh)
    hole = hole_around(mask.selected[y0:y1, x0:x1], size_wh)
    return {"image": PIL.fromarray(crop), "mask_image": PIL.fromarray(hole.astype(np.uint8) * 255)}


def hole_around(selected: Array, size_wh: tuple[int, int]) -> Array:
    """Return bool (height, width): every cell that holds a selected pixel, and a rim around them."""
    import cv2

    scaled = cv2.resize(selected.astype(np.float32), size_wh, interpolation=cv2.INTER_AREA) > 0
    rim = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * _RIM + 1, 2 * _RIM + 1))
    hole: Array = cv2.dilate(scaled.astype(np.uint8), rim).astype(np.bool_)
    return hole
