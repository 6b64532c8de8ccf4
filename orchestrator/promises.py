"""The checks that a description of a picture promises: what is there, how often, in which color, and where."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from ..planners.checklist import Checklist, Thing
from ..planners.plan import Check, Plan, referenced
from ..tools.catalogue import Catalogue
from ..tools.errors import DiptychError

Read = Callable[[str], Checklist]
"""Reads what a description promises. Raises DiptychError when it cannot."""


def described_checks(plan: Plan, catalogue: Catalogue, read: Read) -> list[Check]:
    """Return what the descriptions in a plan promise of the pictures that are made from them, as far as it is new.

    A description that cannot be read promises nothing.
    """
    found: list[Check] = []
    for step in plan.steps:
        prompt = step.args.get("prompt")
        drawn = step.tool in catalogue and catalogue[step.tool].family == "generator" and step.for_each is None
        if not drawn or not isinstance(prompt, str) or referenced(prompt):
            continue
        try:
            found += promised(read(prompt), f"${step.id}")
        except DiptychError:
            continue
    return [check for check in found if check.check in catalogue and check not in plan.checks]


def promised(checklist: Checklist, image: str) -> list[Check]:
    """Return the checks of the picture that the reference `image` names, one for each atom of the checklist.

    A thing is to be there at least once. Where the description counts, it counts everything: 'two dogs and a cat' is
    one cat. Things of one name are told apart by their colors.
    """
    counts = any(thing.count > 1 for thing in checklist.things)
    names = Counter(thing.noun for thing in checklist.things)
    phrases = [_phrase(thing, names) for thing in checklist.things]
    found: list[tuple[str, dict[str, object]]] = []
    for thing, phrase in zip(checklist.things, phrases, strict=True):
        found += _of(thing, phrase, counts)
    for each in checklist.relations:
        found.append(("placed", {"query": phrases[each.one], "side": each.side, "of": phrases[each.other]}))
    found += [("reads", {"words": words}) for words in checklist.texts]
    unique = [promise for place, promise in enumerate(found) if promise not in found[:place]]
    return [Check.model_validate({"check": id, "image": image, **args}) for id, args in unique]


def _of(thing: Thing, phrase: str, counts: bool) -> list[tuple[str, dict[str, object]]]:
    if thing.count == 0:
        return [("absent", {"query": phrase})]
    shown: dict[str, object] = {"query": phrase, **({"count": thing.count} if counts else {})}
    if not thing.color or phrase != thing.noun:
        return [("shows", shown)]
    return [("shows", shown), ("colored", {"query": phrase, "color": thing.color})]


def _phrase(thing: Thing, names: Counter[str]) -> str:
    return f"{thing.color} {thing.noun}" if thing.color and names[thing.noun] > 1 else thing.noun
