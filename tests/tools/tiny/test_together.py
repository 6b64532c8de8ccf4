"""What is measured of shared work is the work: passes of an encoder are counted, and both ways see the same images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from diptych.tools import hub
from diptych.tools.profiles import load_profile
from diptych.tools.segmenters.sam import Sam
from diptych.tools.tiny.render import render
from diptych.tools.tiny.scenes import Scene, scenes
from diptych.tools.tiny.together import BATCH, PROMPTS, WORK, gain, prompts_per_pass
from diptych.tools.values import Image
from tests.tools.tiny_hub import HubFolder


@pytest.mark.parametrize("kept, expected", [(8, PROMPTS), (0, 1)])
def test_passes_of_the_encoder_are_counted(kept: int, expected: int, hub_folder: HubFolder) -> None:
    model = Sam.load(str(hub_folder("sam")))
    model._memo = hub.Memo(kept)
    assert prompts_per_pass(model) == expected


@pytest.mark.parametrize("capability", WORK)
def test_a_call_gives_a_result_for_every_image(capability: str) -> None:
    binding = load_profile("tiny").bindings[capability]
    drawn = list(scenes(3, split="test"))
    model = binding.model.load(binding.source, **binding.options)
    results: Any = WORK[capability](model, drawn, [render(scene).image for scene in drawn])
    assert len(results) == 3


def test_both_ways_see_the_same_images() -> None:
    seen: dict[int, list[Image]] = {1: [], BATCH: []}

    def work(model: Any, drawn: Sequence[Scene], images: Sequence[Image]) -> None:
        assert len(drawn) == len(images)
        seen[len(images)] += images

    assert gain(load_profile("tiny").bindings["matcher"], work) > 0
    assert seen[1] == seen[BATCH] and len(set(seen[1])) == len(seen[1]) > BATCH
