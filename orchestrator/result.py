"""What a run comes back with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ..planners.plan import Plan, Step
from ..tools.errors import Problem, UsageError
from ..tools.measures.calibration import Calibration
from ..tools.values import Detections, Image, Labels, Mask, Number, Text, Value, Verdict
from .assurance import unverified
from .calls import Result as Output
from .engine import StepRecord
from .provenance import Provenance, write_image
from .search import Search

if TYPE_CHECKING:
    from PIL.Image import Image as PILImage

Status = Literal["done", "refused", "failed", "cancelled"]
_MEASURES = ("", "%", "px")
"""Units that follow a number; any other unit is the name of what was counted."""


@dataclass(frozen=True)
class Result:
    """How a request ended; whatever was finished is in it."""

    status: Status
    answer: str | None = None
    """The outputs that are words or numbers, one line each; why not, when it was refused."""
    outputs: Mapping[str, Output] = field(default_factory=dict)
    """Output → its value, or a tuple of them; those of failed steps are missing."""
    plan: Plan | None = None
    checks: list[dict[str, Any]] = field(default_factory=list)
    """Per check: `check`, `args`, `passed` (None when it could not be made), `score` in [0, 1], `reason`, and `errs`:
    in words, how often such a verdict is wrong, or None where that was not measured."""
    problems: list[Problem] = field(default_factory=list)
    """What is wrong with the plan, what is missing, or which step failed and why."""
    steps: list[StepRecord] = field(default_factory=list)
    """One per step and check, in the order of the plan."""
    seconds: float = 0.0
    run_id: str = ""
    """Names the run in the log."""
    provenance: Provenance | None = None
    search: Search | None = None
    """What was tried when a check failed, and why that ended; None when nothing was to be repaired."""
    notes: tuple[str, ...] = ()
    """What is no error, but may explain the result: a word that a model does not know, a prompt that was cut."""

    @property
    def pictures(self) -> list[Image]:
        """Every picture among the outputs, lists laid out flat."""
        values = [v for output in self.outputs.values() for v in (output if isinstance(output, tuple) else (output,))]
        return [value for value in values if isinstance(value, Image)]

    @property
    def images(self) -> list[PILImage]:
        """The pictures as PIL images."""
        return [picture.to_pil() for picture in self.pictures]

    @property
    def unverified(self) -> str | None:
        """Words for pictures that no check has judged; None where one has, and where there are none."""
        return unverified(self.plan, self.checks) if self.status == "done" and self.pictures else None

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values: everything but the pictures."""
        return {
            "status": self.status,
            "answer": self.answer,
            "plan": self.plan.document() if self.plan else None,
            "checks": self.checks,
            "problems": [asdict(problem) for problem in self.problems],
            "notes": list(self.notes),
            "unverified": self.unverified,
            "search": self.search.to_json() if self.search else None,
            "seconds": round(self.seconds, 3),
        }

    def save(self, path: str | Path, *, metadata: bool = True) -> list[Path]:
        """Write the picture, or `name-1.png`, `name-2.png`, … for several; return the paths.

        A PNG carries its plan unless `metadata` is False. Raises UsageError when there is no picture, or when
        it cannot be written.
        """
        if not self.pictures:
            raise UsageError(f"there is no picture to save as {str(path)!r}: the run ended as {self.status!r}")
        paths = output_paths(Path(path), len(self.pictures))
        for picture, target in zip(self.pictures, paths, strict=True):
            write_image(picture, target, self.provenance if metadata else None)
        return paths


def output_paths(path: Path, count: int) -> list[Path]:
    """Return where `count` pictures go: `path` itself for one, `name-1.png`, `name-2.png`, … for several."""
    if count == 1:
        return [path]
    return [path.with_name(f"{path.stem}-{i}{path.suffix}") for i in range(1, count + 1)]


def pictures_in(outputs: Mapping[str, Output]) -> list[Image]:
    """Return every picture and mask among the outputs, lists laid out flat; a mask in black and white."""
    values = [v for output in outputs.values() for v in (output if isinstance(output, tuple) else (output,))]
    return [picture for picture in map(_drawn, values) if picture is not None]


def _drawn(value: Value) -> Image | None:
    if isinstance(value, Mask):
        return Image.from_pil(value.thumbnail(max(value.size_wh)))
    return value if isinstance(value, Image) else None


def answer_of(outputs: Mapping[str, Output]) -> str | None:
    """Return the outputs that can be said in words, one line each; None when there is none."""
    said = {name: _say(output) for name, output in outputs.items()}
    lines = {name: words for name, words in said.items() if words is not None}
    if len(lines) <= 1:
        return next(iter(lines.values()), None)
    texts = {name for name in lines if isinstance(outputs[name], Text)}
    return "\n".join(f"{name}: {words}" if name in texts else words for name, words in lines.items())


def _say(output: Output) -> str | None:
    if isinstance(output, tuple):
        words = [said for said in map(_say, output) if said is not None]
        return "\n".join(words) if words else None
    if isinstance(output, Number) and output.unit not in _MEASURES:
        return f"{output.unit}: {output.number:g}"
    if isinstance(output, Detections):
        return _count(output)
    if isinstance(output, (Text, Number, Labels, Verdict)):
        return str(output)
    return None


def _count(found: Detections) -> str:
    """Say what was found: `person: 2`, or `text: 2 (STOP, EXIT)` where the labels add something."""
    names = Counter(found.labels)
    if not found.query:
        return ", ".join(f"{name}: {count}" for name, count in names.items()) or "nothing found"
    line = f"{found.query}: {len(found)}"
    if set(names) <= {found.query}:
        return line
    return f"{line} ({', '.join(f'{name} ×{n}' if n > 1 else name for name, n in names.items())})"


def checks_of(
    plan: Plan, records: Sequence[StepRecord], calibration: Calibration | None = None
) -> list[dict[str, Any]]:
    """Return what became of each check of the plan; `calibration` is what is known of the checks with these models."""
    ended = {record.id: record for record in records}
    return [
        {"check": step.tool, "args": dict(step.args), **_verdict(record), "errs": _errs(step, record, calibration)}
        for step in plan.checked_steps()
        if (record := ended.get(step.id)) is not None
    ]


def _errs(check: Step, record: StepRecord, calibration: Calibration | None) -> str | None:
    verdict = record.value
    rates = calibration.rates(check.tool, check.args) if calibration else None
    return rates.of(verdict.passed) if rates and isinstance(verdict, Verdict) else None


def _verdict(record: StepRecord) -> dict[str, Any]:
    value = record.value
    if isinstance(value, Verdict):
        return {"passed": value.passed, "score": value.score, "reason": value.reason}
    return {"passed": None, "score": None, "reason": record.error or "the check gave no verdict"}
