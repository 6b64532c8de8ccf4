"""Whether a plan does the job, for requests that many plans can do; which these are stands in `jobs.yaml`.

What is selected is compared by its head noun: `the man's red shoes`, `shoes of a man` and `shoe` agree, `man` and
`shoes` do not. Head nouns are the last word before the first preposition or participle, in the singular. Adjectives
are not compared, since planners may well say where or which in other ways (`pick`), so that the figure says whether
the right sort of thing is changed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from itertools import permutations
from pathlib import Path
from typing import Any

import yaml

from ...tools.catalogue import Catalogue
from ...tools.colors import parse_color
from ..nouns import singulars
from ..plan import Plan, Step, referenced
from ..training.slots import query_of
from .wording import normal

Things = Mapping[str, str]
"""What a request speaks of: `target`, `color`, `new`, … → its words."""

MOST = 0.8
"""Share of the content words of a request that an instruction must repeat."""
_STOP = frozenset(
    re.findall(
        r"\S+",
        "a an the of to in on at is are be it its this that with and for from my me please can you let's there "
        "image picture photo photograph scene add place put",
    )
)
_ENDS = re.compile(
    r" (?:in|on|at|of|with|under|behind|beside|near|from|by|to|inside|above|below|over|next|that|who|which|"
    r"wearing|holding|sitting|standing|playing|riding|running|lying|carrying)\b"
)
_PARTS = re.compile(r"^(?:pair|piece|group|bunch|set|kind|couple|pack|number) of ")
_COVERS = re.compile(r"(.+?)(?:['’]s?)? (?:coat|fur|fleece|hide|surface)")
"""What covers the whole of a thing, after the thing's name: who recolors the horse has recolored the horse's coat."""
_PEOPLE = frozenset({"man", "woman", "boy", "girl", "person", "child", "kid", "baby", "lady"})
"""A coat of theirs is a garment."""
_PURPOSE = re.compile(
    r"(?<=\w),? (?:to [a-z]+ (?:the|a|an|it|some|to|more|up)\b|for (?:added|more|some|extra|a touch)\b|"
    r"(?<=, )[a-z]+ing (?:a|an|the|it|some)\b).*$"
)
"""What a change is for, at the end of a request: no instruction needs to say it."""
_BACKGROUNDS = frozenset({"background", "backdrop", "scenery", "environment", "setting", "surrounding"})


@dataclass(frozen=True)
class Edit:
    """One edit that a plan has to make."""

    tool: str
    over: str = ""
    """`target`, `rest` (all but the target), `background`, `whole` (nothing is selected), or empty: anything."""
    has: Mapping[str, str] | None = None
    equals: Mapping[str, Any] | None = None
    above: Mapping[str, float] | None = None
    target: str = ""
    """What is selected, where the job does not take it out of the request; several things stand between commas."""
    query: str = ""
    """A pattern that every phrase that is looked for must hold, where no name says what is selected."""


@dataclass(frozen=True)
class Job:
    """Something to do, and the plans that do it."""

    reads: tuple[re.Pattern[str], ...]
    plans: tuple[tuple[Edit, ...], ...]


def job_for(kind: str, request: str, catalogue: Catalogue) -> tuple[Callable[[Plan], bool], str]:
    """Return (whether a plan does what a request of that kind asks for, what it asks for in words).

    Raises ValueError when no job of the kind reads the request.
    """
    for name in kinds()[kind]:
        job = jobs()[name]
        things = _read(job, request)
        if things is not None:
            note = " ".join([name, *(f"{key}={value}" for key, value in things.items() if key != "request")])
            return partial(does, ways=job.plans, things=things, catalogue=catalogue), note
    raise ValueError(f"no job of {kind!r} reads {request!r}; its patterns in jobs.yaml need another one")


def does(plan: Plan, ways: Sequence[Sequence[Edit]], things: Things, catalogue: Catalogue) -> bool:
    """Whether a valid plan edits in just one of these ways, and nothing else."""
    edits = [step for step in plan.steps if catalogue[step.tool].family in ("editor", "generator")]
    return any(
        len(way) == len(edits)
        and any(
            all(_fits(e, s, plan, things) for e, s in zip(order, edits, strict=True)) for order in permutations(way)
        )
        for way in ways
    )


def answers(plan: Plan, question: str, things: Sequence[str], catalogue: Catalogue) -> bool:
    """Whether a plan answers a question, and edits nothing.

    It asks the question itself, in most of its words, or it counts or looks for one of the things.
    """
    if any(catalogue[step.tool].family in ("editor", "generator") for step in plan.steps):
        return False
    steps = {step.id: step for step in plan.steps}
    ends = [steps[name] for output in plan.outputs if (name := referenced(output)) in steps]
    wanted = {head(thing) for thing in things}
    for step in ends:
        if step.tool == "answer" and _holds(str(step.args["question"]), question, "request"):
            return True
        queries = [str(s.args["query"]) for s in _upstream(step.id, plan) if "query" in s.args]
        if step.tool in ("count", "exists") and wanted & {head(query) for query in queries}:
            return True
    return False


@cache
def kinds() -> dict[str, list[str]]:
    """Return kind of a public set → the names of the jobs that it may be."""
    return dict(_document()["kinds"])


@cache
def jobs() -> dict[str, Job]:
    """Return the jobs by name."""
    macros: dict[str, str] = _document()["macros"]

    def opened(pattern: str) -> re.Pattern[str]:
        while any(f"<{name}>" in pattern for name in macros):
            for name, text in macros.items():
                pattern = pattern.replace(f"<{name}>", text)
        return re.compile(pattern)

    return {
        name: Job(tuple(map(opened, entry["reads"])), ways_of(entry["plans"]))
        for name, entry in _document()["jobs"].items()
    }


def ways_of(plans: Sequence[Sequence[Mapping[str, Any]]]) -> tuple[tuple[Edit, ...], ...]:
    """Read the ways to do a job, as they stand in jobs.yaml."""
    return tuple(tuple(Edit(**edit) for edit in way) for way in plans)


@cache
def _document() -> dict[str, Any]:
    return dict(yaml.safe_load(Path(__file__).with_name("jobs.yaml").read_text(encoding="utf-8")))


def _read(job: Job, request: str) -> Things | None:
    text = normal(request)
    for pattern in job.reads:
        match = pattern.search(text)
        if match:
            found = {name: words.strip() for name, words in match.groupdict().items() if words}
            return {"request": _PURPOSE.sub("", text), **found}
    return None


def _fits(edit: Edit, step: Step, plan: Plan, things: Things) -> bool:
    if step.tool != edit.tool:
        return False
    has, equals, above = edit.has or {}, edit.equals or {}, edit.above or {}
    return (
        _selects(edit, step, plan, edit.target or things.get("target", ""))
        and all(_holds(str(step.args.get(name, "")), things.get(thing, thing), thing) for name, thing in has.items())
        and all(step.args.get(name) == value for name, value in equals.items())
        and all(float(step.args.get(name) or 0) > value for name, value in above.items())
    )


def _selects(edit: Edit, step: Step, plan: Plan, target: str) -> bool:
    if not edit.over and not edit.query:
        return True
    chosen = referenced(step.args.get("mask") or step.args.get("boxes"))
    if edit.over == "whole" or chosen is None:
        return edit.over == "whole" and chosen is None
    upstream = list(_upstream(chosen, plan))
    inverted = sum(s.tool == "invert" for s in upstream) % 2 == 1
    queries = [str(s.args["query"]) for s in upstream if "query" in s.args]
    if edit.query:
        right = bool(queries) and all(re.search(edit.query, query.lower()) for query in queries)
        return right and inverted == (edit.over == "rest")
    heads = [head(query) for query in queries]
    if edit.over == "background":
        return inverted or bool(heads and set(heads) <= _BACKGROUNDS)
    wanted = [_names(part) for part in target.split(",")]
    named = all(names & set(heads) for names in wanted) and set(heads) <= set().union(*wanted)
    return inverted == (edit.over == "rest") and named


def _names(phrase: str) -> set[str]:
    """Return the nouns that may be looked for: of a coat, a fur or a surface also what is covered by it."""
    covered = _COVERS.fullmatch(phrase)
    owner = head(covered[1]) if covered else ""
    return {head(phrase), owner} - {"", *_PEOPLE} if owner else {head(phrase)}


def _upstream(name: str, plan: Plan) -> Iterator[Step]:
    """Yield the steps that a selection is made of, each once; edits of the image are not among them."""
    steps = {step.id: step for step in plan.steps}
    queue, seen = [name], set()
    while queue:
        current = queue.pop()
        if current in seen or current not in steps:
            continue
        seen.add(current)
        yield steps[current]
        queue += [source for argument, source in steps[current].references if argument not in ("image", "when")]


def _holds(value: str, words: str, thing: str) -> bool:
    """Whether a parameter's value says what is wanted: the color, or the words (most of them for a whole request)."""
    if thing == "color":
        return _same_color(value, words) or words in value.lower()
    given = {singular(word) for word in _content(value)}
    wanted = [singular(word) for word in _content(words)]
    found = sum(any(part == word or part.startswith(word) for part in given) for word in wanted)
    return bool(wanted) and found >= (MOST if thing == "request" else 1) * len(wanted)


def _same_color(one: str, other: str) -> bool:
    try:
        return parse_color(one) == parse_color(other)
    except ValueError:
        return False


def _content(text: str) -> list[str]:
    return [word for word in re.findall(r"[^\W_]+(?:'[^\W_]+)?", text.lower()) if word not in _STOP]


def head(phrase: str) -> str:
    """Return the head noun of a noun phrase, in the singular: `the man's red shoes on the mat` → `shoe`."""
    bare = _PARTS.sub("", query_of(normal(phrase)))
    words = re.findall(r"[^\W_]+(?:['’-][^\W_]+)*", _ENDS.split(f" {bare}", maxsplit=1)[0].strip() or bare)
    return singular(words[-1]) if words else ""


def singular(word: str) -> str:
    """Return a noun in the singular; the same noun always gives the same word."""
    return singulars(word.replace("’", "'").removesuffix("'s").removesuffix("'"))[0]
