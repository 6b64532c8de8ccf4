"""The pictures that requests are about: shipped photos, and what is put together from them here.

Everything is made by PIL and numpy alone, so that no tool of the product has a hand in its own test.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from PIL import Image as PIL
from PIL import ImageDraw, ImageFont

from diptych.tools.values import Image
from tests.photos import photo, photo_path

SIGN = "NO PARKING", "CALL 555 0199"
BADGE = "GRACE 1906"
LINK = "https://example.org/menu"
PEOPLE = 3
"""Faces in `team`."""
TILT = 6.0
"""Degrees by which `tilted` is turned clockwise."""


@cache
def picture(name: str) -> Image:
    """Return a shipped photo or a composite by its name."""
    return COMPOSITES[name]() if name in COMPOSITES else photo(name)


def wall(width: int = 900, height: int = 600) -> PIL.Image:
    """Return a wall of warm bricks, from skimage's texture."""
    bricks = PIL.open(photo_path("astronaut").with_name("brick.png")).convert("L").rotate(90)
    tile = np.tile(np.asarray(bricks, np.float32) / 255, (2, 2))[:height, :width]
    return PIL.fromarray(np.rint(tile[..., None] * np.array([225, 190, 170])).astype(np.uint8))


def team() -> Image:
    """Three framed portraits on a wall."""
    scene = wall(960, 480)
    astronaut, hopper = photo("astronaut").to_pil(), photo("grace_hopper").to_pil()
    portraits = [
        astronaut.crop((90, 0, 390, 360)),
        hopper.crop((90, 40, 440, 460)),
        astronaut.crop((90, 0, 390, 360)).transpose(PIL.Transpose.FLIP_LEFT_RIGHT),
    ]
    for i, portrait in enumerate(portraits):
        framed = PIL.new("RGB", (266, 316), (70, 45, 25))
        framed.paste(portrait.resize((250, 300), PIL.Resampling.LANCZOS), (8, 8))
        scene.paste(framed, (35 + i * 312, 82))
    return Image.from_pil(scene)


def sign() -> Image:
    """A sign with two lines of text, screwed to a wall."""
    scene = wall()
    pen = ImageDraw.Draw(scene)
    pen.rectangle((190, 190, 710, 410), fill=(245, 243, 235), outline=(40, 40, 40), width=6)
    for line, y in zip(SIGN, (250, 345), strict=True):
        pen.text((450, y), line, (150, 20, 20), ImageFont.load_default(62), anchor="mm")
    return Image.from_pil(scene)


def badge() -> Image:
    """One person with a legible badge."""
    scene = photo("grace_hopper").to_pil()
    pen = ImageDraw.Draw(scene)
    pen.rounded_rectangle((285, 440, 475, 500), 8, fill="white", outline="gray", width=2)
    pen.text((380, 470), BADGE, "black", ImageFont.load_default(30), anchor="mm")
    return Image.from_pil(scene)


def poster() -> Image:
    """A QR code glued to a wall."""
    import cv2

    code = cv2.QRCodeEncoder.create().encode(LINK)
    scene = wall()
    scene.paste(PIL.fromarray(code).convert("RGB").resize((230, 230), PIL.Resampling.NEAREST), (340, 180))
    return Image.from_pil(scene)


def dim() -> Image:
    """A cup of coffee in a dark room."""
    return Image(np.rint(photo("coffee").rgb * 0.2).astype(np.uint8))


def noisy() -> Image:
    """A pagoda at a high ISO."""
    grain = np.random.default_rng(7).normal(0, 22, photo("china").rgb.shape)
    return Image(np.rint(photo("china").rgb + grain).clip(0, 255).astype(np.uint8))


def tilted() -> Image:
    """A page that lay askew on the scanner."""
    page = PIL.new("RGB", (1000, 700), "white")
    pen = ImageDraw.Draw(page)
    words = "Let us first determine markers of the coins and the background of this picture"
    for row in range(14):
        pen.text((90, 70 + row * 40), words[row % 5 :][:62], "black", ImageFont.load_default(24))
    return Image.from_pil(page.rotate(-TILT, PIL.Resampling.BICUBIC, fillcolor="white"))


def sideways() -> Image:
    """A portrait that lies on its left side."""
    return Image(np.rot90(photo("grace_hopper").pixels))


COMPOSITES: dict[str, Callable[[], Image]] = {
    "team": team,
    "sign": sign,
    "badge": badge,
    "poster": poster,
    "dim": dim,
    "noisy": noisy,
    "tilted": tilted,
    "sideways": sideways,
}
