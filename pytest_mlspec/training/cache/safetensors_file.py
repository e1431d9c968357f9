"""The safetensors format, read and written without torch: named tensors, back to back, behind a JSON header."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["DTYPES", "RawTensor", "read_tensors", "tensor_file"]

DTYPES = {
    "float64": ("F64", 8),
    "float32": ("F32", 4),
    "float16": ("F16", 2),
    "bfloat16": ("BF16", 2),
    "int64": ("I64", 8),
    "int32": ("I32", 4),
    "int16": ("I16", 2),
    "int8": ("I8", 1),
    "uint8": ("U8", 1),
    "bool": ("BOOL", 1),
}
"""torch's name of a type -> its name in the file and its bytes."""
_NAMES = {code: name for name, (code, _) in DTYPES.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class RawTensor:
    """A tensor: `data` are its bytes row by row, one-dimensional, `dtype` is torch's name of its type."""

    dtype: str
    shape: tuple[int, ...]
    data: np.ndarray


def tensor_file(stacks: Mapping[str, Sequence[RawTensor]]) -> list[np.ndarray]:
    """Lay out a file in which every name holds its tensors stacked, of shape (members, ...).

    Args:
        stacks: the tensors of each name, member by member, all of one type and shape.

    Returns:
        The bytes of the file in pieces.

    Source:
        https://github.com/huggingface/safetensors, section "Format".
    """
    ordered = sorted(stacks.items(), key=lambda item: -DTYPES[item[1][0].dtype][1])  # each tensor on its own boundary
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    pieces: list[np.ndarray] = []
    at = 0
    for name, tensors in ordered:
        first = tensors[0]
        size = sum(len(tensor.data) for tensor in tensors)
        header[name] = {
            "dtype": DTYPES[first.dtype][0],
            "shape": [len(tensors), *first.shape],
            "data_offsets": [at, at + size],
        }
        pieces += [tensor.data for tensor in tensors]
        at += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return [np.frombuffer(len(text).to_bytes(8, "little") + text, np.uint8), *pieces]


def read_tensors(content: np.ndarray) -> dict[str, list[RawTensor]]:
    """Read a file of stacked tensors, whose bytes are known to be sound.

    Args:
        content: the file as a one-dimensional array of bytes.

    Returns:
        The tensors of each name, member by member; they share the memory of `content`.
    """
    length = int.from_bytes(content[:8].tobytes(), "little")
    header = json.loads(content[8 : 8 + length].tobytes())
    header.pop("__metadata__", None)
    data = content[8 + length :]
    return {name: _unstacked(data, entry) for name, entry in header.items()}


def _unstacked(data: np.ndarray, entry: Mapping[str, Any]) -> list[RawTensor]:
    n_members, *shape = entry["shape"]
    start, end = entry["data_offsets"]
    dtype, size = _NAMES[entry["dtype"]], (end - start) // n_members
    cuts = (start + number * size for number in range(n_members))
    return [RawTensor(dtype=dtype, shape=tuple(shape), data=data[at : at + size]) for at in cuts]
