"""What a planner can call to compare an image with words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field

from ..model import Classifier, Matcher
from ..parameters import Prompt
from ..tool import tool
from ..values import Image, Labels, Number


@tool(family="classifier", models={"classifier": Classifier})
def classify(image: Image, labels: Annotated[list[str], Field(min_length=2)], *, classifier: Classifier) -> Labels:
    """Say which of the given labels fits the image best."""
    return classifier.classify(image, labels)


@classify.batched
def _(calls: Sequence[Mapping[str, Any]]) -> list[Labels]:
    classifier: Classifier = calls[0]["classifier"]
    return classifier.classify_many([call["image"] for call in calls], [call["labels"] for call in calls])


@tool(family="classifier", models={"matcher": Matcher})
def similarity(image: Image, text: Prompt, *, matcher: Matcher) -> Number:
    """Measure how well a text describes the image."""
    return Number(matcher.similarity(image, text))


@similarity.batched
def _(calls: Sequence[Mapping[str, Any]]) -> list[Number]:
    matcher: Matcher = calls[0]["matcher"]
    cosines = matcher.similarity_many([call["image"] for call in calls], [call["text"] for call in calls])
    return [Number(cosine) for cosine in cosines]
