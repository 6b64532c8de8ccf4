"""Image files, in and out: every format and color mode becomes an upright sRGB `Image`, and nothing half-written.

Reading is the place where strangers' bytes enter, so the formats are a fixed list (no PostScript, which would
start another program) and the pixel count is checked before any pixel is decoded.
"""

from __future__ import annotations

import difflib
import io
import logging
import os
import struct
import uuid
import warnings
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from PIL import Image as PIL
from PIL import ImageCms, PngImagePlugin, UnidentifiedImageError

from .errors import UsageError
from .values.base import Array
from .values.image import Image

MAX_PIXELS = 178_956_970
"""Largest picture that is read: 178 megapixels, half a gigabyte of RGB."""
READABLE = ("PNG", "JPEG", "MPO", "WEBP", "GIF", "TIFF", "BMP", "AVIF", "JPEG2000", "PPM", "TGA", "ICO")
"""Formats that are read, by Pillow's names."""
WRITABLE = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
"""Suffix → format of the files that are written."""

_LOG = logging.getLogger("diptych.images")
_LONGEST_SIDE = {"JPEG": 65_535, "WEBP": 16_383}
_DECODING_ERRORS = (OSError, SyntaxError, ValueError, EOFError, IndexError, TypeError, struct.error, zlib.error)
_TURNS = {
    2: PIL.Transpose.FLIP_LEFT_RIGHT,
    3: PIL.Transpose.ROTATE_180,
    4: PIL.Transpose.FLIP_TOP_BOTTOM,
    5: PIL.Transpose.TRANSPOSE,
    6: PIL.Transpose.ROTATE_270,
    7: PIL.Transpose.TRANSVERSE,
    8: PIL.Transpose.ROTATE_90,
}
_FOREIGN = (
    (b"%PDF", "a PDF document; export the page as a PNG first"),
    (b"%!PS", "a PostScript file; export it as a PNG first"),
    (b"<svg", "an SVG drawing; export it as a PNG first"),
    (b"ftypheic", "an HEIC photo; export it as a JPEG first"),
    (b"ftypmif1", "an HEIF photo; export it as a JPEG first"),
    (b"ftyp", "a video; save one frame as a PNG first"),
    (b"PK\x03\x04", "a zip archive or office document; unpack the picture first"),
    (b"<!DOCTYPE", "a web page; save the picture itself"),
    (b"<html", "a web page; save the picture itself"),
)


def load_image(path: str | Path, *, max_pixels: int = MAX_PIXELS, note: Callable[[str], None] = _LOG.warning) -> Image:
    """Read a picture at its native resolution: upright, sRGB, alpha kept, 16 bits scaled to 8.

    Of an animation the first frame is read; `note` (by default the log) is told about that, in one sentence, and
    about a color profile that cannot be used. Raises UsageError, in one sentence with the fix, when the file is
    missing, a folder, unreadable, empty, not a picture, truncated, or larger than `max_pixels`.
    """
    file = Path(path)
    data = _read_bytes(file)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns at half of our own limit, and about odd metadata
        try:
            picture = PIL.open(io.BytesIO(data), formats=_formats())
            if picture.width * picture.height > max_pixels:
                raise UsageError(_too_large(file, max_pixels))
            picture.load()
        except PIL.DecompressionBombError:
            raise UsageError(_too_large(file, max_pixels)) from None
        except UnidentifiedImageError:
            raise UsageError(f"{str(file)!r} is not a picture: it looks like {_what_is(data)}") from None
        except _DECODING_ERRORS as error:
            raise UsageError(f"{str(file)!r} is damaged or incomplete ({error}); copy or download it again") from None
        if getattr(picture, "n_frames", 1) > 1 and picture.format != "MPO":
            note(f"{str(file)!r} is an animation of {picture.n_frames} frames; the first one is used")  # type: ignore[attr-defined]
        return upright_srgb(picture, note=note)


