"""Reading and writing pictures: every mode and format, and one clear sentence for what cannot be read."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PIL
from PIL import ImageCms, ImageDraw

from diptych.tools.errors import UsageError
from diptych.tools.images import atomic_write, check_writable, load_image, save_image
from diptych.tools.values import Image
from tests.photos import photo, photo_path

RED, CLEAR = (200, 30, 40), (0, 0, 0, 0)


def saved(folder: Path, picture: PIL.Image, name: str = "a.png", **options: object) -> Path:
    path = folder / name
    picture.save(path, **options)
    return path


@pytest.mark.parametrize(
    ("mode", "color", "name", "expected"),
    [
        ("RGB", RED, "a.png", RED),
        ("RGBA", (*RED, 128), "a.png", (*RED, 128)),
        ("L", 77, "a.png", (77, 77, 77)),
        ("LA", (77, 10), "a.png", (77, 77, 77, 10)),
        ("1", 1, "a.png", (255, 255, 255)),
        ("CMYK", (0, 255, 255, 0), "a.tif", (255, 0, 0)),
        ("I;16", 0x8080, "a.png", (128, 128, 128)),
        ("I", 0x8080, "a.tif", (255, 255, 255)),
        ("F", 0.5, "a.tif", (255, 255, 255)),
        ("LAB", (255, 128, 128), "a.tif", (254, 255, 254)),
    ],
)
def test_every_mode_becomes_eight_bit_srgb(
    tmp_path: Path, mode: str, color: object, name: str, expected: tuple[int, ...]
) -> None:
    if mode == "F":
        picture = PIL.fromarray(np.array([[0.0, 1.0]], np.float32)).transpose(PIL.Transpose.FLIP_LEFT_RIGHT)
    elif mode == "I":
        picture = PIL.fromarray(np.array([[65535, 0]], np.int32))
    else:
        picture = PIL.new(mode, (2, 1), color)  # type: ignore[arg-type]
    assert tuple(load_image(saved(tmp_path, picture, name)).pixels[0, 0]) == expected


def test_sixteen_bits_are_scaled_not_clipped(tmp_path: Path) -> None:
    ramp = np.linspace(0, 65535, 256).astype(np.uint16)[None]
    assert load_image(saved(tmp_path, PIL.fromarray(ramp))).pixels[0, :, 0].tolist() == list(range(256))


def test_palette_with_transparency_keeps_the_hole(tmp_path: Path) -> None:
    picture = PIL.new("P", (2, 1))
    picture.putpalette([*RED, 0, 0, 255])
    picture.putpixel((1, 0), 1)
    image = load_image(saved(tmp_path, picture, transparency=1))
    assert tuple(image.pixels[0, 0]) == (*RED, 255)
    assert image.alpha is not None and image.alpha[0, 1] == 0


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path: Path, orientation: int) -> None:
    from PIL import ImageOps

    exif = PIL.Exif()
    exif[0x0112] = orientation
    picture = photo("cat").to_pil().crop((0, 0, 60, 40))
    path = saved(tmp_path, picture, exif=exif)
    with PIL.open(path) as stored:
        expected = np.asarray(ImageOps.exif_transpose(stored))
    assert np.array_equal(load_image(path).pixels, expected)


def test_icc_profile_is_converted_to_srgb(tmp_path: Path) -> None:
    swapped = _profile_with_red_and_green_swapped()
    image = load_image(saved(tmp_path, PIL.new("RGB", (2, 2), (255, 0, 0)), icc_profile=swapped))
    red, green, _ = image.pixels[0, 0]
    assert green > 200 and red < 60


def test_srgb_profile_changes_nothing(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    path = saved(tmp_path, photo("cat").to_pil(), icc_profile=profile)
    assert load_image(path) == photo("cat")


def test_broken_profile_is_left_out_and_said(tmp_path: Path) -> None:
    notes: list[str] = []
    path = saved(tmp_path, photo("cat").to_pil(), icc_profile=b"x" * 500)
    assert load_image(path, note=notes.append) == photo("cat")
    assert "color profile" in notes[0]


def test_first_frame_of_an_animation_with_a_note(tmp_path: Path) -> None:
    frames = [PIL.new("RGB", (8, 8), color) for color in ("red", "blue")]
    notes: list[str] = []
    image = load_image(saved(tmp_path, frames[0], "a.gif", save_all=True, append_images=frames[1:]), note=notes.append)
    assert tuple(image.rgb[0, 0]) == (255, 0, 0)
    assert "2 frames" in notes[0]


def test_forty_megapixels_stay_forty_megapixels(tmp_path: Path) -> None:
    path = saved(tmp_path, PIL.new("RGB", (8000, 5000), RED))
    assert load_image(path).size_wh == (8000, 5000)


def _png_header(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty (0 bytes)"),
        (b"hello there", "a text file"),
        (b"%PDF-1.7 \x00", "a PDF document"),
        (b"%!PS-Adobe-3.0 EPSF-3.0", "a PostScript file"),
        (b"<?xml version='1.0'?><svg xmlns='x'/>", "an SVG drawing"),
        (b"\0\0\0\x18ftypheic\0\0", "an HEIC photo"),
        (b"\0\0\0\x18ftypmp42\0\0", "a video"),
        (b"\x00\x01\x02" * 40, "another kind of file"),
        (photo_path("astronaut").read_bytes()[:9000], "damaged or incomplete"),
        (photo_path("china").read_bytes()[:9000], "damaged or incomplete"),
        (_png_header(20000, 10000), "more than 179 megapixels"),
        (_png_header(40000, 40000), "more than 179 megapixels"),
        (_png_header(0, 10), "damaged|not a picture|at least"),
    ],
)
def test_what_cannot_be_read_is_said_in_one_sentence(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(content)
    with pytest.raises(UsageError) as error:
        load_image(path)
    message = str(error.value)
    assert any(part in message for part in says.split("|")), message
    assert "a.png" in message and "\n" not in message


def test_missing_folder_and_misspelt(tmp_path: Path) -> None:
    saved(tmp_path, PIL.new("RGB", (2, 2)), "photo.png")
    for path, says in [
        (tmp_path, "photo.png"),
        (tmp_path / "phoot.png", "did you mean"),
        (tmp_path / "none" / "a.png", "no folder"),
        (tmp_path / "photo.png" / "a.png", "no f"),
        (Path("/dev/null"), "device"),
    ]:
        with pytest.raises(UsageError, match=says):
            load_image(path)


def test_a_smaller_limit_is_kept(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="more than 0"):
        load_image(saved(tmp_path, PIL.new("RGB", (100, 100))), max_pixels=9_999)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.JPEG", "a.webp"])
def test_save_and_load(tmp_path: Path, name: str) -> None:
    image = photo("cat")
    save_image(image, tmp_path / name)
    again = load_image(tmp_path / name)
    assert again.size_wh == image.size_wh
    assert np.abs(again.rgb.astype(int) - image.rgb).mean() < (0.01 if name == "a.png" else 4)
    assert [f.name for f in tmp_path.iterdir()] == [name]


def test_png_carries_text_and_jpeg_lays_alpha_on_white(tmp_path: Path) -> None:
    clear = Image(np.zeros((4, 4, 4), np.uint8))
    save_image(clear, tmp_path / "a.png", text={"diptych": '{"wish": "grün → 綠"}'})
    with PIL.open(tmp_path / "a.png") as stored:
        stored.load()
        assert stored.text["diptych"] == '{"wish": "grün → 綠"}'  # type: ignore[attr-defined]
    save_image(clear, tmp_path / "a.jpg")
    assert load_image(tmp_path / "a.jpg").rgb.min() == 255


def test_saving_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        save_image(photo("coffee"), tmp_path / name, text={"k": "v"})
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


@pytest.mark.parametrize(
    ("name", "says"),
    [("a.json", "use .png"), ("a", "no suffix"), ("none/a.png", "no folder"), ("folder.png", "is a folder")],
)
def test_a_place_that_cannot_be_written_is_known_before_the_work(tmp_path: Path, name: str, says: str) -> None:
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(UsageError, match=says):
        check_writable(tmp_path / name)


def test_a_broken_write_leaves_the_old_file_and_no_part(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt), atomic_write(path) as stream:
        stream.write(b"new")
        raise KeyboardInterrupt
    assert path.read_bytes() == b"old"
    assert [f.name for f in tmp_path.iterdir()] == ["a.png"]


def test_too_wide_for_webp(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"use \.png"):
        save_image(Image(np.zeros((1, 17000, 3), np.uint8)), tmp_path / "a.webp")


def test_from_pil_does_the_same() -> None:
    picture = ImageDraw.Draw(PIL.new("RGBA", (4, 4), CLEAR))
    picture.point((1, 1), fill=(*RED, 255))
    assert tuple(Image.from_pil(picture._image).pixels[1, 1]) == (*RED, 255)


def _profile_with_red_and_green_swapped() -> bytes:
    """Return an sRGB profile in which the red and green primaries have changed places, under another name."""
    data = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = data.replace(b"rXYZ", b"tmp0").replace(b"gXYZ", b"rXYZ").replace(b"tmp0", b"gXYZ")
    return swapped.replace("sRGB".encode("utf-16-be"), "Test".encode("utf-16-be"))
