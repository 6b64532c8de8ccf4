"""Calls on a Ray cluster, by the same protocol as those in this process.

    engine ──▶ RemoteLane.attempt ──▶ an idle actor, the one that has most of the inputs ──▶ Worker (remote_worker.py)

One actor for each whole GPU of the cluster, where the profile runs on GPUs; else one for each CPU core. Inputs are
named by digest; the value of a digest that the actor may not have is put into Ray's object store once, and fetched
by whoever lacks it. Results come back as encoded values and their digests, which are computed again here and
compared: the store and all keys are those of a local run. An actor that dies takes only its calls with it: they are
made again on a new one, at most `RETRIES` times.

Not here yet: a line of steps that only feed each other could be sent as one list of parcels (`attempt_segment`,
beside `attempt`, here and in `Worker`), and the values in between would come back only where somebody needs them.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..tools.errors import Cancelled, ToolError, UsageError
from ..tools.profiles import Profile
from ..tools.progress import Hook
from ..tools.values import Value
from .calls import Call, Held
from .lane import Cost, Failure, Outcome
from .pool import Listener
from .remote_cluster import connect
from .remote_parcels import Parcel, digests_of, finder, outcome_of, packed_profile, parcel_of
from .remote_worker import Worker, catalogue_called

RETRIES = 2
"""How often a call whose worker was lost is made again."""
BEAT_SECONDS = 0.1
"""How often a running call is asked how far it is, and told to stop."""
GRACE_SECONDS = 30.0
"""How long a call that was told to stop may go on before its worker is ended."""
START_SECONDS = 180.0
"""How long an actor may take to come up, where its machine may be gone for good."""
PUT_BYTES = 256 << 20
"""Bound of the values that are held in Ray's object store for workers to fetch."""
_MOST_KNOWN = 100_000
"""Digests that are remembered per worker; it keeps far fewer values."""
_THREADS = 4
"""Of an actor: one makes calls, the others answer meanwhile. (Groups of methods do not work over `ray://`.)"""


class Workers:
    """The actors of a cluster, shared by every run of this process. Close it when they are no longer needed.

    `on` is `ray` (the cluster that $RAY_ADDRESS names, else one made of this machine), `ray://auto` (the cluster
    that runs on this machine) or `ray://HOST:PORT`. `catalogue` is a `module:NAME` that every machine can import,
    instead of the installed tools. Raises UsageError that says what is missing.
    """

    def __init__(self, on: str, profile: Profile, catalogue: str | None = None) -> None:
        catalogue_called(catalogue)
        self._ray, self._own = connect(on)
        self._profile, self._catalogue = profile, catalogue
        self._gpu = profile.device.startswith("cuda")
        self._turn = threading.Condition()
        try:
            self._share, count = self._measure()
        except UsageError:
            self.close()
            raise
        self._slots = [_Slot(number, self._new_actor()) for number in range(count)]
        self._put = _Put()

    @property
    def count(self) -> int:
        """Calls that can be made at once: the number of lanes that keeps the cluster busy."""
        return len(self._slots)

    def executor(self, engine: object, listener: Listener, ledger: Callable[[Cost], None]) -> RemoteLane:
        """Return what makes the calls of one run; of the engine nothing is needed here."""
        return RemoteLane(self, listener, ledger)

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """End the actors, and the cluster if it was made here."""
        for slot in getattr(self, "_slots", []):
            self._ray.kill(slot.actor)
        if self._own:
            self._ray.shutdown()

    def take(self, digests: Iterable[str], hook: Hook) -> _Slot:
        """Return an idle slot, the one that knows most of the digests, after a wait if need be. Raises Cancelled."""
        wanted = set(digests)
        with self._turn:
            while not (idle := [slot for slot in self._slots if not slot.busy]):
                self._turn.wait(BEAT_SECONDS)
                hook(0, 0)
            slot = max(idle, key=lambda slot: (slot.up, len(wanted & slot.known)))
            slot.busy = True
            return slot

    def give_back(self, slot: _Slot) -> None:
        """Let others use a slot."""
        with self._turn:
            slot.busy = False
            self._turn.notify()

    def replace(self, slot: _Slot) -> None:
        """Put a new actor in the place of one that is lost or stuck."""
        self._ray.kill(slot.actor)
        slot.actor, slot.up = self._new_actor(), False
        slot.known.clear()

    def refs(self, digests: Iterable[str], find: Callable[[str], Value]) -> dict[str, Any]:
        """Return where workers can fetch these values, putting those there that are not yet."""
        return {digest: self._put.ref(digest, find, self._ray.put) for digest in digests}

    def _measure(self) -> tuple[float, int]:
        """Return the share of a machine's memory that an actor may fill with models, and the number of actors."""
        kind = "GPU" if self._gpu else "CPU"
        count = int(self._ray.cluster_resources().get(kind, 0))
        if count < 1:
            raise UsageError(
                f"the Ray cluster has no whole {kind}, and profile {self._profile.name!r} runs on "
                f"{self._profile.device}; add a machine that has one, or choose another --profile"
            )
        cores = [int(node["Resources"].get("CPU", 0)) for node in self._ray.nodes() if node["Alive"]]
        return (1.0 if self._gpu else 1 / max(1, min(count, max(cores, default=1)))), count

    def _new_actor(self) -> Any:
        needs = {"num_cpus": 0, "num_gpus": 1} if self._gpu else {"num_cpus": 1}
        made = self._ray.remote(max_concurrency=_THREADS, **needs)(Worker)
        return made.remote(packed_profile(self._profile), self._catalogue, self._share)


