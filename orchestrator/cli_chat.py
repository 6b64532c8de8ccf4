"""The command `chat`: one request a line, typed or piped; the picture is written after each change."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..tools.errors import DiptychError
from ..tools.images import check_writable
from .cli_console import DONE, FAILED, Surface

if TYPE_CHECKING:
    from .cli_work import Job
    from .session import Reply, Session

ENDS = ("quit", "exit")
"""Lines that end a session, as Ctrl-D does."""


def register(app: typer.Typer, surface: Callable[[], Surface]) -> None:
    """Add the command to the command line; `surface` gives that of the present call."""

    @app.command("chat")
    def chat_command(
        images: Annotated[
            list[Path] | None, typer.Argument(help="Pictures to begin with.", metavar="IMAGES...")
        ] = None,
        out: Annotated[
            Path | None, typer.Option("-o", "--out", help="Where the picture goes after each change.")
        ] = None,
        profile: Annotated[str, typer.Option("--profile", help="As for run.")] = "auto",
        planner: Annotated[str, typer.Option("--planner", help="As for run.")] = "embedded",
        repair: Annotated[bool, typer.Option("--repair/--no-repair", help="As for run.")] = True,
        no_metadata: Annotated[bool, typer.Option("--no-metadata", help="Keep the plan out of the PNG.")] = False,
        no_cache: Annotated[bool, typer.Option("--no-cache", help="Compute everything, keep nothing.")] = False,
        yes: Annotated[bool, typer.Option("--yes", "-y", help="Download missing weights without asking.")] = False,
        json: Annotated[bool, typer.Option("--json", help="Print one JSON object a request, nothing else.")] = False,
        quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no notes.")] = False,
    ) -> int:
        """Edit and question pictures, one request a line: undo, again, a bit less, the other one, save as x.png …"""
        from .cli_work import Job, repair_of

        start, cache, repairs = images or [], not no_cache, repair_of(repair, None)
        job = Job("", start, out, profile, planner, metadata=not no_metadata, cache=cache, repair=repairs)
        return chat(job, surface())


def chat(job: Job, surface: Surface) -> int:
    """Answer requests until there are no more. A piped session fails if any request of it did."""
    from .cli_profile import offer_better, permit_downloads
    from .cli_progress import fetch_missing
    from .cli_work import check_profile, default_out
    from .session import Session

    check_profile(job.profile)
    out = job.out or default_out(next(iter(job.images), None))
    check_writable(out)
    offer_better(job.profile, surface)
    permit_downloads(job.profile, surface)
    fetch_missing(surface, job.profile, planner=job.planner)
    session = Session(*job.images, planner=job.planner, profile=job.profile, use_store=job.cache, repair=job.repair)
    typed = sys.stdin.isatty()
    failed = False
    for request in _requests(typed, surface):
        reply = answer(session, request, out, job, surface)
        failed = failed or reply.status != "done"
    return FAILED if failed and not typed else DONE


def answer(session: Session, request: str, out: Path, job: Job, surface: Surface) -> Reply:
    """Do one request, write the picture if it is another one now, and say what came of it."""
    from .cli_progress import StepBars
    from .session import Reply

    saved: list[Path] = []
    try:
        with StepBars(surface) as bars:
            reply = session.say(request, on_event=bars.take, metadata=job.metadata)
        if reply.changed and session.pictures:
            saved = list(session.save(out, metadata=job.metadata).saved)
    except KeyboardInterrupt:
        reply = Reply("cancelled")
    except DiptychError as error:
        reply = Reply("failed", str(error))
    _tell(request, reply, [*reply.saved, *saved], surface)
    return reply


def _requests(typed: bool, surface: Surface) -> Iterator[str]:
    """Yield the lines of stdin that are not empty, up to its end or a word that ends it."""
    if typed:
        surface.note("one request a line; 'undo', 'a bit less', 'save as NAME.png' …; 'quit' ends it")
        with suppress(ImportError):
            import readline  # noqa: F401  (lines can be edited and recalled)
    while True:
        try:
            line = input("" if surface.json or not typed else "› ").strip()
        except EOFError:
            return
        except KeyboardInterrupt:
            if not typed:
                raise
            surface.note("\n'quit' or Ctrl-D ends the session")
            continue
        if line.lower() in ENDS:
            return
        if line:
            yield line


def _tell(request: str, reply: Reply, paths: list[Path], surface: Surface) -> None:
    document = reply.result.to_json() if reply.result else {}
    surface.emit(
        {**document, "status": reply.status, "request": request, "said": reply.said, "outputs": [str(p) for p in paths]}
    )
    if surface.json:
        return
    said = reply.said or ("stopped; nothing was changed" if reply.status == "cancelled" else "")
    if reply.status in ("done", "asked"):
        for line in filter(None, (said, *(str(path) for path in paths if path not in reply.saved))):
            surface.say(line)
    else:
        surface.warn(said)
    for check in reply.result.checks if reply.result else ():
        if check["passed"] is not True and reply.status == "done":
            surface.warn(f"check {check['check']!r} did not pass: {check['reason']}")
    for note in reply.result.notes if reply.result else ():
        surface.note(note)
