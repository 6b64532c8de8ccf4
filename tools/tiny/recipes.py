"""The models of the family by name."""

from __future__ import annotations

from importlib import import_module

from .training import Recipe

RECIPES = {
    "clip": "train_clip:ClipRecipe",
    "detector": "train_detector:DetectorRecipe",
    "segmenter": "train_segmenter:SegmenterRecipe",
    "captioner": "train_blip:CaptionerRecipe",
    "owl": "train_owl:OwlRecipe",
    "align": "train_align:AlignRecipe",
    "answerer": "train_blip:AnswererRecipe",
}
"""Name of the checkpoint → module and class."""


def recipe(name: str) -> Recipe:
    """Return the recipe of a checkpoint. Raises KeyError for an unknown name."""
    module, _, attribute = RECIPES[name].partition(":")
    found: Recipe = getattr(import_module(f".{module}", __package__), attribute)()
    return found
