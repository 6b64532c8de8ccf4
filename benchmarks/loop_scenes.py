"""Photos with known truth for `loop.py`: portraits and words laid on shipped photos, and a judge that knows where.

Everything is made by PIL and numpy alone, and the judge looks at pixels only: no detector of the product has a hand in
what counts as repaired.
"""

from __future__ import annotations

import random
import sys
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PIL
from PIL import ImageDraw, ImageFont

from diptych.tools.values import Image

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.photos import photo

Thing = Literal["face", "person", "text"]
Box = tuple[float, float, float, float]
SIZE = 600, 400
BACKGROUNDS = ("china", "coffee", "rocket", "motorcycle", "flower", "cat")
"""Photos without people."""
WITHOUT_WRITING = tuple(name for name in BACKGROUNDS if name != "motorcycle")
"""Those for words: the maker's name on the motorcycle can be read, and the judge knows nothing of it."""
FONTS = ("DejaVuSans", "DejaVuSans-Bold", "DejaVuSerif", "DejaVuSerif-Bold", "DejaVuSansMono", "STIXGeneralBol")
WORDS = (
    *("NO PARKING", "Open daily 9 to 5", "SALE 50 %", "Welcome home", "CALL 555 0199", "Gate 14 B", "Do not touch"),
    *("Fresh bread", "EXIT", "Platform 3", "Invoice 20417", "Mrs Robinson", "KEEP LEFT", "Room 512"),
)
PORTRAITS: dict[str, tuple[tuple[int, int, int, int], Box, Box]] = {
    "astronaut": ((90, 0, 390, 360), (89, 69, 183, 177), (60, 70, 240, 350)),
    "grace_hopper": ((90, 40, 440, 460), (80, 91, 266, 294), (70, 100, 290, 410)),
    "camera": ((140, 40, 330, 300), (54, 86, 120, 156), (54, 86, 120, 156)),
}
"""Photo → the part that is used, and in that part the face and the middle of the person."""
GONE = 0.5
"""Share of a thing's fine detail below which it counts as hidden."""


@dataclass(frozen=True)
class Scene:
    """A picture and where its things are."""

    image: Image
    thing: Thing
    truth: tuple[Box, ...]


def scene(thing: Thing, draw: random.Random) -> Scene:
    """Return a new scene with two to four things, or one: a photo as it is."""
    canvas = _background(draw, WITHOUT_WRITING if thing == "text" else BACKGROUNDS)
    boxes = _written(canvas, draw) if thing == "text" else _portraits(canvas, thing, draw)
    return Scene(Image.from_pil(canvas), thing, tuple(boxes))


def hidden(scene: Scene, after: Image) -> list[bool]:
    """Say of each thing whether its fine detail is gone.

    Measured is how much of the thing's own high-pass signal is still in the picture: the slope of a regression of what
    is there on what was there, 1 for an untouched thing, about 0 for one that was blurred, covered or replaced.
    """
    if after.size_wh != scene.image.size_wh:
        return [False] * len(scene.truth)
    before_, after_ = _high_pass(scene.image), _high_pass(after)
    slopes = []
    for x0, y0, x1, y1 in scene.truth:
        window = np.s_[round(y0) : round(y1), round(x0) : round(x1)]
        was, now = before_[window], after_[window]
        slopes.append(float((was * now).sum() / max((was * was).sum(), 1e-6)))
    return [slope < GONE for slope in slopes]


