"""The steps of one run that are under way, and how they are stopped: by a person, by a timeout, by a failure.

All of it is used under the one lock of the lanes.
"""

from __future__ import annotations

import time

from .endings import Endings
from .jobs import Job, Piece
from .lanes import Lanes
from .policy import Control, Policy
from .scheduler import Task
from .state import RunState


class UnderWay:
    """What has been started and has not ended, and what is asked of it meanwhile."""

    def __init__(
        self, run: str, lanes: Lanes, state: RunState, endings: Endings, control: Control, policy: Policy
    ) -> None:
        self._run, self._lanes, self._state, self._endings = run, lanes, state, endings
        self._control, self._policy = control, policy
        self.jobs: dict[str, Job] = {}
        """The steps, by their ids."""
        self.pieces: set[Piece] = set()
        """Their calls that are on a lane now."""
        self.tasks: list[Task] = []
        """Their calls that are about to be put in line."""

    def end_if_idle(self, job: Job) -> None:
        """End a step when nothing more will come of it."""
        if not job.active and (job.dead or job.complete):
            self.jobs.pop(job.step.id, None)
            self._endings.end(job)

    def give_up(self, job: Job) -> None:
        """Take back the calls of a dead step that no lane has begun with, and end it unless a lane is at work."""
        if len(job.calls) > job.active:
            self.tasks += [task for task in self._lanes.scheduler.clear(self._run) if task.job.job is not job]
        self.end_if_idle(job)

    def steer(self) -> None:
        """Do what was asked of the control."""
        if self._state.over:
            return
        if self._control.cancelled.is_set():
            if not self._state.cancelled:
                self._cancel()
            return
        for name in self._control.stopped_steps & self._state.graph.after.keys() - self._state.ended.keys():
            self._stop(name)
        self._lanes.scheduler.pause(self._run, self._control.paused)
        if self._control.priority is not None:
            self._lanes.scheduler.set_priority(self._run, self._control.priority)
        self._lanes.wake()

    def _cancel(self) -> None:
        self._lanes.scheduler.clear(self._run)
        self.tasks.clear()
        self._endings.take(self._state.cancel())
        for job in tuple(self.jobs.values()):
            job.stopped = "the run was cancelled"
            self.end_if_idle(job)

    def _stop(self, name: str) -> None:
        reason = f"step {name!r} was cancelled"
        if name in self.jobs:
            self.jobs[name].stopped = reason
            self.give_up(self.jobs[name])
        else:
            self._endings.take(self._state.drop(name, reason))

    def expire(self) -> None:
        """Fail steps that have been on a lane for too long; the lane is replaced should the call not give up."""
        limit, now = self._policy.step_timeout, time.monotonic()
        for piece in [piece for piece in self.pieces if limit and now - piece.since > limit]:
            piece.expired = True
            self.pieces.discard(piece)
            if piece.thread:
                self._lanes.replace(piece.thread)
            job = piece.job
            job.active -= 1
            job.seconds += now - piece.since
            job.error = f"tool {piece.call.tool.id!r} took longer than {limit:g} s; give it more time"
            self.give_up(job)
