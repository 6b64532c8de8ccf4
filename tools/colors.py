"""Color words: one table for everybody who names, parses or compares colors."""

from __future__ import annotations

import colorsys
import json
import re
from difflib import SequenceMatcher
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import ImageColor

RGB = tuple[int, int, int]
"""Red, green, blue, each in [0, 255], sRGB."""

LUMA = np.array([0.299, 0.587, 0.114], np.float32)
"""How much red, green and blue add to how bright a pixel looks (ITU-R BT.601)."""

_FILLERS = {
    "a",
    "the",
    "color",
    "colour",
    "colored",
    "coloured",
    "shade",
    "nice",
    "of",
    "very",
    "pure",
    "plain",
    "solid",
    "all",
}
_ALIASES = {
    "navyblue": "navy",
    "pitchblack": "black",
    "jetblack": "black",
    "snowwhite": "white",
    "bloodred": "darkred",
    "blond": "#e6c98a",
    "blonde": "#e6c98a",
    "skin": "#e0b595",
    "bronze": "#cd7f32",
}
_TYPO = {True: 0.74, False: 0.9}
"""Least likeness of a misspelled word to an everyday name ('bleu' is 0.75 'blue'), and to any other."""


def parse_color(text: str) -> RGB:
    """Return (r, g, b) in [0, 255] for what a person calls a color.

    Takes CSS names, `#rgb`, `#rrggbb`, `rgb(1, 2, 3)`, the names of the xkcd color survey, and 'dark', 'light',
    'bright' and the like in front of any of them; case, spaces, hyphens, 'grey' and small typos do not matter.
    Where CSS and the survey disagree, CSS wins. Raises ValueError that suggests the nearest names.
    """
    code = text.strip().lower()
    if code.startswith("#") or "(" in code:
        return _from_code(text, code)
    words = [w for w in re.split(r"[^a-z]+", code.replace("grey", "gray").replace("'", "")) if w]
    words = [w for w in words if w not in _FILLERS] or words
    exact = _lookup(words)
    if exact is not None:
        return exact
    nearest = _nearest("".join(words))
    for likeness, name in nearest:
        if likeness >= _TYPO[_common()[name]]:
            return _table()[name]
    names = ", ".join(repr(_spelled()[name]) for _, name in nearest[:3]) or "'red', 'light blue'"
    raise ValueError(f"unknown color {text!r}; nearest: {names}; or give #rrggbb")


def is_color(text: str) -> bool:
    """Return whether a text is the name or the code of a color to the letter, without fillers and typos."""
    code = text.strip().lower()
    if code.startswith("#"):
        return re.fullmatch(r"#(?:[0-9a-f]{3}){1,2}", code) is not None
    return _lookup(code.replace("grey", "gray").replace("-", " ").split()) is not None


@lru_cache(maxsize=4096)
def means_color(text: str) -> bool:
    """Return whether a person may mean a color by a text: whether `parse_color` takes it, fillers, typos and all."""
    try:
        parse_color(text)
    except ValueError:
        return False
    return True


def basic_colors() -> tuple[str, ...]:
    """Return the everyday names, such as 'red' and 'dark green'."""
    return tuple(_file()["basic"])


def name_color(rgb: ArrayLike) -> str:
    """Return the everyday name, such as 'dark green', nearest to (r, g, b) in [0, 255], by distance in CIE Lab."""
    names, lab = _anchors()
    distance = np.square(lab - rgb_to_lab(rgb)).sum(axis=-1)  # (N,)
    return names[int(distance.argmin())]


def rgb_to_lab(rgb: ArrayLike) -> NDArray[np.float32]:
    """Convert sRGB in [0, 255], shape (…, 3), to CIE Lab of the same shape (D65): L in [0, 100], a and b about ±100."""
    value = np.asarray(rgb, np.float32) / 255  # (..., 3)
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]], np.float32)
    xyz = linear.astype(np.float32) @ to_xyz.T / np.array([0.9505, 1.0, 1.089], np.float32)
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    x, y, z = f[..., 0], f[..., 1], f[..., 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1).astype(np.float32)


