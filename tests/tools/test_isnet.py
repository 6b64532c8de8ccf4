"""The main subject of real photos."""

import numpy as np
import pytest

from diptych.tools.errors import ToolError
from diptych.tools.segmenters.isnet import IsNet
from diptych.tools.segmenters.segment import subject
from diptych.tools.values import Image
from tests.photos import photo


@pytest.fixture(scope="module")
def isnet() -> IsNet:
    return IsNet.load("embedded:isnet")


@pytest.mark.parametrize(
    "name, inside, outside, share",
    [
        ("astronaut", [(225, 130), (200, 300)], [(60, 30), (400, 60)], (0.45, 0.62)),
        ("flower", [(270, 220)], [(20, 20), (600, 60)], (0.18, 0.26)),
    ],
)
def test_subject(isnet: IsNet, name: str, inside, outside, share) -> None:  # type: ignore[no-untyped-def]
    image = photo(name)
    mask = subject(image, matter=isnet)
    assert mask.size_wh == image.size_wh
    assert share[0] < mask.share < share[1]
    assert all(mask.selected[y, x] for x, y in inside)
    assert not any(mask.selected[y, x] for x, y in outside)


def test_matte_is_soft_and_at_native_resolution(isnet: IsNet) -> None:
    matte = isnet.matte(photo("cat"))
    assert matte.shape == (300, 451) and matte.dtype == np.float32
    assert matte.min() >= 0 and matte.max() <= 1 and ((matte > 0.1) & (matte < 0.9)).any()


@pytest.mark.parametrize("shape", [(1, 1, 3), (90, 120, 4)])
def test_nothing_stands_out(isnet: IsNet, shape: tuple[int, ...]) -> None:
    with pytest.raises(ToolError, match="no main subject"):
        isnet.subject(Image(np.full(shape, 128, np.uint8)))


def test_a_file_that_is_no_model(tmp_path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "isnet.onnx").write_bytes(b"not a model")
    with pytest.raises(ToolError, match=r"isnet\.onnx"):
        IsNet.load(str(tmp_path))
