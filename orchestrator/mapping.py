"""One workflow over many pictures: `diptych map`, and the same as a function.

    files ──▶ read, decode ──▶ run the plan ──▶ encode, write ──▶ one row in OUT/map.jsonl
              └──────────── one thread per picture, `jobs` of them in the middle part ────────────┘

There are twice as many threads as `jobs`, so that some decode and encode while others compute; nothing else is held,
so that ten thousand pictures need no more memory than four. A picture whose row says that it was done, by the same
plan, from the same bytes, and whose files are there, is not done again: stop a map, or kill it, and start it anew.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..planners.plan import Plan
from ..tools.catalogue import Catalogue, load_catalogue
from ..tools.errors import PlanError, UsageError
from ..tools.profiles import Profile
from ..tools.profiles.choosing import choose_profile
from ..tools.progress import note
from .inputs import Given, plan_inputs
from .mapping_files import FORMATS, Format, find_sources
from .mapping_job import Job, Mapper, make_folder, without
from .mapping_rows import MapSummary, OnRow, Rows, check_parquet, write_parquet
from .policy import DEFAULT_POLICY, Policy
from .work import limits_of

if TYPE_CHECKING:
    from .remote import Workers

ROWS, TABLE = "map.jsonl", "map.parquet"
"""Names below OUT."""


def map_plan(
    plan: Plan,
    files: str | Path | Sequence[str | Path],
    out: str | Path,
    *,
    input: str | None = None,
    others: Mapping[str, Given] | None = None,
    jobs: int | None = None,
    workers: Workers | None = None,
    format: Format = "png",
    profile: str | Profile = "auto",
    home: str | Path | None = None,
    on_row: OnRow = lambda row, summary: None,
    cancel: threading.Event | None = None,
    policy: Policy | None = None,
    fresh: bool = False,
    parquet: bool = False,
    metadata: bool = True,
    use_store: bool = True,
    catalogue: Catalogue | None = None,
) -> MapSummary:
    """Run a plan over each of many pictures: files, folders and shell patterns.

    `input` is the input of the plan that the pictures are given to, the others of it are `others`; it may be left
    out where only one Image is missing. The outputs go below the folder `out`, which is made if need be, beside
    `map.jsonl` with one row per picture (and `map.parquet`); `mapping_files` says how they are called. A picture
    that cannot be read or edited becomes a row with the reason and stops nothing. Rows that stand from an earlier
    start are skipped, failed ones are tried again; `fresh` starts over. Seeds that the plan leaves open are drawn
    from the plan itself: the same for every picture and every start. `jobs` pictures are computed at once; default:
    two, or one more than there are `workers` of a Ray cluster (`remote.Workers`), which then do the work, with
    the profile that they were made for.

    A step that takes too long or fails is dealt with as `policy` says, in every picture anew.
    Raises UsageError when the call is wrong or `out` cannot be written, PlanError and Refusal for a plan that
    cannot run.
    """
    catalogue = catalogue or load_catalogue()
    choice = workers.choice if workers and profile == "auto" else choose_profile(profile)
    chosen = choice.profile.settled()  # the same for every start
    if choice.better and not workers:  # of a cluster, whoever made the workers knows
        note(str(choice))
    named = mapped_input(plan, input, others or {})
    _check(plan, jobs, format, parquet, catalogue, chosen)
    folder = Path(out)
    sources = find_sources([files] if isinstance(files, (str, Path)) else files, folder)
    make_folder(folder)
    job = Job(plan, named, plan_inputs(without(plan, named), others or {}), folder, format, chosen, catalogue)
    job = replace(
        job,
        home=home,
        why_profile=choice.reason,
        policy=policy or DEFAULT_POLICY,
        metadata=metadata,
        use_store=use_store,
        cancel=cancel or threading.Event(),
    )
    job = replace(job, workers=workers, jobs=jobs or (workers.count + 1 if workers else 2))
    job = replace(job, name=job.digest()).seeded()
    with Rows(folder / ROWS, fresh) as rows:
        _remove_parts(folder)
        summary = Mapper(job, rows, on_row).drive(sources)
    if parquet:
        summary.table = folder / TABLE
        write_parquet(summary.rows, summary.table)
    return summary


def mapped_input(plan: Plan, input: str | None, others: Mapping[str, object]) -> str:
    """Return the name of the input that the pictures go to. Raises UsageError that names the inputs."""
    pictures = [name for name, kind in plan.inputs.items() if kind == "Image"]
    free = [name for name in pictures if name not in others]
    listed = ", ".join(f"{name} ({kind})" for name, kind in plan.inputs.items()) or "none"
    if input is not None and input not in pictures:
        raise UsageError(f"the plan has no Image called {input!r}; its inputs are {listed}")
    if input in others:
        raise UsageError(f"input {input!r} is the one that is mapped; it cannot be given as well")
    if input is None and len(free) != 1:
        raise UsageError(
            f"which input are the pictures for? The plan takes {listed}; name one Image of them with --input NAME"
            ", and give the others with --with NAME=FILE"
        )
    return input or free[0]


def _check(plan: Plan, jobs: int | None, format: str, parquet: bool, catalogue: Catalogue, profile: Profile) -> None:
    """Find what is wrong with the call before any file is touched."""
    if jobs is not None and jobs < 1:
        raise UsageError(f"--jobs {jobs}: give 1 or more")
    if format not in FORMATS:
        raise UsageError(f"--format {format!r}: use {', '.join(FORMATS)}")
    if parquet:
        check_parquet()
    problems = limits_of(catalogue, profile).check(plan)
    if problems:
        raise PlanError(problems)


def _remove_parts(folder: Path) -> None:
    """Remove what a killed map had half-written."""
    for part in folder.rglob(".diptych-*.part"):
        part.unlink(missing_ok=True)
