"""Letters: a font that has every glyph of a text, and text that fits a box."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from PIL import Image as PIL
from PIL import ImageDraw, ImageFont

from ..errors import ToolError

Font = ImageFont.FreeTypeFont

_PACKAGED = Path(__file__).with_name("DejaVuSans.ttf")
"""Latin, Greek, Cyrillic, arrows and symbols."""
_SYSTEM = (
    "NotoSans-Regular.ttf", "NotoSansCJK-Regular.ttc", "NotoSansArabic-Regular.ttf", "NotoSansDevanagari-Regular.ttf",
    "DejaVuSans.ttf", "FreeSans.ttf", "wqy-microhei.ttc", "wqy-zenhei.ttc", "DroidSansFallbackFull.ttf", "unifont.ttf",
    "Symbola.ttf", "Arial Unicode.ttf", "PingFang.ttc", "msyh.ttc", "msgothic.ttc", "seguisym.ttf", "malgun.ttf",
)  # fmt: skip
"""Fonts of Linux, macOS and Windows for other scripts, tried in this order."""
_NOWHERE = "\U0010fffd"
"""A character that no font has: its picture is that of a missing glyph."""


def font_for(text: str, size: float) -> Font:
    """Return the first font, `size` pixels high, that has every glyph of `text`.

    Pillow's own font comes first, then the one that ships with this package, then the system's: the common scripts
    look the same on every machine. Raises ToolError that names the characters which none of them has.
    """
    lacking = ""
    for name in _names():
        font = _open(name, max(1.0, size))
        missing = _missing(font, text)
        if not missing:
            return font
        lacking = min(lacking or missing, missing, key=len)
    raise ToolError(
        f"no font on this machine can write {lacking[:20]!r} of {text[:40]!r}",
        hint="install a font for that script, such as Noto Sans, or use other characters",
    )


def wrapped(text: str, font: Font, width: float) -> list[str]:
    """Break `text` at spaces into lines no wider than `width` pixels; a longer word stays whole."""
    lines: list[str] = []
    for paragraph in text.splitlines() or [""]:
        line = ""
        for word in paragraph.split():
            longer = f"{line} {word}".strip()
            if line and font.getlength(longer) > width:
                lines.append(line)
                longer = word
            line = longer
        lines.append(line)
    return lines


def fitted(text: str, size: float, box_wh: tuple[float, float], stroke: float) -> tuple[str, Font]:
    """Return the text broken into lines and the font, at most `size` pixels high, with which it fits `box_wh`.

    `stroke` is the width of the outline as a share of the size.
    """
    while True:
        font = font_for(text, size)
        broken = "\n".join(wrapped(text, font, box_wh[0] - 2 * stroke * size))
        width, height = text_size(broken, font, round(stroke * size))
        if (width <= box_wh[0] and height <= box_wh[1]) or size <= 6:
            return broken, font
        size = max(6.0, size * 0.93)


def text_size(text: str, font: Font, stroke: int = 0) -> tuple[float, float]:
    """Return (width, height) in pixels of lines of text as they will be drawn."""
    left, top, right, bottom = ImageDraw.Draw(PIL.new("L", (1, 1))).multiline_textbbox(
        (0, 0), text, font, stroke_width=stroke, spacing=font.size * 0.2
    )
    return right - left, bottom - top


def _names() -> tuple[str, ...]:
    """Return every font that can be opened; the empty name is Pillow's own."""
    return tuple(name for name in ("", str(_PACKAGED), *_SYSTEM) if _exists(name))


@cache
def _exists(name: str) -> bool:
    try:
        _open(name, 10.0)
    except OSError:
        return False
    return True


def _open(name: str, size: float) -> Font:
    font = ImageFont.truetype(name, size) if name else ImageFont.load_default(size)
    if not isinstance(font, Font):
        raise OSError("Pillow was built without FreeType, so it has no scalable font")
    return font


def _missing(font: Font, text: str) -> str:
    """Return the characters of `text` that `font` draws as its sign for a missing glyph."""
    unknown = _picture(font, _NOWHERE)
    return "".join(c for c in dict.fromkeys(text) if not c.isspace() and _picture(font, c) == unknown)


def _picture(font: Font, character: str) -> tuple[tuple[int, int], bytes]:
    mask = font.getmask(character)
    return mask.size, bytes(mask)
