"""Which tools of a large catalogue belong to a request: by sentence embedding.

A tool stands for its name, its summary and its choices. A request is compared as a whole and clause by clause, and the
best of these counts, so that each part of a longer request finds its tools. What the chosen tools need to be fed (a
mask, boxes …) is added, so that a plan can be made of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache, lru_cache

import numpy as np

from ..tools.catalogue import Catalogue
from ..tools.text_embedding import MiniLm
from ..tools.tool import Tool
from ..tools.values.base import Array

EMBEDDING = "embedded:minilm"
MOST_TOOLS = 100
"""Tools that a large language model is told of; a catalogue of more is narrowed. Summaries alone are a poor guide:
of our own 65 tools, half hold all that a request needs for two requests in three, so that they are never narrowed."""
_CLAUSES = re.compile(r"[.;,!?:\n]+| and then | and | then ", re.IGNORECASE)
_MOST_CLAUSES = 12
_MOST_GIVERS = 10
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|_")


def narrowed(request: str, catalogue: Catalogue, most: int) -> Catalogue:
    """Return at most `most` tools that a request may need, in the catalogue's order; all where there are no more.

    The nearest tools come first, each with those that give what it takes.
    """
    if len(catalogue) <= most:
        return catalogue
    scores = tool_scores(request, catalogue)
    ranked = sorted(catalogue, key=lambda name: -scores[name])
    chosen: dict[str, None] = {}
    for name in ranked:
        chosen.update(dict.fromkeys(_fed(name, ranked, catalogue)))
        if len(chosen) >= most:
            break
    kept = set(list(chosen)[:most])
    return Catalogue(tool for tool in catalogue.values() if tool.id in kept)


def tool_scores(request: str, catalogue: Catalogue) -> dict[str, float]:
    """Return how near each tool is to the nearest part of a request: a cosine in [-1, 1]."""
    parts = np.stack([_vector(part) for part in _parts(request)])  # (P, D)
    tools = np.stack([_vector(_words_of(tool)) for tool in catalogue.values()])  # (N, D)
    best = (tools @ parts.T).max(axis=1)  # (N,)
    return dict(zip(catalogue, best.tolist(), strict=True))


def vector_of(text: str) -> Array:
    """Return the unit vector (384,) of a text; near vectors mean alike. Raises ToolError without the weights."""
    return _vector(text)


def vectors_of(texts: Sequence[str]) -> Array:
    """Return the unit vectors (N, 384) of texts, made together. Raises ToolError without the weights."""
    return np.stack([embedding.vector for embedding in _embedder().embed(texts)])


def _fed(name: str, ranked: Sequence[str], catalogue: Catalogue) -> Iterator[str]:
    """Yield a tool, then those that give the kinds of value that it takes, then what these take, and so on.

    All that give a kind are candidates: which one fits (a mask of a thing, of the background, of two things) the
    words of a summary do not tell.
    """
    queue, known = [name], {"Image"}
    for current in queue:
        yield current
        for kind in {port.type.kind for port in catalogue[current].ports.values()} - known:
            known.add(kind)
            queue += [other for other in ranked if catalogue[other].output.kind == kind][:_MOST_GIVERS]


def _parts(request: str) -> list[str]:
    clauses = [clause.strip() for clause in _CLAUSES.split(request)]
    return [request, *[clause for clause in clauses if len(clause.split()) > 1][:_MOST_CLAUSES]]


def _words_of(tool: Tool) -> str:
    """Name, summary, and the words that its parameters choose from."""
    schemas = [schema for param in tool.params.values() for schema in (param.schema, *param.schema.get("anyOf", ()))]
    choices = [str(choice) for schema in schemas for choice in schema.get("enum", ())]
    return f"{_CAMEL.sub(' ', tool.id).lower()}: {tool.summary} {' '.join(choices)}".strip()


@lru_cache(maxsize=4096)
def _vector(text: str) -> Array:
    """Return the unit vector of a text."""
    return _embedder().embed([text])[0].vector


@cache
def _embedder() -> MiniLm:
    return MiniLm.load(EMBEDDING)
