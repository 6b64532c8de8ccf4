"""Requests that name a thing, then point back at it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .clauses import Example
from .draft import Draft
from .followups import ANY_OF_THEM, BOXED, COUNTERS, FINDERS, OVER, POINTING, READERS, point_back
from .slots import Slot, aim, query_of
from .speech import pronoun_of

if TYPE_CHECKING:
    from .compose import Composer


def pointing(composer: Composer) -> Example:
    """Name a thing, then point back at it: `find the faces and blur them`, `pixelate them if there are any`."""
    if composer.draw.random() < 0.25:
        return _read_first(composer)
    thing = composer.filler.object()
    kind = composer.draw.choice(list(POINTING))
    pronoun = pronoun_of(thing.text)
    words = composer.draw.choice(POINTING[kind])
    inputs = composer.inputs([kind])
    draft = Draft(f"${inputs[0]}")
    if composer.draw.random() < 0.7:
        text = composer.draw.choice(FINDERS).format(o=thing.text) + words.format(it=pronoun)
        point_back(kind, draft, thing)
        return composer.finish(composer.framed(text), inputs, draft, ["pointing", kind])
    draft.when = draft.add("exists", boxes=thing.value.boxes(draft))
    point_back(kind, draft, thing)
    if "{it}" in words and composer.draw.random() < 0.6:
        text = words.format(it=thing.text) + composer.draw.choice(ANY_OF_THEM)
    else:
        text = f"if there is {query_of(thing.text)}, {words.format(it=pronoun)}"
    text += composer.otherwise(draft, inputs)
    return composer.finish(text, inputs, draft, ["pointing", "if_then"])


def _read_first(composer: Composer) -> Example:
    """Read words or a code, then do something to them: `read the sign and cover it`."""
    code = composer.draw.random() < 0.4
    phrase = composer.filler.entry("codes" if code else "texts")
    thing = Slot(phrase, aim(phrase))
    kind = composer.draw.choice(list(OVER))
    inputs = composer.inputs([kind])
    draft = Draft(f"${inputs[0]}")
    draft.add("read_code" if code else "read", image=draft.source)
    point_back(kind, draft, thing)
    pronoun = composer.draw.choice(["it", "it", "them", thing.text])
    text = composer.draw.choice(READERS).format(o=phrase) + composer.draw.choice(OVER[kind]).format(it=pronoun)
    return composer.finish(composer.framed(text), inputs, draft, ["pointing", kind])


def counted(composer: Composer) -> Example:
    """An edit of things, and how many of them there are."""
    clause = composer.clause(composer.draw.choice(BOXED), joins=True)
    inputs = composer.inputs([clause.kind])
    draft = Draft(f"${inputs[0]}")
    composer.build(clause, draft, inputs)
    if draft.last_boxes:
        clause.text += composer.draw.choice([" and ", ", ", ". ", " and then "]) + composer.draw.choice(COUNTERS)
        draft.add("count", boxes=draft.last_boxes)
    return composer.finish(composer.framed(clause.text), inputs, draft, ["counted", clause.kind])
