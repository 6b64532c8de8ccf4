"""A planner behind any OpenAI-compatible endpoint: vLLM, SGLang, llama.cpp, Ollama, or a hosted one."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ..tools.catalogue import Catalogue
from ..tools.errors import DiptychError, PlanError, Problem, Refusal, ToolError, UsageError
from ..tools.values import Image
from .answer import Message, converse
from .library import Library
from .plan import Plan
from .planner import Turn, as_text, input_names
from .prompt import system_prompt, user_message
from .retrieval import MOST_TOOLS, narrowed
from .schema import answer_schema
from .usage import count_answer

if TYPE_CHECKING:
    from openai import OpenAI

IMAGE_SIDE = 768
"""Longer side, in pixels, of an attached image."""


class ChatPlanner:
    """Asks a chat model for a plan; the answer is decoded under the schema where the server can do that.

    The key is read from OPENAI_API_KEY when it is needed, and is in no error, no plan and no attribute.
    """

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None = None,
        images: bool = False,
        repairs: int = 2,
        timeout: float = 120.0,
        max_tokens: int = 4096,
        max_steps: int = 40,
    ) -> None:
        """`images`: attach them, for a model that can see. `timeout` in seconds, for one answer."""
        self.model = model
        self.base_url = base_url or os.environ.get("OPENAI_BASE_URL") or "https://api.openai.com/v1"
        self.images = images
        self.repairs = repairs
        self.timeout = timeout
        self.max_tokens = max_tokens
        self.max_steps = max_steps
        self._level = 0

    def plan(
        self,
        request: str,
        images: Sequence[Image],
        catalogue: Catalogue,
        history: Sequence[Turn] = (),
        problems: Sequence[Problem] = (),
    ) -> Plan:
        """Return a valid plan.

        Raises Refusal, PlanError (no valid plan within the repair turns), UsageError (key, model or address),
        ToolError (the endpoint is down, slow or busy; `retryable`).
        """
        named = dict(zip(input_names(len(images)), images, strict=True))
        request = as_text(request)
        told = narrowed(request, catalogue, MOST_TOOLS)
        # What was asked before stays on this machine.
        examples = Library().nearest(request, told) if self._here else []
        content: Any = user_message(request, named, history, problems, examples)
        if self.images:
            content = [{"type": "text", "text": content}, *map(_attachment, images)]
        messages: list[Message] = [
            {"role": "system", "content": system_prompt(told)},
            {"role": "user", "content": content},
        ]
        formats = _formats(told, self.max_steps, hosted=self._hosted)
        with self._client() as client:
            return converse(
                lambda turn: self._ask(client, turn, formats),
                messages,
                request=request,
                inputs=dict.fromkeys(named, "Image"),
                catalogue=catalogue,
                repairs=self.repairs,
            )

    def write(self, messages: list[Message]) -> str:
        """Return what the model answers to messages, in plain text. Raises as `plan` does."""
        with self._client() as client:
            return self._ask(client, messages, [{}] * (self._level + 1))

    @property
    def _hosted(self) -> bool:
        return urlsplit(self.base_url).hostname == "api.openai.com"

    @property
    def _here(self) -> bool:
        return urlsplit(self.base_url).hostname in ("localhost", "127.0.0.1", "::1")

    def _client(self) -> OpenAI:
        from openai import OpenAI

        if self._hosted and not os.environ.get("OPENAI_API_KEY"):
            raise UsageError("no key for api.openai.com: set OPENAI_API_KEY, or name a server: openai:MODEL@BASE_URL")
        # Servers of one's own ask for no key, but the client insists on some text.
        key = os.environ.get("OPENAI_API_KEY") or "none"
        return OpenAI(api_key=key, base_url=self.base_url, timeout=self.timeout, max_retries=1)

    def _ask(self, client: OpenAI, messages: list[Message], formats: Sequence[dict[str, Any]]) -> str:
        """Return the model's answer; a server that refuses a response format is asked with the next simpler one."""
        import openai

        while True:
            try:
                answer = client.chat.completions.create(
                    model=self.model,
                    messages=messages,  # type: ignore[arg-type]
                    max_tokens=self.max_tokens,
                    temperature=0,
                    **formats[self._level],
                )
                usage = getattr(answer, "usage", None)
                count_answer(getattr(usage, "prompt_tokens", 0) or 0, getattr(usage, "completion_tokens", 0) or 0)
                return self._text(answer)
            except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
                if self._level + 1 == len(formats):
                    raise self._explained(error) from None
                self._level += 1
            except openai.OpenAIError as error:
                raise self._explained(error) from None

    def _text(self, answer: Any) -> str:
        """Raises Refusal where the model declined, and PlanError for an empty or unfinished answer."""
        choice = answer.choices[0] if getattr(answer, "choices", None) else None
        if choice is None or not (choice.message.content or "").strip():
            declined = getattr(choice and choice.message, "refusal", None)
            if declined:
                raise Refusal(f"the model {self.model!r} declines: {declined}")
            raise _failure(f"the model {self.model!r} gave an empty answer; try again or choose another")
        if choice.finish_reason == "length":
            raise _failure(f"the answer of {self.model!r} is cut off: it reached the limit of its length")
        return str(choice.message.content)

    def _explained(self, error: Exception) -> DiptychError:
        """Say what happened in our words: what a server says may repeat the key."""
        import openai

        where = _without_login(self.base_url)
        if isinstance(error, openai.APITimeoutError):
            return ToolError(f"{where} gave no answer within {self.timeout:g} s", hint="try again", retryable=True)
        if isinstance(error, openai.APIConnectionError):
            return ToolError(f"cannot reach {where}", hint="is the server running?", retryable=True)
        status = getattr(error, "status_code", None)
        if status in (401, 403):
            return UsageError(f"{where} refuses the key (status {status}); set OPENAI_API_KEY to one that it accepts")
        if status == 404:
            return UsageError(f"{where} does not know the model {self.model!r} or the address lacks its /v1")
        if status == 429 or (status or 0) >= 500:
            return ToolError(f"{where} is busy or broken (status {status})", hint="try again later", retryable=True)
        said = _without_key(str(getattr(error, "message", error)))[:300]
        return ToolError(f"{where} refuses the request: {said}", hint="a model that reads longer prompts may help")


