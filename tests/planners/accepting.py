"""Ask llguidance whether a text is a sentence of a grammar: it is what the decoders themselves go by."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from llguidance import LLMatcher, LLTokenizer, TokenizerWrapper


class _Bytes:
    """A tokenizer with one token per byte, and one for the end."""

    eos_token_id = 256
    bos_token_id = None
    tokens = (*(bytes([i]) for i in range(256)), b"<end>")
    special_token_ids = (256,)

    def __call__(self, text: bytes | str) -> list[int]:
        return list(text if isinstance(text, bytes) else text.encode())


@cache
def _tokenizer() -> LLTokenizer:
    return LLTokenizer(TokenizerWrapper(_Bytes()))


def accepts(grammar: str, text: str) -> bool:
    """Whether `text` is a whole sentence of an llguidance grammar."""
    matcher = LLMatcher(_tokenizer(), grammar, log_level=0)
    assert not matcher.is_error(), matcher.get_error()
    return bool(matcher.validate_tokens([*text.encode(), 256]) == len(text.encode()) + 1)


def fits(schema: dict[str, Any], document: Any) -> bool:
    """Whether a document can be decoded under a JSON Schema; its keys must stand in the schema's order."""
    return accepts(LLMatcher.grammar_from_json_schema(schema), json.dumps(document, ensure_ascii=False))
