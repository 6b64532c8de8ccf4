"""Importing Diptych is quick: no model library comes along."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("torch", "cv2", "transformers", "diffusers", "onnxruntime", "scipy", "rapidocr", "xllamacpp", "openai")

SCRIPT = """
import importlib, pkgutil, sys
import {package}
if {whole}:
    for module in pkgutil.walk_packages({package}.__path__, "{package}."):
        if not module.name.endswith("_network"):  # classes of networks: only an adapter that is loaded imports them
            importlib.import_module(module.name)
print(*[name for name in {heavy} if name in sys.modules])
"""


@pytest.mark.parametrize(
    ("package", "whole"),
    [
        ("diptych.orchestrator", False),
        ("diptych.orchestrator.api", False),
        ("diptych.orchestrator.cli", False),
        ("diptych.tools", True),
        ("diptych.orchestrator", True),
    ],
)
def test_no_heavy_library_is_loaded(package: str, whole: bool) -> None:
    script = SCRIPT.format(package=package, whole=whole, heavy=HEAVY)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []
