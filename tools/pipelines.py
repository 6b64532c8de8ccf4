"""Diffusion pipelines: loaded, called and read back in one way by every adapter that makes pixels.

Each pipeline class of diffusers has its own set of arguments; one is called here with those it takes, and what it
cannot do is said, not dropped.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import hub
from .errors import ToolError
from .progress import note, tick
from .values.base import Array

_GRAIN = 16
"""Every pipeline of diffusers takes sides that are multiples of this."""
_ROOM = 0.8
"""Share of the free device memory that weights may fill; the rest is for activations."""


@dataclass(frozen=True)
class Options:
    """What a profile may say about a pipeline."""

    steps: int | None = None
    """Denoising steps when the plan gives none; the pipeline's own number when this is None too."""
    guidance_scale: float | None = None
    variant: str | None = None
    """Which of several sets of files a repository keeps, for example `fp16` at half the download."""
    offload: bool | None = None
    """Keep parts on the host and move each to the device for its turn; None: only when they do not fit."""
    low_memory: bool = False
    """Do with as little memory as can be: pictures pass the autoencoder in tiles and one by one (the tiles of a large
    picture are blended where they meet, so that it differs a little), and on CUDA weights come from the host."""


class Pipeline:
    """A pipeline on its device."""

    def __init__(self, pipe: Any, options: Options, place: Any = None) -> None:
        """Wrap a pipeline that is whole on device `place`, or None: its parts come and go by themselves."""
        self.pipe = pipe
        self._options = options
        self._place = place
        self._takes = inspect.signature(pipe.__call__).parameters

    @property
    def side(self) -> int:
        """Side, in pixels, of the square the model was trained at."""
        network = getattr(self.pipe, "unet", None) or getattr(self.pipe, "transformer", None)
        cells = getattr(getattr(network, "config", None), "sample_size", None)
        cells = getattr(self.pipe, "default_sample_size", None) or cells
        factor = getattr(self.pipe, "vae_scale_factor", 8)
        return int(cells) * int(factor) if isinstance(cells, int) else 1024

    def to_host(self) -> bool:
        """Move all parts to the host's memory; False when they come and go by themselves."""
        if self._place is None:
            return False
        self.pipe.to("cpu")
        return True

    def to_device(self) -> None:
        """Move all parts back to where they were loaded to."""
        self.pipe.to(self._place)

    def takes(self, argument: str) -> bool:
        """Say whether the pipeline has an argument of this name."""
        return argument in self._takes

    def default(self, argument: str) -> Any:
        """Return the pipeline's own value of an argument."""
        return self._takes[argument].default

    def draw(
        self,
        prompt: str,
        *,
        seed: int,
        steps: int | None,
        guidance_scale: float | None,
        negative_prompt: str = "",
        **inputs: Any,
    ) -> Array:
        """Run the pipeline; return uint8 (H, W, 3).

        The noise comes from a fresh generator on the CPU, so that a seed means the same on every device. A prompt
        beyond what the text encoders read is cut, which is logged. Raises ToolError for NaN and for a picture
        that a safety checker withholds; Cancelled passes through.
        """
        return self.draw_many(
            [prompt],
            seeds=[seed],
            steps=steps,
            guidance_scale=guidance_scale,
            negative_prompts=[negative_prompt],
            **inputs,
        )[0]

    def draw_many(
        self,
        prompts: Sequence[str],
        *,
        seeds: Sequence[int],
        steps: int | None,
        guidance_scale: float | None,
        negative_prompts: Sequence[str],
        **inputs: Any,
    ) -> list[Array]:
        """Run the pipeline once for several prompts, each with noise from its own seed; one array for each.

        All share steps, guidance and `inputs`, and either all or none have a negative prompt. Raises as `draw` does.
        """
        import torch

        arguments = {
            "prompt": _one_or_all([self._fitted(prompt) for prompt in prompts]),
            "num_inference_steps": steps or self._options.steps,
            **self._guidance(self._options.guidance_scale if guidance_scale is None else guidance_scale),
            **self._negative(negative_prompts),
            **inputs,
        }
        given = {name: value for name, value in arguments.items() if value is not None and self.takes(name)}
        noise = _one_or_all([torch.Generator("cpu").manual_seed(seed) for seed in seeds])
        output = self.pipe(**given, **self._hook(), generator=noise, output_type="np")
        if any(getattr(output, "nsfw_content_detected", None) or ()):
            raise ToolError("the model's safety checker withheld the picture", hint="change the prompt or the seed")
        return [_bytes(picture) for picture in np.asarray(output.images)]

    def _hook(self) -> dict[str, Any]:
        """Return the callback that reports each step, and through which a cancel comes."""
        if not self.takes("callback_on_step_end"):
            return {}

        def after(pipe: Any, step: int, timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
            tick(step + 1, max(step + 1, pipe.num_timesteps))
            return tensors

        return {"callback_on_step_end": after}

    @property
    def _true_guidance(self) -> bool:
        """Whether `guidance_scale` only serves distilled weights, and guidance proper has its own name."""
        return self.takes("true_cfg_scale") and self.takes("guidance_scale") and self.default("guidance_scale") is None

    def _guidance(self, scale: float | None) -> dict[str, float | None]:
        return {"true_cfg_scale" if self._true_guidance else "guidance_scale": scale}

    def _negative(self, prompts: Sequence[str]) -> dict[str, Any]:
        if self._true_guidance:  # without a negative prompt these pipelines use no guidance at all
            return {"negative_prompt": _one_or_all([prompt or " " for prompt in prompts])}
        if not any(prompts):
            return {"negative_prompt": None}
        if not self.takes("negative_prompt"):
            note(f"{type(self.pipe).__name__} takes no negative prompt; ignored: {prompts[0]!r}")
        return {"negative_prompt": _one_or_all([self._fitted(prompt) for prompt in prompts])}

    def _fitted(self, prompt: str) -> str:
        """Return the part of the prompt that the text encoder with the most room reads."""
        tokenizers = _tokenizers(self.pipe)
        if not tokenizers:
            return prompt
        longest = int(self.default("max_sequence_length")) if self.takes("max_sequence_length") else 512
        roomy = max(tokenizers, key=lambda t: min(t.model_max_length, longest))
        return hub.fitted(roomy, prompt, min(roomy.model_max_length, longest))


def open_pipeline(
    loader: str, source: str | Mapping[str, str], *, device: str, dtype: str, needs: tuple[str, ...], options: Options
) -> Pipeline:
    """Load a pipeline folder by a class of diffusers (`loader`, Auto classes included) and put it on the device.

    `needs` are the arguments the pipeline must have to be of use. Raises ToolError for a missing file, remote
    code, another kind of pipeline, or a device or dtype that is not there.
    """
    diffusers = hub.library("diffusers")
    checkpoint = hub.find(source)
    place, precision = hub.placed(device, dtype)
    hub.quiet()
    diffusers.utils.logging.disable_progress_bar()
    with hub.failures(checkpoint):
        index = diffusers.DiffusionPipeline.load_config(checkpoint.name, revision=checkpoint.revision)
    _no_code(index, checkpoint)
    with hub.failures(checkpoint):
        pipe = _class(loader, index).from_pretrained(
            checkpoint.name,
            revision=checkpoint.revision,
            dtype=precision,
            use_safetensors=True,
            variant=options.variant,
        )
    pipe.set_progress_bar_config(disable=True)
    _fits(pipe, needs, checkpoint)
    for tokenizer in _tokenizers(pipe):
        hub.check_vocabulary(tokenizer, checkpoint)
    return Pipeline(pipe, options, place if _on_device(pipe, place, options) else None)


def _one_or_all(items: list[Any]) -> Any:
    """Return the only item or the list of several: what every pipeline takes for prompts and generators."""
    return items[0] if len(items) == 1 else items


_INPAINTING = {"Flux2KleinPipeline": "Flux2KleinInpaintPipeline"}
"""Pipeline → its inpainting class, where the Auto class of diffusers does not know it."""


def _class(loader: str, index: Mapping[str, Any]) -> Any:
    diffusers = hub.library("diffusers")
    name = index["_class_name"]
    if loader == "AutoPipelineForInpainting":
        # FluxFillPipeline, for one, inpaints and is not in the Auto class's table.
        own = getattr(diffusers, _INPAINTING.get(name, name), None)
        if own is not None and "mask_image" in inspect.signature(own.__call__).parameters:
            return own
    return getattr(diffusers, loader)


def _no_code(index: Mapping[str, Any], checkpoint: hub.Checkpoint) -> None:
    """Refuse a pipeline whose class or parts are Python files of its repository."""
    import diffusers.pipelines

    name = index.get("_class_name")
    specs = {part: spec for part, spec in index.items() if not part.startswith("_")}
    parts = {part: spec[0] for part, spec in specs.items() if isinstance(spec, list | tuple) and spec and spec[0]}
    known = ("diffusers", "transformers")
    foreign = [
        part for part, library in parts.items() if library not in known and not hasattr(diffusers.pipelines, library)
    ]
    if isinstance(name, list) or foreign:
        what = ", ".join(foreign) or " ".join(map(str, name or ()))
        raise ToolError(
            f"weights {str(checkpoint)!r} ask to run their own code ({what})",
            hint="that is never done; take weights whose pipeline is part of diffusers",
        )
    if not isinstance(name, str) or not hasattr(diffusers, name):
        raise ToolError(
            f"weights {str(checkpoint)!r} are of pipeline {name!r}, which the installed diffusers does not have",
            hint="upgrade diffusers, or take other weights",
        )


def _tokenizers(pipe: Any) -> list[Any]:
    found = [getattr(pipe, name, None) for name in ("tokenizer", "tokenizer_2", "tokenizer_3")]
    return [tokenizer for tokenizer in found if tokenizer is not None]


def _fits(pipe: Any, needs: tuple[str, ...], checkpoint: hub.Checkpoint) -> None:
    takes = inspect.signature(pipe.__call__).parameters
    lacking = [name for name in needs if name not in takes]
    if lacking:
        raise ToolError(
            f"weights {str(checkpoint)!r} are of {type(pipe).__name__}, which takes no {' and no '.join(lacking)}",
            hint="name weights made for this work in the profile",
        )


def _on_device(pipe: Any, place: Any, options: Options) -> bool:
    """Put the pipeline on its device, in parts when asked to or when the whole does not fit; say whether whole."""
    if options.low_memory:
        _in_tiles(pipe)
    too_large = place.type == "cuda" and _bytes_of(pipe) > _ROOM * _free(place)
    frugal = options.low_memory and place.type == "cuda"
    offload = (too_large or frugal) if options.offload is None else options.offload or frugal
    if place.type == "cpu" or not offload:
        pipe.to(place)
        return True
    if frugal and (too_large or options.offload):
        pipe.enable_sequential_cpu_offload(device=place)  # layer by layer: part by part was not enough
    else:
        pipe.enable_model_cpu_offload(device=place)
    return False


def _in_tiles(pipe: Any) -> None:
    """Let the autoencoder work on one picture at a time, in tiles, where it can."""
    for way in ("enable_slicing", "enable_tiling"):
        enable = getattr(getattr(pipe, "vae", None), way, None)
        if enable:
            enable()


def _bytes_of(pipe: Any) -> int:
    parts = [part for part in pipe.components.values() if hasattr(part, "parameters")]
    return sum(weight.numel() * weight.element_size() for part in parts for weight in part.parameters())


def _free(place: Any) -> int:
    import torch

    return int(torch.cuda.mem_get_info(place)[0])


def working_size(size_wh: tuple[int, int], side: int) -> tuple[int, int]:
    """Return (width, height), multiples of 16, at which a model trained at `side` × `side` does its best.

    That is the size asked for where its area is within half and twice that of training, and else the area of
    training in the shape asked for: a model draws fragments far below, and repeats its subject far above.
    """
    width, height = size_wh
    ratio = width * height / side**2
    scale = 1.0 if 0.5 <= ratio <= 2 else 1 / math.sqrt(ratio)
    return (
        max(_GRAIN, round(width * scale / _GRAIN) * _GRAIN),
        max(_GRAIN, round(height * scale / _GRAIN) * _GRAIN),
    )


def _bytes(picture: Array) -> Array:
    """Return uint8 (H, W, 3) from floats in [0, 1]. Raises ToolError for NaN."""
    if np.isnan(picture).any():
        raise hub.nan_error("the diffusion model")
    rgb: Array = np.rint(picture * 255).clip(0, 255).astype(np.uint8)
    return rgb
