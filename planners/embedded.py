"""The planner that ships with the program: a small LLM with an adapter that knows this catalogue.

SmolLM2-135M-Instruct (4-bit, packaged) runs in process through llama.cpp; the adapter beside this file was
trained by `planners/training`. The model writes the shorthand of `notation.py` under a grammar made from the
catalogue, so it cannot name a tool, an option or a choice that does not exist; what the grammar cannot
express (types, order) is validated, and an answer that fails is drawn again.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, ClassVar

from ..tools.catalogue import Catalogue
from ..tools.errors import PlanError, Problem, Refusal, ToolError, UsageError
from ..tools.values import Image
from ..tools.weights import home, locate
from .adapter_gguf import convert_adapter
from .branching import MOST, Line, Token, likeliest
from .copying import words_of
from .external import ADAPTER as EXTERNAL
from .external import is_external, told
from .line_grammar import LineGrammar
from .notation import read_steps
from .plan import Plan
from .planner import Turn, as_text, input_names
from .retrieval import narrowed
from .spelling import mend
from .usage import count_answer, count_seconds
from .validate import validate

BASE = "embedded:smollm2-135m-instruct"
ADAPTER = Path(__file__).parent / "adapter" / "planner.safetensors"
CONTEXT = 4096
"""Tokens of request and plan together."""
MOST_TOLD = 16
"""Tools that the model is told of: more make it slow and no better."""
RUNNERS_UP = 4
"""Tokens at each place whose probabilities are asked for."""
_UNWANTED = -100.0
"""Bias of a token that may not be written; not infinite, since the grammar may let through nothing else."""
TRIES = 10
"""First the most likely answer, then samples at rising temperature."""


def prompt_text(request: str, inputs: Sequence[str]) -> str:
    """Return what the model is given: the names of the input images, and the request."""
    words = " ".join(request.replace("<|", "< |").split())
    return f"<|im_start|>user\n{' '.join(inputs) or 'none'}: {words}<|im_end|>\n<|im_start|>assistant\n"


def system_text(told: str) -> str:
    """Return the part of a prompt that tells the model something before the first request."""
    return f"<|im_start|>system\n{told.replace('<|', '< |')}<|im_end|>\n"


class EmbeddedPlanner:
    """Plans with the packaged model; loads it on the first plan (about a second) and keeps it."""

    reads_problems: ClassVar[bool] = False
    """It draws another answer when there are problems, whatever they are."""
    reads_history: ClassVar[bool] = False
    """It was not trained to: each request is planned by itself."""

    def __init__(self, adapter: Path | None = ADAPTER, *, tries: int = TRIES, doubts: int = MOST) -> None:
        self._adapter, self._tries, self._doubts = adapter, tries, doubts

    def plan(
        self,
        request: str,
        images: Sequence[Image],
        catalogue: Catalogue,
        history: Sequence[Turn] = (),
        problems: Sequence[Problem] = (),
    ) -> Plan:
        """See `Planner.plan`. Raises UsageError when the request is longer than the model reads."""
        inputs = input_names(len(images))
        request = as_text(request)
        found: list[Problem] = []
        for attempt in range(self._tries):
            if problems and attempt == 0:
                continue  # the most likely answer is the one that had the problems
            try:
                text = self.complete(request, inputs, catalogue, attempt=attempt)
                steps, outputs = read_steps(text, inputs, catalogue)
                plan = Plan(request=request, inputs=dict.fromkeys(inputs, "Image"), steps=steps, outputs=outputs)
                found = validate(plan, catalogue)
            except PlanError as error:
                found = list(error.problems)
                continue
            if not found:
                return plan
        raise PlanError(found)

    def complete(self, request: str, inputs: Sequence[str], catalogue: Catalogue, *, attempt: int = 0) -> str:
        """Return the shorthand that the model writes; see `complete`.

        With a catalogue that is not ours it has the adapter for these, and is told the tools nearest to the request.
        Doubts are not followed there: among tools that it was never trained on, the likelier plan is the one that
        leaves things out (measured on GTA: see the adapter's card).
        """
        if is_external(catalogue):
            chosen = narrowed(request, catalogue, MOST_TOLD)
            return complete(EXTERNAL, request, inputs, chosen, attempt=attempt, told=told(chosen))
        return complete(self._adapter, request, inputs, catalogue, attempt=attempt, doubts=self._doubts)


def complete(
    adapter: Path | None,
    request: str,
    inputs: Sequence[str],
    catalogue: Catalogue,
    *,
    attempt: int = 0,
    told: str = "",
    doubts: int = 0,
) -> str:
    """Return what the model, with or without an adapter, writes under the catalogue's grammar.

    Attempt 0 is greedy, and at so many of its `doubts` what else it might have written is looked at (`branching.py`);
    later ones are sampled, with the attempt as seed, ever more freely. What is clearly a typing error in the request
    is mended first. `told` is what a model that does not know the catalogue is told before it.
    """
    if words_of(request) is not None:
        request = mend(request)
    prompt = (system_text(told) if told else "") + prompt_text(request, inputs)
    asked, answered = 0, 0
    doubts = 0 if attempt else doubts
    closely = doubts > 0

    def ask(text: str, rules: str, banned: Sequence[int]) -> Line:
        nonlocal asked, answered
        stop = ["<|im_end|>"] if closely else ["<|im_end|>", "\n"]  # what stops an answer is not among its tokens
        answer = _ask(adapter, prompt + text, rules, attempt, stop, banned, closely=closely)
        asked, answered = asked or answer.prompt_tokens, answered + answer.tokens
        line = answer.text.removesuffix("\n")
        return Line(line, tuple(token for token in answer.written if token.text or not line))

    text = likeliest(
        ask,
        LineGrammar(inputs, catalogue, request),
        lambda text: _is_sound(text, inputs, catalogue),
        doubts,
    )
    count_answer(asked, answered)
    return text


def _is_sound(text: str, inputs: Sequence[str], catalogue: Catalogue) -> bool:
    """Return whether a text is a plan that can run, or a refusal."""
    try:
        steps, outputs = read_steps(text, inputs, catalogue)
    except Refusal:
        return True
    except PlanError:
        return False
    return not validate(Plan(inputs=dict.fromkeys(inputs, "Image"), steps=steps, outputs=outputs), catalogue)


def write(adapter: Path | None, prompt: str, rules: str, *, attempt: int = 0) -> str:
    """Return what the model, with or without an adapter, writes after `prompt` under the GBNF grammar `rules`.

    Attempt 0 is greedy; later ones are sampled, ever more freely. Raises UsageError when the prompt is longer than
    the model reads, ToolError when the adapter is missing or the model does not answer.
    """
    answer = _ask(adapter, prompt, rules, attempt, stop=["<|im_end|>"])
    count_answer(answer.prompt_tokens, answer.tokens)
    return answer.text


@dataclass(frozen=True)
class _Answer:
    text: str
    prompt_tokens: int
    tokens: int
    written: tuple[Token, ...] = ()
    """What was looked at closely: every token of the text."""


def _ask(
    adapter: Path | None,
    prompt: str,
    rules: str,
    attempt: int,
    stop: list[str],
    banned: Sequence[int] = (),
    *,
    closely: bool = False,
) -> _Answer:
    answer = _server(adapter).handle_completions(
        {
            "prompt": prompt,
            "n_predict": 400,
            "temperature": min(0.3 * attempt, 1.0),
            "seed": attempt,
            "stop": stop,
            "cache_prompt": True,
            "grammar": rules,
            "logit_bias": [[token, _UNWANTED] for token in banned],
            **({"logprobs": RUNNERS_UP} if closely else {}),
        }
    )
    return _answer(answer)


@cache
def _server(adapter: Path | None) -> Any:
    """Load the model, with the adapter where given; one server of this process for each adapter."""
    try:
        import xllamacpp
    except ImportError as error:
        raise UsageError(
            f"the embedded planner needs the package 'xllamacpp': pip install xllamacpp ({error})"
        ) from None
    params = xllamacpp.CommonParams()
    params.model.path = str(locate(BASE))
    params.n_ctx = CONTEXT
    params.n_parallel = 1
    params.verbosity = -1
    params.cpuparams.poll = 0  # waiting threads sleep, so that a busy machine stays usable
    threads = os.environ.get("OMP_NUM_THREADS", "")
    if threads.isdigit() and int(threads):
        # On a busy machine two threads that wait for each other are many times slower than one.
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = int(threads)
    params.warmup = False
    params.hostnames = ["127.0.0.1"]
    params.api_keys = [secrets.token_hex(16)]
    params.endpoint_slots = False
    params.ui = False
    if adapter is not None:
        params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(str(_converted(adapter)), 1.0)]
    return xllamacpp.Server(params)


def _converted(adapter: Path) -> Path:
    """Return the adapter in llama.cpp's form, from the cache or made now."""
    if not adapter.is_file():
        raise ToolError(f"the adapter {adapter.name} is missing", hint="reinstall diptych")
    target = home() / "adapters" / f"{sha256(adapter.read_bytes()).hexdigest()[:16]}.gguf"
    if not target.is_file():
        convert_adapter(adapter, target)
    return target


def _token(entry: dict[str, Any]) -> Token:
    others = tuple((other["id"], other["logprob"]) for other in entry["top_logprobs"])
    return Token(entry["id"], entry["token"], entry["logprob"], others)


def _answer(answer: Any) -> _Answer:
    if answer.get("choices"):
        usage = answer.get("usage", {})
        times = answer.get("timings", {})  # in milliseconds
        count_seconds(times.get("prompt_ms", 0) / 1e3, times.get("predicted_ms", 0) / 1e3, times.get("predicted_n", 0))
        choice = answer["choices"][0]
        written = tuple(map(_token, (choice.get("logprobs") or {"content": ()})["content"]))
        return _Answer(str(choice["text"]), usage.get("prompt_tokens", 0), usage.get("completion_tokens", 0), written)
    error = answer.get("error", answer)
    message = str(error.get("message", error) if isinstance(error, dict) else error)
    if "context" in message or "exceed" in message:
        raise UsageError(f"the request is too long for the embedded planner: {message}; say it in fewer words")
    raise ToolError(f"the embedded planner did not answer: {message}")
