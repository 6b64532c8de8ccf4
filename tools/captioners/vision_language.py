"""Captions and answers by a chat model that sees: SmolVLM, Qwen-VL, and whatever transformers loads the same way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Self

from .. import hub
from ..errors import ToolError
from ..model import Answerer, Captioner
from ..values import Image, Text
from .decoding import generated, said

_LONGEST = 1536
"""Longer side, in pixels, that the model gets: more costs thousands of tokens and says little more."""
_MOST = 160
"""Most tokens of a caption or an answer."""
_CAPTION = "Describe the image in one or two sentences."
_ANSWER = "{} Answer briefly."
_SPARE = 64
"""Tokens left for the chat's own marks."""


class VisionLanguage(hub.Movable, Captioner, Answerer):
    """Asks a vision-language model in its own chat format; greedy, so that an answer can be had again."""

    memory_mb: ClassVar[int] = 5000

    def __init__(self, loaded: hub.Loaded) -> None:
        self._model, self._processor = loaded.model, loaded.processor

    @classmethod
    def load(cls, source: str | Mapping[str, str], *, device: str = "cpu", dtype: str = "float32") -> Self:
        """Load a checkpoint. Raises ToolError as `hub.load` does, and for a model that holds no chat format."""
        from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES as NAMES

        loaded = hub.load(dict.fromkeys(NAMES, "AutoModelForImageTextToText"), source, device=device, dtype=dtype)
        if not getattr(loaded.processor, "chat_template", None):
            raise ToolError(f"weights {source!r} hold no chat format", hint="take an instruction-tuned model")
        return cls(loaded)

    def caption(self, image: Image) -> Text:
        """Return one or two sentences."""
        return Text(said(self._reply(image, _CAPTION), "captioner"))

    def answer(self, image: Image, question: str) -> Text:
        """Return a brief answer."""
        return Text(said(self._reply(image, _ANSWER.format(question.strip())), "answerer"))

    def _reply(self, image: Image, request: str) -> str:
        from PIL import Image as PIL

        processor, device = self._processor, self._model.device
        limit = getattr(self._model.config.get_text_config(), "max_position_embeddings", 4096) // 2 - _SPARE
        words = hub.fitted(processor.tokenizer, request, limit, "question")
        seen = {"type": "image", "image": PIL.fromarray(hub.opaque(image, _LONGEST))}
        message = {"role": "user", "content": [seen, {"type": "text", "text": words}]}
        inputs = processor.apply_chat_template(
            [message], add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt"
        ).to(device, dtype=self._model.dtype)
        ids = generated(self._model, inputs, most=_MOST)
        fresh = ids[0, inputs["input_ids"].shape[1] :]
        return str(processor.decode(fresh, skip_special_tokens=True))
