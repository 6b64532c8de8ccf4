"""Requests in other European languages: whole sentences, and such as are put together from a frame and a thing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .banks import holdout, phrases
from .clauses import Clause, Example
from .draft import Draft
from .joining import AND
from .slots import POINTING_BLANKS, Slot, Target, aim

if TYPE_CHECKING:
    from .compose import Composer


def foreign(composer: Composer) -> Example:
    """A request in another European language."""
    line = _translated(composer) if composer.draw.random() < 0.5 else composer.filler.entry("foreign")
    request, kind, slots = _meaning(line)
    inputs = composer.inputs([kind])
    draft = Draft(f"${inputs[0]}")
    composer.build(Clause(kind, request, slots), draft, inputs)
    return composer.finish(request, inputs, draft, ["foreign", kind])


def foreign_compound(composer: Composer) -> Example:
    """Two wishes in one sentence of another language."""
    language = composer.draw.choice(list(AND))
    clauses = [_meaning(_translated(composer, language)) for _ in range(2)]
    inputs = composer.inputs([kind for _, kind, _ in clauses])
    draft = Draft(f"${inputs[0]}")
    for request, kind, slots in clauses:
        composer.build(Clause(kind, request, slots), draft, inputs)
    text = composer.draw.choice(AND[language]).join(request for request, _, _ in clauses)
    return composer.finish(text, inputs, draft, ["foreign", "foreign_compound"])


def _translated(composer: Composer, language: str = "") -> str:
    """Return a line as in `foreign`, put together from a frame and a thing of the same language."""
    frames = holdout(phrases()["foreign_frames"], "foreign_frames", test=composer.test)
    frame = composer.draw.choice([line for line in frames if line.startswith(language)] or frames)
    language, _, frame = frame.partition("|")
    things = [line for line in phrases()["foreign_things"] if line.startswith(language)]
    words, _, english = composer.draw.choice(things).partition("|")[2].partition("=>")
    return f"{frame.strip().format(x=words.strip())}={english.strip()}"


def _meaning(line: str) -> tuple[str, str, dict[str, Slot]]:
    """Return (request, intent, slots) of a line like `efface le chien => remove | o=dog`."""
    request, _, meaning = line.partition("=>")
    kind, _, filling = meaning.partition("|")
    slots: dict[str, Slot] = {}
    for part in filling.split(","):
        name, _, value = (piece.strip() for piece in part.partition("="))
        if name in POINTING_BLANKS:
            slots[name] = Slot(value, Target("background") if value == "background" else aim(value))
        elif name:
            slots[name] = Slot(value, int(value) if value.isdigit() else value)
    return request.strip(), kind.strip(), slots
