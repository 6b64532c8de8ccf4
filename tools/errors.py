"""What can go wrong, by who can mend it.

DiptychError
├── UsageError    the caller: a file, an option, an image that cannot be read
├── PlanError     the planner: carries every problem of a plan, each with its fix
├── Refusal       nobody here: the request needs something that is not in the catalogue
├── ToolError     a step failed while it ran; says whether a retry can help
└── Cancelled     the person stopped the run
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class DiptychError(Exception):
    """Root of every error this project raises on purpose."""


class UsageError(DiptychError):
    """The call is wrong: names the argument or file, shows what was given and what is accepted."""


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a plan, local to one step, with the fix.

    The same list goes to the person and, word for word, back to the planner.
    """

    message: str
    """What is wrong and how to mend it, in one sentence."""
    step: str | None = None
    """Id of the step it is about, or None for the plan as a whole."""
    argument: str | None = None
    kind: str = "invalid"
    """`invalid`: the planner may mend it; `unsupported`: the profile lacks an ability."""

    def __str__(self) -> str:
        where = ", ".join(
            [f"step {self.step!r}"] * bool(self.step) + [f"argument {self.argument!r}"] * bool(self.argument)
        )
        return f"{where}: {self.message}" if where else self.message


class PlanError(DiptychError):
    """A plan is not valid; `problems` holds all of it, not just the first."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


class Refusal(DiptychError):
    """The request cannot be done; `missing` names the abilities that would be needed."""

    def __init__(self, message: str, *, missing: Sequence[str] = (), question: str | None = None) -> None:
        self.missing = tuple(missing)
        self.question = question
        super().__init__(message)


class ToolError(DiptychError):
    """A tool could not do its work on these inputs.

    `retryable` is True when the same call may succeed later (a busy device, a lost worker).
    `hint` says what the person can do.
    """

    def __init__(self, message: str, *, hint: str = "", retryable: bool = False) -> None:
        self.hint = hint
        self.retryable = retryable
        super().__init__(f"{message} ({hint})" if hint else message)


class Cancelled(DiptychError):
    """The run was stopped on purpose; what was finished is kept."""
