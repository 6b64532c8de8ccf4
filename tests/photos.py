"""The photos that tests use: only those that ship inside the wheels of the development packages."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path

from diptych.tools.images import load_image
from diptych.tools.values import Image

PHOTOS = {
    "astronaut": "skimage/data/astronaut.png",
    "cat": "skimage/data/chelsea.png",
    "coffee": "skimage/data/coffee.png",
    "rocket": "skimage/data/rocket.jpg",
    "page": "skimage/data/page.png",
    "text": "skimage/data/text.png",
    "coins": "skimage/data/coins.png",
    "camera": "skimage/data/camera.png",
    "hubble": "skimage/data/hubble_deep_field.jpg",
    "motorcycle": "skimage/data/motorcycle_left.png",
    "motorcycle_right": "skimage/data/motorcycle_right.png",
    "china": "sklearn/datasets/images/china.jpg",
    "flower": "sklearn/datasets/images/flower.jpg",
    "grace_hopper": "matplotlib/mpl-data/sample_data/grace_hopper.jpg",
}
"""Name → path inside the site-packages folder."""


def photo_path(name: str) -> Path:
    """Return the path of a photo; nothing of the package that carries it is imported."""
    package, _, rest = PHOTOS[name].partition("/")
    spec = find_spec(package)
    assert spec and spec.origin, f"install {package}: pip install -e '.[dev]'"
    return Path(spec.origin).parent / rest


@cache
def photo(name: str) -> Image:
    """Return a photo at its native size; the same object each time, its pixels are read-only."""
    return load_image(photo_path(name))
