"""Loaded models, lent to steps and moved out of the way when memory is needed.

    disk ──load──▶ device ──evict──▶ host (where there is room, and the model can move) ──▶ gone
                      ▲                │
                      └────move back───┘

One step at a time holds a lease on a model, for not every runtime may be called from two threads; an adapter that may
says so. A leased model is never evicted. A model loads outside of everybody else's lock: the others go on working
meanwhile. `prefetch` loads one that will be needed while another computes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress

from ..tools.errors import UsageError
from ..tools.model import Model
from ..tools.profiles import Binding
from .estimates import Estimates
from .eviction import Policy, Resident, next_use
from .memory import Memory, SystemMemory, host_budget_mb
from .residents import Residents

Listener = Callable[[str, dict[str, object]], None]
"""Called with (`model loaded`, `model evicted` or `memory`, facts)."""

_LIE = 1.1
_LIE_MB = 64.0
"""A model that takes so many times what was stated, and so much more, is reported."""


def _nobody(kind: str, facts: dict[str, object]) -> None:
    """Listen to nothing."""


class ModelPool:
    """Models within a budget in MiB of one device.

    When everything that is loaded is in use, the next model is loaded beyond the budget rather than making two
    steps wait for each other for ever. `estimates` remembers what models really take, across runs; `host_mb` is
    what models that are evicted from a device other than the CPU may fill of the host's memory.
    """

    def __init__(
        self,
        budget_mb: float | None = None,
        *,
        policy: Policy = next_use,
        estimates: Estimates | None = None,
        host_mb: float | None = None,
        memory: Memory | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.budget_mb = host_budget_mb() if budget_mb is None else budget_mb
        self.memory = memory or SystemMemory()
        self.frugal: set[str] = set()
        """Lease names of models that ran out of memory: from then on their low-memory variant is used."""
        self._estimates = estimates
        host_mb = host_budget_mb() if host_mb is None else host_mb
        self._residents = Residents(self.budget_mb, host_mb, policy, clock)
        self._lock = threading.Lock()

    @property
    def loaded(self) -> list[Resident]:
        """What is in memory now, on the device or the host."""
        with self._lock:
            return self._residents.loaded()

    def resident(self) -> set[str]:
        """Return the lease names of the models that can be used at once."""
        with self._lock:
            return {resident.name for resident in self._residents.loaded() if resident.on_device}

    def expect(self, next_uses: Mapping[str, float]) -> None:
        """Say when models will be needed: lease name → seconds until its next use; others by no pending step."""
        with self._lock:
            self._residents.expect(next_uses)

    @contextmanager
    def lease(
        self, binding: Binding, *, device: str = "cpu", dtype: str = "float32", listener: Listener = _nobody
    ) -> Iterator[Model]:
        """Lend the model of a binding for the length of the block, loading it if need be.

        Raises what `Model.load` raises (ToolError), and UsageError for an adapter that does not exist.
        """
        with self._lock:
            resident = self._residents.claim(lease_name(binding, device, dtype), device)
        try:
            with ExitStack() as turn:
                turn.enter_context(resident.turn)
                if not resident.on_device:
                    wanted_mb = resident.memory_mb or self._expected_mb(resident.name, binding)
                    with self._lock:
                        victims = self._residents.reserve(resident, wanted_mb)
                    self._bring(resident, binding, dtype, victims, listener)
                model = resident.model
                assert model is not None
                if model.concurrent:
                    turn.close()
                yield model
        finally:
            with self._lock:
                self._residents.give_back(resident)

    def prefetch(
        self, binding: Binding, *, device: str = "cpu", dtype: str = "float32", listener: Listener = _nobody
    ) -> bool:
        """Start to load a model on a thread of its own, unless that would evict one that is needed sooner.

        Returns whether it loads now. A lease that comes meanwhile waits for it. An error is swallowed: the lease
        loads again, and raises it.
        """
        name = lease_name(binding, device, dtype)
        try:
            wanted_mb = self._expected_mb(name, binding)
        except UsageError:
            return False
        with self._lock:
            claimed = self._residents.claim_early(name, device, wanted_mb)
        if claimed is None:
            return False
        work = (*claimed, binding, dtype, listener)
        threading.Thread(target=self._fetch, args=work, name="diptych-prefetch", daemon=True).start()
        return True

    def evict_idle(self, listener: Listener = _nobody, *, keep: Collection[str] = ()) -> list[str]:
        """Evict every model that nobody uses, but those in `keep`; return their lease names."""
        with self._lock:
            idle = [resident for resident in self._residents.idle() if resident.name not in keep]
            self._residents.withdraw(idle)
        self._evict(idle, listener)
        return [resident.name for resident in idle]

    def clear(self) -> None:
        """Drop every model that nobody uses."""
        with self._lock:
            self._residents.drop_idle()

    def _fetch(
        self, resident: Resident, victims: list[Resident], binding: Binding, dtype: str, listener: Listener
    ) -> None:
        try:
            with suppress(Exception):  # the lease that needs it will try again, and say what is wrong
                self._bring(resident, binding, dtype, victims, listener)
        finally:
            resident.turn.release()
            with self._lock:
                self._residents.give_back(resident)

    def _bring(
        self, resident: Resident, binding: Binding, dtype: str, victims: list[Resident], listener: Listener
    ) -> None:
        """Evict the victims and bring a model, whose memory is set aside, onto the device."""
        self._evict(victims, listener)
        try:
            if resident.model is None:
                self._load(resident, binding, dtype, listener)
            else:
                self._move_back(resident, listener)
        except BaseException:
            resident.model, resident.memory_mb = None, 0.0
            raise

    def _load(self, resident: Resident, binding: Binding, dtype: str, listener: Listener) -> None:
        stated_mb = float(binding.memory_mb or binding.model.memory_mb)
        alone = self._alone(resident)
        with self.memory.measured(resident.device) as cost:
            model = binding.model.load(binding.source, device=resident.device, dtype=dtype, **binding.options)
        # What others allocate at the same time would be taken for this model's, and remembered.
        alone = alone and self._alone(resident)
        measured_mb = cost.memory_mb if alone else 0.0
        # Never less than stated: a profile counts the room for computing too, which a load does not show.
        with self._lock:
            resident.memory_mb = max(measured_mb, resident.memory_mb)
            resident.load_seconds = cost.seconds
            resident.model = model
        facts = {"model": resident.name, "seconds": cost.seconds, "memory_mb": resident.memory_mb}
        listener("model loaded", {**facts, "stated_mb": stated_mb, "from": "disk"})
        if measured_mb > max(_LIE * stated_mb, stated_mb + _LIE_MB):
            listener("memory", {"model": resident.name, "stated_mb": stated_mb, "measured_mb": measured_mb})
        if alone and self._estimates is not None:
            with suppress(UsageError):  # a full disk: this is remembered next time
                self._estimates.record(_measured_name(resident.name), 0.0, cost.seconds, cost.memory_mb)

    def _move_back(self, resident: Resident, listener: Listener) -> None:
        assert resident.model is not None
        with self.memory.measured(resident.device) as cost:
            resident.model.to_device()
        resident.move_seconds = cost.seconds
        facts = {"model": resident.name, "seconds": cost.seconds, "memory_mb": resident.memory_mb}
        listener("model loaded", {**facts, "from": "host"})

    def _evict(self, victims: Collection[Resident], listener: Listener) -> None:
        """Move withdrawn models to the host, or drop them."""
        for victim in victims:
            with self._lock:
                moved = self._residents.host_has_room(victim)
            try:
                moved = moved and victim.model is not None and victim.model.to_host()
            except (RuntimeError, MemoryError, OSError):  # the host had no room after all
                moved = False
            facts = {"model": victim.name, "memory_mb": victim.memory_mb, "to": "host" if moved else "nowhere"}
            if not moved:
                victim.model, victim.memory_mb, victim.tier = None, 0.0, "device"
            victim.turn.release()
            with self._lock:
                self._residents.give_back(victim, used=False)
            listener("model evicted", facts)

    def _alone(self, resident: Resident) -> bool:
        """Whether no other model is in use or loading."""
        with self._lock:
            return not self._residents.others_in_use(resident)

    def _expected_mb(self, name: str, binding: Binding) -> float:
        """Return what a model will take: stated, or measured in an earlier run where that was more."""
        stated_mb = float(binding.memory_mb or binding.model.memory_mb)
        known = self._estimates.predict(_measured_name(name), 0.0) if self._estimates is not None else None
        return max(stated_mb, known.memory_mb) if known else stated_mb


def lease_name(binding: Binding, device: str, dtype: str) -> str:
    """Return what identifies a loaded model; leases on several are taken in the order of these names."""
    return f"{binding.revision}:{device}:{dtype}:{sorted(binding.options.items())}"


def device_budget_mb(device: str) -> float:
    """Return what the models may hold on a device: its own memory for a GPU, a share of the host's for a CPU."""
    if device.startswith("cuda"):
        import torch

        if torch.cuda.is_available():
            return float(torch.cuda.get_device_properties(device).total_memory) / (1 << 20)
    return host_budget_mb()


def _measured_name(lease: str) -> str:
    """Return the name under which the measurements of a load are kept."""
    return f"load:{lease}"
