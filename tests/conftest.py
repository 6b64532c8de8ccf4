"""What every test stands on: no network, and no library that goes looking for one."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from typing import Any

import pytest

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["DIPTYCH_PROFILE"] = "embedded"  # whatever GPU and weights the machine has
os.environ["DIPTYCH_MERITS"] = "off"  # whatever has passed its checks on the machine
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

_connect = socket.socket.connect


def _local_only(self: socket.socket, address: Any) -> None:
    if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in ("127.0.0.1", "::1", "localhost"):
        raise AssertionError(f"a test tried to reach {address}; tests stay on this machine")
    _connect(self, address)


@pytest.fixture(autouse=True, scope="session")
def no_network() -> Iterator[None]:
    """Let sockets reach this machine only."""
    patch = pytest.MonkeyPatch()
    patch.setattr(socket.socket, "connect", _local_only)
    yield
    patch.undo()
