"""Sentence embedding without torch: MiniLM's forward pass in NumPy.

The network is a BERT encoder (Devlin et al. 2019) with mean pooling over the words, as in
sentence-transformers/all-MiniLM-L6-v2. Six layers of width 384 need only matrix products, and leaving torch out
saves two seconds of import and some 300 MB in every cold run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from .errors import ToolError
from .model import TextEmbedder
from .values import Embedding
from .values.base import Array
from .weights import locate

MAX_TOKENS = 128
"""Longer phrases are cut, as in the training of the network."""
_MOST_AT_ONCE = 64
"""Phrases; what lies between the layers stays some ten megabytes."""


class MiniLm(TextEmbedder):
    """Sentence embedding by a small BERT."""

    memory_mb = 140

    def __init__(self, tokenizer: Any, tensors: Mapping[str, Array], heads: int, layers: int, epsilon: float) -> None:
        self._tokenizer = tokenizer
        self._tensors = tensors
        self._heads = heads
        self._layers = layers
        self._epsilon = epsilon

    @classmethod
    def load(cls, source: str | Mapping[str, str], *, device: str = "cpu", dtype: str = "float32") -> Self:
        """Load a folder with config.json, tokenizer.json and model.safetensors. Raises ToolError for others."""
        from safetensors.numpy import load_file
        from tokenizers import Tokenizer

        folder = Path(locate(source if isinstance(source, str) else source["words"]))
        try:
            config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
            tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
            tensors = load_file(folder / "model.safetensors")
        except FileNotFoundError as error:
            raise ToolError(f"no sentence embedding in {folder}: {error.filename} is missing") from error
        if config.get("model_type") != "bert":
            raise ToolError(f"{folder} holds a {config.get('model_type')!r} network; 'bert' is needed")
        tokenizer.no_padding()
        tokenizer.enable_truncation(MAX_TOKENS)
        layers, heads = config["num_hidden_layers"], config["num_attention_heads"]
        return cls(tokenizer, tensors, heads, layers, config["layer_norm_eps"])

    def embed(self, phrases: Sequence[str]) -> list[Embedding]:
        """Return one unit vector per phrase, in their order; near vectors mean alike.

        Phrases of one length go through the network together: for a few words, reading its weights is most of the work.
        """
        ids = [self._tokenizer.encode(phrase).ids for phrase in phrases]
        places: dict[int, list[int]] = {}
        for place, tokens in enumerate(ids):
            places.setdefault(len(tokens), []).append(place)
        found: dict[int, Embedding] = {}
        for alike in places.values():
            for start in range(0, len(alike), _MOST_AT_ONCE):
                chunk = alike[start : start + _MOST_AT_ONCE]
                vectors = self._vectors(np.array([ids[place] for place in chunk]))
                found |= zip(chunk, map(Embedding, vectors), strict=True)
        return [found[place] for place in range(len(ids))]

    def _vectors(self, ids: Array) -> Array:
        """Return unit vectors (B, D) for token ids (B, T)."""
        table = self._tensors["embeddings.word_embeddings.weight"][ids]  # (B, T, D)
        table = table + self._tensors["embeddings.position_embeddings.weight"][: ids.shape[1]]
        table = table + self._tensors["embeddings.token_type_embeddings.weight"][0]
        states = self._norm(table, "embeddings.LayerNorm")
        for layer in range(self._layers):
            states = self._block(states, f"encoder.layer.{layer}")
        mean = states.mean(axis=1)  # (B, D)
        return np.asarray(mean / np.linalg.norm(mean, axis=-1, keepdims=True))

    def _block(self, states: Array, name: str) -> Array:
        """One encoder layer: attention, then a two-layer network, each added and normalised. (B, T, D) → (B, T, D)."""
        attended = self._dense(self._attend(states, f"{name}.attention.self"), f"{name}.attention.output.dense")
        states = self._norm(states + attended, f"{name}.attention.output.LayerNorm")
        widened = _gelu(self._dense(states, f"{name}.intermediate.dense"))
        return self._norm(states + self._dense(widened, f"{name}.output.dense"), f"{name}.output.LayerNorm")

    def _attend(self, states: Array, name: str) -> Array:
        count, length, width = states.shape
        parts = [self._dense(states, f"{name}.{part}") for part in ("query", "key", "value")]
        query, key, value = (p.reshape(count, length, self._heads, -1).swapaxes(1, 2) for p in parts)  # (B, H, T, D/H)
        scores = query @ key.swapaxes(2, 3) / np.sqrt(width // self._heads, dtype=np.float32)  # (B, H, T, T)
        weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
        weights /= weights.sum(axis=-1, keepdims=True)
        return np.asarray((weights @ value).swapaxes(1, 2).reshape(count, length, width))

    def _dense(self, states: Array, name: str) -> Array:
        flat = states.reshape(-1, states.shape[-1])  # one product, not one per phrase
        dense = flat @ self._tensors[f"{name}.weight"].T + self._tensors[f"{name}.bias"]
        return np.asarray(dense.reshape(*states.shape[:-1], -1))

    def _norm(self, states: Array, name: str) -> Array:
        centered = states - states.mean(axis=-1, keepdims=True)
        scaled = centered / np.sqrt(centered.var(axis=-1, keepdims=True) + np.float32(self._epsilon))
        return np.asarray(scaled * self._tensors[f"{name}.weight"] + self._tensors[f"{name}.bias"])


def _gelu(x: Array) -> Array:
    """Gaussian error linear unit; erf by Abramowitz and Stegun 7.1.26, off by less than 2e-7."""
    z = np.abs(x) * np.float32(np.sqrt(0.5))
    t = 1 / (1 + np.float32(0.3275911) * z)
    powers = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
    erf = np.sign(x) * (1 - powers * np.exp(-z * z))
    return np.asarray(0.5 * x * (1 + erf), np.float32)
