"""One task on its way: sent to one worker, listened to until it ends, its results handed to whoever asks for them.

A task is a call, or a batch of calls, and the line of steps that follows. A thread of its own waits for it, because
what the line makes is asked for by one lane after the other: `wait` gives each of them its own part. Results come
with the beats, so that a worker that dies takes only what it has not been asked for yet.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..tools.errors import Cancelled
from ..tools.progress import Hook
from ..tools.values import Value
from .calls import Held
from .lane import Outcome
from .remote_parcels import Beat, Line, Parcel, Reply, digests_beside, digests_of, outcome_of

if TYPE_CHECKING:
    from .remote import Slot, Workers

BEAT_SECONDS = 0.1
"""How often a running task is asked how far it is."""
GRACE_SECONDS = 30.0
"""How long a task that was told to stop may go on before its worker is ended."""
START_SECONDS = 180.0
"""How long an actor may take to come up, where its machine may be gone for good."""


class WorkerLost(Exception):
    """A worker that died, or that could not be started in time."""


@dataclass(frozen=True)
class Part:
    """What one step of a task gave."""

    keys: Sequence[str]
    outcomes: list[Outcome]
    costs: Sequence[Mapping[str, Any]]
    models: Sequence[tuple[str, dict[str, object]]]


@dataclass(frozen=True)
class Load:
    """What a task consists of; `find` gives the value of a digest, `known` says whether a key needs no call."""

    parcels: Sequence[Parcel]
    line: Line | None
    find: Callable[[str], Value]
    known: Callable[[str], bool]

    @property
    def digests(self) -> set[str]:
        """Whatever has to be with the worker."""
        beside = digests_beside(self.line) if self.line else []
        return {*beside, *(digest for parcel in self.parcels for digest in digests_of(parcel))}


class Errand:
    """A task, from the moment it has a worker. It gives the worker back itself."""

    def __init__(self, workers: Workers, slot: Slot, load: Load, hook: Hook, steps: Sequence[str] = ()) -> None:
        self.slot, self.steps = slot, steps
        self._workers, self._load = workers, load
        self._ray, self._token = workers.ray, uuid.uuid4().hex
        self._turn = threading.Condition()
        self._parts: dict[int, Part] = {}
        self._asked = 0
        """Which part is waited for, or was last; `_hook` is of whoever waits."""
        self._hook = hook
        self._over = False
        self._broken: BaseException | None = None
        self._stopped = 0.0
        self._cancelled: Cancelled | None = None
        self._begun = time.monotonic()
        threading.Thread(target=self._run, name="diptych-errand", daemon=True).start()

    def wait(self, number: int, hook: Hook) -> Part | None:
        """Return one part of the task; None when it ended before that part, which then has to be sent anew.

        Raises WorkerLost, Cancelled, or whatever else kept the task from being made.
        """
        with self._turn:
            self._asked, self._hook = number, hook
            while number not in self._parts and not self._over:
                self._turn.wait()
            part = self._parts.pop(number, None)
            if part is None and self._broken is not None:
                raise self._broken
            return part

    # On the thread of the task

    def _run(self) -> None:
        broken: BaseException | None = None
        try:
            try:
                reply = self._send()
            finally:
                self._workers.give_back(self.slot)  # first: whoever gets the result may want that worker again
            self._take(reply["last"])
        except BaseException as error:  # whoever waits raises it
            broken = error
        with self._turn:
            self._broken = broken or self._cancelled
            self._over = True
            self._turn.notify_all()

    def _send(self) -> Reply:
        """Send the task, and the values that the worker turns out not to have; return its last reply."""
        from ray.exceptions import ObjectLostError, OwnerDiedError, RayActorError

        digests, gone = self._load.digests, list[str]()
        try:
            while True:
                reply = self._attempt(self._workers.unknown(self.slot, digests, gone))
                if not reply["missing"]:
                    self._workers.learn(self.slot, digests)
                    return reply
                gone += reply["missing"]
        except (RayActorError, ObjectLostError, OwnerDiedError, WorkerLost) as error:
            self._workers.replace(self.slot)
            raise WorkerLost(str(error).strip().splitlines()[0]) from None

    def _attempt(self, unknown: Collection[str]) -> Reply:
        actor, load = self.slot.actor, self._load
        refs = self._workers.refs(unknown, load.find)
        future = actor.attempt.remote(load.parcels, load.line, refs, self._token)
        self._listen(future)
        reply: Reply = self._ray.get(future)
        self.slot.up = True
        return reply

    def _listen(self, future: Any) -> None:
        """Ask how far the task is until it ends, and tell it to stop when nobody wants it any more."""
        ray, actor, beat = self._ray, self.slot.actor, None
        while not ray.wait([future], timeout=BEAT_SECONDS)[0]:
            beat = beat or actor.beat.remote(self._token)
            if ray.wait([beat], timeout=BEAT_SECONDS)[0]:
                self.slot.up = True
                self._hear(ray.get(beat))
                beat = None
            else:
                self._tick(0, 0)
            if self._cancelled and time.monotonic() - self._stopped > GRACE_SECONDS:
                self._workers.replace(self.slot)
                raise self._cancelled
            if not self.slot.up and time.monotonic() - self._begun > START_SECONDS:
                raise WorkerLost(f"it did not come up within {START_SECONDS:.0f} s")
        if beat is not None:
            self._hear(ray.get(beat))  # it may hold what the last one does not

    def _hear(self, beat: Beat) -> None:
        if beat["key"] and self._load.known(beat["key"]):
            # The run will find that result, and perhaps all that follow: let it ask for what it lacks.
            self.slot.actor.stop.remote(self._token)
        self._take(beat)
        waiting = beat["at"] == self._asked
        self._tick(beat["done"] if waiting else 0, beat["total"] if waiting else 0)

    def _tick(self, done: int, total: int) -> None:
        """Hand progress on to whoever waits for it, and their order to give up to the worker."""
        try:
            self._hook(done, total)
        except Cancelled as error:
            if self._cancelled is None:
                self._cancelled, self._stopped = error, time.monotonic()
                self.slot.actor.stop.remote(self._token)

    def _take(self, beat: Beat) -> None:
        for number, made in enumerate(beat["made"], beat["at"] - len(beat["made"])):
            outcomes = [outcome_of(outcome) for outcome in made["outcomes"]]
            if number and not self._cancelled and any(isinstance(outcome, Cancelled) for outcome in outcomes):
                return  # nobody has cancelled that step: it was only stopped here, and can be made anew
            held = [outcome for outcome in outcomes if isinstance(outcome, Held)]
            self._workers.learn(self.slot, [digest for each in held for digest in each.digests])
            with self._turn:
                self._parts[number] = Part(made["keys"], outcomes, made["costs"], made["models"])
                self._turn.notify_all()
