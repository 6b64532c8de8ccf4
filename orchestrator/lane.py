"""What happens on a lane: calls, their models, their measurements, and whatever goes wrong in them.

A lane is the local executor. Several calls of one tool with the same models are made at once where the tool has a
batched form, each with an outcome of its own; when a batch fails, its calls are made one by one, so that only the
culprit fails. Whoever runs out of memory goes up the ladder.
"""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from ..tools.errors import Cancelled, ToolError, UsageError
from ..tools.model import Model
from ..tools.profiles import Binding, Profile
from ..tools.progress import Hook, watched
from ..tools.tool import Tool
from .calls import Call, Held, Result, check_type
from .estimates import measured, megapixels
from .ladder import Ladder, is_out_of_memory
from .pool import Listener, ModelPool, lease_name

_TRACEBACK_CHARACTERS = 8000
_MESSAGE_CHARACTERS = 2000
_QUICK_SECONDS = 0.001


@dataclass(frozen=True)
class Failure:
    """Why a call gave nothing; `trace` is for the log, not for the person."""

    message: str
    trace: str = ""
    retryable: bool = False
    """Whether the same call may succeed later."""
    out_of_memory: bool = False


Outcome = Held | Failure | Cancelled


@dataclass(frozen=True)
class Cost:
    """What one call took; of a batch, its share."""

    tool: str
    """Name under which it is remembered."""
    megapixels: float
    seconds: float
    memory_mb: float


class Executor(Protocol):
    """Where calls are made: on this machine, or on another one."""

    def attempt(self, calls: Sequence[Call], hook: Hook) -> list[Outcome]:
        """Make calls of one tool with the same models; return an outcome for each, and never raise."""


@dataclass(frozen=True)
class Lane:
    """Makes calls. `listener` hears of models that come and go, `ledger` what each call took; any thread calls them."""

    profile: Profile
    pool: ModelPool
    listener: Listener
    ledger: Callable[[Cost], None]
    quick: set[str] = field(default_factory=set)
    """Tools without models that took less time than it takes to measure them."""

    def attempt(self, calls: Sequence[Call], hook: Hook) -> list[Outcome]:
        """Make calls of one tool, and turn whatever a tool does wrong into a Failure that names it."""
        if len(calls) == 1 and calls[0].tool.id in self.quick:
            return [self._at_once(calls[0], hook)]
        if len(calls) < 2 or calls[0].tool.batch is None:
            return [self._outcome(call, hook) for call in calls]
        size = calls[0].tool.batch_size
        parts = [calls[start : start + size] for start in range(0, len(calls), size)]
        return [outcome for part in parts for outcome in self._together(part, hook)]

    def compute(self, call: Call, hook: Hook) -> Result:
        """Make one call; errors pass."""
        return self._climb([call], hook)[0]()

    def _outcome(self, call: Call, hook: Hook) -> Outcome:
        return _outcome(call.tool, lambda: self.compute(call, hook), hook)

    def _at_once(self, call: Call, hook: Hook) -> Outcome:
        """Make a call that needs no model and is known to be over before measuring it would be.

        What it takes is noted only when it turns out to be slow after all.
        """
        tool = call.tool
        try:
            hook(0, 0)
            arguments = call.arguments()
            with watched(hook, self._note):
                start = time.perf_counter()
                result = check_type(tool, tool.function(**arguments, **call.params))
            seconds = time.perf_counter() - start
            if seconds > _QUICK_SECONDS:
                self.quick.discard(tool.id)
                size = max(megapixels(arguments), megapixels({"": result}))
                self.ledger(Cost(measured_name(tool.id, tool.version), size, seconds, 0.0))
            return Held.of(result)
        except BaseException as error:
            outcome = _contained(tool, error)
            if isinstance(outcome, Failure) and outcome.out_of_memory:
                return self._outcome(call, hook)  # once more, with the help of the ladder
            return outcome

    def _together(self, calls: Sequence[Call], hook: Hook) -> list[Outcome]:
        """Make a batch of calls; one by one when it fails as a whole."""
        if len(calls) < 2:
            return [self._outcome(call, hook) for call in calls]
        try:
            hook(0, 0)
            results = self._climb(calls, hook)
        except Cancelled as error:
            return [error for _ in calls]
        except BaseException as error:  # whatever it is: the culprit is named when its own call is made
            warning = f"a batch of {len(calls)} failed and is made one by one: {_sentence(calls[0].tool.id, error)}"
            self._note(warning)
            return [self._outcome(call, hook) for call in calls]
        return [_outcome(call.tool, result, hook) for call, result in zip(calls, results, strict=True)]

    def _note(self, sentence: str) -> None:
        self.listener("note", {"warning": sentence})

    def _climb(self, calls: Sequence[Call], hook: Hook) -> list[Callable[[], Result]]:
        """Make a batch of calls, helped by the ladder; what comes back checks its type when it is asked for."""
        tool = calls[0].tool
        bindings = self._bindings(tool)
        names = {self._name(binding) for binding in bindings.values()}

        def work(batch: Sequence[Call], low_memory: bool) -> list[Callable[[], Result]]:
            hook(0, 0)
            return self._make(batch, hook, _frugal(bindings) if low_memory else bindings)

        def tell(facts: dict[str, object]) -> None:
            self.listener("memory", facts)

        relief = _Relief(self.pool, self.profile.device, self.listener, names, _has_low_memory(bindings))
        frugal = relief.has_low_memory and not names.isdisjoint(self.pool.frugal)
        ladder = Ladder(tool.id, work, relief, tell, frugal)
        results = ladder.climb(calls)
        if ladder.low_memory:
            self.pool.frugal.update(names)
        return results

    def _make(self, calls: Sequence[Call], hook: Hook, bindings: Mapping[str, Binding]) -> list[Callable[[], Result]]:
        """Make a batch of calls once."""
        tool = calls[0].tool
        arguments = [call.arguments() for call in calls]
        with ExitStack() as stack:
            models = self._lease(bindings, stack)
            with watched(hook, self._note), measured() as cost:
                returned = _call(tool, [{**a, **c.params, **models} for a, c in zip(arguments, calls, strict=True)])
        if cost.seconds < _QUICK_SECONDS and not bindings:
            self.quick.add(tool.id)
        name, share = measured_name(tool.id, tool.version), len(calls)
        for given, result in zip(arguments, returned, strict=True):
            size = max(megapixels(given), megapixels({"": result}))
            self.ledger(Cost(name, size, cost.seconds / share, cost.memory_mb / share))
        return [lambda result=result: check_type(tool, result) for result in returned]  # type: ignore[misc]

    def _bindings(self, tool: Tool) -> dict[str, Binding]:
        """Return what the profile has for each capability. Raises ToolError for one that it lacks."""
        missing = [capability for capability in tool.models if capability not in self.profile.bindings]
        if missing:
            raise ToolError(f"profile {self.profile.name!r} has no {missing[0].replace('_', ' ')}")
        return {capability: self.profile.bindings[capability] for capability in tool.models}

    def _lease(self, bindings: Mapping[str, Binding], stack: ExitStack) -> dict[str, Model]:
        """Lease the models of a call, always in the same order, so that two steps never wait for each other."""
        models: dict[str, Model] = {}
        for capability, binding in sorted(bindings.items(), key=lambda pair: self._name(pair[1])):
            lease = self.pool.lease(
                binding, device=self.profile.device, dtype=self.profile.dtype, listener=self.listener
            )
            models[capability] = stack.enter_context(lease)
        return models

    def _name(self, binding: Binding) -> str:
        return lease_name(binding, self.profile.device, self.profile.dtype)


