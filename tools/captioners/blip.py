"""Captions and short answers by BLIP (Li et al., ICML 2022, arXiv 2201.12086)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

from .. import hub
from ..model import Answerer, Captioner
from ..values import Image, Text
from .decoding import generated, said

_LONGEST = 1024
_MOST = 40
"""Most tokens of a caption or an answer."""


class BlipCaptioner(hub.Movable, Captioner):
    """One sentence about an image."""

    memory_mb: ClassVar[int] = 1000

    def __init__(self, loaded: hub.Loaded) -> None:
        self._model, self._processor = loaded.model, loaded.processor

    @classmethod
    def load(cls, source: str | Mapping[str, str], *, device: str = "cpu", dtype: str = "float32") -> Self:
        """Load a captioning checkpoint. Raises ToolError as `hub.load` does, also for weights of the other head."""
        return cls(hub.load({"blip": "BlipForConditionalGeneration"}, source, device=device, dtype=dtype))

    def caption(self, image: Image) -> Text:
        """Return a short English sentence."""
        return self.caption_many([image])[0]

    def caption_many(self, images: Sequence[Image]) -> list[Text]:
        """Caption each image; all pass the network together, which sees them at one size."""
        inputs = {"pixel_values": _pixels(self._model, self._processor, images)}
        ids = generated(self._model, inputs, most=_most(self._model))
        sentences = self._processor.batch_decode(ids, skip_special_tokens=True)
        return [Text(said(sentence, "captioner")) for sentence in sentences]


class BlipAnswerer(hub.Movable, Answerer):
    """A word or two in answer to a question."""

    memory_mb: ClassVar[int] = 1500

    def __init__(self, loaded: hub.Loaded) -> None:
        self._model, self._processor = loaded.model, loaded.processor

    @classmethod
    def load(cls, source: str | Mapping[str, str], *, device: str = "cpu", dtype: str = "float32") -> Self:
        """Load a question-answering checkpoint. Raises ToolError as `hub.load` does."""
        return cls(hub.load({"blip": "BlipForQuestionAnswering"}, source, device=device, dtype=dtype))

    def answer(self, image: Image, question: str) -> Text:
        """Return a short answer. A question longer than the text encoder is cut, which is logged."""
        tokenizer = self._processor.tokenizer
        limit = self._model.config.text_config.max_position_embeddings
        words = tokenizer(hub.fitted(tokenizer, question, limit, "question"), return_tensors="pt")
        inputs = {
            "pixel_values": _pixels(self._model, self._processor, [image]),
            "input_ids": words["input_ids"].to(self._model.device),
            "attention_mask": words["attention_mask"].to(self._model.device),
        }
        ids = generated(self._model, inputs, most=_most(self._model))
        return Text(said(self._processor.decode(ids[0], skip_special_tokens=True), "answerer"))


def _pixels(model: Any, processor: Any, images: Sequence[Image]) -> Any:
    """Return what the network sees: (B, 3, S, S) on its device and in its precision."""
    seen = [hub.opaque(image, _LONGEST) for image in images]
    inputs = processor.image_processor(images=seen, input_data_format="channels_last", return_tensors="pt")
    return inputs["pixel_values"].to(model.device, model.dtype)


def _most(model: Any) -> int:
    """Return how many tokens may follow the first ones within what the text decoder can place."""
    return min(_MOST, int(model.config.text_config.max_position_embeddings) - 4)
