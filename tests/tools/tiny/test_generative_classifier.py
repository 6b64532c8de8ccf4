"""The diffusion classifier: what it computes, on a random checkpoint of the very class."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from diptych.tools.classifiers.diffusion_classifier import DiffusionClassifier, spread_times
from diptych.tools.errors import Cancelled, ToolError
from diptych.tools.profiles import Binding
from diptych.tools.progress import watched
from diptych.tools.values import Image
from tests.photos import photo
from tests.tools.tiny_hub import HubFolder

LABELS = ["cat", "dog", "house", "red circle", "blue square", "tree"]


@pytest.fixture(scope="module")
def folder(hub_folder: HubFolder) -> Path:
    return hub_folder("diffusion")


def load(folder: Path, **options: Any) -> DiffusionClassifier:
    model = Binding("classifier", "diffusion-classifier").model.load(str(folder), **options)
    assert isinstance(model, DiffusionClassifier)
    return model


def heeding(model: DiffusionClassifier) -> DiffusionClassifier:
    """Make words matter: in a random network they change the errors by less than the draws do."""
    for name, module in model._pipeline.pipe.unet.named_modules():
        if name.endswith("attn2.to_out.0"):
            module.weight.data *= 100
    return model


def rows_seen(model: DiffusionClassifier) -> list[int]:
    """Count the pairs of draw and label that pass the network."""
    seen: list[int] = []
    model._pipeline.pipe.unet.register_forward_hook(lambda _, inputs, __: seen.append(len(inputs[0])))
    return seen


def test_probabilities_of_every_label_once(folder: Path) -> None:
    found = load(folder, stages=[[4, 1]]).classify(photo("cat"), ["cat", "dog", "cat"]).scores
    assert list(found) == ["cat", "dog"] and sum(found.values()) == pytest.approx(1)


def test_the_least_error_wins(folder: Path) -> None:
    model = load(folder, stages=[[8, 1]])
    gains = model.gains(photo("cat"), LABELS)
    scores = model.classify(photo("cat"), LABELS).scores
    assert gains.max() == 0 and max(scores, key=scores.__getitem__) == LABELS[int(gains.argmax())]


def test_a_draw_is_the_squared_error_of_the_noise(folder: Path) -> None:
    import torch

    model = load(folder, stages=[[2, 1]])
    pipe = model._pipeline.pipe
    with torch.inference_mode():
        cells, words = model._cells(photo("cat")), model._words(["cat"])
        time = int(model._times[1])
        noise = model._noise[1:2]
        noisy = pipe.scheduler.add_noise(cells, noise, torch.tensor([time]))
        theirs = (pipe.unet(noisy, time, encoder_hidden_states=words).sample - noise).square().sum()
        ours = model._errors(cells, words, 0, 2)[0, 1]
    assert ours == pytest.approx(float(theirs), rel=1e-4)


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (90, 64)])
def test_any_size_and_transparency(folder: Path, size: tuple[int, int]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 4), np.uint8)
    assert len(load(folder, stages=[[2, 1]]).classify(Image(pixels), LABELS).scores) == len(LABELS)


def test_the_same_at_any_batch_and_after_a_reload(folder: Path) -> None:
    one, many = (load(folder, stages=[[4, 2], [8, 1]], batch=batch).gains(photo("cat"), LABELS) for batch in (1, 32))
    assert np.allclose(one, many, atol=1e-2) and one.argmax() == many.argmax()


def test_the_seed_decides_about_the_noise(folder: Path) -> None:
    one, two, other = (load(folder, stages=[[4, 1]], seed=s).gains(photo("cat"), LABELS) for s in (1, 1, 2))
    assert np.array_equal(one, two) and not np.allclose(one, other, atol=1e-3)


def test_pruning_gives_the_same_answer_in_fewer_passes(folder: Path) -> None:
    pruned, whole = (heeding(load(folder, stages=stages)) for stages in ([[8, 2], [32, 1]], [[32, 1]]))
    rows, all_rows = rows_seen(pruned), rows_seen(whole)
    names = ("cat", "coffee")
    for name in names:
        assert pruned.gains(photo(name), LABELS).argmax() == whole.gains(photo(name), LABELS).argmax()
    assert sum(all_rows) == len(names) * 32 * len(LABELS)
    assert sum(rows) == len(names) * (8 * len(LABELS) + 24 * 2)


def test_a_label_left_out_is_never_likelier_than_one_that_stayed(folder: Path) -> None:
    model = load(folder, stages=[[2, 3], [4, 2], [16, 1]])
    gains = np.sort(model.gains(photo("cat"), LABELS))
    assert len(gains) == len(LABELS) and gains[-1] == 0 and (gains[:-1] <= 0).all()


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction", "sample"])
def test_a_network_that_knows_the_noise_has_no_error(folder: Path, kind: str) -> None:
    import torch

    model = load(folder, stages=[[6, 1]])
    pipe = model._pipeline.pipe
    cells = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(3))
    levels = pipe.scheduler.alphas_cumprod

    class Knowing:
        def __call__(self, noisy: Any, times: Any, encoder_hidden_states: Any) -> Any:
            level = levels[times].view(-1, 1, 1, 1)
            noise = (noisy - level.sqrt() * cells) / (1 - level).sqrt()
            answers = {"epsilon": noise, "sample": cells.expand_as(noisy)}
            answers["v_prediction"] = level.sqrt() * noise - (1 - level).sqrt() * cells
            return SimpleNamespace(sample=answers[kind])

    pipe.scheduler.register_to_config(prediction_type=kind)
    object.__setattr__(pipe, "unet", Knowing())
    assert model._errors(cells, torch.zeros(1, 2, 32), 0, 6).max() < 1e-2


@pytest.mark.parametrize("stages", [[], [[0, 1]], [[8, 2]], [[8, 1], [4, 1]], [[4, 2], [8, 3], [16, 1]]])
def test_stages_that_do_not_narrow_are_refused(folder: Path, stages: list[list[int]]) -> None:
    with pytest.raises(ToolError, match=r"do not narrow the choice.*draws rise, labels fall"):
        load(folder, stages=stages)


@pytest.mark.parametrize("name", ["inpaint-9", "instruct"])
def test_weights_for_edits_are_refused(hub_folder: HubFolder, name: str) -> None:
    with pytest.raises(
        ToolError, match=r"take 9 channels and give 4|can't find a pipeline linked to StableDiffusionInstruct"
    ):
        load(hub_folder(name))


def test_an_empty_label_is_refused(folder: Path) -> None:
    with pytest.raises(ToolError, match="label is empty"):
        load(folder, template="{}").classify(photo("cat"), ["cat", " "])


def test_it_can_be_stopped(folder: Path) -> None:
    def stop(done: int, total: int) -> None:
        if done:
            raise Cancelled("stopped")

    with watched(stop), pytest.raises(Cancelled):
        load(folder, stages=[[16, 1]], batch=4).classify(photo("cat"), LABELS)


@pytest.mark.parametrize("draws", [1, 2, 8, 12, 64])
def test_times_are_spread_evenly_and_so_is_every_beginning(draws: int) -> None:
    times = spread_times(draws, 1000)
    assert len(set(times.tolist())) == draws and times.min() >= 0 and times.max() < 1000
    assert np.ptp(np.diff(np.sort(times))) <= 1 if draws > 1 else times[0] == 500
    for count in (2, 4, 8):
        if count <= draws and draws % count == 0:
            gaps = np.diff(np.sort(times[:count]))
            assert gaps.max() <= 2 * 1000 / count and gaps.min() >= 0.5 * 1000 / count
