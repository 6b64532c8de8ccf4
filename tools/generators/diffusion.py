"""Text to image by any pipeline that diffusers knows as such: FLUX, Qwen-Image, Z-Image, CogView, SD and SDXL."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Self

from .. import hub
from ..model import Generator
from ..pipelines import Options, Pipeline, open_pipeline, working_size
from ..values import Image


class DiffusionGenerator(Generator):
    """Draws what a prompt says."""

    memory_mb: ClassVar[int] = 8000

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
    ) -> Self:
        """Load a pipeline folder; the keywords after `dtype` are those of `pipelines.Options`."""
        options = Options(steps, guidance_scale, variant, offload)
        return cls(
            open_pipeline(
                "AutoPipelineForText2Image", source, device=device, dtype=dtype, needs=("prompt",), options=options
            )
        )

    def generate(
        self,
        prompt: str,
        *,
        negative_prompt: str,
        size_wh: tuple[int, int],
        steps: int | None,
        guidance_scale: float | None,
        seed: int,
    ) -> Image:
        """Return an image of `size_wh`, made at the nearest size that suits the model and resampled to it."""
        width, height = working_size(size_wh, self._pipeline.side)
        rgb = self._pipeline.draw(
            prompt,
            seed=seed,
            steps=steps,
            guidance_scale=guidance_scale,
            negative_prompt=negative_prompt,
            width=width,
            height=height,
        )
        return Image(hub.resized(rgb, size_wh))
