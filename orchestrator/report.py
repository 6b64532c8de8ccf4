"""A run as one web page: before and after, repairs, checks, the graph, every step's picture, the plan.

The page holds all it shows (pictures as data URIs) and loads nothing. Whatever came from a person, a model or a
stranger's file is escaped; a content security policy lets only the page's own script run.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
from collections.abc import Iterable, Mapping
from html import escape
from pathlib import Path
from string import Template

from ..planners.draw import Status, to_svg
from ..planners.plan import Plan, Step
from ..tools.catalogue import load_catalogue
from ..tools.images import atomic_write
from ..tools.values import Image
from .engine import StepRecord
from .pictures import Result as Output
from .pictures import background_of, data_uri, items_of, picture_of
from .provenance import package_version
from .report_search import repairs
from .report_steps import MOST_PICTURES, steps
from .result import Result

HERO_SIDE, GRAPH_SIDE = 1600, 96
"""Longest side of the pictures in the two places, in pixels."""
_LONG = 140
"""Characters from which on a request is set as text, no more as a heading."""
_DRAWN: dict[str, Status] = {"passed through": "skipped", "cancelled": "skipped"}


def write_report(
    path: str | Path,
    result: Result,
    inputs: Mapping[str, Output],
    *,
    request: str = "",
    profile: str = "",
    planner: str = "",
) -> None:
    """Write the page of a run. `inputs` are the values of the plan's inputs. Raises UsageError when it cannot."""
    page = render(result, inputs, request=request, profile=profile, planner=planner)
    with atomic_write(path) as stream:
        stream.write(page.encode())


