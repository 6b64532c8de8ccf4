"""The person says what is wrong, and the loop mends it: words become checks of the picture.

    result = run("a red circle and a star", profile="tiny")
    result = correct(result, "two stars")

To pick one of the repairs instead: `run_plan(result.search.attempts[2].plan, …)`, whose steps are known already. To
decide while it runs: `Control(review=…)`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..planners.checklist import Checklist
from ..planners.plan import Plan
from ..tools.errors import UsageError
from ..tools.values import Image
from .api import run_plan
from .inputs import Given
from .planning import read_description
from .promises import Read, promised
from .result import Result
from .search import DEFAULT_REPAIR, Repair


def correct(
    result: Result,
    words: str,
    inputs: Mapping[str, Given] | None = None,
    *,
    read: Read | None = None,
    repair: Repair | None = DEFAULT_REPAIR,
    **options: Any,
) -> Result:
    """Return the result repaired until it also shows what `words` describe: 'two stars left of a circle'.

    `inputs` and `options` are those of `run_plan`; what the result rests on is not made again. Raises UsageError when
    there is no picture, and when nothing in the words can be looked for.
    """
    if result.plan is None or not any(isinstance(value, Image) for value in result.outputs.values()):
        raise UsageError(f"there is no picture to correct: the run ended as {result.status!r}")
    return run_plan(demanding(result, words, read), inputs or {}, repair=repair, **options)


def demanding(result: Result, words: str, read: Read | None = None) -> Plan:
    """Return the plan of a result with the checks that words ask for; of two checks of one thing the new one stays.

    Raises what `wish` raises.
    """
    assert result.plan is not None
    picture = next(name for name, value in result.outputs.items() if isinstance(value, Image))
    wanted = promised(wish(words, read), f"${picture}")
    new = {(check.check, check.args.get("query")) for check in wanted}
    kept = [check for check in result.plan.checks if (check.check, check.args.get("query")) not in new]
    return result.plan.model_copy(update={"checks": [*kept, *wanted]})


def wish(words: str, read: Read | None = None) -> Checklist:
    """Return what words ask a picture to show.

    Raises UsageError when that is nothing that can be looked for, and what `read` raises.
    """
    checklist = (read or read_description)(words)
    if checklist == Checklist():
        raise UsageError(f"{words!r} names nothing that can be looked for; say what should be there: 'two red stars'")
    return checklist
