"""The checks that a description of a picture promises: what is there, how often, in which color, and where."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from ..planners.checklist import Checklist, Thing, contradictions, summed
from ..planners.plan import Check, Plan, Step, referenced
from ..tools.catalogue import Catalogue
from ..tools.errors import DiptychError, Refusal
from ..tools.measures.calibration import Calibration
from .implied import searches

_FEW = 2
"""Things up to which a description that counts none of them may mean some more of them."""
_WITHIN = frozenset({"shows", "colored", "absent"})
"""Checks that can look at a part of the picture."""
Read = Callable[[str], Checklist]
"""Reads what a description promises. Raises DiptychError when it cannot."""


def described_checks(
    plan: Plan, catalogue: Catalogue, read: Read, calibration: Calibration | None = None
) -> list[Check]:
    """Return what the descriptions in a plan promise of the pictures that are made from them, as far as it is new.

    What is put in the place of a thing is to be there. With a `calibration` of the models, a second opinion is asked of
    whole pictures as well. A description that cannot be read promises nothing. Raises Refusal for one that no picture
    can fit.
    """
    found: list[Check] = []
    for id, prompt in _descriptions(plan, catalogue).items():
        checklist = _read(prompt, read)
        _refuse_contradictions(checklist)
        found += promised(checklist, f"${id}", calibration)
    for step in _replacements(plan, catalogue):
        wanted = Checklist(_read(step.args["prompt"], read).things)
        found += promised(wanted, f"${step.id}", inside=step.args["mask"])
    return [check for check in found if check.check in catalogue and check not in plan.checks]


def refuse_contradictions(plan: Plan, catalogue: Catalogue, read: Read) -> None:
    """Raise Refusal for a request to draw what no picture can show, where the plan has left part of the request out."""
    prompts = list(_descriptions(plan, catalogue).values())
    if len(prompts) == 1 and not plan.inputs and not plan.request.rstrip(" .!").endswith(prompts[0]):
        _refuse_contradictions(_read(plan.request, read))


def _descriptions(plan: Plan, catalogue: Catalogue) -> dict[str, str]:
    """Return step → the description that it makes a picture from, as far as it is known before the run."""
    drawn = {
        step.id: step.args.get("prompt")
        for step in plan.steps
        if step.tool in catalogue and catalogue[step.tool].family == "generator" and step.for_each is None
    }
    return {id: prompt for id, prompt in drawn.items() if isinstance(prompt, str) and not referenced(prompt)}


def _replacements(plan: Plan, catalogue: Catalogue) -> list[Step]:
    """Return the steps that draw what a prompt says in the place of things that were looked for."""
    steps = {step.id: step for step in plan.steps}
    return [
        step
        for step in plan.steps
        if step.tool in catalogue
        and catalogue[step.tool].family == "editor"
        and step.for_each is None
        and isinstance(prompt := step.args.get("prompt"), str)
        and not referenced(prompt)
        and any(searches(referenced(step.args.get("mask")), steps, catalogue))
    ]


def _read(prompt: str, read: Read) -> Checklist:
    try:
        return read(prompt)
    except DiptychError:
        return Checklist()


def _refuse_contradictions(checklist: Checklist) -> None:
    found = contradictions(checklist)
    if found:
        question = "say which of it is meant"
        raise Refusal(f"no picture can be like that: {'; '.join(found)}; {question}", question=question)


def promised(
    checklist: Checklist, image: str, calibration: Calibration | None = None, *, inside: str | None = None
) -> list[Check]:
    """Return the checks of the picture that the reference `image` names, one for each atom of the checklist.

    With `inside`, the reference of a mask, things and their colors are looked for only there. Where it is known how
    like its name a thing must look to a second opinion, it is asked of each thing, at the end.

    A thing is to be there at least once. Where the description counts, or lists more than two things, it counts
    everything: 'two dogs and a cat' is one cat. Things of one name are told apart by their colors, and what could be
    two of the things is the one that the detector names more surely.
    """
    checklist = summed(checklist)
    counts = any(thing.count > 1 for thing in checklist.things) or len(checklist.things) > _FEW
    names = Counter(thing.noun for thing in checklist.things)
    phrases = [_phrase(thing, names) for thing in checklist.things]
    there = [phrase for thing, phrase in zip(checklist.things, phrases, strict=True) if thing.count]
    found: list[tuple[str, dict[str, object]]] = []
    for thing, phrase in zip(checklist.things, phrases, strict=True):
        found += _of(thing, phrase, counts, _others(there, phrase))
    for each in checklist.relations:
        one, other = phrases[each.one], phrases[each.other]
        found.append(("placed", {"query": one, "side": each.side, "of": other, **_others(there, one, other)}))
    found += [("reads", {"words": words}) for words in checklist.texts]
    if calibration:
        total = sum(thing.count for thing in checklist.things)
        for phrase in there:
            least = calibration.least(phrase, total)
            if least is not None:
                found.append(("resembles", {"query": phrase, "least": least, **_others(there, phrase)}))
    if inside:
        found = [(id, {**args, "inside": inside}) for id, args in found if id in _WITHIN]
    unique = [promise for place, promise in enumerate(found) if promise not in found[:place]]
    return [Check.model_validate({"check": id, "image": image, **args}) for id, args in unique]


def _of(thing: Thing, phrase: str, counts: bool, others: dict[str, list[str]]) -> list[tuple[str, dict[str, object]]]:
    if thing.count == 0:
        return [("absent", {"query": phrase})]
    shown: dict[str, object] = {"query": phrase, **({"count": thing.count} if counts else {}), **others}
    if not thing.color or phrase != thing.noun:
        return [("shows", shown)]
    return [("shows", shown), ("colored", {"query": phrase, "color": thing.color, **others})]


def _others(phrases: Sequence[str], *own: str) -> dict[str, list[str]]:
    """Return what else is to be there, as an argument of a check; none where there is nothing else."""
    others = [phrase for phrase in dict.fromkeys(phrases) if phrase not in own]
    return {"among": others} if others else {}


def _phrase(thing: Thing, names: Counter[str]) -> str:
    return f"{thing.color} {thing.noun}" if thing.color and names[thing.noun] > 1 else thing.noun
