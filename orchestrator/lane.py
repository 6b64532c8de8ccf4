"""What happens on a CPU lane: one call, its models, its measurements, and whatever goes wrong in it."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

from ..tools.errors import Cancelled, ToolError, UsageError
from ..tools.model import Model
from ..tools.profiles import Profile
from ..tools.progress import Hook, watched
from .calls import Call, Held, Result, Source
from .estimates import measured, megapixels
from .pool import Listener, ModelPool, lease_name

_TRACEBACK_CHARACTERS = 8000


@dataclass(frozen=True)
class Failure:
    """Why a call gave nothing; `trace` is for the log, not for the person."""

    message: str
    trace: str = ""


Outcome = Held | Failure | Cancelled


@dataclass(frozen=True)
class Cost:
    """What one call took."""

    tool: str
    """Name under which it is remembered."""
    megapixels: float
    seconds: float
    memory_mb: float


@dataclass(frozen=True)
class Lane:
    """Makes calls. `listener` hears of models that come and go, `ledger` what each call took; any thread calls them."""

    profile: Profile
    pool: ModelPool
    listener: Listener
    ledger: Callable[[Cost], None]

    def attempt(self, call: Call, source: Source, hook: Hook) -> Outcome:
        """Make one call, and turn whatever a tool does wrong into a Failure that names it."""
        try:
            hook(0, 0)
            return Held.of(self.compute(call, source, hook))
        except Cancelled as error:
            return error
        except (ToolError, UsageError) as error:
            return Failure(str(error))
        except (Exception, SystemExit) as error:
            return Failure(_sentence(call.tool.id, error), traceback.format_exc()[-_TRACEBACK_CHARACTERS:])

    def compute(self, call: Call, source: Source, hook: Hook) -> Result:
        """Make one call; errors pass."""
        arguments = call.arguments(source)
        with ExitStack() as stack:
            models = self._lease(call, stack)
            with watched(hook), measured() as cost:
                result = call(arguments, models)
        size = max(megapixels(arguments), megapixels({"": result}))
        self.ledger(Cost(measured_name(call.tool.id, call.tool.version), size, cost.seconds, cost.memory_mb))
        return result

    def _lease(self, call: Call, stack: ExitStack) -> dict[str, Model]:
        """Lease the models of a call, always in the same order, so that two steps never wait for each other."""
        device, dtype = self.profile.device, self.profile.dtype
        missing = [capability for capability in call.tool.models if capability not in self.profile.bindings]
        if missing:
            raise ToolError(f"profile {self.profile.name!r} has no {missing[0].replace('_', ' ')}")
        bindings = [(capability, self.profile.bindings[capability]) for capability in call.tool.models]
        models: dict[str, Model] = {}
        for capability, binding in sorted(bindings, key=lambda pair: lease_name(pair[1], device, dtype)):
            lease = self.pool.lease(binding, device=device, dtype=dtype, listener=self.listener)
            models[capability] = stack.enter_context(lease)
        return models


def measured_name(tool: str, version: int) -> str:
    """Return the name under which a tool's measurements are kept."""
    return f"{tool}@{version}"


def _sentence(tool: str, error: BaseException) -> str:
    """Say what a tool did wrong, for people: no traceback."""
    text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    if isinstance(error, ValueError) and "read-only" in str(error):
        return f"tool {tool!r} tried to change its input ({text}); it must work on a copy"
    return f"tool {tool!r} broke: {text}"
