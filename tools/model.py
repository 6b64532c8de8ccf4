"""The models behind the tools: what an adapter promises, one protocol per capability.

Where a network gains from several inputs at once, a capability has a second method ending in `_many`, for one input
or more. It gives the same results as one by one, up to the rounding of sums that a batch adds up in another order,
and unless an adapter knows better it is just that: one by one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self, TypedDict

from .values import Detections, Embedding, Image, Labels, Mask, Text


class Model(ABC):
    """An adapter over loaded weights. Subclasses add one method that does the work.

    The engine loads an adapter once, leases it to steps, and drops it when memory is needed; an adapter
    holds no state of a call.
    """

    memory_mb: ClassVar[int] = 0
    """Host or device memory it holds once loaded, measured, in MiB."""
    concurrent: ClassVar[bool] = False
    """Whether several threads may use it at once, each on a core of its own; else steps take turns."""
    has_low_memory: ClassVar[bool] = False
    """Whether `load` takes `low_memory=True`: the same weights in less memory, and slower."""

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

    def to_host(self) -> bool:
        """Move the weights from the device to the host's memory; False: this model cannot, drop it instead."""
        return False

    def to_device(self) -> None:
        """Move the weights back to the device they were loaded to; only called after a `to_host` that moved them."""
        raise NotImplementedError(f"{type(self).__name__} moves to the host, and has no way back")


class Drawing(TypedDict):
    """One call of `Generator.generate`, by keyword."""

    prompt: str
    negative_prompt: str
    size_wh: tuple[int, int]
    steps: int | None
    guidance_scale: float | None
    seed: int


class Detector(Model):
    """Finds what a phrase names."""

    @abstractmethod
    def detect(self, image: Image, query: str) -> Detections: ...

    def detect_many(self, images: Sequence[Image], queries: Sequence[str]) -> list[Detections]:
        """Detect one query in each image."""
        return [self.detect(image, query) for image, query in zip(images, queries, strict=True)]


class Reader(Model):
    """Reads words."""

    @abstractmethod
    def read(self, image: Image) -> Detections:
        """One detection per line of text, in reading order by label order of equal scores; labels are the words."""


class Segmenter(Model):
    """Turns boxes into exact pixels."""

    @abstractmethod
    def segment(self, image: Image, boxes: Detections) -> Mask: ...

    def segment_many(self, images: Sequence[Image], boxes: Sequence[Detections]) -> list[Mask]:
        """Select in each image what its own boxes hold."""
        return [self.segment(image, each) for image, each in zip(images, boxes, strict=True)]


class Matter(Model):
    """Separates the main subject from its background."""

    @abstractmethod
    def subject(self, image: Image) -> Mask: ...


class Captioner(Model):
    """Says what an image shows."""

    @abstractmethod
    def caption(self, image: Image) -> Text: ...

    def caption_many(self, images: Sequence[Image]) -> list[Text]:
        """Caption each image."""
        return [self.caption(image) for image in images]


class Answerer(Model):
    """Answers a question about an image."""

    @abstractmethod
    def answer(self, image: Image, question: str) -> Text: ...


class Classifier(Model):
    """Chooses between labels that are given with the call."""

    @abstractmethod
    def classify(self, image: Image, labels: Sequence[str]) -> Labels: ...

    def classify_many(self, images: Sequence[Image], labels: Sequence[Sequence[str]]) -> list[Labels]:
        """Choose for each image between its own labels."""
        return [self.classify(image, names) for image, names in zip(images, labels, strict=True)]


class Matcher(Model):
    """Measures how well words describe an image."""

    @abstractmethod
    def similarity(self, image: Image, text: str) -> float:
        """Cosine similarity in [-1, 1]."""

    def similarity_many(self, images: Sequence[Image], texts: Sequence[str]) -> list[float]:
        """Compare each image with its own text."""
        return [self.similarity(image, text) for image, text in zip(images, texts, strict=True)]


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

    def generate_many(self, drawings: Sequence[Drawing]) -> list[Image]:
        """Make an image for each call; its own seed alone decides about its noise."""
        return [self.generate(**drawing) for drawing in drawings]


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
