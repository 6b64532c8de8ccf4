"""How a contestant of the engine benchmark is asked: a line of JSON in, a line of JSON out.

Every contestant is one process that stays, so that they can take turns without importing themselves again and so
that each may have an environment of its own. A request names the mode, the length of the chain and an empty folder;
the answer holds seconds: `cold` for a first run, and where results are kept `cached` for a second one.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

Contestant = Callable[[int, Path], Mapping[str, float]]
"""Runs a chain of that many steps in an empty folder and returns its timings in seconds."""


def serve(modes: Mapping[str, Contestant]) -> None:
    """Answer requests from standard input until it ends."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints is no answer
    for line in sys.stdin:
        request = json.loads(line)
        seconds = modes[request["mode"]](request["steps"], Path(request["folder"]))
        answers.write(json.dumps(seconds) + "\n")
        answers.flush()
