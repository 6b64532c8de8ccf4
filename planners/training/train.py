"""Teach the small LLM to plan: a LoRA adapter over SmolLM2-135M-Instruct, on a CPU.

    python -m diptych.planners.training.train --examples 13000

The base weights are the packaged 4-bit ones, dequantised, so that the adapter meets at run time exactly what
it was trained against. Loss is taken on the answer only, and logits are computed for those positions only.
Method: LoRA, Hu et al. 2021 (arXiv 2106.09685); what is kept is a running mean of the weights (Polyak and Juditsky
1992, doi 10.1137/0330046). Interrupted training goes on from the last save.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from ...tools.catalogue import load_catalogue
from ...tools.weights import home, locate
from ..embedded import ADAPTER, BASE, prompt_text
from .clauses import Example
from .compose import Composer

TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
RANK = 16
ALPHA = 32
BATCH = 16
PEAK_RATE = 1e-3
MEMORY = 200
"""Steps that the running mean of the weights, which is what ships, looks back on."""
END = "<|im_end|>"


class Examples(Protocol):
    """Examples without end, and the generator that they are drawn with."""

    draw: random.Random

    def __iter__(self) -> Iterator[Example]: ...


@dataclass(frozen=True)
class Batch:
    """What one step learns from: T tokens in each of B rows."""

    tokens: Any
    """int64 (B, T)."""
    attention: Any
    """int64 (B, T), 0 where there is nothing; or what is added to the attention, (B, 1, T, T)."""
    answers: Any
    """bool (B, T): what is to be learnt to write."""
    examples: int
    positions: Any = None
    """int64 (B, T); where it is None they are counted from 0."""


Batches = Callable[[int, Any], Iterator[Batch]]
"""(seed, tokenizer) → batches without end."""


def alike(examples: Callable[[int], Examples], size: int = BATCH) -> Batches:
    """Return the batches of so many examples of about the same length."""

    def batches(seed: int, tokenizer: Any) -> Iterator[Batch]:
        source = examples(seed)
        drawn = iter(source)
        while True:
            pool = sorted((encode(next(drawn), tokenizer) for _ in range(size * 24)), key=lambda pair: len(pair[0]))
            pool = [pair for pair in pool if len(pair[0]) <= 320]
            groups = [pool[i : i + size] for i in range(0, len(pool) - size + 1, size)]
            source.draw.shuffle(groups)
            yield from map(_padded, groups)

    return batches


@dataclass(frozen=True)
class Course:
    """What an adapter is taught."""

    adapter: Path
    """Where the adapter ships; its name is that of the file that training writes."""
    batches: Batches
    state: str = "state"
    """First part of the name of what a resumed training needs."""


PLANNING = Course(ADAPTER, alike(lambda seed: Composer(load_catalogue(), seed)))


def base_folder() -> Path:
    """Return the dequantised base model in transformers' format; made once, kept in the cache."""
    folder = home() / "training" / "base"
    if not (folder / "config.json").exists():
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

        file = locate(BASE)
        model = AutoModelForCausalLM.from_pretrained(
            file.parent,
            gguf_file=file.name,
            quantization_config=GgufConfig(dequantize=True),
            dtype=torch.float32,
        )
        AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name).save_pretrained(folder)
        model.save_pretrained(folder)
    return folder


def encode(example: Example, tokenizer: Any) -> tuple[list[int], int]:
    """Return (token ids, length of the prompt part)."""
    prompt = tokenizer(prompt_text(example.request, example.inputs), add_special_tokens=False).input_ids
    answer = tokenizer(example.answer + END, add_special_tokens=False).input_ids
    return prompt + answer, len(prompt)