@dataclass(frozen=True)
class _Relief:
    """Memory for a call, from the pool and its device."""

    pool: ModelPool
    device: str
    listener: Listener
    own: set[str]
    """Lease names of the models of the call."""
    has_low_memory: bool

    def used_mb(self) -> float:
        return self.pool.memory.used_mb(self.device)

    def free_caches(self) -> int:
        self.pool.memory.free_caches(self.device)
        return 0

    def evict(self) -> int:
        number = len(self.pool.evict_idle(self.listener, keep=self.own))
        self.free_caches()
        return number

    def make_way(self) -> int:
        number = len(self.pool.evict_idle(self.listener))
        self.free_caches()
        return number


def measured_name(tool: str, version: int) -> str:
    """Return the name under which a tool's measurements are kept."""
    return f"{tool}@{version}"


def _call(tool: Tool, arguments: Sequence[Mapping[str, Any]]) -> Sequence[Any]:
    """Call the function, or its batched form. Raises ToolError when that gives another number of results."""
    if len(arguments) == 1 or tool.batch is None:
        return [tool.function(**given) for given in arguments]
    returned = tool.batch(arguments)
    if len(returned) != len(arguments):
        message = f"the batched form of {tool.id!r} got {len(arguments)} calls and gave {len(returned)} results"
        raise ToolError(message, hint="mend the tool")
    return returned


def _outcome(tool: Tool, work: Callable[[], Result], hook: Hook) -> Outcome:
    """Do the work and return what comes of it, whatever that is."""
    try:
        hook(0, 0)
        return Held.of(work())
    except BaseException as error:
        return _contained(tool, error)


def _contained(tool: Tool, error: BaseException) -> Failure | Cancelled:
    """Return what an error means for the step; to be called while it is handled."""
    if isinstance(error, Cancelled):
        return error
    if isinstance(error, ToolError):
        return Failure(_short(str(error)), retryable=error.retryable)
    if isinstance(error, UsageError):
        return Failure(_short(str(error)))
    if isinstance(error, KeyboardInterrupt) and threading.current_thread() is threading.main_thread():
        raise error  # a person's, not a tool's
    return Failure(
        _sentence(tool.id, error),
        traceback.format_exc()[-_TRACEBACK_CHARACTERS:],
        out_of_memory=is_out_of_memory(error),
    )


def _has_low_memory(bindings: Mapping[str, Binding]) -> bool:
    return any(binding.model.has_low_memory for binding in bindings.values())


def _frugal(bindings: Mapping[str, Binding]) -> dict[str, Binding]:
    """Return the bindings with the low-memory variant of every model that has one."""
    return {
        capability: replace(binding, options={**binding.options, "low_memory": True})
        if binding.model.has_low_memory
        else binding
        for capability, binding in bindings.items()
    }


def _short(message: str) -> str:
    return message if len(message) <= _MESSAGE_CHARACTERS else f"{message[:_MESSAGE_CHARACTERS]}…"


def _sentence(tool: str, error: BaseException) -> str:
    """Say what a tool did wrong, for people: no traceback."""
    try:
        said = _short(str(error))
    except Exception:  # an error that cannot even say what it is
        said = ""
    text = f"{type(error).__name__}: {said}" if said else type(error).__name__
    if isinstance(error, ValueError) and "read-only" in said:
        return f"tool {tool!r} tried to change its input ({text}); it must work on a copy"
    return f"tool {tool!r} broke: {text}"
