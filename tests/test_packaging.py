"""What is installed is whole: every data file of a package is among those that a wheel takes along."""

from __future__ import annotations

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_every_data_file_is_packaged() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    patterns = settings["package-data"]["*"]
    packages = [ROOT.joinpath(*name.split(".")[1:]) for name in settings["packages"] if "." in name]
    taken = {file for package in packages for pattern in patterns for file in package.glob(pattern)}
    there = {
        file
        for top in settings["package-dir"].values()
        for file in (ROOT / top).rglob("*")
        if file.is_file() and file.suffix != ".py" and "__pycache__" not in file.parts and not file.name.startswith(".")
    }
    assert len(there) > 100
    assert sorted(map(str, there - taken)) == []
