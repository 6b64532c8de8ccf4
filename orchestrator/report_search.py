"""The part of a run's page that tells of its repairs: what was seen, what was done about it, what came of it."""

from __future__ import annotations

from html import escape

from ..tools.values import Image, Value
from .pictures import data_uri, picture_of
from .search import Attempt, Search

_SIDE = 720
"""Longest side of the pictures, in pixels."""
_PILLS = {"kept": "pass", "rolled back": "", "failed": "fail", "stopped": ""}


def repairs(search: Search | None) -> str:
    """Return the section, or nothing when nothing was repaired."""
    if search is None:
        return ""
    better = f"score {search.first_score:.2f} → {search.score:.2f}"
    words = f"{len(search.kept)} of {len(search.attempts)} tries kept · {better} · {search.stopped}"
    cards = "".join(map(_card, search.attempts))
    return f'<h2>Repairs</h2><p class="facts"><span>{escape(words)}</span></p>{cards}'


def _card(attempt: Attempt) -> str:
    facts = {
        "seen": attempt.finding,
        "done": attempt.change,
        "then": attempt.reason,
        "run again": f"{attempt.again} of {attempt.steps} steps and checks",
        "computed": f"{attempt.ran} in all, in {attempt.seconds:.2f} s",
    }
    if attempt.pixels is not None:
        facts["changed"] = f"{attempt.pixels:.2%} of the pixels"
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(words)}</dd>" for name, words in facts.items())
    pill = f'<span class="pill {_PILLS[attempt.outcome]}">{escape(attempt.outcome)}</span>'
    seen = _shot(attempt.evidence if _has_boxes(attempt) else attempt.before, attempt.before, "what the check saw")
    after = _shot(attempt.after, None, "after the repair")
    return (
        f'<div class="panel repair"><div class="pair">{seen}{after}</div>'
        f'<div class="about"><h3>{escape(attempt.rung)}</h3><dl>{rows}</dl>{pill}</div></div>'
    )


def _has_boxes(attempt: Attempt) -> bool:
    return attempt.evidence is not None and len(attempt.evidence) > 0


def _shot(value: Value | None, background: Image | None, words: str) -> str:
    picture = picture_of(value, background, _SIDE) if value is not None else None
    if picture is None:
        return ""
    uri = data_uri(picture)
    return f'<figure><img class="zoom" src="{uri}" alt="{words}"><figcaption>{words}</figcaption></figure>'
