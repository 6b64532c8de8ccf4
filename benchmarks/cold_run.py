"""Peak memory and seconds of a cold `diptych run` on a 12-megapixel photo: `python benchmarks/cold_run.py`.

The photo is the astronaut enlarged to 4000 × 3000; every request runs in a process and with a store of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from PIL import Image

from diptych.tools.weights import home

ROOT = Path(__file__).parent.parent
REQUESTS = (
    "blur the face and make everything but the person black and white",
    "replace the background with light blue",
    "remove the text",
    "how many people are there?",
)
LIMIT_MB = 2048
RUN = "import sys; from diptych.orchestrator.cli import main; sys.argv[1:] = {args!r}; main()"


def measure(request: str, photo: Path, folder: Path) -> dict[str, Any]:
    """Run one request in a fresh process; return its status, seconds and peak resident memory."""
    environment = {**os.environ, "DIPTYCH_HOME": str(folder)}
    args = ["run", request, str(photo), "-o", str(folder / "out.png"), "--json"]
    start = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-c", RUN.format(args=args)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
    )
    output = process.stdout.read() if process.stdout else b""
    _, status, usage = os.wait4(process.pid, 0)
    answer = json.loads(output)
    return {
        "request": request,
        "status": answer["status"],
        "exit": os.waitstatus_to_exitcode(status),
        "seconds": round(time.monotonic() - start, 1),
        "peak_mb": usage.ru_maxrss // 1024,
    }


def main() -> None:
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        photo = Path(temporary) / "photo.jpg"
        Image.open(ROOT / "examples" / "photos" / "astronaut.jpg").resize((4000, 3000)).save(photo, quality=92)
        for number, request in enumerate(REQUESTS):
            folder = Path(temporary) / str(number)
            folder.mkdir()
            for kept in ("weights", "adapters"):
                (folder / kept).symlink_to(home() / kept)
            rows.append(measure(request, photo, folder))
            print(rows[-1], flush=True)
    peak = max(row["peak_mb"] for row in rows)
    goal = {
        "name": "peak memory of a cold run at 12 megapixels, MB",
        "value": peak,
        "goal": LIMIT_MB,
        "met": peak < LIMIT_MB,
    }
    result = {"rows": rows, "goals": [goal]}
    (Path(__file__).parent / "results").mkdir(exist_ok=True)
    (Path(__file__).parent / "results" / "cold_run.json").write_text(json.dumps(result, indent=1) + "\n")
    print(goal)


if __name__ == "__main__":
    main()
