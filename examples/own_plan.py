"""Write a plan by hand, run it, and run it again on another photo: no language model is involved.

python examples/own_plan.py
"""

from __future__ import annotations

from pathlib import Path

from diptych.orchestrator import run_plan
from diptych.planners.plan import parse_plan

HERE = Path(__file__).parent
PLAN = {
    "inputs": {"photo": "Image"},
    "steps": [{"id": "gray", "tool": "grayscale", "args": {"image": "$photo"}}],
    "outputs": ["$gray"],
}


def main(folder: Path = Path()) -> list[Path]:
    """Turn two photos gray and return where they are."""
    plan = parse_plan(PLAN)
    saved = []
    for name in ("coffee", "rocket"):
        result = run_plan(plan, {"photo": HERE / "photos" / f"{name}.jpg"})
        saved += result.save(folder / f"{name}-gray.png")
    return saved


if __name__ == "__main__":
    print(*main(), sep="\n")
