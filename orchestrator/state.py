"""How far a run is: a pure machine over the graph of steps. No threads, no files, no clock.

    waiting ──start──▶ running ──finish──▶ done
       │                  ├──────fail────▶ failed
       │                  └──────stop────▶ cancelled
       ├─ condition is false ────────────▶ passed through   (hands on one of its inputs)
       ├─ something it needs is missing ─▶ skipped
       └─ drop, cancel ──────────────────▶ cancelled

A condition is looked at before anything else that the step needs: `blur … when $found` hands its image on when
nothing was found, although the mask that it would have used was never made.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from ..tools.errors import UsageError
from .structure import Node, structure

Ended = Literal["done", "passed through", "failed", "skipped", "cancelled"]
_WITH_VALUE = ("done", "passed through")


@dataclass(slots=True)
class Ending:
    """One step has come to its end."""

    step: str
    status: Ended
    reason: str = ""
    """Why it did not run; names the step at the root of it."""


class RunState:
    """The machine. Each method returns the endings that it caused, in the order in which they follow.

    `truths` answers the conditions that rest on inputs of the plan.
    """

    def __init__(self, nodes: Mapping[str, Node], truths: Mapping[str, bool] | None = None) -> None:
        self.graph = structure(nodes)
        self.ended: dict[str, Ending] = {}
        self.running: set[str] = set()
        self.cancelled = False
        self._nodes = dict(nodes)
        self._truths = dict(truths or {})
        self._there = {source for node in nodes.values() for source in node.sources if source not in nodes}
        """Names whose value exists: the inputs of the plan, and steps that have ended with one."""
        self._ready: dict[str, None] = {}
        self._all_well = True
        """Whether every step that has ended so far has a value."""
        # Whatever waits for another step, and has no condition, has nothing to be looked at yet.
        self._first = self._settle([n for n, node in nodes.items() if node.condition or not self.graph.before[n]])

    def begin(self) -> list[Ending]:
        """Return what ended before anything ran: conditions on inputs. Call it once, first."""
        first, self._first = self._first, []
        return first

    @property
    def ready(self) -> Collection[str]:
        """Steps that may start now, in the order in which they became ready."""
        return self._ready.keys()

    @property
    def over(self) -> bool:
        """Whether every step has ended."""
        return len(self.ended) == len(self._nodes)

    def start(self, step: str) -> None:
        """Note that a ready step runs. Raises UsageError for any other."""
        if step not in self._ready:
            raise UsageError(f"step {step!r} cannot start: it is {self._word(step)}, not ready")
        del self._ready[step]
        self.running.add(step)

    def start_ready(self) -> list[str]:
        """Note that everything that is ready runs, and return its names."""
        names = list(self._ready)
        self._ready.clear()
        self.running.update(names)
        return names

    def finish(self, step: str, truth: bool | None = None) -> list[Ending]:
        """Note that a running step is done; `truth` is what its value means as a condition."""
        if truth is not None:
            self._truths[step] = truth
        return self._end(step, "done")

    def fail(self, step: str, reason: str) -> list[Ending]:
        """Note that a running step failed; whatever needs it is skipped."""
        return self._end(step, "failed", reason)

    def stop(self, step: str, reason: str = "the run was cancelled") -> list[Ending]:
        """Note that a running step gave up."""
        return self._end(step, "cancelled", reason)

    def drop(self, step: str, reason: str) -> list[Ending]:
        """Note that a step will not be started; whatever needs it is skipped. Raises UsageError when it runs."""
        if step in self.ended or step in self.running:
            raise UsageError(f"step {step!r} cannot be dropped: it is {self._word(step)}")
        self._ready.pop(step, None)
        return [self._mark(step, "cancelled", reason), *self._settle(self.graph.after[step])]

    def cancel(self) -> list[Ending]:
        """End everything that has not started; running steps still have to finish, fail or stop."""
        self.cancelled = True
        self._ready.clear()
        waiting = [name for name in self._nodes if name not in self.ended and name not in self.running]
        return [self._mark(name, "cancelled", "the run was cancelled") for name in waiting]

    def _end(self, step: str, status: Ended, reason: str = "") -> list[Ending]:
        if step not in self.running:
            raise UsageError(f"step {step!r} cannot end: it is {self._word(step)}, not running")
        self.running.remove(step)
        return [self._mark(step, status, reason), *self._settle(self.graph.after[step])]

    def _settle(self, steps: Iterable[str]) -> list[Ending]:
        """Look at steps whose surroundings changed, and at whatever that changes in turn."""
        endings: list[Ending] = []
        queue = [] if self.cancelled else list(steps)
        for name in queue:  # grows while it is read
            if name in self.ended or name in self.running or name in self._ready:
                continue
            node = self._nodes[name]
            if node.condition is None and node.needs <= self._there:
                self._ready[name] = None
                continue
            ending = self._look(name, node)
            if ending:
                endings.append(ending)
                queue.extend(self.graph.after[name])
        return endings

    def _look(self, name: str, node: Node) -> Ending | None:
        """Decide about one waiting step: end it, make it ready, or leave it waiting."""
        if node.condition is not None:
            missing = self._missing((node.condition,))
            if missing:
                return self._mark(name, "skipped", missing)
            if node.condition not in self._there:
                return None
            if self._truths.get(node.condition, True) == node.negated:
                return self._pass(name, node)
        if node.needs <= self._there:
            self._ready[name] = None
            return None
        missing = self._missing(node.needs)
        return self._mark(name, "skipped", missing) if missing else None

    def _pass(self, name: str, node: Node) -> Ending | None:
        sign = "true" if node.negated else "false"
        if node.through is None:
            return self._mark(name, "skipped", f"the condition ${node.condition} of step {name!r} is {sign}")
        missing = self._missing((node.through,))
        if missing:
            return self._mark(name, "skipped", missing)
        if node.through not in self._there:
            return None
        # What it hands on also stands for it where a later step is conditional on it.
        if node.through in self._truths:
            self._truths[name] = self._truths[node.through]
        return self._mark(name, "passed through", f"the condition ${node.condition} is {sign}")

    def _missing(self, names: Iterable[str]) -> str | None:
        """Return the root cause why one of `names` will never have a value, or None."""
        if self._all_well:
            return None
        for name in sorted(names):
            ending = self.ended.get(name)
            if ending and ending.status == "failed":
                return f"step {name!r} failed: {ending.reason}"
            if ending and ending.status in ("skipped", "cancelled"):
                return ending.reason
        return None

    def _mark(self, name: str, status: Ended, reason: str = "") -> Ending:
        if status in _WITH_VALUE:
            self._there.add(name)
        else:
            self._all_well = False
        ending = self.ended[name] = Ending(name, status, reason)
        return ending

    def _word(self, step: str) -> str:
        if step in self.ended:
            return self.ended[step].status
        return "running" if step in self.running else "waiting" if step in self._nodes else "unknown"
