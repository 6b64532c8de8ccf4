"""The states of a session: pictures, and the plan that leads to them from the first ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..planners.plan import Plan
from ..planners.planner import input_names
from ..planners.validate import validate
from ..tools.catalogue import Catalogue
from ..tools.profiles import Profile
from ..tools.values import Image
from .calls import Held
from .chaining import chained, only_pictures, pictures_of, pruned
from .provenance import Provenance, describe
from .result import Result, pictures_in


@dataclass(frozen=True)
class Edit:
    """A request, and the plan that it became."""

    request: str
    plan: Plan
    """Over the pictures before it."""
    result: Result | None = field(default=None, repr=False)

    def found(self, id: str) -> Any:
        """Return the result of one of its steps; None where it is not known any more."""
        records = self.result.steps if self.result else ()
        return next((record.value for record in records if record.id == id), None)


@dataclass(frozen=True)
class Origin:
    """A plan and what it takes."""

    plan: Plan
    inputs: Mapping[str, Image]
    files: Mapping[str, str]
    """Input → the path that it was read from."""

    def record(self, profile: Profile, catalogue: Catalogue) -> Provenance:
        """Return what a PNG tells of this."""
        given = {name: self.inputs[name] for name in self.plan.inputs}
        digests = {name: ",".join(Held.of(picture).digests) for name, picture in given.items()}
        files = {name: path for name, path in self.files.items() if name in given}
        return describe(self.plan, profile, catalogue, digests, files)


@dataclass(frozen=True)
class State:
    """Where a session is."""

    pictures: tuple[Image, ...]
    """What the next request is about: what the last edit made, and what it did not take."""
    chain: Origin
    """Its plan makes all of `pictures`; the next edit is added to it."""
    names: tuple[str, ...]
    """What `pictures` are called in that plan."""
    made: tuple[Image, ...]
    """What the last edit made; at first everything."""
    origin: Origin | None = None
    """What made `made` and nothing else; None: they were handed in."""
    before: State | None = None
    edit: Edit | None = None

    @property
    def title(self) -> str:
        """What was last asked for."""
        return self.edit.request if self.edit else "the original"


def first_state(inputs: Mapping[str, Image], files: Mapping[str, str]) -> State:
    """Return the state of pictures to which nothing was done."""
    plan = Plan(inputs=dict.fromkeys(inputs, "Image"), outputs=[f"${name}" for name in inputs])
    pictures = tuple(inputs.values())
    return State(pictures, Origin(plan, inputs, files), tuple(inputs), pictures)


def next_state(before: State, edit: Edit, catalogue: Catalogue) -> State | None:
    """Return the state after an edit that has run; None when it made no picture.

    Edits become one plan, from the first pictures on. It begins anew, with the present pictures as inputs, after an
    edit whose pictures no later step could name (a list of them, a mask), and when the plan would be too long.
    """
    made = tuple(pictures_in(edit.result.outputs)) if edit.result else ()
    if not made:
        return None
    names = pictures_of(edit.plan, catalogue)
    turn = only_pictures(edit.plan, names) if names is not None else edit.plan
    plan, renamed = chained(before.chain.plan, before.names, turn)
    origin = replace(before.chain, plan=pruned(plan))
    if before.chain.plan.steps and validate(origin.plan, catalogue):
        again = next_state(_anew(before.pictures), edit, catalogue)
        return again and replace(again, before=before)
    if names is None or len(names) != len(made):
        return replace(_anew(made), made=made, origin=origin, before=before, edit=edit)
    pictures = _present(before, edit.plan, dict(zip([renamed[name] for name in names], made, strict=True)))
    chain = replace(before.chain, plan=plan)
    return State(tuple(pictures.values()), chain, tuple(pictures), made, origin, before, edit)


def _anew(pictures: Sequence[Image]) -> State:
    return first_state(dict(zip(input_names(len(pictures)), pictures, strict=True)), {})


def _present(before: State, turn: Plan, made: Mapping[str, Image]) -> dict[str, Image]:
    """Return name → picture for what there is after a turn: what it made, and the pictures that it did not take.

    One picture that was made of one takes its place among the others.
    """
    taken = {name for step in turn.steps for _, name in step.references} | {o.removeprefix("$") for o in turn.outputs}
    old = list(zip(input_names(len(before.names)), before.names, before.pictures, strict=True))
    used = [name for called, name, _ in old if called in taken]
    if len(used) == len(made) == 1:
        pairs = [next(iter(made.items())) if name in used else (name, picture) for _, name, picture in old]
        return dict(pairs)
    return {**made, **{name: picture for _, name, picture in old if name not in used}}
