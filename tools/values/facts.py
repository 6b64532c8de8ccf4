"""Small answers: words, numbers, probabilities, verdicts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar, Self

import numpy as np

from .base import Array, Value, frozen
from .detections import Detections


@dataclass(frozen=True, eq=False)
class Text(Value):
    """Words: a caption, an answer, what a sign says."""

    kind: ClassVar[str] = "Text"

    text: str

    def __str__(self) -> str:
        return self.text

    def parts(self) -> tuple[dict[str, Array], dict[str, Any]]:
        return {}, {"text": self.text}

    @classmethod
    def join(cls, arrays: Mapping[str, Array], facts: Mapping[str, Any]) -> Self:
        return cls(facts["text"])


@dataclass(frozen=True, eq=False)
class Number(Value):
    """A measured number, with what it counts or its unit."""

    kind: ClassVar[str] = "Number"

    number: float
    unit: str = ""
    """`person`, `%`, `px` …"""

    def __str__(self) -> str:
        return f"{self.number:g} {self.unit}".rstrip()

    def parts(self) -> tuple[dict[str, Array], dict[str, Any]]:
        return {}, {"number": self.number, "unit": self.unit}

    @classmethod
    def join(cls, arrays: Mapping[str, Array], facts: Mapping[str, Any]) -> Self:
        return cls(facts["number"], facts["unit"])


@dataclass(frozen=True, eq=False)
class Labels(Value):
    """Names with a probability or share each, highest first."""

    kind: ClassVar[str] = "Labels"

    scores: Mapping[str, float]
    """label → probability or share in [0, 1]."""

    def __post_init__(self) -> None:
        ranked = sorted(self.scores.items(), key=lambda pair: -pair[1])
        object.__setattr__(self, "scores", MappingProxyType({str(label): float(score) for label, score in ranked}))

    def __str__(self) -> str:
        return ", ".join(f"{label} {score:.0%}" for label, score in self.scores.items())

    def parts(self) -> tuple[dict[str, Array], dict[str, Any]]:
        return {}, {"scores": list(map(list, self.scores.items()))}

    @classmethod
    def join(cls, arrays: Mapping[str, Array], facts: Mapping[str, Any]) -> Self:
        return cls(dict(facts["scores"]))


@dataclass(frozen=True, eq=False)
class Verdict(Value):
    """The answer of a check: did it pass, how clearly, why, and what was seen."""

    kind: ClassVar[str] = "Verdict"

    passed: bool
    score: float
    """In [0, 1]; 1 is the best."""
    reason: str
    """One sentence with the measured figures."""
    evidence: Detections | None = field(default=None)
    """The boxes the verdict rests on, where there are any."""

    def __str__(self) -> str:
        return f"{'yes' if self.passed else 'no'}: {self.reason}"

    @property
    def nbytes(self) -> int:
        return self.evidence.nbytes if self.evidence is not None else 0

    def parts(self) -> tuple[dict[str, Array], dict[str, Any]]:
        facts: dict[str, Any] = {"passed": self.passed, "score": self.score, "reason": self.reason}
        if self.evidence is None:
            return {}, facts
        arrays, seen = self.evidence.parts()
        return arrays, {**facts, "evidence": seen}

    @classmethod
    def join(cls, arrays: Mapping[str, Array], facts: Mapping[str, Any]) -> Self:
        evidence = Detections.join(arrays, facts["evidence"]) if "evidence" in facts else None
        return cls(facts["passed"], facts["score"], facts["reason"], evidence)


@dataclass(frozen=True, eq=False)
class Layout(Value):
    """Where things should be: one phrase and one box each."""

    kind: ClassVar[str] = "Layout"

    phrases: tuple[str, ...]
    xyxy: Array
    """float32 (N, 4) in absolute pixels, half-open."""

    def __post_init__(self) -> None:
        xyxy = np.asarray(self.xyxy, np.float32).reshape(-1, 4)
        if len(xyxy) != len(self.phrases):
            raise ValueError(f"Layout: {len(self.phrases)} phrases, {len(xyxy)} boxes; give N of each")
        object.__setattr__(self, "xyxy", frozen(xyxy))

    def parts(self) -> tuple[dict[str, Array], dict[str, Any]]:
        return {"xyxy": self.xyxy}, {"phrases": list(self.phrases)}

    @classmethod
    def join(cls, arrays: Mapping[str, Array], facts: Mapping[str, Any]) -> Self:
        return cls(tuple(facts["phrases"]), arrays["xyxy"])


@dataclass(frozen=True, eq=False)
class Depth(Value):
    """Distance from the camera, larger is farther."""

    kind: ClassVar[str] = "Depth"

    metres: Array
    """float32 (H, W); relative where the model does not know the scale."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "metres", frozen(np.asarray(self.metres, np.float32)))

    def parts(self) -> tuple[dict[str, Array], dict[str, Any]]:
        return {"metres": self.metres}, {}

    @classmethod
    def join(cls, arrays: Mapping[str, Array], facts: Mapping[str, Any]) -> Self:
        return cls(arrays["metres"])


@dataclass(frozen=True, eq=False)
class Embedding(Value):
    """A point in a model's feature space."""

    kind: ClassVar[str] = "Embedding"

    vector: Array
    """float32 (D,), unit length."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "vector", frozen(np.asarray(self.vector, np.float32).reshape(-1)))

    def parts(self) -> tuple[dict[str, Array], dict[str, Any]]:
        return {"vector": self.vector}, {}

    @classmethod
    def join(cls, arrays: Mapping[str, Array], facts: Mapping[str, Any]) -> Self:
        return cls(arrays["vector"])
