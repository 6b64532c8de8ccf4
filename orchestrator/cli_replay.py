"""What the command `replay` does. The plan in a picture may be a stranger's: it is shown and checked before it runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from ..tools.catalogue import load_catalogue
from ..tools.errors import UsageError
from ..tools.images import check_writable, load_image
from ..tools.profiles import profile_names
from ..tools.profiles.choosing import choose_profile
from . import api
from .cli_console import DONE, Surface
from .cli_profile import permit_downloads
from .cli_progress import StepBars, fetch_missing
from .cli_show import plan_table
from .cli_work import EXIT, Job, check_plan, check_profile, plan_document, save_outputs, tell
from .merits import recorded
from .provenance import Provenance, read_provenance
from .setting import with_settings
from .work import shelf


def replay(file: Path, job: Job, surface: Surface) -> int:
    """Show the plan that a PNG carries and, where there is an `out`, run it again to the same bytes.

    What is set in the plan is changed first; the bytes are then others.
    """
    record = read_provenance(file)
    record = replace(record, plan=with_settings(record.plan, job.settings, load_catalogue()))
    profile = check_profile(job.profile if job.profile != "auto" else _trusted_profile(record))
    check_plan(record.plan, profile)
    surface.show(plan_table(record.plan, load_catalogue()))
    if job.out is None:
        surface.note("nothing was run; give -o FILE.png to run it again")
        surface.emit({**plan_document(record.plan), "seconds": surface.seconds})
        return DONE
    check_writable(job.out)
    inputs = {name: _find_input(name, record, file, job) for name in record.plan.inputs}
    permit_downloads(profile, surface, record.plan)
    fetch_missing(surface, profile, plan=record.plan)
    with StepBars(surface) as bars:
        result = api.run_plan(
            record.plan,
            inputs,
            profile=recorded(choose_profile(profile).profile, record.models),
            on_event=bars.take,
            use_store=job.cache,
            policy=job.policy,
        )
    if result.provenance is not None:
        result = replace(result, provenance=_same_names(result.provenance, record))
    paths = save_outputs(result, job.out, metadata=job.metadata)
    tell(result, paths, surface)
    return EXIT[result.status]


def _trusted_profile(record: Provenance) -> str:
    """A stranger's file may name a shipped profile, never a file of profiles."""
    if record.profile not in profile_names():
        known = ", ".join(profile_names())
        raise UsageError(f"the picture was made with profile {record.profile!r}; choose one here: --profile {known}")
    return record.profile


def _find_input(name: str, record: Provenance, file: Path, job: Job) -> Any:
    """Return an input: the named one, else the file of the recorded name, else what the store keeps."""
    if name in job.inputs:
        return job.inputs[name]
    facts = record.inputs.get(name, {})
    digest, base = facts.get("digest", ""), Path(facts.get("file", "")).name
    for folder in (file.parent, Path()):
        if base and (folder / base).is_file() and load_image(folder / base).digest == digest:
            return folder / base
    values = [shelf(None).store.value(part) for part in digest.split(",")] if digest else []
    if values and all(values):
        return values if record.plan.inputs[name].startswith("List[") else values[0]
    looked = f"no file {base!r} with the recorded content lies beside it" if base else "it has no recorded file"
    raise UsageError(f"input {name!r} cannot be found: {looked}; give it with --input {name}=FILE")


def _same_names(made: Provenance, record: Provenance) -> Provenance:
    """Keep the recorded file names of inputs with the recorded content, so that the bytes come out the same."""
    inputs = {
        name: record.inputs[name]
        if name in record.inputs and record.inputs[name].get("digest") == facts.get("digest")
        else facts
        for name, facts in made.inputs.items()
    }
    return replace(made, inputs=inputs)
