"""Estimates follow the measurements, and say so when there is none."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from diptych.orchestrator.estimates import Estimates, measured, megapixels

from .small_tools import picture


@pytest.mark.parametrize(
    ("calls", "at", "expected"),
    [
        ([(2.0, 1.0)], 4.0, 2.0),
        ([(1.0, 1.5), (3.0, 2.5), (5.0, 3.5)], 9.0, 5.5),
        ([(0.0, 0.6)], 12.0, 0.6),
        ([(1.0, 3.0), (4.0, 1.0)], 8.0, 2.0),
        ([(1.0, 1.0), (2.0, 9.0), (4.0, 3.0)], 2.0, 9.0),
        ([(1.0, 1.0), (2.0, 9.0), (4.0, 3.0)], 2.04, 9.0),
    ],
    ids=[
        "one size scales",
        "a line",
        "no picture",
        "never falls with size",
        "a size that was seen",
        "nearly that size",
    ],
)
def test_seconds_and_memory(calls: list[tuple[float, float]], at: float, expected: float, tmp_path: Path) -> None:
    estimates = Estimates(tmp_path / "e.db")
    for size, took in calls:
        estimates.record("blur@1", size, took, memory_mb=10 * took)
    estimates.close()
    for source in (estimates, Estimates(tmp_path / "e.db")):
        estimate = source.predict("blur@1", at)
        assert estimate and estimate.seconds == pytest.approx(expected) and estimate.calls == len(calls)
        assert estimate.memory_mb == pytest.approx(10 * expected)


def test_what_is_recorded_counts_at_once_and_is_kept_with_the_flush(tmp_path: Path) -> None:
    estimates, other = Estimates(tmp_path / "e.db"), Estimates(tmp_path / "e.db")
    estimates.record("blur@1", 1.0, 2.0)
    assert estimates.predict("blur@1", 1.0) and Estimates(tmp_path / "e.db").predict("blur@1", 1.0) is None
    other.record("blur@1", 1.0, 4.0)
    for each in (estimates, other, estimates):
        each.flush()
    kept = Estimates(tmp_path / "e.db").predict("blur@1", 1.0)
    assert kept and (kept.seconds, kept.calls) == (3.0, 2) and other.predict("blur@1", 1.0) == kept


def test_memory_rises_at_once_and_falls_slowly(tmp_path: Path) -> None:
    estimates = Estimates(tmp_path / "e.db")
    seen = []
    for memory_mb in (100.0, 0.0, 50.0, 200.0, *[100.0] * 200):
        estimates.record("blur@1", 1.0, 1.0, memory_mb)
        estimate = estimates.predict("blur@1", 1.0)
        assert estimate
        seen.append(estimate.memory_mb)
    assert seen[:4] == [100.0, 100.0, 99.0, 200.0] and 100.0 < seen[-1] < 110.0


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the peak cannot be reset")
def test_the_growth_of_a_block_is_measured_every_time() -> None:
    for megabytes in (64, 64, 128, 64):
        with measured() as cost:
            pixels = np.ones(megabytes << 20, np.uint8)
            del pixels
        assert cost.memory_mb == pytest.approx(megabytes, rel=0.1)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the peak cannot be reset")
def test_blocks_that_overlap_are_charged_for_each_other() -> None:
    with measured() as outer:
        pixels = np.ones(64 << 20, np.uint8)
        del pixels
        with measured() as inner:
            pixels = np.ones(32 << 20, np.uint8)
    assert outer.memory_mb == pytest.approx(64, rel=0.1) == inner.memory_mb
    assert len(pixels)


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
