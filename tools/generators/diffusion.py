"""Text to image by any pipeline that diffusers knows as such: FLUX, Qwen-Image, Z-Image, CogView, SD and SDXL."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import ClassVar, Self

from .. import hub
from ..batching import alike
from ..model import Drawing, Generator
from ..pipelines import Options, Pipeline, open_pipeline, working_size
from ..values import Image


class DiffusionGenerator(Generator):
    """Draws what a prompt says."""

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
        """Load a pipeline folder; the keywords after `dtype` are those of `pipelines.Options`."""
        options = Options(steps, guidance_scale, variant, offload, low_memory)
        return cls(
            open_pipeline(
                "AutoPipelineForText2Image", source, device=device, dtype=dtype, needs=("prompt",), options=options
            )
        )

    def to_host(self) -> bool:
        return self._pipeline.to_host()

    def to_device(self) -> None:
        self._pipeline.to_device()

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
        drawing = Drawing(
            prompt=prompt,
            negative_prompt=negative_prompt,
            size_wh=size_wh,
            steps=steps,
            guidance_scale=guidance_scale,
            seed=seed,
        )
        return self._drawn([drawing])[0]

    def generate_many(self, drawings: Sequence[Drawing]) -> list[Image]:
        """Make an image for each call; those alike in all but words and seed pass the network together."""
        images: dict[int, Image] = {}
        for places in alike(drawings, _kind):
            images.update(zip(places, self._drawn([drawings[place] for place in places]), strict=True))
        return [images[place] for place in range(len(drawings))]

    def _drawn(self, drawings: Sequence[Drawing]) -> list[Image]:
        """Draw calls of one kind in one pass."""
        first = drawings[0]
        width, height = working_size(first["size_wh"], self._pipeline.side)
        pictures = self._pipeline.draw_many(
            [drawing["prompt"] for drawing in drawings],
            seeds=[drawing["seed"] for drawing in drawings],
            steps=first["steps"],
            guidance_scale=first["guidance_scale"],
            negative_prompts=[drawing["negative_prompt"] for drawing in drawings],
            width=width,
            height=height,
        )
        return [Image(hub.resized(rgb, first["size_wh"])) for rgb in pictures]


def _kind(drawing: Drawing) -> tuple[Hashable, ...]:
    """Return what calls must share to be drawn in one pass."""
    rest = drawing["size_wh"], drawing["steps"], drawing["guidance_scale"]
    return *rest, bool(drawing["negative_prompt"])
