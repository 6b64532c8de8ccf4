"""What the tests of tools share: tiny checkpoints, written once per session."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tools.tiny_hub import MAKERS, HubFolder


@pytest.fixture(scope="session")
def hub_folder(tmp_path_factory: pytest.TempPathFactory) -> HubFolder:
    """Give a function from the name of a tiny checkpoint to its folder; treat the folder as read-only."""
    import torch

    made: dict[str, Path] = {}

    def folder(name: str) -> Path:
        if name not in made:
            torch.manual_seed(0)
            made[name] = tmp_path_factory.mktemp(name)
            MAKERS[name](made[name])
        return made[name]

    return folder