def _formats(catalogue: Catalogue, max_steps: int, *, hosted: bool) -> list[dict[str, Any]]:
    """Ways to ask for JSON, the most exact first.

    OpenAI takes only the strict form of the schema. Other servers take both, and small models do better with
    the plain one, which does not ask for nulls.
    """
    strict = {"name": "plan", "strict": True, "schema": answer_schema(catalogue, max_steps=max_steps, strict=True)}
    plain = {"name": "plan", "schema": answer_schema(catalogue, max_steps=max_steps)}
    schemas = [strict] if hosted else [plain, strict]
    formats: list[dict[str, Any]] = [{"type": "json_schema", "json_schema": schema} for schema in schemas]
    return [*({"response_format": format} for format in [*formats, {"type": "json_object"}]), {}]


def _attachment(image: Image) -> dict[str, Any]:
    """Return the image as a small JPEG in a data URL; transparency becomes white."""
    from PIL import Image as PIL

    small = image.thumbnail(IMAGE_SIDE)
    if small.mode == "RGBA":
        small = PIL.alpha_composite(PIL.new("RGBA", small.size, "white"), small)
    buffer = io.BytesIO()
    small.convert("RGB").save(buffer, "JPEG", quality=85)
    data = base64.b64encode(buffer.getvalue()).decode()
    return {"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{data}"}}


def _without_login(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _without_key(text: str) -> str:
    key = os.environ.get("OPENAI_API_KEY")
    return text.replace(key, "[key]") if key else text


def _failure(message: str) -> PlanError:
    return PlanError([Problem(message, kind="malformed")])
