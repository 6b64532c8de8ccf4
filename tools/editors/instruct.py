"""Image and sentence to image: InstructPix2Pix (arXiv 2211.09800), Qwen-Image-Edit, FLUX Kontext, FLUX.2."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Self

from .. import hub
from ..errors import ToolError
from ..generators.diffusion import DiffusionGenerator
from ..model import InstructEditor
from ..pipelines import Options, open_pipeline, working_size
from ..values import Image


class DiffusionEditor(DiffusionGenerator, InstructEditor):
    """Redraws an image as a sentence says; weights that need no image to start from serve as a generator too."""

    memory_mb: ClassVar[int] = 8000
    has_low_memory: ClassVar[bool] = True

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
        """Load a pipeline folder; the keywords after `dtype` are those of `pipelines.Options`.

        Raises ToolError for a pipeline that takes no image, or that needs a mask.
        """
        options = Options(steps, guidance_scale, variant, offload, low_memory)
        needs = ("prompt", "image")
        pipeline = open_pipeline("DiffusionPipeline", source, device=device, dtype=dtype, needs=needs, options=options)
        if pipeline.takes("mask_image") or pipeline.takes("strength"):
            raise ToolError(
                f"weights {source!r} are of {type(pipeline.pipe).__name__}, which follows no instruction",
                hint="name weights for editing by instruction in the profile",
            )
        return cls(pipeline)

    def edit(
        self, image: Image, instruction: str, *, steps: int | None, guidance_scale: float | None, seed: int
    ) -> Image:
        """Return the changed image at its own size and with its own alpha; the model sees it over white."""
        from PIL import Image as PIL

        size_wh = working_size(image.size_wh, self._pipeline.side)
        seen = PIL.fromarray(hub.resized(hub.opaque(image), size_wh))
        rgb = self._pipeline.draw(
            instruction,
            seed=seed,
            steps=steps,
            guidance_scale=guidance_scale,
            image=seen,
            width=size_wh[0],
            height=size_wh[1],
        )
        return image.with_rgb(hub.resized(rgb, image.size_wh))