def upright_srgb(picture: PIL.Image, *, note: Callable[[str], None] = _LOG.warning) -> Image:
    """Return the pixels of a PIL picture of any mode: EXIF orientation applied, ICC converted to sRGB, alpha kept.

    One-channel pictures of 16 bits are scaled by 65535; those of 32 bits (integer or float) by 1, 255, 65535 or
    their own maximum, the first that holds them. A profile that cannot be used is left out, and `note` is told.
    """
    if 0 in picture.size:
        raise UsageError(f"a picture of {picture.width}×{picture.height} pixels holds nothing; give at least 1×1")
    orientation = _orientation(picture)
    if picture.mode in ("I", "F") or picture.mode.startswith("I;"):
        upright = PIL.fromarray(_to_eight_bits(np.asarray(picture), picture.mode)).convert("RGB")
    else:
        upright = _to_srgb(picture, note)
    if orientation in _TURNS:
        upright = upright.transpose(_TURNS[orientation])
    return Image(np.asarray(upright))


def check_writable(path: str | Path) -> None:
    """Raise UsageError when a picture could not be saved at `path`: before any work is done, not after it."""
    file = Path(path)
    if file.suffix.lower() not in WRITABLE:
        given = f"the suffix {file.suffix!r}" if file.suffix else "no suffix"
        raise UsageError(f"cannot save a picture as {str(file)!r} with {given}; use {', '.join(WRITABLE)}")
    check_place(file)


def check_place(path: str | Path) -> None:
    """Raise UsageError when no file of any kind could be written at `path`."""
    file = Path(path)
    if file.is_dir():
        raise UsageError(f"cannot write {str(file)!r}: it is a folder; give the name of a file in it")
    if not file.parent.is_dir():
        raise UsageError(f"cannot write {str(file)!r}: there is no folder {str(file.parent)!r}; make it first")
    if not os.access(file.parent, os.W_OK | os.X_OK) or (file.exists() and not os.access(file, os.W_OK)):
        raise UsageError(f"cannot write {str(file)!r}: no permission; choose another place")


def save_image(image: Image, path: str | Path, *, text: Mapping[str, str] | None = None, quality: int = 95) -> None:
    """Write a picture as PNG, JPEG or WebP, by the suffix of `path`; the file is there whole or not at all.

    `text` goes into iTXt chunks of a PNG (the other formats have no such place). `quality`, 1 to 100, is for
    JPEG and WebP. JPEG has no transparency: it is laid on white. Raises UsageError when it cannot be written.
    """
    file = Path(path)
    check_writable(file)
    format = WRITABLE[file.suffix.lower()]
    longest = _LONGEST_SIDE.get(format)
    if longest and max(image.size_wh) > longest:
        raise UsageError(f"{format} holds at most {longest} pixels a side, this picture has {image.size_wh}; use .png")
    picture = image.to_pil()
    if format == "JPEG" and picture.mode == "RGBA":
        picture = PIL.alpha_composite(PIL.new("RGBA", picture.size, "white"), picture).convert("RGB")
    with atomic_write(file) as stream:
        picture.save(stream, format=format, **_options(format, text or {}, quality))


@contextmanager
def atomic_write(path: str | Path) -> Iterator[IO[bytes]]:
    """Yield a stream whose bytes appear at `path` when the block ends well, and nowhere when it does not.

    Raises UsageError when the system refuses (a full disk, no permission).
    """
    file = Path(path).resolve()
    part = file.parent / f".diptych-{uuid.uuid4().hex}.part"
    try:
        with part.open("xb") as stream:
            yield stream
        part.replace(file)
    except OSError as error:
        reason = error.strerror or str(error)
        raise UsageError(
            f"cannot write {str(path)!r}: {reason.lower()}; free some space or choose another place"
        ) from None
    finally:
        part.unlink(missing_ok=True)


def _read_bytes(file: Path) -> bytes:
    name = repr(str(file))
    try:
        if file.is_dir():
            raise UsageError(f"{name} is a folder; give a picture file{_example_in(file)}")
        if not file.exists():
            raise UsageError(f"there is no file {name}{_nearest_name(file)}")
        if not file.is_file():
            raise UsageError(f"{name} is a device or a pipe; give a picture file")
        data = file.read_bytes()
    except OSError as error:
        raise UsageError(
            f"{name} cannot be read: {(error.strerror or str(error)).lower()}; check its permissions"
        ) from None
    if not data:
        raise UsageError(f"{name} is empty (0 bytes); copy or download it again")
    return data


def _example_in(folder: Path) -> str:
    names = sorted(f.name for f in folder.iterdir() if f.suffix.lower() in (*WRITABLE, ".gif", ".tif", ".tiff"))
    return f" such as {str(folder / names[0])!r}" if names else ""


