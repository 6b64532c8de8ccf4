"""The part of a run's page that tells of its repairs: what was seen, what was done about it, what came of it.

Each repair that was kept is a row of pictures: before, with boxes round what the check objected to, with the pixels
that the repair changed, after. Those that were not kept are folded away between them.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from ..tools.measures.difference import changed
from ..tools.values import Image, Mask, Value
from .pictures import data_uri, picture_of
from .search import Attempt, Search

_SIDE, _SMALL_SIDE = 720, 240
"""Longest side of the pictures of a kept repair and of another, in pixels."""
_WIDE = 1.3
"""Width by height from which on four pictures stand two by two."""
_EVERYWHERE = 0.9
"""Share of the pixels from which on a picture of those that changed tells nothing."""


def repairs(search: Search | None) -> str:
    """Return the section, or nothing when nothing was repaired."""
    if search is None:
        return ""
    better = f"score {search.first_score:.2f} → {search.score:.2f}"
    words = f"{len(search.kept)} of {len(search.attempts)} tries kept · {better} · {search.stopped}"
    parts, others = list[str](), list[Attempt]()
    for attempt in search.attempts:
        if attempt.outcome != "kept":
            others.append(attempt)
            continue
        parts += [_others(others), _kept(attempt)]
        others = []
    parts.append(_others(others))
    return f'<h2>Repairs</h2><p class="facts"><span>{escape(words)}</span></p>{"".join(parts)}'


def _kept(attempt: Attempt) -> str:
    shots = list(filter(None, _strip(attempt)))
    width, height = attempt.before.size_wh if attempt.before else (1, 1)
    square = " square" if len(shots) == 4 and width > _WIDE * height else ""
    return (
        '<div class="panel repair"><div class="head"><span class="pill pass">kept</span>'
        f"<h3>{escape(attempt.change)}</h3><small>{escape(attempt.rung)}</small></div>"
        f'<div class="strip{square}">{"".join(shots)}</div><p>{escape(_cost(attempt))}</p></div>'
    )


def _strip(attempt: Attempt) -> Iterable[str]:
    """Yield the pictures of a kept repair, as far as there are any."""
    before, after, seen = attempt.before, attempt.after, attempt.evidence
    if seen is not None and len(seen):
        yield _shot(before, None, "before", "")
        yield _shot(seen, before, "what the check saw", attempt.finding)
    else:
        yield _shot(before, None, "before", attempt.finding)
    if before is not None and after is not None and before.size_wh == after.size_wh:
        touched = changed(before, after)
        if 0 < touched.mean() < _EVERYWHERE:
            yield _shot(Mask(touched), after, "what the repair changed", f"{touched.mean():.2%} of the pixels")
    yield _shot(after, None, "after", attempt.reason)


def _shot(value: Value | None, background: Image | None, name: str, words: str) -> str:
    picture = picture_of(value, background, _SIDE) if value is not None else None
    if picture is None:
        return ""
    image = f'<img class="zoom" src="{data_uri(picture)}" alt="{name}">'
    return f"<figure>{image}<figcaption><b>{name}</b>{escape(words)}</figcaption></figure>"


def _cost(attempt: Attempt) -> str:
    again = f"{attempt.again} of {attempt.steps} steps and checks run again"
    return f"{again} · {attempt.ran} computed in all, in {attempt.seconds:.2f} s"


def _others(attempts: list[Attempt]) -> str:
    """Fold away what did not help."""
    if not attempts:
        return ""
    heading = f"{len(attempts)} {'try that was' if len(attempts) == 1 else 'tries that were'} not kept"
    rows = "".join(map(_row, attempts))
    return f'<details class="panel others"><summary>{heading}</summary>{rows}</details>'


def _row(attempt: Attempt) -> str:
    picture = picture_of(attempt.after, None, _SMALL_SIDE) if attempt.after is not None else None
    image = f'<img class="zoom" src="{data_uri(picture)}" alt="after">' if picture else ""
    kind = "fail" if attempt.outcome == "failed" else ""
    return (
        f'<div class="try">{image}<div><b>{escape(attempt.change)}</b><p>{escape(attempt.finding)}</p>'
        f'<p><span class="pill {kind}">{escape(attempt.outcome)}</span> {escape(attempt.reason)}</p></div></div>'
    )
