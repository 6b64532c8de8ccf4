"""The models behind the tools: what an adapter promises, one protocol per capability."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

from .values import Detections, Embedding, Image, Labels, Mask, Text


class Model(ABC):
    """An adapter over loaded weights. Subclasses add one method that does the work.

    The engine loads an adapter once, leases it to steps, and drops it when memory is needed; an adapter
    holds no state of a call.
    """

    memory_mb: ClassVar[int] = 0
    """Host or device memory it holds once loaded, measured, in MiB."""

    @classmethod
    @abstractmethod
    def load(cls, source: str | Mapping[str, str], *, device: str = "cpu", dtype: str = "float32") -> Self:
        """Load weights from `org/name@revision`, a local folder, or `embedded:name`; or one of these per part.

        A subclass may take more keywords; a profile gives them as `options`.
        Raises ToolError that names the missing file or wrong architecture and how to get it.
        """

    @classmethod
    def objection(cls, params: Mapping[str, Any], source: str | Mapping[str, str]) -> str | None:
        """Say, before anything runs, why these parameters are out of reach (`cannot detect 'cat'`), or None."""
        return None


class Detector(Model):
    """Finds what a phrase names."""

    @abstractmethod
    def detect(self, image: Image, query: str) -> Detections: ...


class Reader(Model):
    """Reads words."""

    @abstractmethod
    def read(self, image: Image) -> Detections:
        """One detection per line of text, in reading order by label order of equal scores; labels are the words."""


class Segmenter(Model):
    """Turns boxes into exact pixels."""

    @abstractmethod
    def segment(self, image: Image, boxes: Detections) -> Mask: ...


class Matter(Model):
    """Separates the main subject from its background."""

    @abstractmethod
    def subject(self, image: Image) -> Mask: ...


class Captioner(Model):
    """Says what an image shows."""

    @abstractmethod
    def caption(self, image: Image) -> Text: ...


class Answerer(Model):
    """Answers a question about an image."""

    @abstractmethod
    def answer(self, image: Image, question: str) -> Text: ...


class Classifier(Model):
    """Chooses between labels that are given with the call."""

    @abstractmethod
    def classify(self, image: Image, labels: Sequence[str]) -> Labels: ...


class Matcher(Model):
    """Measures how well words describe an image."""

    @abstractmethod
    def similarity(self, image: Image, text: str) -> float:
        """Cosine similarity in [-1, 1]."""


class TextEmbedder(Model):
    """Places phrases so that near means alike."""

    @abstractmethod
    def embed(self, phrases: Sequence[str]) -> list[Embedding]: ...


class Eraser(Model):
    """Fills a hole with what was probably behind it."""

    @abstractmethod
    def erase(self, image: Image, mask: Mask) -> Image: ...


class Generator(Model):
    """Text to image."""

    @abstractmethod
    def generate(
        self,
        prompt: str,
        *,
        negative_prompt: str,
        size_wh: tuple[int, int],
        steps: int | None,
        guidance_scale: float | None,
        seed: int,
    ) -> Image: ...


class Inpainter(Model):
    """Fills a mask with what a prompt names."""

    @abstractmethod
    def inpaint(
        self,
        image: Image,
        mask: Mask,
        prompt: str,
        *,
        negative_prompt: str,
        steps: int | None,
        guidance_scale: float | None,
        seed: int,
    ) -> Image: ...


class InstructEditor(Model):
    """Changes a whole image as a sentence says."""

    @abstractmethod
    def edit(
        self, image: Image, instruction: str, *, steps: int | None, guidance_scale: float | None, seed: int
    ) -> Image: ...
