"""The names that users import. Taking one away, or adding one, is a decision: make it here too."""

from __future__ import annotations

import importlib

import pytest

from diptych.tools.catalogue import load_catalogue

SURFACE = {
    "diptych.orchestrator": {
        "Control",
        "Event",
        "MapSummary",
        "Policy",
        "Provenance",
        "Repair",
        "Reply",
        "Result",
        "Session",
        "StepRecord",
        "ask",
        "map_plan",
        "plan",
        "preview",
        "read_provenance",
        "resume",
        "run",
        "run_plan",
    },
    "diptych.tools.values": {
        "KINDS",
        "Depth",
        "Detections",
        "Embedding",
        "Image",
        "Labels",
        "Layout",
        "Mask",
        "Number",
        "Text",
        "Value",
        "Verdict",
        "decode",
    },
}


@pytest.mark.parametrize("name", SURFACE)
def test_exported_names(name: str) -> None:
    module = importlib.import_module(name)
    assert set(module.__all__) == SURFACE[name]
    for exported in module.__all__:
        assert getattr(module, exported) is not None


def test_every_tool_says_what_it_does() -> None:
    for tool in load_catalogue().values():
        assert tool.summary.endswith("."), tool.id
        assert tool.id == tool.function.__name__
