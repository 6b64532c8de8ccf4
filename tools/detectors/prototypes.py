"""Computes the vectors of the prototypes: `python -m diptych.tools.detectors.prototypes` after a change of the list."""

from __future__ import annotations

from ..text_embedding import MiniLm
from .routing import write_vectors

if __name__ == "__main__":
    write_vectors(MiniLm.load("embedded:minilm"))
