"""The mean of two adapters: tensor by tensor, with the later one's header; other shapes are refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from diptych.planners.training.average import average
from diptych.tools.errors import UsageError


def adapter(path: Path, value: float, size: int = 3) -> Path:
    save_file({"a": torch.full((2, size), value, dtype=torch.float16)}, path, metadata={"rank": str(value)})
    return path


def test_it_is_the_mean(tmp_path: Path) -> None:
    out = tmp_path / "mean.safetensors"
    average(adapter(tmp_path / "one", 1.0), adapter(tmp_path / "two", 2.0), out)
    assert load_file(out)["a"].tolist() == [[1.5] * 3] * 2
    with safe_open(out, "pt") as file:
        assert file.metadata() == {"rank": "2.0", "mean_of": "2"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mean.safetensors", "one", "two"]


def test_other_shapes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="adapters of different shapes; average two of one recipe"):
        average(adapter(tmp_path / "one", 1.0), adapter(tmp_path / "two", 2.0, size=4), tmp_path / "out")
    assert not (tmp_path / "out").exists()