def _high_pass(image: Image) -> NDArray[np.float32]:
    gray = image.rgb.astype(np.float32).mean(axis=2)
    picture = PIL.fromarray(gray)
    smooth = np.asarray(
        picture.resize((picture.width // 6, picture.height // 6), PIL.Resampling.BOX).resize(picture.size)
    )
    return gray - smooth


@cache
def _fonts() -> Path:
    spec = find_spec("matplotlib")
    assert spec and spec.origin, "install matplotlib: pip install -e '.[dev]'"
    return Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf"


def _background(draw: random.Random, names: tuple[str, ...]) -> PIL.Image:
    """Return a part of one of the photos, at a random scale, mirrored or not."""
    whole = photo(draw.choice(names)).to_pil().convert("RGB")
    share = draw.uniform(0.6, 1.0)
    width = min(whole.width * share, whole.height * share * SIZE[0] / SIZE[1])
    height = width * SIZE[1] / SIZE[0]
    x, y = draw.uniform(0, whole.width - width), draw.uniform(0, whole.height - height)
    part = whole.resize(SIZE, PIL.Resampling.LANCZOS, (x, y, x + width, y + height))
    return part.transpose(PIL.Transpose.FLIP_LEFT_RIGHT) if draw.random() < 0.5 else part


def _portraits(canvas: PIL.Image, thing: Thing, draw: random.Random) -> list[Box]:
    """Paste framed portraits side by side; return the boxes of what is looked for."""
    names = list(PORTRAITS) if thing == "face" else ["astronaut", "grace_hopper"]
    count = draw.randint(1, 4 if thing == "face" else 3)
    column = SIZE[0] / count
    boxes: list[Box] = []
    for index in range(count):
        part, face, body = PORTRAITS[name := draw.choice(names)]
        portrait = photo(name).to_pil().convert("RGB").crop(part)
        most = min((column - 24) / portrait.width, (SIZE[1] - 24) / portrait.height)
        scale = (
            draw.uniform(min(0.75, most), most) if thing == "person" else draw.uniform(min(0.5, most), min(1.2, most))
        )
        size = round(portrait.width * scale), round(portrait.height * scale)
        gain = draw.uniform(0.75, 1.15)
        portrait = portrait.resize(size, PIL.Resampling.LANCZOS).point(lambda value, gain=gain: min(255, value * gain))
        x0, y0, x1, y1 = (value * scale for value in (face if thing == "face" else body))
        if draw.random() < 0.5:
            portrait = portrait.transpose(PIL.Transpose.FLIP_LEFT_RIGHT)
            x0, x1 = size[0] - x1, size[0] - x0
        left = round(index * column + 12 + draw.uniform(0, column - 24 - size[0]))
        top = round(12 + draw.uniform(0, SIZE[1] - 24 - size[1]))
        canvas.paste(portrait, (left, top))
        boxes.append((x0 + left, y0 + top, x1 + left, y1 + top))
    return boxes


def _written(canvas: PIL.Image, draw: random.Random) -> list[Box]:
    """Write lines below each other, each in a font and a color of its own, some on a plate; return their boxes."""
    pen, count = ImageDraw.Draw(canvas), draw.randint(1, 4)
    row = SIZE[1] / count
    boxes: list[Box] = []
    for index, words in enumerate(draw.sample(WORDS, count)):
        font = ImageFont.truetype(str(_fonts() / f"{draw.choice(FONTS)}.ttf"), draw.randint(26, 44))
        left, top, right, bottom = font.getbbox(words)
        x = draw.uniform(20, SIZE[0] - 40 - (right - left)) - left
        y = index * row + draw.uniform(16, row - 24 - (bottom - top)) - top
        box = (x + left, y + top, x + right, y + bottom)
        dark, bright = _ink(draw, 0, 70), _ink(draw, 200, 255)
        if draw.random() < 0.5:
            pen.rectangle((box[0] - 12, box[1] - 9, box[2] + 12, box[3] + 9), fill=bright)
            pen.text((x, y), words, dark, font)
        else:
            pen.text((x, y), words, bright, font, stroke_width=2, stroke_fill=dark)
        boxes.append(box)
    return boxes


def _ink(draw: random.Random, low: int, high: int) -> tuple[int, int, int]:
    red, green, blue = (draw.randint(low, high) for _ in range(3))
    return red, green, blue


def figures(values: list[float]) -> dict[str, Any]:
    """Return median and mean of some figures, for the results."""
    return {"median": round(float(np.median(values)), 4), "mean": round(float(np.mean(values)), 4)} if values else {}
