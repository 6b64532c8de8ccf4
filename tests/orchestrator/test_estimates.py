"""Estimates follow the measurements, and say so when there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from diptych.orchestrator.estimates import Estimates, megapixels

from .small_tools import picture


@pytest.mark.parametrize(
    ("measured", "at", "seconds"),
    [
        ([(2.0, 1.0)], 4.0, 2.0),
        ([(1.0, 1.5), (3.0, 2.5), (5.0, 3.5)], 9.0, 5.5),
        ([(0.0, 0.5), (0.0, 0.7)], 12.0, 0.6),
        ([(1.0, 3.0), (4.0, 1.0)], 8.0, 2.0),
    ],
    ids=["one size scales", "a line", "no picture", "never falls with size"],
)
def test_seconds(measured: list[tuple[float, float]], at: float, seconds: float, tmp_path: Path) -> None:
    estimates = Estimates(tmp_path / "e.db")
    for size, took in measured:
        estimates.record("blur@1", size, took, memory_mb=size)
    estimate = Estimates(tmp_path / "e.db").predict("blur@1", at)
    assert estimate and estimate.seconds == pytest.approx(seconds) and estimate.calls == len(measured)
    assert estimate.memory_mb == max(size for size, _ in measured)


def test_what_never_ran_is_unknown(tmp_path: Path) -> None:
    assert Estimates(tmp_path / "e.db").predict("blur@1", 1.0) is None


def test_old_measurements_fade(tmp_path: Path) -> None:
    estimates = Estimates(tmp_path / "e.db")
    for took in [1.0] * 60 + [3.0] * 200:
        estimates.record("blur@1", 1.0, took)
    estimate = estimates.predict("blur@1", 1.0)
    assert estimate and estimate.seconds > 2.9


def test_size_is_that_of_the_largest_picture() -> None:
    assert megapixels({"a": picture(width=6), "b": [picture(width=50)], "c": "x"}) == pytest.approx(200 / 1e6)
