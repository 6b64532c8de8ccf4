"""How often the checks are wrong, for the models with which that was measured: `calibration.json`.

`python -m diptych.tools.tiny calibrate` measures it, on rendered scenes whose truth is known. Of other models nothing
is known, and nothing is claimed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ..profiles import Profile

COUNTED = "shows, counted"
FILE = Path(__file__).with_name("calibration.json")


@dataclass(frozen=True)
class Rates:
    """How often one check errs."""

    false_alarms: float
    """Share, in [0, 1], of pictures that are right and do not pass."""
    overlooked: float
    """Share of those that are wrong and pass."""

    def of(self, passed: bool) -> str:
        """Say how often a verdict like this one is wrong, in words."""
        if passed:
            return f"this check overlooks {self.overlooked:.0%} of what is wrong"
        return f"this check objects to {self.false_alarms:.0%} of what is right"


@dataclass(frozen=True)
class Calibration:
    """What was measured of the checks with some models."""

    models: Mapping[str, str]
    """Capability → revision of the model that it was measured with."""
    pictures: int
    least_likeness: Mapping[str, Sequence[float]]
    """What a thing is called → from which image-text similarity on it looks like that: in a picture of it alone, of two
    things, and so on; the more there are, the more seldom each may be doubted."""
    checks: Mapping[str, Rates]
    """Check → how often it errs; a check that counts is another one, `COUNTED`."""

    def least(self, name: str, things: int) -> float | None:
        """Return how like its name something looks in a picture of so many things; None where that is not known."""
        known = self.least_likeness.get(name, ())
        return known[min(max(things, 1), len(known)) - 1] if known else None

    def rates(self, check: str, args: Mapping[str, Any]) -> Rates | None:
        """Return how often a check with these arguments errs; None where that was not measured."""
        return self.checks.get(COUNTED if check == "shows" and args.get("count") else check)


def calibration_of(profile: Profile) -> Calibration | None:
    """Return what was measured with the models of a profile; None where nothing was."""
    for each in _measured():
        bound = {name: profile.bindings[name].revision for name in each.models if name in profile.bindings}
        if bound == each.models:
            return each
    return None


def write_calibrations(entries: list[dict[str, Any]], file: Path = FILE) -> None:
    """Write what was measured: one entry for each set of models, with the fields of `Calibration`."""
    file.write_text(json.dumps(entries, indent=1) + "\n", encoding="utf-8")
    _measured.cache_clear()


@cache
def _measured() -> tuple[Calibration, ...]:
    entries = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else []
    return tuple(
        Calibration(**{**entry, "checks": {name: Rates(**rates) for name, rates in entry["checks"].items()}})
        for entry in entries
    )
