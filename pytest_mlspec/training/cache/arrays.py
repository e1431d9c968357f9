"""Arrays as .npy files, written and read without pickle."""

import io

import numpy as np
from numpy.lib import format as npy

__all__ = ["npy_head", "npy_pieces", "read_npy", "why_no_array"]


def why_no_array(name: str, value: object) -> str:
    """Say why something cannot be stored as an array without pickle; "" where it can."""
    if type(value) is not np.ndarray:
        return f"{name} is {type(value).__name__}, expected a plain NumPy array"
    if value.dtype.hasobject or value.dtype.kind == "T":
        return f"{name} has dtype={value.dtype}, which only pickle could store"
    return ""


def npy_head(dtype: np.dtype, shape: tuple[int, ...], *, in_columns: bool) -> np.ndarray:
    """The head of a .npy file, as one-dimensional array of bytes; its length is a multiple of 64."""
    buffer = io.BytesIO()
    says = {"descr": npy.dtype_to_descr(dtype), "fortran_order": in_columns, "shape": shape}
    try:
        npy.write_array_header_1_0(buffer, says)
    except ValueError:  # many named fields
        buffer = io.BytesIO()
        npy.write_array_header_2_0(buffer, says)
    return np.frombuffer(buffer.getvalue(), np.uint8)


def npy_pieces(values: np.ndarray) -> list[np.ndarray]:
    """The bytes of the .npy file of an array: head and numbers, the latter without a copy where they lie together."""
    in_columns = values.flags.f_contiguous and not values.flags.c_contiguous
    head = npy_head(values.dtype, values.shape, in_columns=in_columns)
    flat = np.ascontiguousarray(values.T if in_columns else values).reshape(-1)
    return [head, np.frombuffer(flat.data.cast("B") if flat.dtype.kind in "biufc" else flat.tobytes(), np.uint8)]


def read_npy(content: np.ndarray) -> np.ndarray:
    """The array of a .npy file whose bytes are known to be sound; it shares their memory.

    Raises:
        ValueError: the file is none, or holds objects.
    """
    head = io.BytesIO(content[: 1 << 16].tobytes())
    version = npy.read_magic(head)
    read_head = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, in_columns, dtype = read_head(head, max_header_size=1 << 16)
    if dtype.hasobject:
        raise ValueError("an array of objects cannot be read without pickle")
    values = content[head.tell() :].view(dtype) if dtype.itemsize else np.empty(int(np.prod(shape)), dtype)
    return values.reshape(shape, order="F" if in_columns else "C")
