"""Pictures that the tiny generator draws for prompts, kept in a folder: a call that is stopped goes on where it was."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import count
from pathlib import Path

from ..generators.diffusion import DiffusionGenerator
from ..images import load_image
from ..profiles import load_profile
from ..values import Image
from . import geneval
from .scenes import KINDS, Split
from .training import SIDE


def drawn(folder: Path, split: Split) -> Iterator[tuple[geneval.Task, Image]]:
    """Yield pictures for the prompts of a split, of all kinds in turn, without end; what is in the folder is read."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed in count():
        files = {folder / f"{seed}-{task.kind}.png": task for task in geneval.tasks(1, KINDS, split=split, start=seed)}
        missing = [file for file in files if not file.exists()]
        for file, image in zip(missing, _draw([files[file].prompt for file in missing], seed), strict=True):
            part = file.with_suffix(".part")
            image.to_pil().save(part, "PNG")
            part.replace(file)
        yield from ((task, load_image(file)) for file, task in files.items())


def _draw(prompts: list[str], seed: int) -> list[Image]:
    about = {"negative_prompt": "", "size_wh": (SIDE, SIDE), "steps": None, "guidance_scale": None, "seed": seed}
    return _generator().generate_many([{"prompt": prompt, **about} for prompt in prompts]) if prompts else []  # type: ignore[typeddict-item]


@cache
def _generator() -> DiffusionGenerator:
    binding = load_profile("tiny").bindings["generator"]
    return DiffusionGenerator.load(binding.source, **binding.options)