def _padded(group: list[tuple[list[int], int]]) -> Batch:
    import torch

    width = max(len(ids) for ids, _ in group)
    tokens = torch.zeros(len(group), width, dtype=torch.long)
    mask = torch.zeros(len(group), width, dtype=torch.long)
    answers = torch.zeros(len(group), width, dtype=torch.bool)
    for row, (ids, prompt) in enumerate(group):
        tokens[row, : len(ids)] = torch.tensor(ids)
        mask[row, : len(ids)] = 1
        answers[row, prompt : len(ids)] = True
    return Batch(tokens, mask, answers, len(group))


def loss_of(model: Any, batch: Batch) -> Any:
    """Return the mean cross entropy over the answer tokens of a batch."""
    import torch

    inner = model.base_model.model
    attention = batch.attention if batch.attention.dim() == 2 else batch.attention.to(inner.dtype)
    with torch.autocast("cpu", torch.bfloat16, enabled=inner.dtype == torch.bfloat16):
        seen = inner.model(input_ids=batch.tokens, attention_mask=attention, position_ids=batch.positions)
        hidden = seen.last_hidden_state[:, :-1]  # (B, T-1, D)
        logits = inner.lm_head(hidden[batch.answers[:, 1:]])  # (answer tokens, V)
    return torch.nn.functional.cross_entropy(logits.float(), batch.tokens[:, 1:][batch.answers[:, 1:]])


def rate_at(progress: float, peak: float = PEAK_RATE) -> float:
    """Learning rate: a short warm-up, a plateau until half of the time, then a straight line to zero."""
    return peak * min(progress / 0.02, 1.0, max((1.0 - progress) / 0.5, 0.0)) + 1e-6


def build_model(folder: Path, start: Path | None = None) -> Any:
    """Return the base model with an adapter, fresh or read from `start`, ready to train.

    Where the processor multiplies bfloat16 faster than float32, the frozen weights are bfloat16.
    """
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    dtype = torch.bfloat16 if has_bfloat16() else torch.float32
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, attn_implementation="eager")
    model = get_peft_model(model, LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules=TARGETS))
    for weight in _trained(model).values():
        weight.data = weight.data.float()
    if start:
        read_adapter(model, start)
    return model


def read_adapter(model: Any, file: Path) -> None:
    """Go on from an adapter that `save_adapter` wrote."""
    from safetensors.torch import load_file

    tensors = load_file(file)
    for name, weight in _trained(model).items():
        weight.data.copy_(tensors[_short(name)])


def _trained(model: Any) -> dict[str, Any]:
    """Return the weights that training changes, by name."""
    return {name: weight for name, weight in model.named_parameters() if weight.requires_grad}


def _short(name: str) -> str:
    """Return the name of an adapter's tensor in its file."""
    return name.removeprefix("base_model.model.model.").replace(".default", "")


def has_bfloat16() -> bool:
    """Return whether this processor multiplies bfloat16 natively (AVX-512 BF16 or AMX)."""
    import torch

    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported()) and "avx512_bf16" in _processor_flags()


def _processor_flags() -> str:
    path = Path("/proc/cpuinfo")
    return path.read_text(encoding="utf-8") if path.exists() else ""


