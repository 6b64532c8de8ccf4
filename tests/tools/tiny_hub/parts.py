"""What the checkpoints are put together from: tokenizers, common sizes, and weights that are not zero."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

WORDS = ("a", "photo", "of", "cat", "dog", "red", "circle", "blue", "square", "the", "what", "is", "this", "in")
VISION = {"hidden_size": 32, "intermediate_size": 37, "num_attention_heads": 4, "num_hidden_layers": 2}


def bert_tokenizer() -> Any:
    """A word list with the token ids that Grounding DINO has built in."""
    from transformers import BertTokenizerFast

    vocab = {f"[unused{i}]": i for i in range(1100)}
    fixed = {"[PAD]": 0, "[UNK]": 100, "[CLS]": 101, "[SEP]": 102, "[MASK]": 103, ".": 1012, "?": 1029}
    placed = {**fixed, **{word: 1030 + i for i, word in enumerate(WORDS)}}
    taken = set(placed.values())
    return BertTokenizerFast(vocab={**{name: i for name, i in vocab.items() if i not in taken}, **placed})


def byte_tokenizer(length: int = 77) -> Any:
    """CLIP's tokenizer over single bytes: no merges, so that a word is as many tokens as it has letters."""
    from transformers import CLIPTokenizer

    letters = [chr(i) for i in range(33, 127)]
    names = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    vocab = {name: i for i, name in enumerate(names)}
    return CLIPTokenizer(vocab=vocab, merges=[], model_max_length=length)


def clip_text(tokenizer: Any, **more: Any) -> dict[str, Any]:
    """Facts of a tiny CLIP text encoder."""
    ids = tokenizer.get_vocab()
    return {
        "vocab_size": len(ids),
        "hidden_size": 32,
        "intermediate_size": 37,
        "num_attention_heads": 4,
        "num_hidden_layers": 2,
        "max_position_embeddings": 77,
        "bos_token_id": ids["<|startoftext|>"],
        "eos_token_id": ids["<|endoftext|>"],
        "pad_token_id": ids["<|endoftext|>"],
        **more,
    }


def scattered(tensors: Mapping[str, Any]) -> dict[str, Any]:
    """Random numbers for every weight: what a library leaves at zero would hide where two networks differ.

    Boxes stay near their anchors, away from the edges, where the two Grounding DINOs cut off at different distances.
    """
    import torch

    random = torch.Generator().manual_seed(0)

    def drawn(name: str, tensor: Any) -> Any:
        if not tensor.is_floating_point():
            return tensor
        middle = 1.0 if tensor.dim() == 1 and name.endswith("weight") else 0.0  # the weights of norms
        return middle + torch.randn(tensor.shape, generator=random) * (0.02 if "bbox_embed" in name else 0.2)

    return {name: drawn(name, tensor) for name, tensor in tensors.items()}


def write(folder: Path, tensors: Mapping[str, Any]) -> None:
    from safetensors.torch import save_file

    folder.mkdir(exist_ok=True)
    copies = {name: tensor.clone().contiguous() for name, tensor in tensors.items()}
    save_file(copies, folder / "model.safetensors", {"format": "pt"})


def scatter(folder: Path) -> None:
    """Give the weights that lie in a folder random numbers."""
    from safetensors.torch import load_file

    write(folder, scattered(load_file(folder / "model.safetensors")))
