"""Calls on a Ray cluster, by the same protocol as those in this process.

    engine ──▶ RemoteLane.attempt ──▶ Errand ──▶ an idle actor, the one that has most of the inputs ──▶ Worker
               remote_lane.py         remote_errand.py                                  remote_worker.py

One actor for each whole GPU of the cluster, where the profile runs on GPUs; else one for each CPU core. Inputs are
named by digest; the value of a digest that the actor may not have is put into Ray's object store once, and fetched
by whoever lacks it. Results come back as encoded values and their digests, which are computed again here and
compared: the store and all keys are those of a local run. Steps that only feed each other go in one task
(`remote_lines`). An actor that dies takes only the calls with it that it had not sent back: they are made again on a
new one, at most `RETRIES` times.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from ..planners.plan import Plan
from ..tools.errors import UsageError
from ..tools.profiles import Profile
from ..tools.progress import Hook
from ..tools.values import Value
from .engine import Engine, MakeExecutor
from .lane import Cost
from .pool import Listener
from .remote_choosing import choose_for_cluster
from .remote_cluster import connect
from .remote_errand import BEAT_SECONDS
from .remote_lane import RemoteLane
from .remote_lines import Lines
from .remote_parcels import packed_profile
from .remote_worker import Worker, catalogue_called

PUT_BYTES = 256 << 20
"""Bound of the values that are held in Ray's object store for workers to fetch."""
_MOST_KNOWN = 100_000
"""Digests that are remembered per worker; it keeps far fewer values."""
_THREADS = 4
"""Of an actor: one makes calls, the others answer meanwhile. (Groups of methods do not work over `ray://`.)"""


class Workers:
    """The actors of a cluster, shared by every run of this process. Close it when they are no longer needed.

    `on` is `ray` (the cluster that $RAY_ADDRESS names, else one made of this machine), `ray://auto` (the cluster
    that runs on this machine) or `ray://HOST:PORT`. `profile` may be `auto`: it is judged by the cluster's machines,
    and `choice` says what was taken. `catalogue` is a `module:NAME` that every machine can import, instead of the
    installed tools. Raises UsageError that says what is missing.
    """

    def __init__(self, on: str, profile: str | Profile = "auto", catalogue: str | None = None) -> None:
        catalogue_called(catalogue)
        self.ray, self._own = connect(on)
        self._catalogue = catalogue
        self._closed = False
        self._slots: list[Slot] = []
        self._turn = threading.Condition()
        try:
            choice = choose_for_cluster(self.ray, profile)
            self.choice = replace(choice, profile=choice.profile.settled())
            self._gpu = self.choice.profile.device.startswith("cuda")
            self._share, count = self._measure()
        except BaseException:
            self.close()
            raise
        self._slots = [Slot(number, self._new_actor()) for number in range(count)]
        self._put = _Put()

    @property
    def count(self) -> int:
        """Calls that can be made at once: the number of lanes that keeps the cluster busy."""
        return len(self._slots)

    def executor(self, plan: Plan) -> MakeExecutor:
        """Return what makes the calls of a run of a plan. A run with another profile is refused with UsageError."""

        def make(engine: Engine, listener: Listener, ledger: Callable[[Cost], None]) -> RemoteLane:
            mine, theirs = engine.profile.name, self.choice.profile.name
            if engine.profile != self.choice.profile:
                raise UsageError(
                    f"the run is for profile {mine!r}, but the workers have {theirs!r}; give both the same"
                )
            return RemoteLane(self, Lines(plan, engine.catalogue), engine.store, listener, ledger)

        return make

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """End the actors, and the cluster if it was made here."""
        with self._turn:
            self._closed = True
        for slot in self._slots:
            self.ray.kill(slot.actor)
        if self._own:
            self.ray.shutdown()

    def take(self, digests: Collection[str], hook: Hook) -> Slot:
        """Return an idle slot, the one that knows most of the digests, after a wait if need be. Raises Cancelled."""
        wanted = set(digests)
        with self._turn:
            while not (idle := [slot for slot in self._slots if not slot.busy]):
                self._turn.wait(BEAT_SECONDS)
                hook(0, 0)
            slot = max(idle, key=lambda slot: (slot.up, len(wanted & slot.known)))
            slot.busy = True
            return slot

    def give_back(self, slot: Slot) -> None:
        """Let others use a slot."""
        with self._turn:
            slot.busy = False
            self._turn.notify()

    def replace(self, slot: Slot) -> None:
        """Put a new actor in the place of one that is lost or stuck."""
        with self._turn:
            if self._closed:
                return
            self.ray.kill(slot.actor)
            slot.actor, slot.up, slot.known = self._new_actor(), False, set()

    def learn(self, slot: Slot, digests: Iterable[str]) -> None:
        """Note what an actor has."""
        with self._turn:
            if len(slot.known) > _MOST_KNOWN:
                slot.known.clear()
            slot.known.update(digests)

    def unknown(self, slot: Slot, digests: Collection[str], gone: Collection[str] = ()) -> set[str]:
        """Return those digests that an actor has most likely not; it has said of `gone` that it has not."""
        with self._turn:
            slot.known.difference_update(gone)
            return set(digests) - slot.known

    def offer(self, digests: Collection[str], find: Callable[[str], Value]) -> None:
        """Put those values into Ray's object store that no worker has."""
        with self._turn:
            nowhere = [digest for digest in digests if not any(digest in slot.known for slot in self._slots)]
        self.refs(nowhere, find)

    def refs(self, digests: Iterable[str], find: Callable[[str], Value]) -> dict[str, Any]:
        """Return where workers can fetch these values, putting those there that are not yet."""
        return {digest: self._put.ref(digest, find, self.ray.put) for digest in digests}

    def _measure(self) -> tuple[float, int]:
        """Return the share of a machine's memory that an actor may fill with models, and the number of actors."""
        kind, profile = "GPU" if self._gpu else "CPU", self.choice.profile
        count = int(self.ray.cluster_resources().get(kind, 0))
        if count < 1:
            raise UsageError(
                f"the Ray cluster has no whole {kind}, and profile {profile.name!r} runs on "
                f"{profile.device}; add a machine that has one, or choose another --profile"
            )
        cores = [int(node["Resources"].get("CPU", 0)) for node in self.ray.nodes() if node["Alive"]]
        return (1.0 if self._gpu else 1 / max(1, min(count, max(cores, default=1)))), count

    def _new_actor(self) -> Any:
        needs = {"num_cpus": 0, "num_gpus": 1} if self._gpu else {"num_cpus": 1}
        made = self.ray.remote(max_concurrency=_THREADS, **needs)(Worker)
        return made.remote(packed_profile(self.choice.profile), self._catalogue, self._share)


@dataclass(eq=False)
class Slot:
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
            if digest in self._refs:
                self._refs.move_to_end(digest)
                return self._refs[digest][0]
        data = find(digest).encode()  # not under the lock: a lost value is made again, by a call that comes here too
        with self._lock:
            if digest not in self._refs:
                self._refs[digest] = put(data), len(data)
                self._bytes += len(data)
            ref = self._refs[digest][0]
            while self._bytes > PUT_BYTES and len(self._refs) > 1:
                self._bytes -= self._refs.popitem(last=False)[1][1]
            return ref
