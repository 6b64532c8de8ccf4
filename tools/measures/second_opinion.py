"""A second opinion on what a detector found: does each thing, by itself, look like what it is taken for?

The one who is asked compares a picture with words as a whole, and shares nothing with the detector. Where the two
disagree, neither is believed: the verdict says that it cannot tell, with what either has measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from pydantic import Field

from ..detectors.rivals import detect_among
from ..model import Detector, Matcher
from ..parameters import Among, Query
from ..tool import tool
from ..values import Detections, Image, Verdict
from ..values.base import Array
from .evidence import found

_MARGINS = (0.15, 0.4)
"""How much around a thing is shown with it, as shares of its longer side; what is said of the two is averaged."""


@tool(family="measure", models={"detector": Detector, "matcher": Matcher}, planned=False)
def resembles(
    image: Image,
    query: Query,
    least: Annotated[float, Field(ge=-1, le=1)],
    among: Among = None,
    *,
    detector: Detector,
    matcher: Matcher,
) -> Verdict:
    """Check that everything the detector takes for what the phrase names is at least so like the phrase."""
    things = detect_among(detector, image, query, among)
    if not len(things):
        return Verdict(False, 0.0, found(things, query), things)
    alike = likenesses(matcher, image, things, query)
    doubted = np.flatnonzero(alike < least)
    score = float(np.clip(alike.min() / least if least > 0 else 1 + alike.min() - least, 0, 1))
    measured = f"{found(things, query)}; image-text similarity {', '.join(f'{each:.2f}' for each in alike)}"
    if len(doubted):
        reason = f"cannot tell: {measured}, where {least:.2f} is expected"
        return Verdict(False, score, reason, things.subset(doubted))
    return Verdict(True, score, measured, things)


def likenesses(matcher: Matcher, image: Image, things: Detections, query: str) -> Array:
    """Return float32 (N,): the cosine in [-1, 1] of each thing, cut out of the image, with the phrase."""
    parts = [_around(image, box, margin) for box in things.xyxy for margin in _MARGINS]
    article = "an" if query[0] in "aeiou" else "a"
    cosines = matcher.similarity_many(parts, [f"{article} {query}"] * len(parts)) if parts else []
    return np.asarray(np.array(cosines, np.float32).reshape(-1, len(_MARGINS)).mean(axis=1))


def _around(image: Image, box: Sequence[float] | Array, margin: float) -> Image:
    """Cut out a square around a box; beyond the image its edge goes on."""
    x0, y0, x1, y1 = map(float, box)
    reach = (0.5 + margin) * max(x1 - x0, y1 - y0)
    left, top = int(np.floor((x0 + x1) / 2 - reach)), int(np.floor((y0 + y1) / 2 - reach))
    side = max(1, int(np.ceil(2 * reach)))
    width, height = image.size_wh
    columns = np.arange(left, left + side).clip(0, width - 1)
    rows = np.arange(top, top + side).clip(0, height - 1)
    return Image(np.ascontiguousarray(image.rgb[rows[:, None], columns]))
