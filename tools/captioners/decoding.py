"""Words from a network, one token after the other: progress, cancel, and a stop at NaN."""

from __future__ import annotations

from typing import Any

from ..errors import ToolError
from ..hub import checked
from ..progress import tick


def generated(model: Any, inputs: Any, *, most: int) -> Any:
    """Return token ids (B, T) by greedy decoding, so that the same image and words give the same answer.

    At most `most` new tokens. Each token is a tick; Cancelled passes through. Raises ToolError for NaN.
    """
    import torch
    from transformers import LogitsProcessorList, StoppingCriteriaList

    done = 0

    def on_logits(ids: Any, logits: Any) -> Any:
        return checked(logits, "the language model")

    def on_token(ids: Any, logits: Any, **_: Any) -> Any:
        nonlocal done
        done += 1
        tick(min(done, most), most)
        return torch.zeros(len(ids), dtype=torch.bool, device=ids.device)

    with torch.inference_mode():
        return model.generate(
            **inputs,
            do_sample=False,
            num_beams=1,
            max_new_tokens=most,
            logits_processor=LogitsProcessorList([on_logits]),
            stopping_criteria=StoppingCriteriaList([on_token]),
        )


def said(text: str, what: str) -> str:
    """Return `text` without space around it. Raises ToolError when nothing is left."""
    words = text.strip()
    if not words:
        raise ToolError(f"the {what} said nothing", hint="ask in other words, or use a larger model")
    return words
