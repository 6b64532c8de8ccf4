"""The shipped generative checkpoints do their job through the adapters that users get."""

from __future__ import annotations

import json
import shutil
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.torch import load_file

from diptych.tools.editors.instruct import DiffusionEditor
from diptych.tools.profiles import load_profile
from diptych.tools.tiny.generative import denoiser, polish, train
from diptych.tools.tiny.generative.autoencoder import CHANNELS
from diptych.tools.tiny.generative.courses import COURSES
from diptych.tools.tiny.generative.evaluate import by_rule, drawn, held_out_holes, inpainting, instructing, right
from diptych.tools.tiny.generative.layouts import calm_scene
from diptych.tools.tiny.generative.learning import Learner
from diptych.tools.tiny.generative.parts import Frozen
from diptych.tools.tiny.geneval import Task, tasks
from diptych.tools.tiny.render import render
from diptych.tools.tiny.training import CHECKPOINTS
from diptych.tools.tiny.words import vocabulary
from diptych.tools.values import Image, Mask

WEIGHTS = "diffusion_pytorch_model.safetensors"


@cache
def loaded(capability: str) -> Any:
    binding = load_profile("tiny").bindings[capability]
    return binding.model.load(binding.source, **binding.options)


@pytest.mark.parametrize(
    "name, kind",
    [
        ("t2i", "StableDiffusionPipeline"),
        ("inpaint", "StableDiffusionInpaintPipeline"),
        ("instruct", "StableDiffusionInstructPix2PixPipeline"),
    ],
)
def test_folders_are_those_of_the_hub(name: str, kind: str) -> None:
    folder = CHECKPOINTS / name
    assert json.loads((folder / "model_index.json").read_text())["_class_name"] == kind
    assert (folder / "README.md").is_file()
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert not [path for path in files if path.suffix in (".bin", ".pt", ".ckpt", ".part")]
    assert sum(path.stat().st_size for path in files) < 12.5e6


def test_every_word_of_the_family_is_one_token() -> None:
    tokenizer = loaded("generator")._pipeline.pipe.tokenizer
    assert all(len(tokenizer.tokenize(word)) == 1 for word in vocabulary())


@cache
def singles() -> tuple[list[Task], list[Image]]:
    asked = tasks(12, ("colors",))
    return asked, drawn(loaded("generator"), [task.prompt for task in asked])


def test_single_objects_are_drawn_in_their_color() -> None:
    asked, pictures = singles()
    assert np.mean([right(task, picture, by_rule) for task, picture in zip(asked, pictures, strict=True)]) >= 0.5


def test_a_seed_draws_the_same_and_another_something_else() -> None:
    def one(seed: int) -> Image:
        size = {"size_wh": (64, 64), "steps": None, "guidance_scale": None}
        image: Image = loaded("generator").generate("a red circle", negative_prompt="", seed=seed, **size)
        return image

    assert one(1) == one(1) and one(1) != one(2)


def test_inpainting_changes_the_hole_and_nothing_else() -> None:
    for seed, hole in enumerate(held_out_holes(4)):
        before = singles()[1][seed]
        after = loaded("inpainter").inpaint(
            before, Mask(hole.mask), "a red circle", negative_prompt="", steps=None, guidance_scale=None, seed=seed
        )
        changed = (after.rgb != before.rgb).any(axis=-1)
        assert changed[hole.mask].mean() > 0.5 and not changed[~hole.mask].any()


def test_what_is_asked_for_appears_where_it_has_room() -> None:
    found = inpainting(loaded("inpainter"), 6)
    assert found["inpainting, the object appears"] >= 0.5
    assert found["inpainting, pixels kept outside the mask"] == 1
    # The outline of another shape hides the truth as well.
    assert found["rendered truth in the old outline, the object appears"] < 1


def test_instructions_are_followed() -> None:
    found = instructing(loaded("instruct_editor"), 8)
    assert found["instructions followed"] >= 0.5
    assert found["rendered truth judged right, instructions"] == 1


@pytest.mark.parametrize("name", [name for name in COURSES if (CHECKPOINTS / name).is_dir()])
def test_a_training_goes_on_from_what_ships(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped, state = tmp_path / "checkpoints", tmp_path / "home" / "tiny"
    for folder in {"t2i", name}:
        shutil.copytree(CHECKPOINTS / folder, shipped / folder)
    monkeypatch.setenv("DIPTYCH_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(train, "CHECKPOINTS", shipped)
    for constant, value in (("_FIRST", 64), ("_MORE", 0), ("_BLOCK", 64)):
        monkeypatch.setattr(train, constant, value)
    before = json.loads((shipped / name / "training.json").read_text())
    for done in (2, 4):  # from the checkpoint, then from the state
        train.train_denoiser(COURSES[name](), steps=2)
        with safe_open(state / name / "unet.safetensors", "pt") as file:
            assert json.loads(file.metadata()["facts"])["step"] == before["step"] + done
    assert not list((state / "t2i").glob("vae.safetensors"))
    assert (state / name / "samples.png").is_file()


def test_an_editor_draws_as_its_training_judges_it(tmp_path: Path) -> None:
    import torch

    torch.manual_seed(0)
    t2i, words, image = CHECKPOINTS / "t2i", "make the circle red", render(calm_scene(0)).image
    parts = Frozen.of(t2i / "text_encoder", t2i / "vae")
    learner = Learner(denoiser.begun_as(denoiser.shipped_denoiser(t2i), 2 * CHANNELS, CHANNELS), 1e-3)
    denoiser.write_pipeline(tmp_path, learner, parts)
    editor = DiffusionEditor.load(str(tmp_path), steps=denoiser.STEPS, guidance_scale=denoiser.GUIDANCE)
    edited = editor.edit(image, words, steps=None, guidance_scale=None, seed=3)
    with learner.at_mean() as network:
        cells = denoiser.draw(
            network,
            denoiser.noise_schedule(),
            parts.read([words]),
            parts.read([""]),
            [3],
            seen=parts.encode(image.rgb[None]).float(),
            image_guidance=denoiser.IMAGE_GUIDANCE,
        )
    judged = parts.decode(cells)[0]
    assert np.abs(edited.rgb.astype(int) - judged.rgb).mean() < 6
    assert np.abs(image.rgb.astype(int) - judged.rgb).mean() > 12  # an untrained start draws something else


def test_polishing_changes_the_decoder_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = tmp_path / "checkpoints"
    shutil.copytree(CHECKPOINTS / "t2i", shipped / "t2i")
    monkeypatch.setenv("DIPTYCH_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(polish, "CHECKPOINTS", shipped)
    # Two steps make nothing better; what ships is then what was there, and the state has gone on all the same.
    polish.train_decoder(steps=2)
    before, after = (load_file(root / "t2i" / "vae" / WEIGHTS) for root in (CHECKPOINTS, shipped))
    assert set(before) == set(after)
    for name, value in before.items():
        if not name.startswith("decoder."):
            assert bool((value == after[name]).all())
    assert (tmp_path / "home" / "tiny" / "t2i" / "decoder.safetensors").is_file()


def test_what_ships_says_nothing_of_the_machine(tmp_path: Path) -> None:
    part = tmp_path / "part"
    part.mkdir()
    (part / "config.json").write_text('{"_name_or_path": "/home/me/vae", "sample_size": 64}')
    train.ship(part, tmp_path / "shipped")
    assert json.loads((tmp_path / "shipped" / "config.json").read_text()) == {"sample_size": 64}
