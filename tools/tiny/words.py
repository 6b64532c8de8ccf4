"""The closed vocabulary of the tiny family, and the tokenizers that read it."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from .scenes import COLORS, SHAPES
from .sentences import NUMBERS, plural

_PLAIN = (
    "a an the and of to on in is are there it its this that with next at "
    "left right above below over under "
    "photo picture image drawing close up shows object objects thing things shape shapes color background "
    "what how many which where yes no one not nothing both "
    "make draw put add remove replace change turn into by small large big plain gray"
)
_MARKS = (".", ",", "?", "-", "'", "!", ":")
_TOKEN = re.compile(r"[a-z]+|[^\sa-z]")
_LAST = 1100
"""Size of the word list for BERT-like models."""


@cache
def vocabulary() -> tuple[str, ...]:
    """Return every word that the family knows, each once, then the marks."""
    words = (*_PLAIN.split(), *NUMBERS, *COLORS, *SHAPES, *map(plural, SHAPES))
    return (*dict.fromkeys(words), *_MARKS)


def unknown_words(text: str) -> tuple[str, ...]:
    """Return the words and marks of `text` that the family does not know, in order, each once."""
    known = set(vocabulary())
    return tuple(dict.fromkeys(token for token in _TOKEN.findall(text.lower()) if token not in known))


def bert_tokenizer(length: int = 32) -> Any:
    """Return a BertTokenizerFast in which every word of the family is one token; others are [UNK].

    Grounding DINO has the ids 101, 102, 1012 and 1029 of `[CLS] [SEP] . ?` built in: they stand there.
    """
    from transformers import BertTokenizerFast

    fixed = {"[PAD]": 0, "[UNK]": 100, "[CLS]": 101, "[SEP]": 102, "[MASK]": 103, ".": 1012, "?": 1029}
    free = (i for i in range(1, _LAST) if i not in fixed.values())
    placed = fixed | {word: next(free) for word in vocabulary() if word not in fixed}
    unused = {f"[unused{i}]": i for i in range(_LAST) if i not in placed.values()}
    return BertTokenizerFast(vocab={**unused, **placed}, model_max_length=length)


def clip_tokenizer(length: int = 32) -> Any:
    """Return a CLIPTokenizer in which every word of the family is one token; others fall into pieces."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers import CLIPTokenizer

    letters = [chr(i) for i in range(33, 127)]
    raw = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    raw.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    trainer = trainers.BpeTrainer(
        vocab_size=10_000,
        min_frequency=1,
        show_progress=False,
        initial_alphabet=letters,
        end_of_word_suffix="</w>",
    )
    raw.train_from_iterator(vocabulary(), trainer)
    import json

    merges = [tuple(pair) for pair in json.loads(raw.to_str())["model"]["merges"]]
    names = [*letters, *(f"{letter}</w>" for letter in letters), *("".join(pair) for pair in merges)]
    names = [*dict.fromkeys(names), "<|startoftext|>", "<|endoftext|>"]
    return CLIPTokenizer(vocab={name: i for i, name in enumerate(names)}, merges=merges, model_max_length=length)
