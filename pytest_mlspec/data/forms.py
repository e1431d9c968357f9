"""The forms in which features may come: told apart, counted and sliced without changing the form."""

from __future__ import annotations

import sys
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

# The user's own type goes in and comes out (an array, a frame, a tensor): naming one here would make every
# `fit(d.X, ...)` of a typed training function an error.
Features: TypeAlias = Any
Vector: TypeAlias = npt.NDArray[Any]
IntArray: TypeAlias = npt.NDArray[np.int64]
BoolArray: TypeAlias = npt.NDArray[np.bool_]

ACCEPTED = "a NumPy array, a list, a pandas or polars frame, a SciPy sparse matrix or a torch tensor"


def is_tensor(values: object) -> bool:
    """Whether ``values`` is a torch tensor, without importing torch."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(values, torch.Tensor)


def is_sparse(values: object) -> bool:
    """Whether ``values`` is a SciPy sparse matrix or array, without importing scipy.sparse."""
    sparse = sys.modules.get("scipy.sparse")
    return sparse is not None and bool(sparse.issparse(values))


def is_frame(values: object) -> bool:
    """Whether ``values`` is an eager frame with named columns that narwhals knows (pandas, polars, pyarrow)."""
    if _is_plain(values):
        return False
    import narwhals.stable.v1 as nw

    return nw.dependencies.is_into_dataframe(values) and not nw.dependencies.is_polars_lazyframe(values)


def is_series(values: object) -> bool:
    """Whether ``values`` is one column that narwhals knows (pandas, polars, pyarrow)."""
    if _is_plain(values):
        return False
    import narwhals.stable.v1 as nw

    return nw.dependencies.is_into_series(values)


def _is_plain(values: object) -> bool:
    return values is None or isinstance(values, np.ndarray | list | tuple | dict | str) or is_tensor(values)


def as_features(X: object) -> Features:
    """Check ``X`` and return it as it came; only lists and foreign array types become NumPy arrays."""
    if isinstance(X, np.ndarray) or is_tensor(X) or is_frame(X) or is_series(X):
        features: Features = X
    elif is_sparse(X):
        features = X.tocsr()  # type: ignore[attr-defined]  # rows of the other sparse formats cannot be taken
    elif isinstance(X, list | tuple) or hasattr(X, "__array__"):
        features = _stacked(X)
    else:
        hint = " (call .collect() on a lazy frame first)" if hasattr(X, "collect") else ""
        raise TypeError(f"expected X as {ACCEPTED}; got X={type(X).__name__}{hint}")
    if len(_shape(features)) == 0:
        raise ValueError(f"expected X with one row per example; got a single value X={features!r}")
    return features


def _stacked(X: object) -> Vector:
    try:
        return np.asarray(X)
    except ValueError as error:
        raise ValueError(
            f"expected X with rows of one shape; got rows of different shapes ({error}). "
            "Pad them, or pass an object array"
        ) from error


def _shape(X: Features) -> tuple[int, ...]:
    return tuple(X.shape) if hasattr(X, "shape") else (len(X),)


def count_rows(X: Features) -> int:
    """Number of examples in ``X``, whatever its form."""
    return int(_shape(X)[0])


def take_rows(X: Features, rows: IntArray) -> Features:
    """The given rows of ``X``, in that order and in the form of ``X``."""
    if is_tensor(X):
        torch = sys.modules["torch"]
        return X[torch.as_tensor(np.array(rows), device=X.device)]
    if is_frame(X):
        import narwhals.stable.v1 as nw

        return nw.from_native(X, eager_only=True)[rows].to_native()
    if is_series(X):
        import narwhals.stable.v1 as nw

        return nw.from_native(X, series_only=True)[rows].to_native()
    return X[rows]


def copied(X: Features) -> Features:
    """A copy of ``X`` in the same form, so that a function that changes its argument does no harm."""
    return X.clone() if hasattr(X, "clone") else X.copy()


def frame_columns(X: Features) -> dict[str, object]:
    """The columns of a frame as ``{name as text: name in the frame}``; empty for every other form."""
    if not is_frame(X):
        return {}
    import narwhals.stable.v1 as nw

    try:
        names = list(nw.from_native(X, eager_only=True).columns)
    except ValueError as error:
        raise ValueError(f"expected a frame with unique column names; {error}") from error
    texts = [str(name) for name in names]
    twice = sorted({text for text in texts if texts.count(text) > 1})
    if twice:
        raise ValueError(f"expected a frame with unique column names; got {', '.join(twice)} more than once")
    return dict(zip(texts, names, strict=True))


def frame_column(X: Features, name: object) -> Vector:
    """One column of a frame as a one-dimensional NumPy array."""
    import narwhals.stable.v1 as nw

    values: Vector = nw.from_native(X, eager_only=True).get_column(name).to_numpy()
    return values
