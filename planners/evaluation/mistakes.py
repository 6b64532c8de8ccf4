"""What goes wrong most often: which tool is taken for which, which argument is missed, when it refuses or does not.

A mistake is named by what was wanted and what was given, so that the same one is counted wherever it happens; an item
may show several. Tools are compared as bags. Arguments, and who feeds whom, are compared as in `scores.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from ...tools.catalogue import Catalogue
from ..plan import Plan, parse_plan
from .harness import Row
from .items import Item
from .scores import Facts, facts_of

MOST = 10
EXAMPLES = 3
NOTHING = "nothing"


@dataclass(frozen=True)
class Example:
    """One request that shows a mistake."""

    request: str
    wanted: str
    given: str


@dataclass(frozen=True)
class Mistake:
    """One kind of mistake."""

    sort: str
    """`answer`: a plan, a refusal or a question where another of them was right; `tools`; `argument`; `edge`; `job`:
    a plan that does not do the job, by kind of request."""
    what: str
    """Wanted → given, in the words of the catalogue."""
    items: int
    """How many items show it."""
    examples: tuple[Example, ...]


def mistakes(items: Sequence[Item], rows: Sequence[Row], catalogue: Catalogue, most: int = MOST) -> list[Mistake]:
    """Return the most frequent mistakes, the most frequent first; `rows` are of the first items, in their order."""
    found: dict[tuple[str, str], dict[Example, None]] = {}
    counts: Counter[tuple[str, str]] = Counter()
    for item, row in zip(items, rows, strict=False):
        seen: dict[tuple[str, str], Example] = {}
        for sort, what, wanted, given in _of_one(item, row, catalogue):
            seen.setdefault((sort, what), Example(row.request, wanted, given))
        for key, example in seen.items():
            counts[key] += 1
            found.setdefault(key, {})[example] = None
    return [Mistake(*key, count, tuple(found[key])[:EXAMPLES]) for key, count in counts.most_common(most)]


_Found = tuple[str, str, str, str]
"""(sort, what, what was wanted, what was given)."""


def _of_one(item: Item, row: Row, catalogue: Catalogue) -> Iterator[_Found]:
    given = parse_plan(row.given) if isinstance(row.given, dict) else None
    if row.expected and row.answer != row.expected:
        yield "answer", f"{row.expected} → {row.answer}", row.wanted, _said(row, given)
        return
    if given is None:
        return
    facts = facts_of(given, catalogue)
    if item.wanted.plan is not None:
        yield from _differences(facts_of(item.wanted.plan, catalogue), facts)
    if item.wanted.tools is not None:
        yield from _tools(item.wanted.tools, list(dict.fromkeys(facts.nodes)))
    if item.wanted.arguments is not None:
        yield from _arguments(item.wanted.arguments, facts.arguments, set(facts.nodes))
    if row.scores.get("job") == 0:
        yield "job", f"{item.kind} → {' + '.join(facts.nodes)}", row.wanted, _said(row, given)


def _differences(wanted: Facts, given: Facts) -> Iterator[_Found]:
    """Yield what differs between two plans; who feeds whom only where the tools are the same."""
    other_tools = list(_tools(wanted.nodes, given.nodes))
    yield from other_tools
    yield from _arguments(wanted.arguments, given.arguments, set(wanted.nodes) & set(given.nodes))
    if not other_tools:
        yield from _edges(wanted.edges, given.edges)


def _tools(wanted: Iterable[str], given: Iterable[str]) -> Iterator[_Found]:
    missing, extra = Counter(wanted), Counter(given)
    missing, extra = missing - extra, extra - missing
    if missing or extra:
        words = [" + ".join(bag.elements()) or NOTHING for bag in (missing, extra)]
        yield "tools", " → ".join(words), words[0], words[1]


def _arguments(
    wanted: Sequence[tuple[str, str, str]], given: Sequence[tuple[str, str, str]], tools: Collection[str]
) -> Iterator[_Found]:
    """Yield the parameters whose values differ, of the tools that are in both plans: of others it says nothing new."""
    missing, extra = Counter(wanted) - Counter(given), Counter(given) - Counter(wanted)
    names = dict.fromkeys((tool, name) for tool, name, _ in [*missing, *extra] if tool in tools)
    for tool, name in names:
        values = [[v for t, n, v in bag.elements() if (t, n) == (tool, name)] for bag in (missing, extra)]
        for old, new in zip_longest(*values):
            how = "another value" if old and new else "left out" if old else "not asked for"
            yield "argument", f"{tool}.{name}: {how}", old or NOTHING, new or NOTHING


def _edges(wanted: Sequence[tuple[str, str, str]], given: Sequence[tuple[str, str, str]]) -> Iterator[_Found]:
    missing, extra = Counter(wanted) - Counter(given), Counter(given) - Counter(wanted)
    for taker, argument in dict.fromkeys((t, a) for _, t, a in [*missing, *extra]):
        sources = [[s for s, t, a in bag.elements() if (t, a) == (taker, argument)] for bag in (missing, extra)]
        for old, new in zip_longest(*sources, fillvalue=NOTHING):
            yield "edge", f"{taker}.{argument}: from {old} → from {new}", str(old), str(new)


def _said(row: Row, given: Plan | None) -> str:
    """Return an answer in a line: the calls of a plan, or the words."""
    if given is None:
        return str(row.given)
    return ", ".join(" ".join([step.tool, *map(str, step.args.values())]) for step in given.steps)
