"""From the adapter as it is trained (safetensors, names of transformers) to the form that llama.cpp loads."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from ..tools.errors import ToolError

NAMES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
"""Module of a Llama layer in transformers → its tensor in GGUF."""

HEADS = {"attn_q": 9, "attn_k": 3}
"""Attention heads of the base model: the projections whose rows llama.cpp stores in another order."""


def convert_adapter(source: Path, target: Path) -> None:
    """Write a LoRA of a Llama model, safetensors with rank and alpha in the header, as GGUF.

    Llama's rotary embedding pairs row i with row i + half of a head in transformers and neighbouring rows in
    llama.cpp, so the B matrices of the query and key projections are permuted. Atomic. Raises ToolError when
    `source` is not such an adapter.
    """
    from gguf import GGUFWriter
    from safetensors import safe_open

    target.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=target.parent, suffix=".gguf.part")
    os.close(handle)
    try:
        writer = GGUFWriter(temporary, "llama")
        with safe_open(source, framework="numpy") as tensors:
            facts = tensors.metadata()
            writer.add_type("adapter")
            writer.add_string("adapter.type", "lora")
            writer.add_float32("adapter.lora.alpha", float(facts["alpha"]))
            for name in tensors.keys():  # noqa: SIM118 - a safetensors handle is no mapping
                writer.add_tensor(*_renamed(name, tensors.get_tensor(name)))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        Path(temporary).replace(target)
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ToolError(f"the planning adapter {source.name} cannot be converted: {error}") from error
    finally:
        Path(temporary).unlink(missing_ok=True)


def _renamed(name: str, tensor: Any) -> tuple[str, Any]:
    """`layers.3.self_attn.q_proj.lora_B.weight` → (`blk.3.attn_q.weight.lora_b`, its rows in llama.cpp's order)."""
    _, layer, module, projection, side, _ = name.split(".")
    short = NAMES[f"{module}.{projection}"]
    if side == "lora_B" and short in HEADS:
        tensor = _permute(tensor, HEADS[short])
    return f"blk.{layer}.{short}.weight.{side.lower()}", np.ascontiguousarray(tensor)


def _permute(rows: Any, heads: int) -> Any:
    """Interleave the two halves of each head: (heads · 2 · half, R) → same shape."""
    half = rows.shape[0] // heads // 2
    return rows.reshape(heads, 2, half, -1).swapaxes(1, 2).reshape(rows.shape)
