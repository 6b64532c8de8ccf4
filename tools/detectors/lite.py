"""TFLite networks and the anchor decoding that MediaPipe's detectors share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ToolError
from ..values.base import Array


class Network:
    """One TFLite network, for any number of threads: an interpreter holds the state of a call, so each has its own."""

    def __init__(self, path: Path) -> None:
        """Raises ToolError when the file is missing or not a network."""
        self._path = path
        interpreter = _interpreter(path)
        self._idle = [interpreter]
        """As many as there ever were calls at once."""
        self._input = interpreter.get_input_details()[0]
        self._outputs = [detail["index"] for detail in interpreter.get_output_details()]
        self.side = int(self._input["shape"][1])
        """Height and width of the square input, in pixels."""

    def __call__(self, pixels: Array) -> list[Array]:
        """Run float32 (S, S, 3) pixels through; returns every output without its batch axis."""
        try:
            interpreter = self._idle.pop()
        except IndexError:
            interpreter = _interpreter(self._path)
        interpreter.set_tensor(self._input["index"], pixels[None].astype(np.float32))
        interpreter.invoke()
        outputs = [interpreter.get_tensor(index)[0] for index in self._outputs]
        self._idle.append(interpreter)
        return outputs


def _interpreter(path: Path) -> Any:
    from ai_edge_litert.interpreter import Interpreter

    try:
        interpreter = Interpreter(str(path), num_threads=1)
    except (ValueError, RuntimeError) as error:
        raise ToolError(f"{path} is not a TFLite network: {error}") from error
    interpreter.allocate_tensors()
    return interpreter


@dataclass(frozen=True)
class Candidates:
    """What an anchor detector saw in one square: N boxes with points and scores, relative to the square."""

    xyxy: Array
    """float32 (N, 4) in [0, 1] of the square's side."""
    points: Array
    """float32 (N, K, 2)."""
    scores: Array
    """float32 (N,) in [0, 1]."""


@cache
def anchors(side: int, layers: tuple[tuple[int, int], ...]) -> Array:
    """Return anchor centers, float32 (N, 2) in [0, 1]; `layers` holds (stride in pixels, anchors per cell)."""
    rows = []
    for stride, count in layers:
        cells = side // stride
        line = (np.arange(cells, dtype=np.float32) + 0.5) / cells
        grid = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
        rows.append(np.repeat(grid, count, axis=0))
    return np.concatenate(rows)


def decode(outputs: Sequence[Array], centers: Array, side: int, threshold: float) -> Candidates:
    """Turn a detector's two outputs, offsets (A, 4 + 2K) and logits (A, 1) in any order, into candidates."""
    offsets, logits = sorted(outputs, key=lambda array: -array.shape[1])
    scores = 1 / (1 + np.exp(-np.clip(logits[:, 0], -80, 80)))
    kept = scores >= threshold
    values = offsets[kept].reshape(-1, offsets.shape[1] // 2, 2) / side
    middle = values[:, 0] + centers[kept]
    half = values[:, 1] / 2
    points = values[:, 2:] + centers[kept, None]
    return Candidates(np.concatenate([middle - half, middle + half], axis=1), points, scores[kept])
