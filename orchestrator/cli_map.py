"""The command `map`: one workflow over a folder of pictures, with progress, and how to go on after a stop."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ..tools.errors import UsageError
from ..tools.progress import watched
from .cli_console import DONE, FAILED, INTERRUPTED, Surface
from .policy import Control, Policy

if TYPE_CHECKING:
    from ..planners.plan import Plan
    from .mapping_rows import MapSummary, Row

Files = Annotated[list[str], typer.Argument(help="Pictures, folders, or patterns in quotes.", metavar="FILES...")]
Workflow = Annotated[Path, typer.Option("--workflow", help="The plan, as JSON or YAML.")]
Out = Annotated[Path, typer.Option("-o", "--out", help="Folder for the pictures and for map.jsonl.")]
Input = Annotated[str | None, typer.Option("--input", help="The input of the plan that the pictures go to.")]
With = Annotated[list[str] | None, typer.Option("--with", help="Another input of the plan.", metavar="NAME=FILE")]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", help="Change an argument of the plan, for this call.", metavar="STEP.ARGUMENT=VALUE"),
]
Jobs = Annotated[int | None, typer.Option("--jobs", "-j", help="Pictures that are computed at once.", min=1)]
On = Annotated[str, typer.Option("--on", help="local, ray (this machine or $RAY_ADDRESS), or ray://HOST:PORT.")]
FormatName = Annotated[str, typer.Option("--format", help="png, jpg or webp; only a PNG carries its plan.")]
StepTimeout = Annotated[
    float | None, typer.Option("--step-timeout", help="Give a step up after this time.", metavar="SECONDS")
]
Retries = Annotated[int, typer.Option("--retries", help="How often a call that failed for now is made again.")]
Fresh = Annotated[bool, typer.Option("--fresh", help="Start over, whatever is done already.")]
Parquet = Annotated[bool, typer.Option("--parquet", help="Write map.parquet beside map.jsonl.")]


def register(app: typer.Typer, surface: Callable[[], Surface]) -> None:
    """Add the command to the command line; `surface` gives that of the present call."""

    @app.command("map")
    def map_command(
        files: Files,
        workflow: Workflow,
        out: Out,
        input: Input = None,
        with_: With = None,
        set_: Settings = None,
        jobs: Jobs = None,
        on: On = "local",
        format: FormatName = "png",
        fresh: Fresh = False,
        parquet: Parquet = False,
        step_timeout: StepTimeout = None,
        retries: Retries = 0,
        profile: Annotated[str, typer.Option("--profile", help="Which models are used.")] = "auto",
        no_metadata: Annotated[bool, typer.Option("--no-metadata", help="Keep the plan out of the PNGs.")] = False,
        no_cache: Annotated[bool, typer.Option("--no-cache", help="Compute everything, keep nothing.")] = False,
        yes: Annotated[bool, typer.Option("--yes", "-y", help="Download missing weights without asking.")] = False,
        json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
        quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no notes.")] = False,
    ) -> int:
        """Run a workflow over many pictures; start it again to go on where it stopped."""
        options: dict[str, Any] = {"input": input, "jobs": jobs, "format": format, "fresh": fresh, "parquet": parquet}
        options |= {"profile": profile, "metadata": not no_metadata, "use_store": not no_cache}
        options |= {"policy": Policy(step_timeout, retries)}
        return run_map(workflow, files, out, with_ or [], set_ or [], options, on, surface())


def run_map(
    workflow: Path,
    files: Sequence[str],
    out: Path,
    others: Sequence[str],
    settings: Sequence[str],
    options: dict[str, Any],
    on: str,
    surface: Surface,
) -> int:
    """Map, tell how it ended, and return the exit code."""
    from .cli_place import place_of
    from .cli_progress import fetch_missing
    from .cli_work import Job, check_plan, check_profile, parse_inputs, workflow_plan
    from .mapping import map_plan, mapped_input
    from .mapping_files import FORMATS
    from .setting import parse_settings

    check_profile(options["profile"])
    if options["format"] not in FORMATS:
        raise UsageError(f"--format {options['format']!r}: use {', '.join(FORMATS)}")
    for text in others:
        if not all(text.partition("=")):
            raise UsageError(f"--with {text!r} is not NAME=FILE; write for example --with logo=logo.png")
    job = Job(workflow=workflow, inputs=parse_inputs(others), settings=parse_settings(settings))
    plan, given = workflow_plan(job)
    mapped_input(plan, options["input"], given)
    with ExitStack() as stack:
        place = stack.enter_context(place_of(on, options["profile"], surface))
        check_plan(plan, place.profile)
        place.permit_downloads(surface, plan)
        fetch_missing(surface, place.profile, plan=plan)
        control = Control()
        stack.enter_context(control.interruptible())
        stack.enter_context(watched(lambda done, total: None, surface.note))
        bar = stack.enter_context(_Bar(surface))
        summary = map_plan(
            plan, files, out, others=given, workers=place.workers, on_row=bar.take, cancel=control.cancelled, **options
        )
    tell(summary, plan, out, surface)
    return _exit_code(summary)


class _Bar:
    """Draws how many pictures are through, how fast, how long it will take, and how many failed."""

    def __init__(self, surface: Surface) -> None:
        self._progress = Progress(
            TextColumn("pictures"),
            BarColumn(bar_width=32),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[failures]}"),
            console=surface.err,
            disable=not surface.lively,
        )
        self._task = self._progress.add_task("pictures", total=None, rate="", failures="")
        self._started = time.monotonic()

    def __enter__(self) -> _Bar:
        self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._progress.stop()

    def take(self, row: Row, summary: MapSummary) -> None:
        """Draw that a picture ended."""
        worked = summary.done + summary.failed
        rate = f"{60 * worked / max(time.monotonic() - self._started, 1e-3):.0f} a minute" if worked else ""
        failures = f"[red]{summary.failed} failed[/red]" if summary.failed else ""
        self._progress.update(self._task, total=summary.total, completed=summary.ended, rate=rate, failures=failures)


def tell(summary: MapSummary, plan: Plan, out: Path, surface: Surface) -> None:
    """Print how a map ended: how many of what, where they are, what failed, and how to go on."""
    surface.told = True
    counts = {"total": summary.total, "done": summary.done, "skipped": summary.skipped, "failed": summary.failed}
    counts |= {"remaining": summary.total - summary.ended, "with_failed_checks": summary.unchecked}
    document: dict[str, Any] = {
        "answer": None,
        "outputs": [str(path) for path in (summary.rows, summary.table) if path],
    }
    document |= {"plan": plan.document(), "checks": [], "problems": summary.problems}
    surface.emit({"status": _status(summary), **document, "seconds": surface.seconds, "pictures": counts})
    if surface.json:
        return
    parts = [f"{summary.done} edited"]
    parts += [f"{summary.skipped} done before"] * bool(summary.skipped)
    parts += [f"{summary.failed} failed"] * bool(summary.failed)
    parts += [f"{counts['remaining']} not begun"] * bool(counts["remaining"])
    surface.say(f"{', '.join(parts)}: {out}")
    for problem in summary.problems:
        surface.warn(problem)
    if summary.failed > len(summary.problems):
        surface.warn(f"… and {summary.failed - len(summary.problems)} more; {summary.rows} names them all")
    if summary.unchecked:
        surface.warn(f"{summary.unchecked} pictures have a check that did not pass; see {summary.rows}")
    if summary.cancelled:
        surface.warn("stopped; give the same command again to go on with the rest")
    elif summary.failed:
        surface.warn("give the same command again to try the failed ones once more")


def _status(summary: MapSummary) -> str:
    if summary.cancelled:
        return "cancelled"
    return "failed" if summary.failed else "done"


def _exit_code(summary: MapSummary) -> int:
    return {"cancelled": INTERRUPTED, "failed": FAILED, "done": DONE}[_status(summary)]
