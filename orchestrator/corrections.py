"""The last edit with another value, as a person corrects it: 'no, teal', 'at the top instead', 'rather 20 percent'.

Pure: a plan in, a plan out. What was named is read off the request itself: a color, one of the choices of an argument,
a number. It replaces the argument of that sort which stands last in the plan.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from ..planners.copying import phrases_of
from ..planners.plan import Plan, Step
from ..tools.catalogue import Catalogue
from ..tools.colors import is_color
from ..tools.errors import Refusal
from ..tools.tool import Param
from .amending import with_args, with_step
from .followups import Amended, amounts_of

_WORD = re.compile(r"[\w#']+")
_NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?![\w.]*\w)")


def corrected(plan: Plan, catalogue: Catalogue, request: str) -> Amended | None:
    """Return the plan with the value that a request names in place of the last one of its sort.

    None where the request names nothing that the plan could take. Raises Refusal where it has that value already.
    """
    words = [(word,) for word in _WORD.findall(request.lower().replace("-", " "))]
    phrases = sorted(phrases_of(words), key=lambda phrase: -len(phrase.split()))
    numbers = _NUMBER.findall(request)
    for step in reversed(plan.steps):
        for name, value in _values(step, catalogue, phrases, numbers):
            old = step.args.get(name, catalogue[step.tool].params[name].default)
            if value == old:
                raise Refusal(f"{step.tool!r} has {name} {value} already")
            changed = with_step(plan, with_args(step, **{name: value}))
            return Amended(changed, f"{step.tool}: {name} {old} → {value}")
    return None


def _values(
    step: Step, catalogue: Catalogue, phrases: list[str], numbers: list[str]
) -> Iterator[tuple[str, str | float]]:
    """Yield (parameter, value) for each parameter of a step of which the request names a value, the likeliest first."""
    tool = catalogue[step.tool]
    given = [param for param in tool.params.values() if param.name in step.args]
    for param in [*given, *(param for param in tool.params.values() if param not in given)]:
        choices = {str(choice).replace("-", " "): choice for choice in param.choices}
        named = (choices.get(phrase) if choices else _color(param, phrase) for phrase in phrases)
        value = next((value for value in named if value is not None), None)
        if value is not None:
            yield param.name, value
    if len(numbers) == 1:
        for name, amount in amounts_of(step, catalogue):
            yield name, math.copysign(float(numbers[0]), amount)


def _color(param: Param, phrase: str) -> str | None:
    """Return the phrase where it is a color and the parameter takes colors."""
    return phrase if param.takes_color and is_color(phrase) and param.fits(phrase) else None
