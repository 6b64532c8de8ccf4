"""A real language model class with random weights: what it writes is nonsense, but always a plan's form."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from diptych.planners.local import LocalPlanner
from diptych.planners.plan import parse_plan
from diptych.tools.catalogue import Catalogue
from diptych.tools.errors import PlanError, UsageError
from tests.photos import photo
from tests.planners.plans import CATALOGUE

SMALL = Catalogue(CATALOGUE[id] for id in ("detect", "segment", "blur", "flip"))
MESSAGES = [{"role": "system", "content": "Plan."}, {"role": "user", "content": "blur the face"}]
TEMPLATE = "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }}{% endfor %}<assistant>"

Make = Callable[..., str]


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """Saves a Llama of 20,000 parameters with random weights and one token per byte; returns its folder."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    def build(*, seed: int = 0, context: int = 32_768, template: str | None = None) -> str:
        alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
        vocabulary = {token: i for i, token in enumerate(["<end>", *alphabet])}
        base = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
        base.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        base.decoder = decoders.ByteLevel()
        tokenizer = PreTrainedTokenizerFast(tokenizer_object=base, eos_token="<end>", chat_template=template)
        torch.manual_seed(seed)
        config = LlamaConfig(
            vocab_size=len(vocabulary),
            hidden_size=32,
            intermediate_size=32,
            num_hidden_layers=1,
            num_attention_heads=2,
            max_position_embeddings=context,
            bos_token_id=None,
            eos_token_id=0,
        )
        folder = tmp_path_factory.mktemp("llama")
        LlamaForCausalLM(config).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        return str(folder)

    return build


@pytest.mark.parametrize("seed", range(4))
def test_even_a_random_model_writes_a_plan(make: Make, seed: int) -> None:
    planner = LocalPlanner(make(seed=seed), device="cpu", max_steps=2)
    answer = json.loads(planner.answer(MESSAGES, SMALL))
    if answer.keys() & {"refuse", "ask"}:
        assert len(answer) == 1
        return
    assert {step.tool for step in parse_plan(answer).steps} <= set(SMALL)


def test_its_plan_is_validated_and_repaired_in_vain(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    planner = LocalPlanner(make(seed=1), device="cpu", max_steps=1, repairs=1)
    asked: list[list[Any]] = []
    answer = planner.answer

    def noted(messages: list[Any], catalogue: Catalogue) -> str:
        asked.append(messages)
        return answer(messages, catalogue)

    monkeypatch.setattr(planner, "answer", noted)
    with pytest.raises(PlanError) as caught:
        planner.plan("blur the face", [photo("cat")], SMALL)
    assert {problem.kind for problem in caught.value.problems} == {"invalid"}
    assert [len(messages) for messages in asked] == [2, 4]


def test_the_same_request_gives_the_same_answer(make: Make) -> None:
    folder = make(seed=2)
    first, second = (LocalPlanner(folder, device="cpu", max_steps=1).answer(MESSAGES, SMALL) for _ in range(2))
    assert first == second


def test_a_chat_template_is_used(make: Make) -> None:
    """Same weights, same messages: only the marks of the template can make the answers differ."""
    plain, chat = (LocalPlanner(make(seed=3, template=t), device="cpu", max_steps=1) for t in (None, TEMPLATE))
    assert plain.answer(MESSAGES, SMALL) != chat.answer(MESSAGES, SMALL)


def test_an_answer_that_does_not_end(make: Make) -> None:
    planner = LocalPlanner(make(), device="cpu", max_tokens=5)
    with pytest.raises(PlanError, match="is cut off after 5 tokens"):
        planner.answer(MESSAGES, SMALL)


def test_a_prompt_that_does_not_fit(make: Make) -> None:
    with pytest.raises(
        UsageError, match=r"reads 64 tokens, but the prompt has .* choose a model with a longer context"
    ):
        LocalPlanner(make(context=64), device="cpu").answer(MESSAGES, SMALL)


@pytest.mark.parametrize(
    ("source", "message"),
    [("./nowhere", "there is no folder './nowhere'"), ("/nowhere", "there is no folder '/nowhere'")],
)
def test_a_model_that_is_not_there(source: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        LocalPlanner(source).answer(MESSAGES, SMALL)


def test_a_folder_that_holds_no_model(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="planner 'local': cannot load "):
        LocalPlanner(str(tmp_path)).answer(MESSAGES, SMALL)


def test_the_extra_is_named_when_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "llguidance.hf", None)
    with pytest.raises(UsageError, match=r"pip install 'diptych\[local\]'"):
        LocalPlanner("/nowhere").answer(MESSAGES, SMALL)
