"""Values as bytes: the safetensors format, written and read without copying the arrays.

The safetensors package gives the same bytes back, but takes ten times as long for the small values that most steps of
a graph give, and copies a large array three times.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from json.encoder import c_make_encoder, encode_basestring  # type: ignore[attr-defined]
from typing import Any

import numpy as np
from numpy.typing import NDArray

_NAMES = {"|u1": "U8", "|b1": "BOOL", "<i4": "I32", "<i8": "I64", "<f4": "F32", "<f8": "F64"}
_DTYPES = {name: np.dtype(dtype) for dtype, name in _NAMES.items()}
_MOST_HEADER = 100_000_000
_encoder = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"), check_circular=False)
# What `_encoder.encode` makes anew for every text, which takes longer than most texts; None where Python is not in C.
_chunks = c_make_encoder and c_make_encoder(
    None, _encoder.default, encode_basestring, None, ":", ",", _encoder.sort_keys, _encoder.skipkeys, _encoder.allow_nan
)


def dumps(facts: Mapping[str, Any]) -> str:
    """Return the one JSON text of these facts."""
    return "".join(_chunks(facts, 0)) if _chunks else _encoder.encode(facts)


def pack(arrays: Mapping[str, NDArray[Any]], kind: str, facts: Mapping[str, Any]) -> list[Any]:
    """Return the buffers whose concatenation is the file: a header, and the arrays themselves."""
    quoted = encode_basestring
    header = [f'{{"__metadata__":{{"facts":{quoted(dumps(facts))},"kind":{quoted(kind)}}}']
    if not arrays:
        return [_framed(f"{header[0]}}}")]
    buffers: list[Any] = []
    position = 0
    # Wide elements first, so that each array begins at a multiple of its own.
    for name, array in sorted(arrays.items(), key=lambda pair: (-pair[1].itemsize, pair[0])):
        flat = np.ascontiguousarray(array).reshape(-1)
        ends = [position, position := position + flat.nbytes]
        dtype, shape = _NAMES[array.dtype.str], list(array.shape)
        header.append(f'{quoted(name)}:{{"dtype":"{dtype}","shape":{shape},"data_offsets":{ends}}}')
        if flat.nbytes:
            buffers.append(flat.view(np.uint8).data)
    return [_framed(",".join(header) + "}"), *buffers]


def _framed(header: str) -> bytes:
    """Return a header with its length before it; what follows begins at a multiple of eight."""
    text = header.encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def unpack(data: bytes) -> tuple[dict[str, NDArray[Any]], str, dict[str, Any]]:
    """Return (arrays, kind, facts); the arrays are read-only views of `data`. Raises ValueError."""
    try:
        start = 8 + min(int.from_bytes(data[:8], "little"), _MOST_HEADER)
        header = json.loads(str(data[8:start], "utf-8"))
        metadata = header.pop("__metadata__")
        arrays = {name: _array(data, start, **entry) for name, entry in header.items()}
        return arrays, metadata["kind"], json.loads(metadata["facts"])
    except (AttributeError, KeyError, TypeError, RecursionError, ValueError) as error:
        raise ValueError(f"not a stored value: {error}") from error


def _array(data: bytes, start: int, dtype: str, shape: list[int], data_offsets: list[int]) -> NDArray[Any]:
    first, end = data_offsets
    kind = _DTYPES[dtype]
    if not 0 <= first <= end <= len(data) - start:
        raise ValueError(f"an array ends at {end}, the data at {len(data) - start}")
    return np.frombuffer(data, kind, (end - first) // kind.itemsize, start + first).reshape(shape)
