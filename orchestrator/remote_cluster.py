"""From the option `--on` to a connected Ray, or one clear error."""

from __future__ import annotations

import os
import socket
from typing import Any

from ..tools.errors import UsageError

_REACH_SECONDS = 5.0


def address_of(on: str) -> str | None:
    """Return the address in `ray` (None) or `ray://ADDRESS`. Raises UsageError that shows what is accepted."""
    kind, separator, address = on.partition("://")
    if kind == "ray" and not separator:
        return None
    if kind == "ray" and (address == "auto" or address.rpartition(":")[2].isdigit()):
        return address
    raise UsageError(f"--on {on!r}: give local, ray, ray://auto or ray://HOST:PORT, for example ray://10.0.0.1:10001")


def connect(on: str) -> tuple[Any, bool]:
    """Return the module ray, connected, and whether a cluster was started for it."""
    address = address_of(on)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError:
        raise UsageError(f"--on {on!r} needs the extra 'ray': pip install 'diptych[ray]'") from None
    if ray.is_initialized():
        return ray, False
    quiet: dict[str, Any] = {"log_to_driver": False, "configure_logging": False}
    if address is None and "RAY_ADDRESS" not in os.environ:
        ray.init("local", include_dashboard=False, _node_ip_address="127.0.0.1", **quiet)
        return ray, True
    if address not in (None, "auto"):
        _reach(on, str(address))
    try:
        ray.init(address=None if address is None else "auto" if address == "auto" else on, **quiet)
    except (ConnectionError, OSError, RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise UsageError(
            f"--on {on!r}: no Ray cluster answers there ({reason}); check the port, that both sides have the same "
            "versions of Ray and Python, and the token where the cluster asks for one ($RAY_AUTH_TOKEN)"
        ) from None
    return ray, True


def _reach(on: str, address: str) -> None:
    """Raise UsageError at once where nothing listens: Ray itself would try for minutes."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_REACH_SECONDS).close()
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(
            f"--on {on!r}: nothing answers there ({reason.lower()}); start Ray on the head machine with "
            "'ray start --head --ray-client-server-port=10001', and check the address"
        ) from None
