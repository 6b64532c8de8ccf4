"""Captions by Florence-2 (Xiao et al., CVPR 2024, arXiv 2311.06242), a small model that knows many tasks by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Self

from .. import hub
from ..model import Captioner
from ..values import Image, Text
from .decoding import generated, said

CLASSES = {"florence2": "Florence2ForConditionalGeneration"}
"""Architecture in a checkpoint's config → class of transformers."""

_LONGEST = 1536
"""Longer side, in pixels, at which the processor gets the image; the network itself works at 768."""
_TASK = "<DETAILED_CAPTION>"
_MOST = 128
"""Most tokens of a caption."""


class Florence(hub.Movable, Captioner):
    """Two or three sentences about an image.

    Its detection task is left alone: it gives boxes without a certainty, also for what is not in the image.
    """

    memory_mb: ClassVar[int] = 1500

    def __init__(self, loaded: hub.Loaded) -> None:
        self._model, self._processor = loaded.model, loaded.processor

    @classmethod
    def load(cls, source: str | Mapping[str, str], *, device: str = "cpu", dtype: str = "float32") -> Self:
        """Load a checkpoint in the layout of transformers; the first repositories bring code of their own instead.

        Raises ToolError as `hub.load` does.
        """
        return cls(hub.load(CLASSES, source, device=device, dtype=dtype))

    def caption(self, image: Image) -> Text:
        """Return a detailed English caption."""
        return self.caption_many([image])[0]

    def caption_many(self, images: Sequence[Image]) -> list[Text]:
        """Caption each image; all pass the network together, which sees them at one size."""
        inputs = self._processor(
            images=[hub.opaque(image, _LONGEST) for image in images],
            text=[_TASK] * len(images),
            input_data_format="channels_last",
            return_tensors="pt",
        ).to(self._model.device, self._model.dtype)
        room = int(self._model.config.text_config.max_position_embeddings)
        ids = generated(self._model, inputs, most=min(_MOST, room - 1))
        sentences = self._processor.batch_decode(ids, skip_special_tokens=True)
        return [Text(said(sentence, "captioner")) for sentence in sentences]
