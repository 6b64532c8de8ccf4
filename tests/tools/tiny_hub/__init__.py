"""Random checkpoints of the real classes, a few hundred kilobytes each, in the folder layout of the hub."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from .detectors import grounding_dino, grounding_dino_of_both, groundingdino, owl
from .parts import bert_tokenizer
from .pipelines import cogview4, stable_diffusion
from .readers import align, blip, clip, florence, siglip, siglip2, vision_language
from .segmenters import sam, sam2, sam_of_both, segment_anything

__all__ = ["MAKERS", "HubFolder", "bert_tokenizer"]

HubFolder = Callable[[str], Path]
"""From the name of a tiny checkpoint to its folder, which is to be treated as read-only."""

MAKERS: dict[str, Callable[[Path], None]] = {
    "grounding-dino": grounding_dino,
    "mm-grounding-dino": lambda folder: grounding_dino(folder, "MMGroundingDino"),
    "grounding-dino-of-both": grounding_dino_of_both,
    "groundingdino": groundingdino,
    "owl": owl,
    "sam": sam,
    "sam-of-both": sam_of_both,
    "segment-anything": segment_anything,
    "sam2": sam2,
    "clip": clip,
    "siglip": siglip,
    "siglip2": siglip2,
    "align": align,
    "blip-captioner": lambda folder: blip(folder, "ConditionalGeneration"),
    "blip-answerer": lambda folder: blip(folder, "QuestionAnswering"),
    "florence": florence,
    "vision-language": vision_language,
    "diffusion": stable_diffusion,
    "cogview4": cogview4,
    "inpaint-9": lambda folder: stable_diffusion(folder, pipeline="StableDiffusionInpaintPipeline", channels=9),
    "instruct": lambda folder: stable_diffusion(folder, pipeline="StableDiffusionInstructPix2PixPipeline", channels=8),
}
"""Name → what writes such a checkpoint into an empty folder."""
