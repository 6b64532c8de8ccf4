"""What the log says of a run whose process died: its plan, its inputs, and which steps it died in.

Going on is a replay from the cache: the plan runs again over the same inputs, and whatever was finished is found in
the store. A step that was running at two deaths is not tried a third time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..planners.plan import Plan, parse_plan
from ..tools.errors import UsageError
from ..tools.images import load_image
from ..tools.values import KINDS, Value
from .calls import Held, Result
from .log import Event
from .policy import Policy
from .search import Repair
from .store import Store

PART_OF = "part of"
"""Note of a run that belongs to a greater work, which makes it again when it is gone on with: `diptych map`."""
PROFILE_FILE = "profile file"
"""Fact of a run whose profile is none of the shipped ones: where it was read from."""
BOUND = "models"
"""Fact of a run whose profile offers several models for something: capability → revision of the one that was bound."""
MOST_DEATHS = 2
"""A step that was running at so many deaths of the process is taken to be their cause."""


@dataclass(frozen=True)
class Left:
    """What an abandoned run left behind."""

    facts: Mapping[str, Any]
    """Of its start: profile, planner, inputs, policy, where the picture was to go."""
    plan: Plan | None
    """None when it died before there was one."""
    suspects: Counter[str]
    """Step → at how many deaths it was running."""

    @property
    def doomed(self) -> dict[str, str]:
        """Steps that are not tried again, each with the reason."""
        return {
            step: f"the process died {deaths} times while this step ran; it is not tried again"
            for step, deaths in self.suspects.items()
            if deaths >= MOST_DEATHS
        }

    @property
    def profile(self) -> str:
        """What the run was told to use: the name of a profile, or its file. Raises UsageError when that is gone."""
        file = self.facts.get(PROFILE_FILE, "")
        if file and not Path(file).is_file():
            raise UsageError(f"the profile of this run is gone: there is no file {file!r} any more; run it anew")
        return file or str(self.facts.get("profile", "auto"))

    @property
    def policy(self) -> Policy:
        return Policy(**self.facts.get("policy", {}))

    @property
    def repair(self) -> Repair | None:
        """How it was to be repaired. Not at all once a step is suspected: a repair may have been what killed it."""
        return None if self.suspects else Repair.of(self.facts.get("repair"))


def left_by(events: Iterable[Event]) -> Left:
    """Read the events of an abandoned run."""
    facts: Mapping[str, Any] = {}
    plan: Plan | None = None
    suspects: Counter[str] = Counter()
    running: set[str] = set()
    for event in events:
        if event.kind == "run started":
            facts = event.facts
            plan = parse_plan(facts["plan"]) if "plan" in facts else None
        elif event.kind == "plan" and "plan" in event.facts:
            plan = parse_plan(event.facts["plan"])
        elif event.kind == "run resumed":
            suspects.update(running)
            running.clear()
        elif event.kind == "step started" and event.step:
            running.add(event.step)
        elif event.kind.startswith("step ") and event.kind not in _GOING_ON and event.step:
            running.discard(event.step)
    suspects.update(running)
    return Left(facts, plan, suspects)


_GOING_ON = ("step progress", "step retried")


def describe_inputs(inputs: Mapping[str, Result], files: Mapping[str, str], store: Store | None) -> dict[str, Any]:
    """Return what the log has to know to find the inputs again: where a file lies, or the words and numbers themselves.

    Pictures, and whatever else has arrays, are put into the store when they are no files.
    """
    described: dict[str, Any] = {}
    for name, result in inputs.items():
        held = Held.of(result)
        described[name] = {"digests": list(held.digests), "many": held.many}
        if name in files and not held.many:
            described[name]["file"] = str(Path(files[name]).absolute())
        elif (plain := _plain(held)) is not None:
            described[name]["values"] = plain
        elif store is not None and not store.lasts(_input_key(held)):
            store.put(_input_key(held), result)
    return described


def find_inputs(described: Mapping[str, Any], store: Store) -> dict[str, Result]:
    """Return the inputs of an abandoned run. Raises UsageError when one is gone or is not what it was."""
    return {name: _find(name, facts, store) for name, facts in described.items()}


def _find(name: str, facts: Mapping[str, Any], store: Store) -> Result:
    held = Held(tuple(facts["digests"]), bool(facts["many"]))
    if "file" in facts:
        image: Value = load_image(facts["file"])
        if (image.digest,) != held.digests:
            raise UsageError(f"input {name!r}: {facts['file']!r} has changed since the run began; run it anew")
        return image
    if "values" in facts:
        values = tuple([KINDS[kind].join({}, plain) for kind, plain in facts["values"]])
        return values if held.many else values[0]
    result = store.get(_input_key(held))
    if result is None:
        raise UsageError(f"input {name!r} was no file and is not kept any more; run it anew")
    return result


def _plain(held: Held) -> list[tuple[str, dict[str, Any]]] | None:
    """Return the kind and the facts of each value, or None when any of them has arrays beside its facts."""
    parts = [(value.kind, *value.parts()) for value in held.values or ()]
    return None if any([arrays for _, arrays, _ in parts]) else [(kind, facts) for kind, _, facts in parts]


def _input_key(held: Held) -> str:
    return "input:" + ",".join(held.digests)