def train(
    examples: int,
    seed: int,
    out: Path,
    threads: int,
    start: Path | None = None,
    peak: float = PEAK_RATE,
    *,
    course: Course = PLANNING,
) -> None:
    """Train on so many examples of a course and keep the adapter in `out` (saved every five minutes).

    With `start` it goes on from that adapter; what made it is counted in the file that is written.
    """
    import torch
    from transformers import AutoTokenizer

    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    tokenizer = AutoTokenizer.from_pretrained(base_folder())
    model = build_model(base_folder(), start)
    weights = list(_trained(model).values())
    optimizer = torch.optim.AdamW(weights, lr=PEAK_RATE, weight_decay=0.01, betas=(0.9, 0.98))
    before = _training_of(start) if start else ""
    mean = {name: weight.detach().clone() for name, weight in _trained(model).items()}
    state = _Progress.load(home() / "training" / f"{course.state}-{seed}.pt", model, mean, optimizer)
    stream = course.batches(seed + state.rounds, tokenizer)
    saved = time.monotonic()
    while state.examples < examples:
        for group in optimizer.param_groups:
            group["lr"] = rate_at(state.examples / examples, peak)
        batch = next(stream)
        loss = loss_of(model, batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        state.count(batch, float(loss.detach()))
        share = 1 / min(state.steps, MEMORY)
        torch._foreach_lerp_(list(mean.values()), [weight.detach() for weight in weights], share)
        if state.steps % 25 == 0:
            print(f"examples {state.examples}  tokens {state.tokens}  loss {state.loss:.4f}", flush=True)
        if time.monotonic() - saved > 300:
            state.seconds += time.monotonic() - saved
            saved = time.monotonic()
            save_adapter(mean, out / course.adapter.name, state, before)
            state.save(model, mean, optimizer)
    state.seconds += time.monotonic() - saved
    save_adapter(mean, out / course.adapter.name, state, before)
    state.save(model, mean, optimizer)


class _Progress:
    """What a resumed training needs to know."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.seconds, self.steps, self.examples, self.tokens, self.rounds, self.loss = 0.0, 0, 0, 0, 0, math.nan

    @classmethod
    def load(cls, path: Path, model: Any, mean: dict[str, Any], optimizer: Any) -> _Progress:
        import torch

        progress = cls(path)
        if path.exists():
            kept = torch.load(path, weights_only=True)
            model.load_state_dict(kept["weights"], strict=False)
            mean.update(kept["mean"])
            optimizer.load_state_dict(kept["optimizer"])
            for name, value in kept["counts"].items():
                setattr(progress, name, value)
            progress.rounds += 1000
        return progress

    def count(self, batch: Batch, loss: float) -> None:
        self.steps += 1
        self.examples += batch.examples
        self.tokens += int((batch.tokens != 0).sum())
        self.loss = loss if math.isnan(self.loss) else 0.98 * self.loss + 0.02 * loss

    def counts(self) -> dict[str, float]:
        return {name: value for name, value in vars(self).items() if name != "path"}

    def save(self, model: Any, mean: dict[str, Any], optimizer: Any) -> None:
        import torch

        state = {
            "weights": _trained(model),
            "mean": mean,
            "optimizer": optimizer.state_dict(),
            "counts": self.counts(),
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(state, self.path.with_suffix(".tmp"))
        self.path.with_suffix(".tmp").replace(self.path)


def _training_of(adapter: Path) -> str:
    """Return what the header of an adapter's file says about its training."""
    from safetensors import safe_open

    with safe_open(adapter, "pt") as file:
        return str((file.metadata() or {}).get("training", ""))


def save_adapter(weights: dict[str, Any], file: Path, state: _Progress, before: str = "") -> None:
    """Write an adapter as fp16 safetensors, with the figures of the training, and of those before, in its header."""
    import torch
    from safetensors.torch import save_file

    tensors = {_short(name): weight.detach().to(torch.float16).contiguous() for name, weight in weights.items()}
    file.parent.mkdir(parents=True, exist_ok=True)
    facts = {"rank": str(RANK), "alpha": str(ALPHA), "base": BASE, "training": json.dumps(state.counts())}
    if before:
        facts["before"] = before
    part = file.with_name(f".{file.stem}.tmp")
    save_file(tensors, part, metadata=facts)
    part.replace(file)


def main(course: Course = PLANNING, examples: int = 13000) -> None:
    """Train as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--examples", type=int, default=examples)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 2)
    parser.add_argument("--start", type=Path, help="an adapter to go on from (default: a fresh one)")
    parser.add_argument("--rate", type=float, default=PEAK_RATE, help="peak learning rate")
    parser.add_argument("--out", type=Path, default=course.adapter.parent)
    args = parser.parse_args()
    train(args.examples, args.seed, args.out, args.threads, args.start, args.rate, course=course)


if __name__ == "__main__":
    main()
