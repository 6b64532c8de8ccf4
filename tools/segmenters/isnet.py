"""The main subject, cut out by IS-Net (Qin et al., "Highly Accurate Dichotomous Image Segmentation", ECCV 2022)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from ..errors import ToolError
from ..model import Matter
from ..values import Image, Mask
from ..values.base import Array
from ..weights import locate
from .tidy import largest_part, tidy

_SIDE = 1024
"""Width and height of the network's input and output."""
_SPECK = 0.0005
"""Share of the image below which a part or a hole of the subject is noise."""
_LEAST = 0.003
"""Share of the image that the largest piece of a subject covers at least."""


class IsNet(Matter):
    """IS-Net through ONNX Runtime, on the CPU."""

    memory_mb: ClassVar[int] = 510

    def __init__(self, session: Any) -> None:
        self._session = session

    @classmethod
    def load(cls, source: str | Mapping[str, str], *, device: str = "cpu", dtype: str = "float32") -> Self:
        """Open `isnet.onnx` in the folder of `source`, or the ONNX file itself. Raises ToolError without one."""
        import onnxruntime

        path = Path(locate(str(source)))
        file = path / "isnet.onnx" if path.is_dir() else path
        options = onnxruntime.SessionOptions()
        # The arena would keep the peak of one call (0.8 GB) for the life of the process.
        options.enable_cpu_mem_arena = False
        try:
            return cls(onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"]))
        except Exception as error:
            if type(error).__module__.startswith("onnxruntime"):
                raise ToolError(
                    f"cannot open {file.name!r} as an ONNX model: {error}", hint="fetch the weights again"
                ) from error
            raise

    def matte(self, image: Image) -> Array:
        """Return float32 (H, W) in [0, 1]: how much of each pixel belongs to the subject, at native resolution."""
        import cv2

        small = cv2.resize(image.rgb, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
        batch = ((small.astype(np.float32) - 128) / 256).transpose(2, 0, 1)[None]  # (1, 3, 1024, 1024)
        (answer,) = self._session.run(["output"], {"input": batch})  # (1, 1, 1024, 1024)
        matte: Array = cv2.resize(answer[0, 0], image.size_wh, interpolation=cv2.INTER_LINEAR)
        return matte.clip(0, 1)

    def subject(self, image: Image) -> Mask:
        """Return the pixels with a matte above one half. Raises ToolError when no subject stands out."""
        selected = tidy(self.matte(image) > 0.5, _SPECK)
        if largest_part(selected) < _LEAST:
            raise ToolError(
                "no main subject stands out in the image", hint="name what to select, or give another image"
            )
        return Mask(selected)