def render(
    result: Result, inputs: Mapping[str, Output], *, request: str = "", profile: str = "", planner: str = ""
) -> str:
    """Return the page of a run as HTML."""
    plan = result.plan or Plan(request=request)
    values: dict[str, Output] = dict(inputs)
    values.update({step.id: step.value for step in result.steps if step.value is not None})
    sections = [
        _answer(result),
        _pictures(plan, result, inputs),
        _problems(result),
        repairs(result.search),
        _checks(result),
        _graph(plan, result, values),
        steps(plan, result, values),
        _provenance(result, profile, planner),
    ]
    script = _read("report.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    heading = plan.request or request or "A workflow"
    return Template(_read("report.html")).substitute(
        title=escape(f"Diptych: {heading}"[:120]),
        heading=escape(heading),
        length="long" if len(heading) > _LONG else "short",
        facts=_facts(result, profile),
        body="\n".join(filter(None, sections)),
        version=escape(package_version()),
        script=script,
        script_hash=f"sha256-{digest}",
    )


def _read(name: str) -> str:
    return (Path(__file__).parent / name).read_text(encoding="utf-8")


def _facts(result: Result, profile: str) -> str:
    cached = sum(step.status == "cached" for step in result.steps)
    facts = [f"{result.seconds:.1f} s", f"{len(result.steps)} steps"]
    used = result.provenance.profile if result.provenance else profile
    facts += [f"{cached} known already"] * bool(cached) + [f"profile {used}"] * bool(used)
    passed = [check["passed"] for check in result.checks]
    facts += [f"{passed.count(True)} of {len(passed)} checks passed"] * bool(passed)
    words = "".join(f"<span>{escape(fact)}</span>" for fact in facts)
    return f'<span class="pill {result.status}">{result.status}</span>{words}'


def _answer(result: Result) -> str:
    return f'<div class="answer">{escape(result.answer)}</div>' if result.answer else ""


def _pictures(plan: Plan, result: Result, inputs: Mapping[str, Output]) -> str:
    """Before and after behind one slider where they match, else side by side.

    A picture made from words stands beside what its checks saw first: what is new in it would hide behind a slider.
    """
    before = [item for value in inputs.values() for item in items_of(value) if isinstance(item, Image)]
    after = result.pictures
    if len(before) == len(after) == 1 and before[0].size_wh == after[0].size_wh:
        return _slider(before[0], after[0])
    kept = result.search.kept if result.search else ()
    first = [kept[0].before] if kept and kept[0].before is not None and not before else []
    shown = [(picture, "before") for picture in before] + [(picture, "as first made") for picture in first]
    shown += [(picture, "repaired" if first else "after") for picture in after]
    figures = [_figure(picture, words) for picture, words in shown[: 2 * MOST_PICTURES]]
    return f'<div class="pair">{"".join(figures)}</div>' if figures else ""


def _slider(before: Image, after: Image) -> str:
    first, second = (_uri(picture, HERO_SIDE) for picture in (before, after))
    return (
        f'<div class="panel"><div class="compare"><img src="{second}" alt="after">'
        f'<img class="before" src="{first}" alt="before"><span class="hinge"></span>'
        '<span class="tag left">before</span><span class="tag right">after</span>'
        '<input type="range" min="0" max="100" value="50" step="0.1" aria-label="before and after"></div></div>'
    )


def _figure(picture: Image, words: str) -> str:
    width, height = picture.size_wh
    caption = f"{words} · {width} × {height}"
    uri = _uri(picture, HERO_SIDE)
    return (
        f'<figure class="panel"><img class="zoom" src="{uri}" alt="{words}"><figcaption>{caption}</figcaption></figure>'
    )


def _problems(result: Result) -> str:
    rows = [f'<div><span class="pill fail">problem</span><span>{escape(str(p))}</span></div>' for p in result.problems]
    return _list("Problems", rows)


def _graph(plan: Plan, result: Result, values: Mapping[str, Output]) -> str:
    if not plan.steps:
        return ""
    known = {step.id: step for step in (*plan.steps, *plan.checked_steps())}
    thumbnails = {
        name: thumbnail
        for name, value in values.items()
        if (thumbnail := _thumbnail(known.get(name), plan, values, value)) is not None
    }
    statuses = {record.id: _drawn(record) for record in result.steps}
    drawing = to_svg(plan, load_catalogue(), thumbnails=thumbnails, statuses=statuses)
    return f'<h2>Graph</h2><div class="panel graph">{drawing}</div>'


def _drawn(record: StepRecord) -> Status:
    return _DRAWN.get(record.status) or record.status  # type: ignore[return-value]


def _thumbnail(step: Step | None, plan: Plan, values: Mapping[str, Output], value: Output) -> bytes | None:
    first = next(iter(items_of(value)), None)
    if first is None:
        return None
    background = background_of(step, plan, values, first) if step else None
    picture = picture_of(first, background, GRAPH_SIDE)
    if picture is None:
        return None
    stream = io.BytesIO()
    picture.save(stream, format="JPEG", quality=80)
    return stream.getvalue()


def _checks(result: Result) -> str:
    rows = []
    for check in result.checks:
        kind, word = {True: ("pass", "passed"), False: ("fail", "failed")}.get(check["passed"], ("fail", "not made"))
        words = f"{check['check']}: {check['reason']}" + (f"; {check['errs']}" if check.get("errs") else "")
        rows.append(f'<div><span class="pill {kind}">{word}</span><span>{escape(words)}</span></div>')
    return _list("Checks", rows)


def _provenance(result: Result, profile: str, planner: str) -> str:
    made = result.provenance
    facts = {"run": result.run_id, "profile": made.profile if made else profile, "planner": planner}
    if made:
        facts |= made.models
        facts |= {
            name: " ".join(filter(None, map(about.get, ("file", "digest")))) for name, about in made.inputs.items()
        }
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(words)}</dd>" for name, words in facts.items() if words)
    text = json.dumps(result.plan.document(), indent=2, ensure_ascii=False) if result.plan else ""
    fold = f"<details><summary>The plan as JSON</summary><pre>{escape(text)}</pre></details>" if text else ""
    return f'<h2>Provenance</h2><div class="panel"><dl class="source">{rows}</dl>{fold}</div>'


def _list(heading: str, rows: Iterable[str]) -> str:
    text = "".join(rows)
    return f'<h2>{heading}</h2><div class="panel list">{text}</div>' if text else ""


def _uri(picture: Image, side: int) -> str:
    drawn = picture_of(picture, None, side)
    assert drawn is not None  # a picture of a picture
    return data_uri(drawn)
