"""Boxes for any phrase by Grounding DINO (Liu et al., ECCV 2024, arXiv 2303.05499) and MM-Grounding-DINO.

It looks twice. Every cell of the encoder proposes a box with its words; the best of them are what the decoder refines,
where they see each other, so that one thing is found once. A small decoder overdoes that: of four things alike it finds
the last much less surely than the first. There the proposals count better by themselves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Self

from .. import hub
from .grounding import Grounding, Search, Seen

CLASSES = {
    "grounding-dino": "GroundingDinoForObjectDetection",
    "mm-grounding-dino": "MMGroundingDinoForObjectDetection",
}
"""Architecture in a checkpoint's config → class of transformers."""

_LONGEST = 2000
"""Longer side, in pixels, at which the processor gets the image; the network itself works at 1333 or less."""
_ONE_THING = 0.5
"""Intersection over union from which on two proposals are about one thing."""
Stage = Literal["encoder", "decoder"]
"""Whose boxes are taken."""


class GroundingDino(Grounding):
    """Grounding DINO as transformers runs it."""

    def __init__(self, loaded: hub.Loaded, threshold: float, stage: Stage) -> None:
        model, processor = loaded.model, loaded.processor
        super().__init__(model, processor.tokenizer, model.config.max_text_len, threshold)
        self._processor, self._stage = processor, stage

    @classmethod
    def load(
        cls,
        source: str | Mapping[str, str],
        *,
        device: str = "cpu",
        dtype: str = "float32",
        threshold: float = 0.3,
        stage: Stage = "decoder",
    ) -> Self:
        """Load a checkpoint; `threshold` is the least score in [0, 1] of a box, `stage` who proposes it.

        It computes in float32 whatever `dtype` says: in bfloat16 a coordinate moves by up to 0.4 % of the image.
        """
        return cls(hub.load(CLASSES, source, device=device, dtype="float32"), threshold, stage)

    def _see(self, searches: Sequence[Search]) -> Seen:
        import torch

        inputs = self._processor(
            images=[hub.opaque(image, _LONGEST) for image, _, _ in searches],
            text=[phrase for _, _, phrase in searches],
            input_data_format="channels_last",
            return_tensors="pt",
        )
        with torch.inference_mode():
            output = self._model(**inputs.to(self._model.device))
        if self._stage == "decoder":
            return Seen(output.logits, output.pred_boxes)
        offered = output.enc_outputs_coord_logits  # infinite where a cell is padding
        real = offered.isfinite().all(dim=-1, keepdim=True)
        return Seen(output.enc_outputs_class.masked_fill(~real, -float("inf")), offered.sigmoid(), _ONE_THING)
