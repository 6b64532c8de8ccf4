"""What becomes of a result that was lost while the run goes on, pruned or damaged on the disk: it is made again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from ..planners.plan import Step
from ..tools.catalogue import Catalogue
from ..tools.errors import Cancelled, ToolError, UsageError
from ..tools.tool import Tool
from ..tools.values import Value
from .calls import Call, Held, Result
from .endings import Endings
from .holdings import Holdings
from .lane import Executor, Failure
from .policy import Control
from .structure import Node
from .telling import Teller


@dataclass(frozen=True)
class Remaker:
    """Makes lost results of one run again, on the thread that asks for them."""

    catalogue: Catalogue
    nodes: Mapping[str, Node]
    steps: Mapping[str, Step]
    values: Holdings
    endings: Endings
    bind: Callable[[Step, Tool], list[Call]]
    executor: Executor
    teller: Teller
    control: Control

    def again(self, name: str) -> tuple[Value, ...]:
        """Compute the result of a step again. Raises ToolError or Cancelled when that fails now."""
        records = self.endings.records
        while name in records and records[name].status == "passed through":
            name = self.nodes[name].through or name
        if name not in self.steps:
            return _as_list(self.values.value(name))
        step = self.steps[name]
        calls = self.bind(step, self.catalogue[step.tool])
        results = [self._made(call) for call in calls]
        for call, result in zip(calls, results, strict=True):
            self.teller.keep(call.key, Held.of(result))
        return tuple(value for result in results for value in _as_list(result))

    def confirm(self, names: Iterable[str]) -> None:
        """Load what the run is for; a result that can be neither loaded nor made again fails its step."""
        records = self.endings.records
        for name in names:
            if name not in records or records[name].status == "failed" or self.values.find(name) is None:
                continue
            try:
                self.values.value(name)
            except (ToolError, UsageError, Cancelled) as error:
                self.endings.record(name, "failed", records[name].seconds, str(error))

    def _made(self, call: Call) -> Result:
        outcome = self.executor.attempt([call], lambda done, total: self._check_cancel())[0]
        if isinstance(outcome, Failure):
            raise ToolError(outcome.message)
        if isinstance(outcome, Cancelled):
            raise outcome
        return outcome.result

    def _check_cancel(self) -> None:
        if self.control.cancelled.is_set():
            raise Cancelled("the run was cancelled")


def _as_list(result: Result) -> tuple[Value, ...]:
    return result if isinstance(result, tuple) else (result,)
