"""The command `eval plan`: a planner on a set of requests, as a table, as JSON, and row by row."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer
from rich.console import Group
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from ..tools.errors import UsageError
from ..tools.images import check_place
from .cli_console import DONE, INTERRUPTED, Surface

if TYPE_CHECKING:
    from ..planners.evaluation.harness import Figure, Row
    from ..planners.evaluation.items import Item
    from ..planners.evaluation.mistakes import Mistake
    from ..planners.evaluation.sets import Set

SetName = Annotated[str, typer.Option("--set", help="held-out, edits, edits-known, visprog, gta or taskbench.")]
PlannerName = Annotated[
    str,
    typer.Option(
        "--planner", help="As for run; or base, told: the embedded model without and with its adapter, told the tools."
    ),
]
Limit = Annotated[int | None, typer.Option("--limit", help="So many items, evenly over the set.", min=1)]
Out = Annotated[Path | None, typer.Option("-o", "--out", help="Write a row per item into this JSONL file.")]
Data = Annotated[Path | None, typer.Option("--data", help="Folder of the public sets' files; or $DIPTYCH_EVALS.")]


def register(app: typer.Typer, surface: Callable[[], Surface]) -> None:
    """Add the command to the command line; `surface` gives that of the present call."""
    group = typer.Typer(help="Measure a part of Diptych.", no_args_is_help=True)

    @group.callback()
    def top() -> None:
        """Measure a part of Diptych."""

    @group.command("plan")
    def plan_command(
        set: SetName = "held-out",
        planner: PlannerName = "embedded",
        limit: Limit = None,
        out: Out = None,
        data: Data = None,
        mistakes: Annotated[
            bool, typer.Option("--mistakes", help="Show the most frequent ones, with examples.")
        ] = False,
        json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
        quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no notes.")] = False,
    ) -> int:
        """Measure how well a planner plans a set of requests; nothing of the plans runs."""
        return evaluate_planner(set, planner, surface(), limit=limit, out=out, data=data, show_mistakes=mistakes)

    app.add_typer(group, name="eval")


def evaluate_planner(
    name: str,
    planner: str,
    surface: Surface,
    *,
    limit: int | None,
    out: Path | None,
    data: Path | None,
    show_mistakes: bool = False,
) -> int:
    """Ask the planner, item by item; show the figures, also of what was done when it is stopped."""
    from ..planners.evaluation.contenders import load_contender
    from ..planners.evaluation.harness import evaluate, sampled
    from ..planners.evaluation.sets import load_set

    if out is not None:
        check_place(out)
    contender = load_contender(planner)
    chosen = load_set(name, data)
    items = sampled(chosen.items, limit)
    total = len(items)
    surface.note(f"{chosen.name}: {total} of {len(chosen.items)} items; {chosen.about}")
    rows: list[Row] = []
    try:
        with _rows_file(out) as file, _bar(surface, total) as advance:
            for row in evaluate(contender, chosen, limit):
                rows.append(row)
                advance()
                if file is not None:
                    file.write(json.dumps(row.document(), ensure_ascii=False) + "\n")
                    file.flush()
    except KeyboardInterrupt:
        if rows:
            surface.told = True
            surface.warn(f"stopped after {len(rows)} of {total} items; these are their figures")
            _tell(chosen, planner, items, rows, surface, show_mistakes)
        return INTERRUPTED
    _tell(chosen, planner, items, rows, surface, show_mistakes)
    if out is not None:
        surface.note(f"rows: {out}")
    return DONE


def _tell(
    chosen: Set, planner: str, items: Sequence[Item], rows: Sequence[Row], surface: Surface, show_mistakes: bool
) -> None:
    from ..planners.evaluation.harness import by_kind, costs, summarize
    from ..planners.evaluation.mistakes import mistakes
    from .estimates import peak_mb

    wrong = mistakes(items, rows, chosen.catalogue)

    figures, spent = summarize(rows), {**costs(rows), "peak MiB": peak_mb()}
    name = "job" if any("job" in row.scores for row in rows) else "exact"
    kinds = by_kind(rows, name)
    surface.show(_page(f"{chosen.name}, planned by {planner}", figures, kinds if len(kinds) > 1 else [], name, spent))
    if show_mistakes:
        surface.show(_mistakes(wrong))
    surface.emit(
        {
            "status": "done" if len(rows) == len(items) else "cancelled",
            "set": chosen.name,
            "planner": planner,
            "items": {"asked": len(rows), "chosen": len(items), "in the set": len(chosen.items)},
            "figures": [vars(figure) for figure in figures],
            f"{name} by kind": [vars(figure) for figure in kinds],
            "mistakes": [asdict(mistake) for mistake in wrong],
            "costs": {what: round(value, 3) for what, value in spent.items()},
            "seconds": surface.seconds,
        }
    )


def _page(title: str, figures: Sequence[Figure], kinds: Sequence[Figure], name: str, spent: dict[str, float]) -> Group:
    parts: list[Any] = [Text(title, style="bold"), _table("figure", figures)]
    if kinds:
        parts += [Text(), _table(f"{name}, by kind", kinds)]
    words = ", ".join(f"{what} {value:.3g}" for what, value in spent.items())
    return Group(*parts, Text(), Text(words, style="dim"))


def _table(heading: str, figures: Sequence[Figure]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="dim")
    for column in (heading, "value", "of", "planned", "refused", "failed"):
        table.add_column(column, justify="left" if column == heading else "right")
    for figure in figures:
        value = "" if figure.value is None else f"{figure.value:.3f}"
        counts = (figure.items, figure.planned, figure.refused, figure.failed)
        table.add_row(escape(figure.name.replace("_", " ")), value, *map(str, counts))
    return table


def _mistakes(wrong: Sequence[Mistake]) -> Group:
    """Return the mistakes as a list, each with its examples."""
    lines: list[Any] = [Text(), Text("most frequent mistakes (wanted → given)", style="bold")]
    for mistake in wrong:
        lines.append(Text.assemble(f"{mistake.items:>4}  ", (mistake.sort, "dim"), f"  {mistake.what}"))
        for example in mistake.examples:
            for lead, words in (("", repr(example.request)), ("wanted ", example.wanted), ("given  ", example.given)):
                lines.append(Text(f"        {lead}{' · '.join(words.splitlines())}", style="dim" if lead else ""))
    return Group(*lines, *([] if wrong else [Text("none", style="dim")]))


@contextmanager
def _rows_file(path: Path | None) -> Iterator[TextIO | None]:
    if path is None:
        yield None
        return
    try:
        file = path.open("w", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--out {str(path)!r} cannot be written: {error.strerror}") from None
    with file:
        yield file


@contextmanager
def _bar(surface: Surface, total: int) -> Iterator[Callable[[], None]]:
    columns = (TextColumn("planning"), BarColumn(bar_width=32), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=surface.err, disable=not surface.lively) as progress:
        task = progress.add_task("planning", total=total)
        yield lambda: progress.advance(task)
