"""Which expert answers a phrase: nearest prototype in a sentence embedding, no table of words.

A phrase goes to the ability whose prototype lies nearest, unless a phrase that names something else lies nearer
(`none`), or nothing lies near. The vectors of the prototypes ship with the package (`prototypes.safetensors`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from ..colors import parse_color
from ..errors import ToolError
from ..model import TextEmbedder
from ..values.base import Array

NONE = "none"
REGION = "region"
_NEAR = 0.5
"""Least cosine to the nearest prototype."""
_FILE = Path(__file__).parent / "prototypes.safetensors"
_ARTICLES = re.compile(r"^(?:(?:all|every|each|any|of|the|a|an|this|that|these|those|my|his|her|their)\b\s*)+")


@dataclass(frozen=True)
class Route:
    """Where a phrase goes."""

    ability: str
    """`face`, `eye`, `mouth`, `nose`, `person`, `text`, `code`, `subject`, `region`, or `none`."""
    color: str = ""
    """For `region`: the color words of the phrase."""


@cache
def prototypes() -> Mapping[str, tuple[str, ...]]:
    """Return ability → the phrases that stand for it (`prototypes.yaml`)."""
    import yaml

    document = yaml.safe_load((Path(__file__).parent / "prototypes.yaml").read_text(encoding="utf-8"))
    return {ability: tuple(map(str, phrases)) for ability, phrases in document.items()}


@cache
def _vectors() -> Mapping[str, Array]:
    """Return the shipped vectors: phrase → float32 (384,), unit length."""
    from safetensors import safe_open

    with safe_open(_FILE, "numpy") as file:
        phrases, table = file.metadata()["phrases"].split("\n"), file.get_tensor("vectors").astype(np.float32)
    return dict(zip(phrases, table / np.linalg.norm(table, axis=1, keepdims=True), strict=True))


def write_vectors(embedder: TextEmbedder) -> None:
    """Compute the shipped vectors anew, after a change of the prototypes; `prototypes.py` is the command for it."""
    from safetensors.numpy import save_file

    phrases = sorted({phrase for group in prototypes().values() for phrase in group})
    table = np.stack([e.vector for e in embedder.embed(phrases)]).astype(np.float16)
    save_file({"vectors": table}, _FILE, metadata={"phrases": "\n".join(phrases)})


def route(query: str, embedder: TextEmbedder | None) -> Route | None:
    """Return where a phrase goes, or None when it is no prototype and there is no embedder to judge it by."""
    phrase = _plain(query)
    color, rest = _split_color(phrase)
    if color:
        thing = _ability(rest or phrase, embedder)
        if thing == REGION:
            return Route(REGION, color)
    ability = _ability(phrase, embedder)
    if ability is None:
        return None
    return Route(NONE if ability == REGION else ability)


def _plain(query: str) -> str:
    """Lower the case and drop articles: they say nothing and move short phrases about."""
    words = " ".join(re.sub(r"[^\w\s'-]", " ", query.lower()).split())
    return _ARTICLES.sub("", words) or words


def _ability(phrase: str, embedder: TextEmbedder | None) -> str | None:
    vector = _vectors().get(phrase)
    if vector is None:
        if embedder is None:
            return None
        vector = embedder.embed([phrase])[0].vector
    near = {ability: _nearest(vector, phrases) for ability, phrases in prototypes().items()}
    best = max(near, key=lambda ability: near[ability])
    return best if near[best] >= _NEAR else NONE


def _nearest(vector: Array, phrases: Sequence[str]) -> float:
    return float(max(vector @ _vectors()[phrase] for phrase in phrases))


def _split_color(phrase: str) -> tuple[str, str]:
    """Return (color words, the rest): the longest run of words, at most three, that names a color."""
    words = phrase.split()
    for length in range(min(3, len(words)), 0, -1):
        for start in range(len(words) - length + 1):
            run = " ".join(words[start : start + length])
            if all(len(word) > 2 for word in run.split()) and _is_color(run):
                return run, " ".join(words[:start] + words[start + length :])
    return "", phrase


def _is_color(text: str) -> bool:
    try:
        parse_color(text)
    except ValueError:
        return False
    return True


def refusal(query: str) -> str:
    """Return the reason, to be read after "profile 'embedded' "."""
    return f"cannot detect {query!r}"


def checked(query: str, embedder: TextEmbedder) -> Route:
    """Return where a phrase goes. Raises ToolError for one that no expert answers."""
    found = route(query, embedder)
    if found is None or found.ability == NONE:
        known = "faces, eyes, mouths, noses, people, text, QR and bar codes, the main subject, areas of a color"
        raise ToolError(refusal(query), hint=f"this detector finds {known}; a larger profile finds anything")
    return found


def color_of(params: Mapping[str, Any]) -> str:
    """Return the phrase of a step's parameters, or an empty one where it comes from another step."""
    query = params.get("query")
    return query if isinstance(query, str) and not query.startswith("$") else ""
