"""The part of a run's page that shows its steps: a list to open one by one; open where it is short or a step failed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from html import escape
from typing import Any

from ..planners.plan import Plan, Step
from ..tools.catalogue import load_catalogue
from ..tools.values import Detections, Labels, Value
from .engine import StepRecord
from .pictures import Result as Output
from .pictures import background_of, data_uri, items_of, picture_of
from .result import Result, answer_of

MOST_PICTURES = 12
"""Pictures that are shown of a list."""
_SIDE, _SMALL_SIDE = 1024, 128
"""Longest side of the pictures in a step and in its line, in pixels."""
_OPEN = 6
"""Steps up to which all are open."""


def steps(plan: Plan, result: Result, values: Mapping[str, Output]) -> str:
    """Return the section, or nothing for a plan without steps. `values` are inputs and results by name."""
    records = {record.id: record for record in result.steps}
    short = len(plan.steps) <= _OPEN
    cards = [_step(step, plan, records.get(step.id), values, short) for step in plan.steps]
    return f'<h2>Steps</h2><div class="steps">{"".join(cards)}</div>' if cards else ""


def _step(step: Step, plan: Plan, record: StepRecord | None, values: Mapping[str, Output], short: bool) -> str:
    tool = load_catalogue().get(step.tool)
    facts = {**step.args, **({"for each": step.for_each} if step.for_each else {})}
    facts |= {"when": step.when} if step.when else {}
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(_plain(given))}</dd>" for name, given in facts.items())
    status = record.status if record else "not run"
    summary = tool.summary.replace("`", "") if tool else ""
    seconds = f" · {record.seconds:.2f} s" if record and record.status == "done" else ""
    state = " open" if short or status == "failed" else ""
    error = f'<div class="error">{escape(record.error)}</div>' if record and record.error else ""
    return (
        f'<details class="panel step"{state}><summary>{_thumbnail(step, plan, values)}'
        f"<b>{escape(step.id)}</b><small>{escape(step.tool) if step.tool != step.id else ''}</small>"
        f'<span class="pill {escape(status)}">{escape(status)}{seconds}</span></summary>'
        f'<div class="inside">{_shot(step, plan, values)}<div class="about">'
        f"<p>{escape(summary)}</p><dl>{rows}</dl>{error}</div></div></details>"
    )


def _thumbnail(step: Step, plan: Plan, values: Mapping[str, Output]) -> str:
    item = next(iter(items_of(values.get(step.id))), None)
    background = background_of(step, plan, values, item) if item is not None else None
    picture = picture_of(item, background, _SMALL_SIDE) if item is not None else None
    return f'<img src="{data_uri(picture)}" alt="">' if picture else "<i></i>"


def _shot(step: Step, plan: Plan, values: Mapping[str, Output]) -> str:
    """Show a result: pictures where it has some, else its words."""
    parts = []
    for item in items_of(values.get(step.id))[:MOST_PICTURES]:
        picture = picture_of(item, background_of(step, plan, values, item), _SIDE)
        if picture is not None:
            parts.append(f'<img class="zoom" src="{data_uri(picture)}" alt="{escape(step.id)}">')
        if picture is None or (isinstance(item, Detections) and len(item) == 0):
            parts.append(f'<div class="words">{escape(_words(item))}</div>')
    many = " many" if len(parts) > 1 else ""
    return f'<div class="shot{many}">{"".join(parts) or "<div class=words>no result</div>"}</div>'


def _words(value: Value) -> str:
    if isinstance(value, Labels):
        return "\n".join(f"{name}  {share:.0%}" for name, share in list(value.scores.items())[:8]) or "nothing"
    if isinstance(value, Detections) and not len(value):
        return f"no {value.query or 'thing'} found"
    return answer_of({"it": value}) or value.kind


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
