"""Whose a thing is: of several phrases about one picture, the one that names it most surely has it.

A detector that is asked for a tree finds a star too, though less surely than when it is asked for a star. Of a picture
that was described everything that should be there is known, so each thing can be left to the phrase that fits it best.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from ..model import Detector
from ..values import Detections, Image
from .boxes import overlap

_ONE_THING = 0.6
"""Intersection over union from which on two phrases are about one thing."""
_KEPT = 64
"""Looks that are kept for the next check; those with masks, which are large, are not."""
_Look = tuple[Image, str]
_looks: WeakKeyDictionary[Detector, OrderedDict[_Look, Detections]] = WeakKeyDictionary()
"""The checks of one description ask a detector for the same things again and again."""
_keeping = threading.Lock()


def detect_among(detector: Detector, image: Image, query: str, among: Sequence[str] | None) -> Detections:
    """Return what `query` names, without the things that one of the phrases `among` names more surely."""
    return detected_among([{"detector": detector, "image": image, "query": query, "among": among}])[0]


def detected_among(calls: Sequence[Mapping[str, Any]]) -> list[Detections]:
    """Do the same for several calls of a tool, by their arguments; those share a detector."""
    asked = [[(call["image"], phrase) for phrase in (call["query"], *(call.get("among") or ()))] for call in calls]
    seen = _seen(calls[0]["detector"], (look for looks in asked for look in looks))
    return [unrivalled(seen[own], [seen[look] for look in others if look != own]) for own, *others in asked]


def unrivalled(things: Detections, others: Sequence[Detections]) -> Detections:
    """Return those of the things that none of the others, found by other phrases, overlaps with a higher score."""
    if not len(things) or not any(map(len, others)):
        return things
    boxes = np.concatenate([each.xyxy for each in others])
    scores = np.concatenate([each.scores for each in others])
    rivals = [scores[overlap(box, boxes) >= _ONE_THING].max(initial=0) for box in things.xyxy]
    return things.subset(np.flatnonzero(things.scores >= rivals))


def _seen(detector: Detector, asked: Iterable[_Look]) -> dict[_Look, Detections]:
    """Return what each look finds; what was found a moment ago is known still."""
    looks = list(dict.fromkeys(asked))
    with _keeping:
        kept = _looks.setdefault(detector, OrderedDict())
        seen = {look: kept[look] for look in looks if look in kept}
    new = [look for look in looks if look not in seen]
    found = detector.detect_many([image for image, _ in new], [phrase for _, phrase in new]) if new else []
    seen.update(zip(new, found, strict=True))
    with _keeping:
        kept.update((look, seen[look]) for look in looks if seen[look].masks is None)
        for look in list(kept)[:-_KEPT]:
            del kept[look]
    return seen
