"""Which expert answers a phrase: a linear classifier over a sentence embedding, no table of words.

It is fitted to a few hundred prototype phrases, those of things that no expert can see included (`none`), so that
words that are not among them go where words like them go. `prototypes.py` fits it; `prototypes.safetensors` ships.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from ..colors import means_color
from ..errors import ToolError
from ..model import TextEmbedder
from ..values.base import Array

NONE = "none"
REGION = "region"
FILE = Path(__file__).parent / "prototypes.safetensors"
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


@dataclass(frozen=True)
class Router:
    """What `prototypes.safetensors` holds."""

    vectors: Mapping[str, Array]
    """Prototype → float32 (384,), unit length: known phrases need no network."""
    abilities: tuple[str, ...]
    weights: Array
    """float32 (K, 384), one row per ability."""
    bias: Array
    """float32 (K,)."""


@cache
def router() -> Router:
    """Return the shipped router."""
    from safetensors import safe_open

    with safe_open(FILE, "numpy") as file:
        facts = file.metadata()
        table = file.get_tensor("vectors").astype(np.float32)
        weights, bias = file.get_tensor("weights"), file.get_tensor("bias")
    vectors = dict(zip(facts["phrases"].split("\n"), table, strict=True))
    return Router(vectors, tuple(facts["abilities"].split("\n")), weights, bias)


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
    known = router()
    vector = known.vectors.get(phrase)
    if vector is None:
        if embedder is None:
            return None
        vector = embedder.embed([phrase])[0].vector
    return known.abilities[int((known.weights @ vector + known.bias).argmax())]


def _split_color(phrase: str) -> tuple[str, str]:
    """Return (color words, the rest): the longest run of words, at most three, that names a color."""
    words = phrase.split()
    for length in range(min(3, len(words)), 0, -1):
        for start in range(len(words) - length + 1):
            run = " ".join(words[start : start + length])
            if all(map(means_color, {run, words[start + length - 1]})):  # "dark blue", not "green car".
                return run, " ".join(words[:start] + words[start + length :])
    return "", phrase


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


def query_of(params: Mapping[str, Any]) -> str:
    """Return the phrase of a step's parameters, or an empty one where it comes from another step."""
    query = params.get("query")
    return query if isinstance(query, str) and not query.startswith("$") else ""