def _from_code(text: str, code: str) -> RGB:
    try:
        r, g, b = ImageColor.getrgb(code)[:3]
    except ValueError:
        raise ValueError(f"{text!r} is not a color code; write #rgb, #rrggbb or rgb(255, 128, 0)") from None
    return r, g, b


def _lookup(words: list[str]) -> RGB | None:
    """Return the color of a name, or of a name after modifiers: 'dark', 'light', 'bright' …"""
    found = _table().get("".join(words))
    if found is not None or len(words) < 2:
        return found
    base = _lookup(words[1:])
    return None if base is None else _modified(base, words[0])


def _modified(rgb: RGB, modifier: str) -> RGB | None:
    r, g, b = (value / 255 for value in rgb)
    match modifier:
        case "light" | "pale" | "pastel" | "soft" | "faded":
            r, g, b = (1 - (1 - value) * 0.5 for value in (r, g, b))
        case "dark" | "deep":
            r, g, b = (value * 0.55 for value in (r, g, b))
        case "bright" | "vivid" | "neon" | "hot" | "electric" | "strong" | "intense":
            hue, saturation, value = colorsys.rgb_to_hsv(r, g, b)
            r, g, b = colorsys.hsv_to_rgb(hue, min(1.0, saturation * 1.6), min(1.0, value * 1.6))
        case "medium" | "normal" | "true" | "shiny" | "glossy" | "matte" | "jet" | "pitch":
            pass
        case _:
            return None
    return round(r * 255), round(g * 255), round(b * 255)


def _nearest(key: str) -> list[tuple[float, str]]:
    """Return the five likeliest (likeness, name), best first; at equal likeness the shorter, commoner name wins."""
    rated = []
    for name, common in _common().items():
        matcher = SequenceMatcher(None, key, name)
        if key[:1] == name[:1] and matcher.real_quick_ratio() >= 0.5:
            rated.append((matcher.ratio(), common, name))
    rated.sort(key=lambda item: (-item[0], not item[1], len(item[2]), item[2]))
    return [(likeness, name) for likeness, _, name in rated[:5]]


@cache
def _file() -> dict[str, dict[str, str | list[str]]]:
    data: dict[str, dict[str, str | list[str]]] = json.loads(
        Path(__file__).with_name("colors.json").read_text(encoding="utf-8")
    )
    return data


@cache
def _table() -> dict[str, RGB]:
    """Every name, lower case without spaces, to its color."""
    survey = {_key(name): str(code) for name, code in _file()["xkcd"].items()}
    # Pillow puts parsed tuples in place of the codes as it goes.
    css = {
        _key(name): code if isinstance(code, str) else "#{:02x}{:02x}{:02x}".format(*code[:3])
        for name, code in ImageColor.colormap.items()
    }
    names = {**survey, **css}
    names.update({alias: css.get(target, target) for alias, target in _ALIASES.items()})
    return {name: _from_code(code, code) for name, code in names.items()}


@cache
def _spelled() -> dict[str, str]:
    """Every name as a person writes it, by its key."""
    return {name: name for name in _table()} | {_key(name): name for name in (*_file()["xkcd"], *_file()["basic"])}


@cache
def _common() -> dict[str, bool]:
    """Every name, and whether it is an everyday one."""
    basic = {_key(name) for name in _file()["basic"]}
    return {name: name in basic for name in _table()}


@cache
def _anchors() -> tuple[list[str], NDArray[np.float32]]:
    """N everyday names, repeated for each color that stands for one, and their Lab (N, 3)."""
    pairs = [(name, _from_code(code, code)) for name, codes in _file()["basic"].items() for code in codes]
    return [name for name, _ in pairs], rgb_to_lab([rgb for _, rgb in pairs])


def _key(name: str) -> str:
    return re.sub(r"[^a-z]", "", name.lower().replace("grey", "gray"))
