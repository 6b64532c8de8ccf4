"""The example in CONTRIBUTING.md is the shortest way to a tool: it runs, and it stays that short."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from diptych.tools.catalogue import Catalogue
from tests.photos import photo

ROOT = Path(__file__).parent.parent


def blocks() -> dict[str, str]:
    """Return the Python blocks of the page by the name in their first line."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    found = re.findall(r"```python\n# (\w+)\n(.*?)```", text, re.DOTALL)
    return dict(found)


def test_the_example_works_and_has_at_most_25_lines() -> None:
    parts = blocks()
    assert sum(len(part.strip().splitlines()) for part in parts.values()) <= 25
    names: dict[str, Any] = {"photo": photo, "__name__": "example"}
    for part in ("tool", "test"):
        exec(compile(parts[part], "CONTRIBUTING.md", "exec"), names)  # noqa: S102 - our own page
    names["test_posterize_leaves_the_asked_number_of_tones"]()
    assert Catalogue([names["posterize"].tool])["posterize"].params["levels"].default == 4
