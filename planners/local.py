"""A planner in this process: any Hugging Face causal language model, its answer constrained by the plan schema."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from ..tools.catalogue import Catalogue
from ..tools.errors import PlanError, Problem, UsageError
from ..tools.hub import library
from ..tools.values import Image
from .answer import Message, converse
from .library import Library
from .plan import Plan
from .planner import Turn, as_text, input_names
from .prompt import system_prompt, user_message
from .retrieval import MOST_TOOLS, narrowed
from .schema import answer_schema
from .usage import count_answer

GUIDANCE = {"whitespace_flexible": False, "item_separator": ",", "key_separator": ":"}
"""No free whitespace: a model that has lost its way could write it forever."""


class LocalPlanner:
    """Runs a causal language model in this process, greedily, and lets it write nothing but a plan.

    `source` is a folder or `org/name@revision` of safetensors weights; no code of the repository runs.
    """

    def __init__(
        self,
        source: str,
        *,
        device: str | None = None,
        dtype: str = "auto",
        repairs: int = 2,
        max_tokens: int = 2048,
        max_steps: int = 40,
    ) -> None:
        """`device`: a torch device, by default the first GPU or else the CPU. `max_tokens` bounds one answer."""
        self.source = source
        self.device = device
        self.dtype = dtype
        self.repairs = repairs
        self.max_tokens = max_tokens
        self.max_steps = max_steps

    def plan(
        self,
        request: str,
        images: Sequence[Image],
        catalogue: Catalogue,
        history: Sequence[Turn] = (),
        problems: Sequence[Problem] = (),
    ) -> Plan:
        """Return a valid plan. Raises Refusal, PlanError, and UsageError when the model cannot be loaded."""
        named = dict(zip(input_names(len(images)), images, strict=True))
        request = as_text(request)
        told = narrowed(request, catalogue, MOST_TOOLS)
        examples = Library().nearest(request, told)
        messages: list[Message] = [
            {"role": "system", "content": system_prompt(told)},
            {"role": "user", "content": user_message(request, named, history, problems, examples)},
        ]
        return converse(
            lambda turn: self.answer(turn, told),
            messages,
            request=request,
            inputs=dict.fromkeys(named, "Image"),
            catalogue=catalogue,
            repairs=self.repairs,
        )

    def answer(self, messages: Sequence[Message], catalogue: Catalogue) -> str:
        """Return the model's constrained answer as JSON text. Raises PlanError when it does not end in time."""
        tokenizer, _, guide = self._parts
        from llguidance import LLMatcher

        schema = {**answer_schema(catalogue, max_steps=self.max_steps), "x-guidance": GUIDANCE}
        matcher = LLMatcher(guide, LLMatcher.grammar_from_json_schema(schema), log_level=0)
        if matcher.is_error():
            raise UsageError(f"the tokenizer of {self.source!r} cannot be constrained: {matcher.get_error()[:200]}")
        prompt = _prompt_ids(tokenizer, messages)
        tokens = self._decode(prompt, matcher)
        count_answer(len(prompt), len(tokens))
        return str(tokenizer.decode(tokens, skip_special_tokens=True))

    def _decode(self, prompt: list[int], matcher: Any) -> list[int]:
        """Return the greedy answer; tokens that the grammar forces are appended without asking the model."""
        import torch

        _, model, guide = self._parts
        limit = getattr(model.config, "max_position_embeddings", None)
        if limit and len(prompt) + self.max_tokens > limit:
            raise UsageError(
                f"{self.source!r} reads {limit} tokens, but the prompt has {len(prompt)} and the answer up to "
                f"{self.max_tokens}; choose a model with a longer context"
            )
        written: list[int] = []
        pending, cache = prompt, None
        with torch.inference_mode():
            while len(written) < self.max_tokens and not matcher.is_stopped():
                state = model(torch.tensor([pending], device=model.device), past_key_values=cache, use_cache=True)
                cache = state.past_key_values
                pending = _next(state.logits[0, -1], matcher, guide.eos_token)
                written += pending
        if not matcher.is_stopped():
            message = f"the answer of {self.source!r} is cut off after {self.max_tokens} tokens"
            raise PlanError([Problem(message, kind="malformed")])
        return [token for token in written if token != guide.eos_token]

    @cached_property
    def _parts(self) -> tuple[Any, Any, Any]:
        """(tokenizer, model, the tokenizer as llguidance sees it); loaded at the first plan."""
        try:
            from llguidance.hf import from_tokenizer
        except ImportError:
            raise UsageError("planner 'local' needs llguidance: pip install 'diptych[local]'") from None
        import torch

        transformers = library("transformers")
        name, _, revision = self.source.partition("@")
        options: dict[str, Any] = {"revision": revision} if revision else {}
        if name.startswith((".", "/", "~")) and not Path(name).expanduser().is_dir():
            raise UsageError(f"planner 'local': there is no folder {name!r}")
        folder = str(Path(name).expanduser())
        device = self.device or ("cuda" if torch.cuda.is_available() else "cpu")
        try:
            tokenizer = transformers.AutoTokenizer.from_pretrained(folder, **options)
            model = transformers.AutoModelForCausalLM.from_pretrained(
                folder, dtype=self.dtype, use_safetensors=True, **options
            )
        except (OSError, ValueError) as error:
            raise UsageError(f"planner 'local': cannot load {self.source!r}: {str(error).splitlines()[0]}") from None
        guide = from_tokenizer(tokenizer, n_vocab=model.get_output_embeddings().weight.shape[0])
        return tokenizer, model.to(device).eval(), guide


def _prompt_ids(tokenizer: Any, messages: Sequence[Message]) -> list[int]:
    if tokenizer.chat_template:
        text = tokenizer.apply_chat_template(list(messages), tokenize=False, add_generation_prompt=True)
        return list(tokenizer.encode(text, add_special_tokens=False))
    turns = "\n\n".join(f"{message['role'].capitalize()}: {message['content']}" for message in messages)
    return list(tokenizer.encode(f"{turns}\n\nAssistant: "))


def _next(logits: Any, matcher: Any, end: int) -> list[int]:
    """Return the likeliest token that the grammar allows, and those that are then forced; tells the matcher."""
    import torch

    allowed = torch.frombuffer(bytearray(matcher.compute_logit_bias()), dtype=torch.uint8).bool()
    scores = logits.float().cpu().masked_fill(~allowed, -torch.inf)  # (V,)
    token = int(scores.argmax())
    matcher.consume_token(token)
    forced = [] if token == end else list(matcher.compute_ff_tokens())
    matcher.consume_tokens(forced)
    return [token, *forced]
