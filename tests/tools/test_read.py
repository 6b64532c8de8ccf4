"""Reading words, codes and colors."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image as PIL
from PIL import ImageDraw, ImageFont

from diptych.tools.captioners.describe import caption, dominant_colors, read, read_code
from diptych.tools.captioners.facts import FactCaptioner
from diptych.tools.captioners.rapid_ocr import RapidOcr
from diptych.tools.detectors.detect import find_text
from diptych.tools.profiles import load_profile
from diptych.tools.values import Image
from tests.photos import photo
from tests.tools.test_detect import qr


@pytest.fixture(scope="module")
def reader() -> RapidOcr:
    return RapidOcr.load()


def sign() -> Image:
    picture = PIL.new("RGB", (640, 240), "white")
    draw = ImageDraw.Draw(picture)
    draw.text((30, 30), "OPEN DAILY", fill="black", font=ImageFont.load_default(56))
    draw.text((30, 140), "closed on Monday", fill="black", font=ImageFont.load_default(56))
    return Image.from_pil(picture)


def test_text_is_read_in_order(reader: RapidOcr) -> None:
    assert read(sign(), reader=reader).text == "OPEN DAILY\nclosed on Monday"
    assert read(photo("page"), reader=reader).text.startswith("Region-based segmentation\nLet us first determine")
    assert "HOPPER" in read(photo("grace_hopper"), reader=reader).text


@pytest.mark.parametrize("name", ["coffee", "rocket", "cat"])
def test_no_text_reads_as_nothing(reader: RapidOcr, name: str) -> None:
    assert read(photo(name), reader=reader).text == ""


def test_masks_cover_all_ink(reader: RapidOcr) -> None:
    image = sign()
    lines = reader.read(image)
    assert lines.masks is not None
    covered = np.where(np.any(lines.masks, axis=0)[..., None], 255, image.rgb)
    assert covered.min() == 255


def test_reading_prints_nothing(reader: RapidOcr, capfd: pytest.CaptureFixture[str]) -> None:
    RapidOcr.load().read(Image(np.zeros((20, 20, 3), np.uint8)))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("words", "labels"),
    [
        ("monday", ("Monday",)),
        ("Open", ("OPEN",)),
        ("mondoy", ("Monday",)),
        ("zebra", ()),
        ("closed on", ("closed on",)),
    ],
)
def test_find_text(reader: RapidOcr, words: str, labels: tuple[str, ...]) -> None:
    found = find_text(sign(), words, reader=reader)
    assert found.labels == labels
    assert found.query == words


def test_the_box_holds_the_found_words_only(reader: RapidOcr) -> None:
    (box,) = find_text(sign(), "Monday", reader=reader).xyxy
    columns = np.flatnonzero(np.any(sign().rgb[130:] < 128, axis=(0, 2)))
    assert box[2] >= columns.max()
    start = 30 + ImageFont.load_default(56).getlength("closed on ")
    assert start - 25 < box[0] <= start


def test_codes_are_read() -> None:
    assert read_code(Image(qr("hello"))).text == "hello"
    assert read_code(photo("coffee")).text == ""


def test_dominant_colors() -> None:
    pixels = np.zeros((40, 40, 4), np.uint8)
    pixels[:, :30] = (255, 0, 0, 255)
    pixels[:, 30:] = (0, 0, 255, 255)
    pixels[:10] = (0, 255, 0, 0)
    assert dominant_colors(Image(pixels)).scores == pytest.approx({"red": 0.75, "blue": 0.25})
    assert len(dominant_colors(photo("coffee"), 3).scores) == 3


def test_a_caption_says_what_was_found() -> None:
    binding = load_profile("embedded").bindings["captioner"]
    said = caption(photo("grace_hopper"), captioner=FactCaptioner.load(binding.source)).text
    assert "1 person, 1 face" in said and "HOPPER" in said and "portrait" in said


@pytest.mark.parametrize("bar", [2, 4, 6])
def test_bar_codes_are_read(bar: int) -> None:
    """An EAN-13 drawn from its definition: three groups of bars, the first digit coded in their parity."""
    left = [
        "0001101",
        "0011001",
        "0010011",
        "0111101",
        "0100011",
        "0110001",
        "0101111",
        "0111011",
        "0110111",
        "0001011",
    ]
    flip = str.maketrans("01", "10")
    digits = [int(digit) for digit in "4006381333931"]
    sets = "LGLLGG"  # The parity that stands for a leading 4.
    coded = [left[d] if s == "L" else left[d].translate(flip)[::-1] for s, d in zip(sets, digits[1:7], strict=True)]
    bars = "101" + "".join(coded) + "01010" + "".join(left[d].translate(flip) for d in digits[7:]) + "101"
    row = np.repeat(np.array([0 if bar == "1" else 255 for bar in bars], np.uint8), bar)
    pixels = np.full((300, len(row) + 120, 3), 255, np.uint8)
    pixels[60:240, 60 : 60 + len(row)] = row[None, :, None]
    assert read_code(Image(pixels)).text == "4006381333931"
