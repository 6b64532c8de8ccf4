"""A folder of 60 photos through a 6-step workflow: `python benchmarks/folder.py`, into results/folder.json.

`map_plan` against a plain loop over the very same tool functions, models loaded once, on the same cores. The two
take turns of twenty photos each, so that whatever else the machine does falls on both. Then the map is started once
more, as a person would (all rows stand), and once with its rows forgotten (all results are known, but every picture
is decoded, and its result encoded and written again).
"""

from __future__ import annotations

import json
import os
import platform
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image as PIL

from diptych.orchestrator import map_plan
from diptych.planners.plan import parse_plan
from diptych.tools.catalogue import load_catalogue
from diptych.tools.images import load_image, save_image
from diptych.tools.profiles import load_profile
from diptych.tools.weights import home

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))
from tests.photos import photo_path  # noqa: E402

PHOTOS, TURN, SIZE_WH = 60, 20, (1280, 1600)
"""Photos in all, photos in a turn, and their size: 2 megapixels."""
COLD_GOAL, SECOND_GOAL = 1.7, 20.0
PLAN = parse_plan(
    {
        "request": "blur every face and make the colors look good",
        "inputs": {"photo": "Image"},
        "steps": [
            {"id": "faces", "tool": "detect", "args": {"image": "$photo", "query": "face"}},
            {"id": "skin", "tool": "segment", "args": {"image": "$photo", "boxes": "$faces"}},
            {"id": "blurred", "tool": "blur", "args": {"image": "$photo", "mask": "$skin", "strength": 70}},
            {"id": "white", "tool": "white_balance", "args": {"image": "$blurred"}},
            {"id": "toned", "tool": "auto_contrast", "args": {"image": "$white"}},
            {"id": "crisp", "tool": "sharpen", "args": {"image": "$toned"}},
        ],
        "outputs": ["$crisp"],
    }
)


def make_photos(folder: Path) -> list[Path]:
    """Write crops and flips of two portraits, each different, as JPEG."""
    originals = [PIL.open(photo_path(name)).convert("RGB") for name in ("astronaut", "grace_hopper")]
    paths = [folder / f"photo-{number:02}.jpg" for number in range(PHOTOS)]
    for number, path in enumerate(paths):
        original = originals[number % len(originals)]
        if number // len(originals) % 2:
            original = original.transpose(PIL.Transpose.FLIP_LEFT_RIGHT)
        cut = 1 - 0.005 * (number // len(originals))
        width, height = round(original.width * cut), round(original.height * cut)
        left, top = (original.width - width) // 2, (original.height - height) // 2
        original.crop((left, top, left + width, top + height)).resize(SIZE_WH).save(path, quality=92)
    return paths


def plain_loop() -> Callable[[Sequence[Path], Path], None]:
    """Return what one would write by hand: load, call the functions, save."""
    profile, tools = load_profile("embedded"), {id: tool.function for id, tool in load_catalogue().items()}
    models: dict[str, Any] = {}

    def model(capability: str) -> Any:
        if capability not in models:
            binding = profile.bindings[capability]
            models[capability] = binding.model.load(binding.source, device="cpu", **binding.options)
        return models[capability]

    def run(paths: Sequence[Path], out: Path) -> None:
        for path in paths:
            photo = load_image(path)
            faces = tools["detect"](photo, "face", detector=model("detector"))
            skin = tools["segment"](photo, faces, segmenter=model("segmenter"))
            blurred = tools["blur"](photo, skin, strength=70)
            toned = tools["auto_contrast"](tools["white_balance"](blurred))
            save_image(tools["sharpen"](toned), out / f"{path.stem}.png")

    return run


class Clock(defaultdict[str, float]):
    """Seconds by name, on the wall; those of the processor in `cpu`."""

    def __init__(self) -> None:
        super().__init__(float)
        self.cpu: defaultdict[str, float] = defaultdict(float)

    def time(self, name: str, work: Callable[[], object]) -> None:
        """Add what `work` takes."""
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        self[name] += time.perf_counter() - wall
        self.cpu[name] += time.process_time() - cpu
        print(name, f"{self[name]:.1f} s", file=sys.stderr, flush=True)


def measure(folder: Path) -> Clock:
    """Return seconds for all photos: the loop, the map, its second start, and once more with the rows forgotten."""
    for name in ("photos", "loop", "home"):
        (folder / name).mkdir()
    for kept in ("weights", "adapters"):
        (folder / "home" / kept).symlink_to(home() / kept)
    os.environ["DIPTYCH_HOME"] = str(folder / "home")
    paths, loop = make_photos(folder / "photos"), plain_loop()
    clock = Clock()

    def mapped(chosen: Sequence[Path], *, fresh: bool = False) -> None:
        summary = map_plan(PLAN, chosen, folder / "map", metadata=False, jobs=os.cpu_count(), fresh=fresh)
        assert summary.ended == len(chosen) and not summary.failed, summary

    for start in range(0, PHOTOS, TURN):
        turn = paths[start : start + TURN]
        clock.time("loop", partial(loop, turn, folder / "loop"))
        clock.time("map", partial(mapped, turn))
    for path in paths:
        same = (folder / "loop" / f"{path.stem}.png").read_bytes() == (folder / "map" / f"{path.stem}.png").read_bytes()
        assert same, f"{path.stem}: the map wrote another picture than the loop"
    clock.time("second start", partial(mapped, paths))
    clock.time("rows forgotten", partial(mapped, paths, fresh=True))
    return clock


def goal(name: str, value: float, least: float) -> dict[str, Any]:
    """Return one line of the results."""
    return {"name": name, "value": round(value, 2), "goal": least, "met": value >= least}


def main() -> None:
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as temporary:
        clock = measure(Path(temporary))
    ratio = {name: clock["loop"] / value for name, value in clock.items()}
    result = {
        "machine": {"cores": os.cpu_count(), "system": platform.platform(), "load_average_before": round(load, 2)},
        "photos": PHOTOS,
        "seconds": {name: round(value, 2) for name, value in clock.items()},
        "cpu_seconds": {name: round(value, 2) for name, value in clock.cpu.items()},
        "times_faster": {name: round(value, 2) for name, value in ratio.items()},
        "goals": [
            goal("map of 60 photos against a plain loop, times faster", ratio["map"], COLD_GOAL),
            goal("second start of the same map, times faster than the loop", ratio["second start"], SECOND_GOAL),
        ],
    }
    (Path(__file__).parent / "results").mkdir(exist_ok=True)
    (Path(__file__).parent / "results" / "folder.json").write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
