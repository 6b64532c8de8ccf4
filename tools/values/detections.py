"""What was found, and where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from .base import Array, Value, frozen


@dataclass(frozen=True, eq=False)
class Detections(Value):
    """N boxes with labels and scores, best score first; N may be 0."""

    kind: ClassVar[str] = "Detections"

    xyxy: Array
    """float32 (N, 4): x0, y0, x1, y1 in absolute pixels, half-open."""
    labels: tuple[str, ...]
    """N phrases: what each box holds; for text, the words that were read."""
    scores: Array
    """float32 (N,) in [0, 1], descending."""
    query: str = ""
    """What was looked for; names the thing when nothing was found."""
    masks: Array | None = None
    """bool (N, H, W) where the detector also measured exact pixels, else None."""

    def __post_init__(self) -> None:
        count = len(self.labels)
        xyxy = np.asarray(self.xyxy, np.float32).reshape(-1, 4)
        scores = np.asarray(self.scores, np.float32).reshape(-1)
        if not len(xyxy) == len(scores) == count:
            raise ValueError(f"Detections: {len(xyxy)} boxes, {count} labels, {len(scores)} scores; give N of each")
        if self.masks is not None and (
            self.masks.dtype != np.bool_ or self.masks.ndim != 3 or len(self.masks) != count
        ):
            raise ValueError(f"Detections: masks need bool ({count}, H, W), not {self.masks.dtype} {self.masks.shape}")
        order = np.argsort(-scores, kind="stable")
        object.__setattr__(self, "xyxy", frozen(xyxy[order]))
        object.__setattr__(self, "scores", frozen(scores[order]))
        object.__setattr__(self, "labels", tuple(self.labels[i] for i in order))
        if self.masks is not None:
            object.__setattr__(self, "masks", frozen(self.masks[order]))

    def __len__(self) -> int:
        return len(self.labels)

    @classmethod
    def empty(cls, query: str = "") -> Detections:
        """Return the answer "nothing found" to `query`."""
        return cls(np.zeros((0, 4), np.float32), (), np.zeros(0, np.float32), query)

    def subset(self, indices: Sequence[int] | Array) -> Detections:
        """Return the detections at `indices`; they are sorted by score again."""
        chosen = [int(i) for i in indices]
        masks = None if self.masks is None else self.masks[chosen]
        return Detections(
            self.xyxy[chosen], tuple(self.labels[i] for i in chosen), self.scores[chosen], self.query, masks
        )

    def parts(self) -> tuple[dict[str, Array], dict[str, Any]]:
        arrays = {"xyxy": self.xyxy, "scores": self.scores}
        facts: dict[str, Any] = {"labels": list(self.labels), "query": self.query}
        if self.masks is not None:
            arrays["masks"] = np.packbits(self.masks, axis=2)
            facts["width"] = self.masks.shape[2]
        return arrays, facts

    @classmethod
    def join(cls, arrays: Mapping[str, Array], facts: Mapping[str, Any]) -> Self:
        masks = None
        if "masks" in arrays:
            masks = np.unpackbits(arrays["masks"], axis=2, count=facts["width"]).astype(bool)
        return cls(arrays["xyxy"], tuple(facts["labels"]), arrays["scores"], facts["query"], masks)
