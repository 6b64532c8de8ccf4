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

import os
import socket
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
from ..tools.values import Value, decode
from .calls import Call, Held, Source
from .lane import Cost, Failure, Outcome
from .pool import Listener
from .remote_worker import Parcel, Worker, catalogue_called, digests_of, packed_profile

RETRIES = 2
"""How often a call whose worker was lost is made again."""
BEAT_SECONDS = 0.1
"""How often a running call is asked how far it is, and told to stop."""
GRACE_SECONDS = 30.0
"""How long a call that was told to stop may go on before its worker is ended."""
PUT_BYTES = 256 << 20
"""Bound of the values that are held in Ray's object store for workers to fetch."""
_REACH_SECONDS = 5.0
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
        self._ray, self._own = _connect(on)
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
            slot = max(idle, key=lambda slot: len(wanted & slot.known))
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
        slot.actor = self._new_actor()
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

    def attempt(self, calls: Sequence[Call], source: Source, hook: Hook) -> list[Outcome]:
        """Make calls of one tool; whatever goes wrong, here or there, becomes an outcome that names it."""
        try:
            hook(0, 0)
            return self._attempt(calls, hook)
        except Cancelled as error:
            return [error] * len(calls)
        except (ToolError, UsageError) as error:
            return [Failure(str(error))] * len(calls)
        except Exception as error:  # Ray has many errors of its own; none of them may end a lane
            return [Failure(f"tool {calls[0].tool.id!r} broke on its worker: {error}")] * len(calls)

    def _attempt(self, calls: Sequence[Call], hook: Hook) -> list[Outcome]:
        from ray.exceptions import ObjectLostError, OwnerDiedError, RayActorError

        parcels = [_parcel(call) for call in calls]
        digests = {digest for parcel in parcels for digest in digests_of(parcel)}
        reason = ""
        for _ in range(1 + RETRIES):
            slot = self.workers.take(digests, hook)
            try:
                return self._on(slot, parcels, calls, hook)
            except (RayActorError, ObjectLostError, OwnerDiedError) as error:
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
        find = _finder(calls)
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
        outcomes = [_unpack(outcome) for outcome in reply["outcomes"]]
        slot.known.update(digests)
        slot.known.update(digest for outcome in outcomes if isinstance(outcome, Held) for digest in outcome.digests)
        return outcomes

    def _wait(self, slot: _Slot, parcels: Sequence[Parcel], refs: Mapping[str, Any], hook: Hook) -> dict[str, Any]:
        """Return the reply of a worker, handing progress on to the hook and its order to stop to the worker."""
        ray, token = self.workers._ray, uuid.uuid4().hex
        future = slot.actor.attempt.remote(parcels, dict(refs), token)
        progress, stopped = (0, 0), 0.0
        while not ray.wait([future], timeout=BEAT_SECONDS)[0]:
            try:
                hook(*progress)
            except Cancelled:
                stopped = stopped or time.monotonic()
                if time.monotonic() - stopped > GRACE_SECONDS:
                    self.workers.replace(slot)
                    raise
            progress = self._beat(slot, token, stop=stopped > 0)
        reply: dict[str, Any] = ray.get(future)
        return reply

    def _beat(self, slot: _Slot, token: str, *, stop: bool) -> tuple[int, int]:
        """Ask how far a call is; an actor that has not come up yet has nothing to say."""
        from ray.exceptions import GetTimeoutError

        try:
            done, total = self.workers._ray.get(slot.actor.beat.remote(token, stop), timeout=1.0)
        except GetTimeoutError:
            return 0, 0
        return done, total


@dataclass(eq=False)
class _Slot:
    """One place of the cluster, and the actor that fills it now."""

    number: int
    actor: Any
    busy: bool = False
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


def address_of(on: str) -> str | None:
    """Return the address in `ray` (None) or `ray://ADDRESS`. Raises UsageError that shows what is accepted."""
    kind, separator, address = on.partition("://")
    if kind == "ray" and not separator:
        return None
    if kind == "ray" and (address == "auto" or address.rpartition(":")[2].isdigit()):
        return address
    raise UsageError(f"--on {on!r}: give local, ray, ray://auto or ray://HOST:PORT, for example ray://10.0.0.1:10001")


def _connect(on: str) -> tuple[Any, bool]:
    """Return the module ray, connected, and whether a cluster was started for it."""
    address = address_of(on)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError:
        raise UsageError(f"--on {on!r} needs the extra 'ray': pip install 'diptych[ray]'") from None
    if ray.is_initialized():
        return ray, False
    quiet: dict[str, Any] = {"log_to_driver": False, "configure_logging": False}
    if address is None and "RAY_ADDRESS" not in os.environ:
        ray.init("local", include_dashboard=False, _node_ip_address="127.0.0.1", **quiet)
        return ray, True
    if address not in (None, "auto"):
        _reach(on, str(address))
    try:
        ray.init(address=None if address is None else "auto" if address == "auto" else on, **quiet)
    except (ConnectionError, OSError, RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise UsageError(
            f"--on {on!r}: no Ray cluster answers there ({reason}); check the port, that both sides have the same "
            "versions of Ray and Python, and the token where the cluster asks for one ($RAY_AUTH_TOKEN)"
        ) from None
    return ray, True


def _reach(on: str, address: str) -> None:
    """Raise UsageError at once where nothing listens: Ray itself would try for minutes."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_REACH_SECONDS).close()
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(
            f"--on {on!r}: nothing answers there ({reason.lower()}); start Ray on the head machine with "
            "'ray start --head --ray-client-server-port=10001', and check the address"
        ) from None


def _parcel(call: Call) -> Parcel:
    wires = {}
    for port, wire in call.wires.items():
        digests = wire.digests(call.source)
        wires[port] = ([digests] if isinstance(digests, str) else list(digests or ()), wire.many)
    return Parcel(key=call.key, tool=call.tool.id, version=call.tool.version, wires=wires, params=dict(call.params))


def _finder(calls: Sequence[Call]) -> Callable[[str], Value]:
    """Return what finds the value of a digest among the inputs of some calls."""

    wires = [(call, wire) for call in calls for wire in call.wires.values()]

    def find(digest: str) -> Value:
        for call, wire in wires:
            digests = wire.digests(call.source)
            flat = [digests] if isinstance(digests, str) else list(digests or ())
            if digest in flat:
                values = wire.value(call.source)
                return values[flat.index(digest)] if isinstance(values, list) else values
        raise KeyError(digest)

    return find


def _unpack(outcome: Mapping[str, Any]) -> Outcome:
    if "failure" in outcome:
        return Failure(outcome["failure"], outcome["trace"])
    if "cancelled" in outcome:
        return Cancelled(outcome["cancelled"])
    values = tuple(decode(data) for data in outcome["values"])
    held = Held(tuple(value.digest for value in values), outcome["many"], values)
    if held.digests != tuple(outcome["digests"]):
        raise ToolError("a result changed on its way from the worker", hint="run the plan once more", retryable=True)
    return held