def _nearest_name(file: Path) -> str:
    if not file.parent.is_dir():
        return f": there is no folder {str(file.parent)!r}"
    near = difflib.get_close_matches(file.name, [f.name for f in file.parent.iterdir()], n=1)
    return f"; did you mean {str(file.parent / near[0])!r}?" if near else "; check the path"


def _what_is(data: bytes) -> str:
    head = data[:512].lstrip()
    for mark, name in _FOREIGN:
        if mark in head[:64] or (mark.startswith(b"<") and mark in head):
            return name
    if all(byte >= 32 or byte in b"\t\r\n\f" for byte in head):
        return "a text file; give a PNG, JPEG, WebP, GIF, TIFF, BMP or AVIF file"
    return "another kind of file; give a PNG, JPEG, WebP, GIF, TIFF, BMP or AVIF file"


def _formats() -> list[str]:
    PIL.init()
    return [name for name in READABLE if name in PIL.OPEN]  # AVIF only where Pillow was built with it


def _too_large(file: Path, max_pixels: int) -> str:
    most = f"{max_pixels / 1e6:.0f} megapixels"
    return f"{str(file)!r} has more than {most}, the most that is read; scale it down first"


def _orientation(picture: PIL.Image) -> int:
    try:
        return int(picture.getexif().get(0x0112, 1))
    except (*_DECODING_ERRORS, KeyError):
        return 1  # metadata that cannot be read says nothing about the orientation


def _to_eight_bits(values: Array, mode: str) -> Array:
    """Scale one channel, (H, W) of more than 8 bits, to uint8."""
    top = float(values.max())
    full = 65535.0 if mode.startswith("I;") else next((f for f in (1.0, 255.0, 65535.0) if top <= f), top)
    if mode == "I" and full == 1.0:
        full = 255.0
    scaled: Array = np.clip(np.rint(values.astype(np.float32) * (255.0 / full)), 0, 255).astype(np.uint8)
    return scaled


def _to_srgb(picture: PIL.Image, note: Callable[[str], None]) -> PIL.Image:
    """Return the picture in mode RGB or RGBA, its colors converted from the ICC profile it carries."""
    clear = "transparency" in picture.info or picture.mode in ("LA", "PA", "La", "RGBA", "RGBa")
    profile = picture.info.get("icc_profile")
    if picture.mode in ("RGB", "L", "CMYK", "LAB") and not clear:
        return _through_profile(picture, profile, note)
    if not clear:
        return _through_profile(picture.convert("RGB"), profile, note)
    if picture.mode in ("La", "RGBa"):
        picture = picture.convert("LA" if picture.mode == "La" else "RGBA")
    straight = picture.convert("RGBA")
    colors = _through_profile(straight.convert("RGB"), profile, note)
    colors.putalpha(straight.getchannel("A"))
    return colors


def _through_profile(picture: PIL.Image, profile: bytes | None, note: Callable[[str], None]) -> PIL.Image:
    srgb = ImageCms.createProfile("sRGB")
    try:
        if picture.mode == "LAB":
            lab = ImageCms.createProfile("LAB")
            return _converted(picture, lab, srgb)
        if profile and len(profile) > 128:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            if not ImageCms.getProfileDescription(source).strip().lower().startswith("srgb"):
                return _converted(picture, source, srgb)
    except (ImageCms.PyCMSError, OSError, ValueError) as error:
        note(f"the color profile of the picture cannot be used ({error}); its colors are taken as sRGB")
    return picture.convert("RGB")


def _converted(picture: PIL.Image, source: Any, target: Any) -> PIL.Image:
    result = ImageCms.profileToProfile(picture, source, target, outputMode="RGB")
    return result if result is not None else picture


def _options(format: str, text: Mapping[str, str], quality: int) -> dict[str, Any]:
    if format == "JPEG":
        return {"quality": quality, "subsampling": 0}
    if format == "WEBP":
        return {"quality": quality}
    chunks = PngImagePlugin.PngInfo()
    for key, value in text.items():
        chunks.add_itxt(key, value)
    return {"pnginfo": chunks, "compress_level": 4}  # twice as quick as the default for 3 % more bytes
