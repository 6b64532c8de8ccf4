"""The README's figures are those of the benchmarks' results."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_every_figure_comes_out_of_a_result() -> None:
    sys.path.insert(0, str(ROOT))
    try:
        from benchmarks.readme import PAGES, filled
    finally:
        sys.path.remove(str(ROOT))
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        assert "<!-- figures: planner -->" in text
        assert filled(text) == text, f"{page.name}: run python benchmarks/readme.py"
