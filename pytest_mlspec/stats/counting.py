"""Counts and sums per group: one pass over the cases, whatever the number of groups."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from pytest_mlspec.stats.bounds import FloatArray, IntArray

Rows = TypeVar("Rows", bound=np.generic)

# Two cases at a time: a byte holds group and hit, two bytes make one number, so half as many numbers are counted. The
# buffers of a block stay in the second-level cache.
_BLOCK = 1 << 16
_GROUPS_IN_A_BYTE = 128


def group_counts(
    codes: npt.NDArray[np.integer], hits: npt.NDArray[np.integer] | npt.NDArray[np.bool_], n_groups: int
) -> tuple[IntArray, IntArray]:
    """Successes per member and group, and cases per group.

    Args:
        codes: (examples,), group of each case, 0 to ``n_groups - 1``; uint8 with up to 128 groups is the fast form.
        hits: (members, examples) or (examples,), 0 / 1 or bool; uint8 or bool is the fast form.
        n_groups: number of groups, empty ones included, at least 1.

    Returns:
        Successes (members, groups) and cases (groups,), as integers.

    Raises:
        ValueError: codes outside 0 to ``n_groups - 1``, hits other than 0 and 1, or lengths that differ.
    """
    codes, rows = _checked(codes, hits, n_groups)
    if rows.dtype.kind not in "biu":
        raise ValueError(
            f"expected hits of 0 and 1 as integers or bool, got dtype={rows.dtype}; sum others by group_sums"
        )
    if rows.dtype == np.bool_:
        rows = rows.view(np.uint8)
    elif rows.size and (rows.min() < 0 or rows.max() > 1):
        raise ValueError(f"expected hits of 0 and 1, got values from {rows.min()} to {rows.max()}")
    if codes.dtype == np.uint8 and rows.dtype == np.uint8 and n_groups <= _GROUPS_IN_A_BYTE:
        tables = np.stack([_pair_table(codes.view(np.uint8), row.view(np.uint8), n_groups) for row in rows])
        return tables[:, :, 1], tables[0].sum(axis=1)
    sizes = np.bincount(codes, minlength=n_groups).astype(np.int64)
    sums = [np.bincount(codes, weights=row, minlength=n_groups) for row in rows]
    return np.rint(np.stack(sums)).astype(np.int64), sizes


def group_sums(
    codes: npt.NDArray[np.integer], values: npt.NDArray[np.floating], n_groups: int
) -> tuple[FloatArray, IntArray]:
    """Sums of real values per member and group, and cases per group.

    Args:
        codes: (examples,), group of each case, 0 to ``n_groups - 1``.
        values: (members, examples) or (examples,), any real values.
        n_groups: number of groups, empty ones included, at least 1.

    Returns:
        Sums (members, groups), in the unit of the values, and cases (groups,).

    Raises:
        ValueError: codes outside 0 to ``n_groups - 1``, or lengths that differ.
    """
    codes, rows = _checked(codes, values, n_groups)
    sums = [np.bincount(codes, weights=row, minlength=n_groups) for row in rows]
    return np.stack(sums), np.bincount(codes, minlength=n_groups).astype(np.int64)


def _pair_table(codes: npt.NDArray[np.uint8], hits: npt.NDArray[np.uint8], n_groups: int) -> IntArray:
    """(groups, 2): cases that fail and cases that succeed, of one member."""
    n_symbols = 2 * n_groups
    counts = np.zeros(n_symbols * n_symbols, dtype=np.int64)
    symbols = np.empty(_BLOCK, dtype=np.uint8)
    shift = np.empty(_BLOCK // 2, dtype=np.uint16)
    index = np.empty(_BLOCK // 2, dtype=np.intp)
    even = len(codes) - len(codes) % 2
    for start in range(0, even, _BLOCK):
        stop = min(start + _BLOCK, even)
        n_pairs = (stop - start) // 2
        block, moved, pairs = symbols[: stop - start], shift[:n_pairs], index[:n_pairs]
        np.add(codes[start:stop], codes[start:stop], out=block)
        np.add(block, hits[start:stop], out=block)
        # From 256 high + low to n_symbols high + low: a dense table, whose rows do not fight for the same cache lines.
        both = block.view(np.uint16)
        np.right_shift(both, 8, out=moved)
        np.multiply(moved, np.uint16(256 - n_symbols), out=moved)
        np.subtract(both, moved, out=moved)
        pairs[...] = moved
        counts += np.bincount(pairs, minlength=len(counts))
    square = counts.reshape(n_symbols, n_symbols)
    table = square.sum(axis=0) + square.sum(axis=1)
    if even < len(codes):
        table[2 * int(codes[-1]) + int(hits[-1])] += 1
    return np.asarray(table.reshape(n_groups, 2), dtype=np.int64)


def _checked(
    codes: npt.NDArray[np.integer], rows: npt.NDArray[Rows], n_groups: int
) -> tuple[npt.NDArray[np.integer], npt.NDArray[Rows]]:
    rows = np.atleast_2d(rows)
    if codes.ndim != 1 or rows.ndim != 2 or rows.shape[1] != len(codes):
        raise ValueError(
            f"expected codes (examples,) and rows (members, examples), got shapes {codes.shape} and {rows.shape}"
        )
    if n_groups < 1 or (len(codes) and (codes.min() < 0 or codes.max() >= n_groups)):
        extent = f"codes from {codes.min()} to {codes.max()}" if len(codes) else "no codes"
        raise ValueError(f"expected codes in 0 to n_groups - 1, got {extent} with n_groups={n_groups}")
    return codes, rows
