"""Training can be stopped at any step, and ships only what is better."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from diptych.tools.tiny import training
from diptych.tools.tiny.evaluate import average_precision, matched, overlaps, write_goals
from diptych.tools.tiny.recipes import RECIPES, recipe
from diptych.tools.tiny.scenes import Scene
from diptych.tools.tiny.train_blip import read_together, tokens
from diptych.tools.tiny.train_clip import WIDTH
from diptych.tools.tiny.training import CHECKPOINTS, Training, examples, train


def short(name: str) -> Any:
    """The recipe of a model with four scenes per step; its figures are its steps, so that later is better."""

    class Short(type(recipe(name))):  # type: ignore[misc]
        batch: ClassVar[int] = 4
        judged: ClassVar[int] = 1
        calls = 0

        def measure(self, folder: Path, scenes: Sequence[Scene]) -> dict[str, float]:
            self.loaded(folder)
            type(self).calls += 1
            return {"calls": float(self.calls)}

    return Short()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DIPTYCH_HOME", str(tmp_path))
    monkeypatch.setattr(training, "CHECKPOINTS", tmp_path / "shipped")
    return tmp_path


def state(home: Path, name: str) -> dict[str, Any]:
    from safetensors.torch import load_file

    return load_file(home / "tiny" / name / "state.safetensors")


@pytest.mark.parametrize("name", RECIPES)
def test_a_training_that_was_stopped_goes_on_as_if_it_was_not(name: str, home: Path) -> None:
    import torch

    train(short(name), steps=4)
    whole = state(home, name)
    train(short(name), steps=2, fresh=True)
    assert train(short(name), steps=2).step == 4
    parts = state(home, name)
    assert whole.keys() == parts.keys()
    assert all(torch.equal(whole[key], parts[key]) for key in whole)


def test_what_is_shipped_is_whole_and_can_be_gone_on_with(home: Path) -> None:
    train(short("clip"), steps=3)
    files = {file.name for file in (home / "shipped" / "clip").iterdir()}
    assert {"model.safetensors", "config.json", "tokenizer.json", "training.json"} <= files
    assert not any(file.startswith(".") for file in files)
    (home / "tiny" / "clip" / "state.safetensors").unlink()
    assert train(short("clip"), steps=1).step == 4


def test_worse_weights_are_not_shipped(home: Path) -> None:
    better = short("segmenter")
    train(better, steps=2)
    type(better).measure = lambda self, folder, scenes: {"calls": 0.5}
    shipped = (home / "shipped" / "segmenter" / "model.safetensors").read_bytes()
    assert train(better, steps=1).best == 1
    assert (home / "shipped" / "segmenter" / "model.safetensors").read_bytes() == shipped


@pytest.mark.parametrize("name", RECIPES)
def test_a_few_steps_on_the_same_scenes_make_the_loss_smaller(name: str, home: Path) -> None:
    model = short(name)
    begun = Training.begin(model, home)
    scenes, pictures = examples(0, 4)
    losses = []
    for _ in range(12):
        loss = model.loss(begun.network, begun.helper, scenes, pictures, 0)
        begun.optimizer.zero_grad()
        loss.backward()
        begun.optimizer.step()
        losses.append(float(loss))
    assert np.isfinite(losses).all() and losses[-1] < losses[0]


def test_an_answerer_begins_with_what_the_captioner_knows() -> None:
    import torch

    answerer, captioner = recipe("answerer").network(), recipe("captioner").loaded(CHECKPOINTS / "captioner")
    known = captioner.text_decoder.state_dict()
    for mine, prefix in ((answerer.text_encoder, "bert."), (answerer.text_decoder, "")):
        assert all(torch.equal(value, known[prefix + name]) for name, value in mine.state_dict().items())
    seen = captioner.vision_model.state_dict()
    assert all(torch.equal(value, seen[name]) for name, value in answerer.vision_model.state_dict().items())


def test_questions_in_one_row_are_read_as_if_each_stood_alone() -> None:
    import torch

    torch.manual_seed(0)
    reader = recipe("answerer").network().text_encoder.eval()
    words = tokens()(
        ["is there a star?", "what color is the ring?", "one", "how many?"], padding=True, return_tensors="pt"
    )
    seen = torch.randn(2, 5, WIDTH)
    with torch.no_grad():
        together = read_together(reader, words, seen, 2)
        alone = reader(**words, encoder_hidden_states=seen.repeat_interleave(2, 0))[0]
    real = words["attention_mask"].bool()
    assert torch.allclose(together[real], alone[real], atol=1e-5)
    assert not torch.allclose(alone[0], alone[1], atol=1e-2)


def test_overlap_and_matching_by_hand() -> None:
    truth = np.array([[0, 0, 10, 10], [20, 0, 30, 10]], float)
    boxes = np.array([[0, 0, 10, 10], [1, 0, 10, 10], [20, 5, 30, 15], [25, 0, 30, 10]], float)
    assert overlaps(boxes, truth)[:, 0].tolist() == pytest.approx([1, 0.9, 0, 0])
    assert overlaps(boxes, truth)[:, 1].tolist() == pytest.approx([0, 0, 1 / 3, 0.5])
    assert matched(boxes, truth).tolist() == [True, False, False, True]
    assert matched(np.zeros((0, 4)), truth).tolist() == []
    assert matched(boxes, np.zeros((0, 4))).tolist() == [False] * 4


@pytest.mark.parametrize(
    ("hits", "truths", "area"),
    [
        ([], 3, 0.0),
        ([(0.9, True), (0.8, True)], 2, 1.0),
        ([(0.9, True), (0.8, False)], 2, 0.5),
        ([(0.9, False), (0.8, True)], 1, 0.5),
        ([(0.9, True), (0.8, False), (0.7, True)], 2, 0.5 + 0.5 * 2 / 3),
    ],
)
def test_average_precision_by_hand(hits: list[tuple[float, bool]], truths: int, area: float) -> None:
    assert average_precision(hits, truths) == pytest.approx(area)


def test_results_of_others_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "tiny.json"
    path.write_text(json.dumps({"goals": [{"name": "x", "value": 1, "goal": 1, "met": True}], "note": "kept"}))
    write_goals(path, {"detection AP50": 0.8, "speed": 2.0})
    write_goals(path, {"detection AP50": 0.95})
    document = json.loads(path.read_text())
    assert document["note"] == "kept" and document["figures"] == {"speed": 2.0}
    assert [(goal["name"], goal["met"]) for goal in document["goals"]] == [("x", True), ("detection AP50", True)]
