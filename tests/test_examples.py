"""Every example runs."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from diptych.orchestrator import run_plan
from diptych.planners.workflow import load_workflow
from diptych.tools.images import load_image

EXAMPLES = Path(__file__).parent.parent / "examples"


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
def test_workflows(path: Path, tmp_path: Path) -> None:
    photo = load_image(EXAMPLES / "photos" / ("coffee.jpg" if path.stem == "color_pop" else "astronaut.jpg"))
    result = run_plan(load_workflow(path), {"photo": photo}, home=tmp_path)
    assert result.status == "done", result.problems
    assert all(check["passed"] for check in result.checks)
    assert not np.array_equal(result.pictures[0].rgb, photo.rgb)


def test_own_plan(tmp_path: Path) -> None:
    saved = load("own_plan").main(tmp_path)
    for path in saved:
        red, green, blue = load_image(path).rgb.transpose(2, 0, 1)
        assert np.array_equal(red, green) and np.array_equal(green, blue)


def test_edit_photo(tmp_path: Path) -> None:
    load("edit_photo").main(out=str(tmp_path / "out.png"))
    assert (tmp_path / "out.png").is_file()


def test_photos_are_small() -> None:
    for path in (EXAMPLES / "photos").glob("*.jpg"):
        assert path.stat().st_size <= 300_000
        assert path.name in (EXAMPLES / "photos" / "README.md").read_text(encoding="utf-8")
