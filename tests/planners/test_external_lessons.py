"""What the planner practises on for catalogues that are not ours."""

from __future__ import annotations

import random
from itertools import islice
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from diptych.planners.embedded import prompt_text, system_text
from diptych.planners.external import told
from diptych.planners.notation import read_steps
from diptych.planners.plan import Plan
from diptych.planners.training.external_requests import NO_TOOL, ExternalRequests, Lesson, staged, wishes
from diptych.planners.training.external_tools import described, near, practice_tools, unseen_tools
from diptych.planners.training.train import END, Batch, loss_of
from diptych.planners.training.train_external import lessons
from diptych.planners.validate import validate
from diptych.tools.errors import Refusal

TURNS = 12


def drawn(count: int, part: Any = "train", seed: int = 5) -> list[Lesson]:
    asked, draw = iter(ExternalRequests(seed, part)), random.Random(seed)
    return [staged(draw, islice(asked, 40), TURNS) for _ in range(count)]


@pytest.mark.parametrize("part", ["train", "wording", "tool"])
def test_every_answer_is_a_valid_plan_of_its_catalogue(part: str) -> None:
    for number, lesson in enumerate(drawn(12, part)):
        catalogue = described(random.Random(number), lesson.names)
        for example in lesson.examples:
            if example.answer == NO_TOOL:
                with pytest.raises(Refusal):
                    read_steps(example.answer, example.inputs, catalogue)
                continue
            steps, outputs = read_steps(example.answer, example.inputs, catalogue)
            inputs = dict.fromkeys(example.inputs, "Image")
            assert validate(Plan(request=example.request, inputs=inputs, steps=steps, outputs=outputs), catalogue) == []
            assert {step.tool for step in steps} == example.wanted


def test_a_catalogue_holds_nothing_that_does_what_another_of_its_tools_does() -> None:
    for lesson in drawn(20):
        for key in lesson.names:
            assert not practice_tools()[key].apart & lesson.names.keys()


def test_what_is_refused_could_not_be_done_by_anything_that_is_offered() -> None:
    refused = 0
    plans = {
        wish.words: {key for plan in wish.plans for key in (line.split()[0] for line in plan)}
        for wish in wishes("train")
    }
    for lesson in drawn(40):
        for example in lesson.examples:
            if example.answer == NO_TOOL and example.request in plans:
                refused += 1
                assert not near(plans[example.request]) & lesson.names.keys()
    assert refused


def test_training_never_meets_the_tools_and_wordings_that_are_held_out() -> None:
    assert unseen_tools() and not any(lesson.names.keys() & unseen_tools() for lesson in drawn(40))
    assert any(lesson.names.keys() & unseen_tools() for lesson in drawn(5, "tool"))
    assert not {wish.words for wish in wishes("train")} & {wish.words for wish in wishes("wording")}


def test_the_same_seed_gives_the_same_lessons() -> None:
    assert drawn(3) == drawn(3) != drawn(3, seed=6)


class Letters:
    """A tokenizer of single characters."""

    def __call__(self, text: str, add_special_tokens: bool = True) -> Any:
        return SimpleNamespace(input_ids=[min(ord(letter), 255) for letter in text])


def test_a_dozen_requests_in_one_row_are_learnt_as_if_each_stood_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    monkeypatch.setattr("diptych.planners.training.train_external._LONGEST", 10_000)
    torch.manual_seed(0)
    sizes: dict[str, Any] = {
        "hidden_size": 32,
        "intermediate_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
    }
    config = LlamaConfig(vocab_size=256, attn_implementation="eager", max_position_embeddings=8192, **sizes)
    tiny = LlamaForCausalLM(config).eval()
    model = SimpleNamespace(base_model=SimpleNamespace(model=tiny))
    batch = next(lessons(3, Letters()))
    draw = random.Random("lessons-3")
    lesson = staged(draw, islice(iter(ExternalRequests(3)), 40), TURNS)
    system = system_text(told(described(draw, lesson.names)))
    total, count = 0.0, 0
    for example in lesson.examples:
        asked = Letters()(system + prompt_text(example.request, example.inputs)).input_ids
        answer = Letters()(example.answer + END).input_ids
        tokens = torch.tensor([asked + answer])
        answers = torch.arange(tokens.shape[1])[None] >= len(asked)
        alone = loss_of(model, Batch(tokens, torch.ones_like(tokens), answers, 1))
        total, count = total + float(alone) * len(answer), count + len(answer)
    assert batch.examples == len(lesson.examples) == TURNS
    assert float(loss_of(model, batch)) == pytest.approx(total / count, rel=1e-4)
