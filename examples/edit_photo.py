"""Edit a photo from a sentence, look at what was planned, and save the picture with its plan in it.

python examples/edit_photo.py [PHOTO] [OUT]
"""

from __future__ import annotations

import sys
from pathlib import Path

from diptych.orchestrator import run

HERE = Path(__file__).parent


def main(photo: str = str(HERE / "photos" / "astronaut.jpg"), out: str = "out.png") -> None:
    """Blur the faces of a photo."""
    result = run("blur the face", photo)
    if result.status != "done":
        sys.exit(f"{result.status}: {result.answer or result.problems}")
    for step in result.steps:
        print(f"{step.id:12} {step.tool:12} {step.status:8} {step.seconds:.2f} s")
    for path in result.save(out):
        print(path)


if __name__ == "__main__":
    main(*sys.argv[1:])