@dataclass(frozen=True)
class RemoteLane:
    """Makes the calls of one run on workers: an `Executor`."""

    workers: Workers
    listener: Listener
    ledger: Callable[[Cost], None]

    def attempt(self, calls: Sequence[Call], hook: Hook) -> list[Outcome]:
        """Make calls of one tool; whatever goes wrong, here or there, becomes an outcome that names it."""
        try:
            hook(0, 0)
            return self._attempt(calls, hook)
        except Cancelled as error:
            return [error] * len(calls)
        except (ToolError, UsageError) as error:
            return [Failure(str(error), retryable=getattr(error, "retryable", False))] * len(calls)
        except Exception as error:  # Ray has many errors of its own; none of them may end a lane
            return [Failure(f"tool {calls[0].tool.id!r} broke on its worker: {error}")] * len(calls)

    def _attempt(self, calls: Sequence[Call], hook: Hook) -> list[Outcome]:
        from ray.exceptions import ObjectLostError, OwnerDiedError, RayActorError

        parcels = [parcel_of(call) for call in calls]
        digests = {digest for parcel in parcels for digest in digests_of(parcel)}
        reason = ""
        for _ in range(1 + RETRIES):
            slot = self.workers.take(digests, hook)
            try:
                return self._on(slot, parcels, calls, hook)
            except (RayActorError, ObjectLostError, OwnerDiedError, _NotUp) as error:
                reason = str(error).strip().splitlines()[0]
                self.listener("worker lost", {"worker": slot.number, "reason": reason})
                self.workers.replace(slot)
            finally:
                self.workers.give_back(slot)
        message = f"tool {calls[0].tool.id!r} lost its worker {1 + RETRIES} times ({reason}); see Ray's logs, and "
        return [Failure(f"{message}whether the machine has the memory that it needs")] * len(calls)

    def _on(self, slot: _Slot, parcels: Sequence[Parcel], calls: Sequence[Call], hook: Hook) -> list[Outcome]:
        """Make the calls on one worker, sending the values that it turns out not to have."""
        digests = [digest for parcel in parcels for digest in digests_of(parcel)]
        find = finder(calls)
        unknown = set(digests) - slot.known
        while True:
            reply = self._wait(slot, parcels, self.workers.refs(unknown, find), hook)
            if not reply["missing"]:
                break
            slot.known.difference_update(reply["missing"])
            unknown |= set(reply["missing"])
        for cost in reply["costs"]:
            self.ledger(Cost(**cost))
        for kind, facts in reply["models"]:
            self.listener(kind, {**facts, "worker": slot.number})
        outcomes = [outcome_of(outcome) for outcome in reply["outcomes"]]
        if len(slot.known) > _MOST_KNOWN:
            slot.known.clear()
        slot.known.update(digests)
        slot.known.update(digest for outcome in outcomes if isinstance(outcome, Held) for digest in outcome.digests)
        return outcomes

    def _wait(self, slot: _Slot, parcels: Sequence[Parcel], refs: Mapping[str, Any], hook: Hook) -> dict[str, Any]:
        """Return the reply of a worker, handing progress on to the hook and its order to stop to the worker."""
        ray, token = self.workers._ray, uuid.uuid4().hex
        future = slot.actor.attempt.remote(parcels, dict(refs), token)
        progress, stopped, begun = (0, 0), 0.0, time.monotonic()
        while not ray.wait([future], timeout=BEAT_SECONDS)[0]:
            try:
                hook(*progress)
            except Cancelled:
                stopped = stopped or time.monotonic()
                if time.monotonic() - stopped > GRACE_SECONDS:
                    self.workers.replace(slot)
                    raise
            progress = self._beat(slot, token, stop=stopped > 0)
            if not slot.up and time.monotonic() - begun > START_SECONDS:
                raise _NotUp(f"it did not come up within {START_SECONDS:.0f} s")
        reply: dict[str, Any] = ray.get(future)
        slot.up = True
        return reply

    def _beat(self, slot: _Slot, token: str, *, stop: bool) -> tuple[int, int]:
        """Ask how far a call is; an actor that has not come up yet has nothing to say."""
        from ray.exceptions import GetTimeoutError

        try:
            done, total = self.workers._ray.get(slot.actor.beat.remote(token, stop), timeout=1.0)
        except GetTimeoutError:
            return 0, 0
        slot.up = True
        return done, total


class _NotUp(Exception):
    """An actor that Ray could not start in time."""


@dataclass(eq=False)
class _Slot:
    """One place of the cluster, and the actor that fills it now."""

    number: int
    actor: Any
    busy: bool = False
    up: bool = False
    """It has answered: its machine is there. Those that have not yet are the last choice."""
    known: set[str] = field(default_factory=set)
    """Digests that the actor has most likely; it says so when it has not."""


class _Put:
    """The values in Ray's object store, the least recently used ones let go."""

    def __init__(self) -> None:
        self._refs: OrderedDict[str, tuple[Any, int]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def ref(self, digest: str, find: Callable[[str], Value], put: Callable[[bytes], Any]) -> Any:
        with self._lock:
            if digest not in self._refs:
                data = find(digest).encode()
                self._refs[digest] = put(data), len(data)
                self._bytes += len(data)
            self._refs.move_to_end(digest)
            ref = self._refs[digest][0]
            while self._bytes > PUT_BYTES and len(self._refs) > 1:
                self._bytes -= self._refs.popitem(last=False)[1][1]
            return ref


def executors(on: str, profile: Profile, catalogue: str | None = None) -> Workers | None:
    """Return the workers that an option `--on` names; None for `local`: this process does the work itself."""
    return None if on == "local" else Workers(on, profile, catalogue)
