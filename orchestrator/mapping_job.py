"""What every picture of a map goes through, and the threads that take them through it."""

from __future__ import annotations

import hashlib
import json
import random
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..planners.plan import Plan
from ..planners.seeds import with_seeds
from ..planners.validate import output_types
from ..tools.catalogue import Catalogue
from ..tools.errors import DiptychError, UsageError
from ..tools.images import load_image
from ..tools.profiles import Profile
from ..tools.values import Image
from .api import run_plan
from .calls import Held
from .inputs import Given, plan_inputs
from .keys import revisions
from .mapping_files import Format, Source, named_outputs
from .mapping_rows import MapSummary, OnRow, Row, Rows, printable
from .policy import DEFAULT_POLICY, Control, Policy
from .provenance import Provenance, write_image
from .result import Result
from .resuming import PART_OF
from .work import WHY_PROFILE

if TYPE_CHECKING:
    from .remote import Workers

_SHOWN_PROBLEMS = 20


@dataclass(frozen=True)
class Job:
    """What is the same for every picture."""

    plan: Plan
    input: str
    others: Mapping[str, Given]
    out: Path
    format: Format
    profile: Profile
    catalogue: Catalogue
    home: str | Path | None = None
    metadata: bool = True
    use_store: bool = True
    cancel: threading.Event = field(default_factory=threading.Event)
    policy: Policy = DEFAULT_POLICY
    jobs: int = 2
    workers: Workers | None = None
    name: str = ""
    why_profile: str = ""
    """Why the profile was chosen, for the log."""

    def digest(self) -> str:
        """Return 16 hex digits that change with anything but the picture."""
        used = [self.catalogue[step.tool] for step in (*self.plan.steps, *self.plan.checked_steps())]
        tools = {tool.id: (tool.version, revisions(tool, self.profile)) for tool in used}
        values = plan_inputs(without(self.plan, self.input), self.others)
        others = {name: Held.of(value).digests for name, value in values.items()}
        parts = [self.plan.document(), self.input, tools, others, self.format, self.metadata]
        return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:16]

    def seeded(self) -> Job:
        """Return the job with every seed drawn."""
        return replace(self, plan=with_seeds(self.plan, self.catalogue, random.Random(self.name)))

    def pictures(self) -> list[str]:
        """Return the outputs of the plan that are written as files."""
        types = output_types(self.plan, self.catalogue)
        names = [output.removeprefix("$") for output in self.plan.outputs]
        return [name for name in names if (kind := types.get(name)) and kind.kind in ("Image", "Mask")]


