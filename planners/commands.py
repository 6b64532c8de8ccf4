"""Whether a request of a session speaks of the session ("undo that", "a bit less") or of the picture.

By example: `commands.yaml` holds ways of saying each command and, against these, requests that speak of the picture.
A linear classifier on the sentence embedding (ridge regression over the examples, made in milliseconds) says what a
request means: "undo" and "redo" are neighbours there, yet differ along a line. A request that is near no example speaks
of the picture; what is near, but to two meanings, is for the person to say.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, cast, get_args

import numpy as np
import yaml

from ..tools.colors import is_color
from ..tools.errors import ToolError
from ..tools.images import WRITABLE
from ..tools.values.base import Array
from .retrieval import vectors_of

Command = Literal["undo", "redo", "original", "again", "less", "more", "other", "instead", "save"]
COMMANDS: tuple[Command, ...] = get_args(Command)

NEAR = 0.6
"""Cosine to the nearest example of a command from which a request may be that command."""
MARGIN = 0.2
"""By how much the likeliest meaning must lead the next; one that is certain scores about 1, all others 0."""
RIDGE = 0.1
"""Weight of the penalty."""
LONGEST = 12
"""Words of a request that may be a command."""
_EDIT = "edit"
_FILE = re.compile(
    rf"""(?:["']([^"']+(?:{"|".join(map(re.escape, WRITABLE))}))["']|(\S+(?:{"|".join(map(re.escape, WRITABLE))})))""",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Meaning:
    """What a request means to a session."""

    command: Command | None = None
    """None: it speaks of the picture."""
    doubts: tuple[str, ...] = ()
    """What it may mean, the nearest first, where that is not clear; `edit` is something to do to the picture."""
    file: str | None = None
    """The file that it names, if it is to be saved."""


def meaning_of(request: str) -> Meaning:
    """Return what a request means. Where the sentence embedding is not here, only the very examples are known."""
    words, file = _without_file(request)
    if not words or len(words.split()) > LONGEST:
        return Meaning()
    known = _examples().get(words)
    if known is not None:
        return _settled(known, file)
    try:
        scores, nearness = _judged(words)
    except ToolError:
        return Meaning()
    first, second, *_ = sorted(scores, key=lambda name: -scores[name])
    near = [name for name in scores if name != _EDIT and nearness[name] >= NEAR]
    sure = scores[first] - scores[second] >= MARGIN
    if not near or (sure and first == _EDIT) or (first == "save") != (file is not None):
        return Meaning()
    if sure and first in near:
        return _settled(first, file)
    if {first, second} == {"instead", _EDIT}:
        return _settled(first, file)  # too near to be told apart by asking
    others = sorted({first, second, *near} - {first}, key=lambda name: -scores[name])
    return Meaning(doubts=tuple(name for name in (first, *others) if name in (*near, _EDIT)))


def _settled(name: str, file: str | None) -> Meaning:
    return Meaning() if name == _EDIT else Meaning(cast("Command", name), file=file)


def _without_file(request: str) -> tuple[str, str | None]:
    """Return (a request in small letters and single spaces, with `file` for the one file that it names, its name)."""
    found = list(_FILE.finditer(request))
    file = (found[0][1] or found[0][2]) if len(found) == 1 else None
    text = request.replace(found[0][0], "file") if file else request
    return " ".join(text.lower().split()).strip(" .!?,"), file


def _plainly(words: str) -> str:
    """Return words with every number and every color the same: which one it is says nothing about what is meant."""
    words = re.sub(r"\d+(?:\.\d+)?", "20", words)
    return re.sub(r"[a-z]{3,}", lambda word: "red" if is_color(word[0]) else word[0], words)


def _judged(words: str) -> tuple[dict[str, float], dict[str, float]]:
    """Return (meaning → score of the classifier, meaning → cosine to its nearest example)."""
    model = _classifier()
    cosines = model.vectors @ vectors_of([_plainly(words)])[0]  # (N,)
    scores = cosines @ model.weights + model.usual  # (M,)
    nearest = [cosines[model.meanings == place].max() for place in range(len(model.names))]
    return dict(zip(model.names, scores.tolist(), strict=True)), dict(
        zip(model.names, map(float, nearest), strict=True)
    )


@dataclass(frozen=True)
class _Classifier:
    """Kernel ridge regression from examples to one-hot meanings."""

    names: tuple[str, ...]
    meanings: Array
    """(N,) place of each example's meaning in `names`."""
    vectors: Array
    """(N, 384), unit length."""
    weights: Array
    """(N, M)."""
    usual: Array
    """(M,) share of the examples."""


@cache
def _classifier() -> _Classifier:
    names = tuple(dict.fromkeys(_examples().values()))
    meanings = np.array([names.index(name) for name in _examples().values()])
    vectors = vectors_of([_plainly(example) for example in _examples()])
    wanted = np.eye(len(names))[meanings]  # (N, M)
    usual = wanted.mean(axis=0)
    weights = np.linalg.solve(vectors @ vectors.T + RIDGE * np.eye(len(vectors)), wanted - usual)
    return _Classifier(names, meanings, vectors, weights, usual)


@cache
def _examples() -> dict[str, str]:
    """Example → what it means."""
    lines = yaml.safe_load(Path(__file__).with_name("commands.yaml").read_text(encoding="utf-8"))
    return {example.lower(): name for name, examples in lines.items() for example in examples}
