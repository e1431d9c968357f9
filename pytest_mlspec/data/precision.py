"""Features in single precision: whether it holds them, and what becomes of them in it."""

from __future__ import annotations

import sys

import numpy as np

from pytest_mlspec.data.duplicates import row_hashes
from pytest_mlspec.data.forms import Features, Vector, frame_column, frame_columns, is_frame, is_sparse, is_tensor

_FIRST = 64
"""So many rows are looked at before all of them: what needs double precision mostly shows at once."""


def fits_single(X: Features) -> bool:
    """Whether float32 holds every number; text, dates and the like are no numbers."""
    if is_frame(X):
        return all(_fits(frame_column(X, key)) for key in frame_columns(X).values())
    if is_sparse(X):
        return _fits(X.data)
    if is_tensor(X):
        short = X.element_size() < 4 or X.dtype == sys.modules["torch"].float32
        return bool(short) or _fits(X.detach().cpu().numpy())
    return _fits(np.asarray(X))


def _fits(numbers: Vector) -> bool:
    if numbers.dtype.kind not in "iuf" or np.can_cast(numbers.dtype, np.float32):
        return True
    return _unchanged(numbers[:_FIRST]) and _unchanged(numbers)


def _unchanged(numbers: Vector) -> bool:
    with np.errstate(over="ignore"):  # too large is infinite, and so another number
        same = numbers.astype(np.float32) == numbers
    return bool(same.all() or np.isnan(numbers[~same]).all())


def only_rounded(first: Features, second: Features) -> bool:
    """Whether as many rows differ in nothing but that one side was put into single precision."""
    if fits_single(first) == fits_single(second):
        return False
    return bool(np.array_equal(row_hashes(in_single(first), None), row_hashes(in_single(second), None)))


def in_single(X: Features) -> Features:
    """The features with every number as a float32, in their form; what is no number stays."""
    if is_frame(X):
        import narwhals.stable.v1 as nw
        from narwhals.stable.v1 import selectors

        return nw.from_native(X, eager_only=True).with_columns(selectors.numeric().cast(nw.Float32)).to_native()
    if is_tensor(X):
        return X.float()
    array = X if is_sparse(X) else np.asarray(X)
    with np.errstate(over="ignore"):
        return array.astype(np.float32) if array.dtype.kind in "iuf" else array