class Mapper:
    """The pictures on their way."""

    def __init__(self, job: Job, rows: Rows, on_row: OnRow) -> None:
        self._job, self._rows, self._on_row = job, rows, on_row
        self._lock = threading.Lock()
        self._computing = threading.Semaphore(job.jobs)
        self._pictures = job.pictures()

    def drive(self, sources: Sequence[Source]) -> MapSummary:
        """Take every source to its row; what breaks the whole map is raised when the others have stopped."""
        start = time.monotonic()
        self._summary = MapSummary(len(sources), self._rows.path)
        waiting = iter(sources)
        threads = min(2 * self._job.jobs, len(sources))
        with ThreadPoolExecutor(threads, "diptych-map") as pool:
            futures = [pool.submit(self._work, waiting) for _ in range(threads)]
            try:
                for future in futures:
                    future.result()
            except BaseException:
                self._job.cancel.set()
                raise
        self._summary.cancelled = self._summary.ended < len(sources)
        self._summary.seconds = time.monotonic() - start
        return self._summary

    def _work(self, waiting: Iterator[Source]) -> None:
        """Take one source after the other."""
        try:
            while not self._job.cancel.is_set():
                with self._lock:
                    source = next(waiting, None)
                if source is None:
                    return
                row = self._row(source)
                if row is not None:
                    self._end(row)
        except BaseException:
            self._job.cancel.set()
            raise

    def _end(self, row: Row) -> None:
        if row.status != "skipped":
            self._rows.add(row)
        with self._lock:
            summary = self._summary
            setattr(summary, row.status, getattr(summary, row.status) + 1)
            summary.unchecked += any(check["passed"] is not True for check in row.checks)
            if row.status == "failed" and len(summary.problems) < _SHOWN_PROBLEMS:
                summary.problems.append(_naming(row))
            self._on_row(row, summary)

    def _row(self, source: Source) -> Row | None:
        """Return the row of one source, whatever happens to it; None when it was cancelled."""
        row = Row(str(source.path), "", "failed", job=self._job.name)
        try:
            row = replace(row, digest=_digest(source.path))
            known = self._rows.done(row.source, row.digest, row.job, self._job.out)
            if known is not None:
                return known
            row = self._edit(source, row)
        except DiptychError as error:
            row = replace(row, problems=[str(error)])
        except Exception as error:  # one picture must not stop the others, whatever is wrong with it
            row = replace(row, problems=[f"a defect in Diptych: {type(error).__name__}: {error}"])
        if self._job.cancel.is_set() and row.status == "failed":
            return None
        return row

    def _edit(self, source: Source, row: Row) -> Row:
        notes: list[str] = []
        image = load_image(source.path, note=notes.append)
        with self._computing:
            result = self._run(image)
        row = replace(row, notes=notes, checks=result.checks, run=result.run_id, seconds=round(result.seconds, 3))
        row = replace(row, answer=result.answer, computed=_count(result, "done"), cached=_count(result, "cached"))
        if result.status != "done":
            return replace(row, problems=list(map(str, result.problems)) or [f"the run ended as {result.status}"])
        return replace(row, status="done", outputs=self._write(source, result))

    def _run(self, image: Image) -> Result:
        job = self._job
        elsewhere: dict[str, Any] = {}
        if job.workers:
            elsewhere = {"executor": job.workers.executor, "lanes": job.workers.count}
        return run_plan(
            job.plan,
            {**job.others, job.input: image},
            profile=job.profile,
            home=job.home,
            use_store=job.use_store,
            control=Control(job.cancel),
            policy=job.policy,
            catalogue=job.catalogue,
            notes={PART_OF: "diptych map", WHY_PROFILE: job.why_profile},
            **elsewhere,
        )

    def _write(self, source: Source, result: Result) -> list[str]:
        """Write the pictures of one result; return their names below OUT."""
        record = self._record(source, result.provenance) if self._job.metadata else None
        names: list[str] = []
        for end, picture in named_outputs(result.outputs, self._pictures).items():
            names.append(f"{source.name}{end}.{self._job.format}")
            target = self._job.out / names[-1]
            make_folder(target.parent)
            write_image(picture, target, record)
        return names

    def _record(self, source: Source, record: Provenance | None) -> Provenance | None:
        """Return the record with the name of the file, as it is when a path is given to `run_plan`."""
        if record is None:
            return None
        facts = {**record.inputs[self._job.input], "file": printable(source.path.name)}
        return replace(record, inputs={**record.inputs, self._job.input: facts})


def without(plan: Plan, name: str) -> Plan:
    """Return the plan as if it had no such input."""
    return plan.model_copy(update={"inputs": {key: kind for key, kind in plan.inputs.items() if key != name}})


def make_folder(folder: Path) -> None:
    """Make a folder and those above it. Raises UsageError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot make the folder {str(folder)!r}: {error.strerror}; choose another --out") from None


def _digest(path: Path) -> str:
    """Return the sha256 of a file's bytes; empty when it cannot be read, which decoding will then explain."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return ""


def _count(result: Result, status: str) -> int:
    return sum(record.status == status for record in result.steps)


def _naming(row: Row) -> str:
    """Return the first problem of a row; errors about files name them already."""
    problem = row.problems[0]
    return problem if row.source in problem else f"{row.source}: {problem}"
