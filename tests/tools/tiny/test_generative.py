"""The generative half of the tiny family: what it learns from, how it learns, and what it has learned."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from diptych.tools.tiny.generative import autoencoder, denoiser
from diptych.tools.tiny.generative.courses import followed
from diptych.tools.tiny.generative.holes import NOTHING, draw_hole
from diptych.tools.tiny.generative.layouts import calm_caption, calm_scene
from diptych.tools.tiny.generative.learning import Learner
from diptych.tools.tiny.generative.turns import draw_turn
from diptych.tools.tiny.geneval import relations
from diptych.tools.tiny.render import render
from diptych.tools.tiny.scenes import KINDS, Kind
from diptych.tools.tiny.sentences import stated
from diptych.tools.tiny.words import unknown_words


@pytest.mark.parametrize("kind", KINDS)
def test_calm_scenes_keep_what_their_words_say(kind: Kind) -> None:
    for seed in range(40):
        scene = calm_scene(seed, kind=kind)
        assert scene == calm_scene(seed, kind=kind)
        assert len(scene.things) == sum(group.count for group in scene.groups)
        cover = render(scene).masks.sum(axis=0)
        assert cover.max() == 1
        boxes = scene.boxes(64)
        assert (boxes >= 0).all() and (boxes <= 64).all() and (boxes % 4 == 0).all()
        if scene.side is not None:
            first, second = scene.groups[0].count, scene.groups[1].count
            for one in boxes[:first]:
                assert all(scene.side in relations(one, other) for other in boxes[first : first + second])


def test_the_splits_of_calm_scenes_differ() -> None:
    assert {calm_scene(seed) for seed in range(200)}.isdisjoint(calm_scene(seed, split="test") for seed in range(200))


def test_captions_name_the_groups_as_they_stand() -> None:
    for seed in range(200):
        scene = calm_scene(seed)
        groups, side = stated(calm_caption(scene, random.Random(seed)))
        if scene.side is None:
            assert side is None
            assert [(g.count, g.shape) for g in groups] == [(g.count, g.shape) for g in scene.groups]
        assert (
            all(said.color in ("", true.color) for said, true in zip(groups, scene.groups, strict=True)) or scene.side
        )


def test_a_hole_covers_what_is_wanted_and_little_more() -> None:
    empty = 0
    for seed in range(100):
        hole = draw_hole(seed)
        picture, gap = hole.views()
        assert picture.shape == (64, 64, 3) and gap.shape == (64, 64) and 0 < gap.mean() < 0.9
        if hole.wanted is None:
            empty += 1
            assert hole.words(random.Random(0)) == NOTHING
        else:
            assert hole.wanted.shape in hole.words(random.Random(0))
            old = np.argwhere(hole.mask)
            box = hole.wanted.xyxy
            assert (np.array(box[:2])[::-1] * 64 >= old.min(axis=0) - 2).all()
            assert (np.array(box[2:])[::-1] * 64 <= old.max(axis=0) + 3).all()
    assert 0 < empty < 30


def test_an_instruction_changes_one_thing_and_can_be_judged() -> None:
    for seed in range(60):
        turn = draw_turn(seed)
        assert turn == draw_turn(seed) and not unknown_words(turn.instruction)
        gone, come = set(turn.before.things) - set(turn.after.things), set(turn.after.things) - set(turn.before.things)
        assert len(gone) == 1 and len(come) == (not turn.instruction.startswith("remove"))
        assert followed(turn, render(turn.after).image) and not followed(turn, render(turn.before).image)


def small_learner(seed: int = 0) -> Learner:
    import torch

    torch.manual_seed(seed)
    return Learner(torch.nn.Sequential(torch.nn.Conv2d(2, 4, 3), torch.nn.SiLU(), torch.nn.Conv2d(4, 1, 3)), 1e-2)


def some_steps(learner: Learner, count: int) -> list[float]:
    import torch

    losses = []
    for _ in range(count):
        torch.manual_seed(learner.step)
        seen = torch.randn(8, 2, 7, 7)
        off = learner.network(seen.bfloat16()).float().mean(dim=(1, 2, 3)) - seen.mean(dim=(1, 2, 3))
        losses.append(learner.learn(off.square().mean()))
    return losses


def test_a_training_that_was_stopped_gives_the_same_weights(tmp_path: Path) -> None:
    import torch

    whole, first, second = small_learner(), small_learner(), small_learner(seed=1)
    some_steps(whole, 10)
    some_steps(first, 5)
    first.save(tmp_path / "state.safetensors", {"best": 0.5})
    assert second.read(tmp_path / "state.safetensors") == {"best": 0.5} and second.step == 5
    some_steps(second, 5)
    for kind in ("masters", "mean"):
        for name, value in getattr(whole, kind).items():
            assert torch.equal(value, getattr(second, kind)[name])


def test_learning_learns_and_the_mean_follows() -> None:
    import torch

    learner = small_learner()
    losses = some_steps(learner, 150)
    assert np.mean(losses[-30:]) < 0.5 * np.mean(losses[:30])
    with learner.at_mean() as network:
        inside = {name: value.clone() for name, value in network.state_dict().items()}
    averaged = learner.averaged()
    assert all(value.dtype == torch.float16 for value in averaged.values())
    assert all(torch.allclose(value.float(), averaged[name].float(), rtol=1e-2) for name, value in inside.items())
    assert any(not torch.equal(value, learner.network.state_dict()[name]) for name, value in inside.items())


def test_an_inpainter_begins_as_the_model_it_comes_from() -> None:
    import torch

    torch.manual_seed(0)
    whole = denoiser.fresh_denoiser().eval()
    other = denoiser.begun_as(whole, 9, 4).eval()
    assert (other.config.in_channels, other.config.out_channels) == (9, 4)
    old, new = whole.state_dict(), other.state_dict()
    assert {name for name in new if new[name].shape != old[name].shape} == {
        "conv_in.weight",
        "conv_out.weight",
        "conv_out.bias",
    }
    assert all(torch.equal(new[name], old[name]) for name in new if new[name].shape == old[name].shape)


def test_fewer_numbers_per_cell_begin_along_the_principal_axes() -> None:
    """With all axes nothing is lost; with half of them the cells are of unit variance and the picture is near."""
    import torch

    torch.manual_seed(0)
    wide = autoencoder.fresh_autoencoder().eval()
    seen = autoencoder.examples(5, 16)[0].float()
    with torch.no_grad():
        meant = wide.decode(wide.encode(seen).latent_dist.mean).sample
        same = autoencoder.narrowed_autoencoder(wide, 8).eval()
        assert torch.allclose(same.decode(same.encode(seen).latent_dist.mean).sample, meant, atol=1e-2)
        half = autoencoder.narrowed_autoencoder(wide, 4).eval()
        cells = half.encode(autoencoder.examples(0, 64)[0].float()).latent_dist.mean
    assert cells.shape[1] == 4 and torch.allclose(cells.var(dim=(0, 2, 3)), torch.ones(4), atol=0.05)
