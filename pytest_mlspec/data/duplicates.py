"""Rows that are equal by content in two data sets: every row becomes one 64-bit number that can be compared."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from pytest_mlspec.data.forms import (
    Features,
    IntArray,
    Vector,
    count_rows,
    frame_column,
    frame_columns,
    is_frame,
    is_series,
    is_sparse,
    is_tensor,
)
from pytest_mlspec.data.targets import as_vector

_BLOCK_BYTES = 1 << 24


def row_hashes(X: Features, y: Vector | None) -> IntArray:
    """One number per row such that rows equal in features and target share it, whatever form the features have.

    Numbers are compared as float64 (0.0 equals -0.0, NaN equals NaN), everything else by its text. The numbers hold
    within one process only. Unequal rows share a number by chance with probability 2**-64 a pair.
    """
    target = np.empty((count_rows(X), 0), dtype=np.int64) if y is None else _bits(y)[:, None]
    blocks = [_hash_block(np.hstack([block, target[start : start + len(block)]])) for start, block in blocks_of(X)]
    return np.concatenate(blocks) if blocks else np.empty(0, dtype=np.int64)


def _hash_block(bits: IntArray) -> IntArray:
    if bits.shape[1] == 0:
        return np.zeros(len(bits), dtype=np.int64)
    rows = np.ascontiguousarray(bits).view(np.dtype((np.void, bits.shape[1] * 8))).reshape(-1)
    return np.fromiter(map(hash, rows.tolist()), dtype=np.int64, count=len(rows))


def blocks_of(X: Features, *, bits: Callable[[Vector], IntArray] | None = None) -> Iterator[tuple[int, IntArray]]:
    """Blocks of rows as int64 of shape (rows, entries), small enough to leave peak memory alone.

    ``bits`` makes 64 bits of every entry; by default some that hold within one process only.
    """
    bits = bits or _bits
    n_rows = count_rows(X)
    if is_frame(X):
        columns = [bits(as_vector(frame_column(X, key), text)) for text, key in frame_columns(X).items()]
        yield 0, np.column_stack(columns) if columns else np.zeros((n_rows, 0), dtype=np.int64)
        return
    if is_series(X):
        X = as_vector(X, "X")
    width = max(int(np.prod(X.shape[1:], dtype=np.int64)), 1)
    step = max(_BLOCK_BYTES // (8 * width), 1)
    for start in range(0, n_rows, step):
        block = _as_array(X[start : start + step])
        yield start, bits(block).reshape(len(block), -1)


def _as_array(block: Features) -> Vector:
    if is_sparse(block):
        dense: Vector = block.toarray()
        return dense
    if is_tensor(block):
        tensor: Vector = block.detach().cpu().double().numpy()
        return tensor
    return np.asarray(block)


def _bits(values: Vector) -> IntArray:
    """Every entry as 64 bits, of the same shape."""
    if values.dtype.kind in "biuf":
        numbers = values.astype(np.float64) + 0.0  # -0.0 + 0.0 is 0.0
        numbers[np.isnan(numbers)] = np.nan  # one NaN, whatever its payload
        return numbers.view(np.int64)
    entries = values.reshape(-1).tolist()
    hashes = [hash(entry) if type(entry) is str else hash(repr(entry)) for entry in entries]
    return np.asarray(hashes, dtype=np.int64).reshape(values.shape)
