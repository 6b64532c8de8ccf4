"""A hub on this machine: as much of its protocol as a download takes."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

COMMIT = "0123456789" * 4
FILES = {"config.json": b"{}", "model.safetensors": b"weights", "pytorch_model.bin": b"pickle", "code.py": b"code"}


@dataclass
class Hub:
    """Serves the same files under every name of a repository."""

    url: str
    asked: list[str] = field(default_factory=list)
    """The paths that were requested."""


@contextmanager
def hub_server(files: Mapping[str, bytes] = FILES) -> Iterator[Hub]:
    """Run a hub for the length of the block."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            hub.asked.append(self.path)
            _, *words = self.path.partition("?")[0].split("/")
            if words[0] == "api" and words[4] == "revision":
                self._answer(json.dumps({"id": "/".join(words[2:4]), "sha": COMMIT, "siblings": []}).encode())
            elif words[0] == "api":
                self._answer(json.dumps([_entry(name, data) for name, data in files.items()]).encode())
            elif words[-1] in files:
                self._answer(files[words[-1]])
            else:
                self._answer(b"", 404)

        do_HEAD = do_GET

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

        def _answer(self, data: bytes, status: int = 200) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.send_header("ETag", f'"{hashlib.sha1(data).hexdigest()}"')
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(data)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub = Hub(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _entry(name: str, data: bytes) -> dict[str, Any]:
    return {"type": "file", "path": name, "size": len(data), "oid": hashlib.sha1(data).hexdigest()}
