"""The sentence embedding in NumPy against the network's own implementation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from diptych.tools.errors import ToolError
from diptych.tools.text_embedding import MiniLm
from diptych.tools.weights import locate

PHRASES = ["a face", "the woman's face", "cat", "", "visage d'une femme 顔", "word " * 400]


@pytest.fixture(scope="module")
def embedder() -> MiniLm:
    return MiniLm.load("embedded:minilm")


def test_vectors_equal_those_of_transformers(embedder: MiniLm) -> None:
    import torch
    from transformers import AutoModel, AutoTokenizer

    folder = locate("embedded:minilm")
    tokenizer, network = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    for phrase, mine in zip(PHRASES, embedder.embed(PHRASES), strict=True):
        with torch.no_grad():
            inputs = tokenizer(phrase, return_tensors="pt", truncation=True, max_length=128)
            theirs = network(**inputs).last_hidden_state[0].mean(dim=0).numpy()
        np.testing.assert_allclose(mine.vector, theirs / np.linalg.norm(theirs), atol=1e-5)


def test_no_phrases_give_no_vectors(embedder: MiniLm) -> None:
    assert embedder.embed([]) == []


def test_near_means_alike(embedder: MiniLm) -> None:
    dog, puppy, car = (e.vector for e in embedder.embed(["dog", "puppy", "car"]))
    assert dog @ puppy > dog @ car


def test_another_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"config\.json is missing"):
        MiniLm.load(str(tmp_path))
