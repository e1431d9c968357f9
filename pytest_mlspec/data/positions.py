"""Which features somebody names: by column, by position or by a mask, and the scale of every feature."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pytest_mlspec.data.columns import unknown_column
from pytest_mlspec.data.forms import (
    Features,
    IntArray,
    Vector,
    frame_column,
    frame_columns,
    is_frame,
    is_sparse,
    is_tensor,
)

if TYPE_CHECKING:
    from pytest_mlspec.data.dataset import Dataset

FloatArray = npt.NDArray[np.float64]
_SHOWN = 4
_ROUNDING = 1e-7  # what is left of a constant in the difference of two sums


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NamedFeatures:
    """Some of the features of a dataset.

    Args:
        positions: (named,) where they stand within one example, flattened.
        names: as they were given: column names, or positions.
        words: how messages call them: ``x3``, ``columns 0 and 4``, ``12 of 64 positions``.
        masked: whether they came as a mask or a slice, which nobody expects to hold no constant border.
    """

    positions: IntArray
    names: tuple[str | int, ...]
    words: str
    masked: bool


def name_features(data: Dataset, features: object) -> NamedFeatures:
    """Find the features that are meant.

    Args:
        data: the dataset that has them.
        features: column names of a frame; positions within one example, flattened; several of them; a slice of
            positions; or a boolean mask of the shape of one example.

    Raises:
        TypeError: something else than names, positions, a slice or a mask.
        ValueError: none at all, one twice, every feature, a name or a position that there is not.
    """
    shape = feature_shape(data.X)
    n_features = int(np.prod(shape, dtype=np.int64))
    names, masked = _listed(features, shape)
    if not names:
        raise ValueError(f"expected at least one feature; got features={features!r}")
    positions = np.array([_position(name, data, n_features) for name in names], dtype=np.int64)
    if len(np.unique(positions)) < len(positions):
        raise ValueError(f"expected every feature once; got features={features!r}")
    if len(positions) == n_features:
        raise ValueError(f"expected some of the {n_features} features of {data.title}; got all of them")
    words = f"{len(names)} of {n_features} positions" if masked else _in_words(names)
    return NamedFeatures(positions=positions, names=names, words=words, masked=masked)


def feature_shape(X: Features) -> tuple[int, ...]:
    """The shape of one example: ``(columns,)`` of a table, ``()`` of a vector with one number per example."""
    return (len(frame_columns(X)),) if is_frame(X) else tuple(int(size) for size in X.shape[1:])


def _listed(features: object, shape: tuple[int, ...]) -> tuple[tuple[str | int, ...], bool]:
    """The features one by one, and whether they came as a mask or a slice."""
    n_features = int(np.prod(shape, dtype=np.int64))
    if isinstance(features, slice):
        return tuple(range(n_features)[features]), True
    if isinstance(features, np.ndarray) and features.dtype.kind == "b":
        if features.shape not in (shape, (n_features,)):
            raise ValueError(f"expected a mask of the shape of one example, {shape}; got shape {features.shape}")
        return tuple(np.flatnonzero(features).tolist()), True
    several = isinstance(features, Sequence | np.ndarray | set | frozenset) and not isinstance(features, str)
    given = list(features) if several else [features]  # type: ignore[call-overload]
    names: list[str | int] = []
    for name in given:
        if isinstance(name, bool) or not isinstance(name, str | int | np.integer):
            raise TypeError(
                f"expected features as column names, positions, a slice or a boolean mask of shape {shape}; "
                f"got features={features!r}"
            )
        names.append(str(name) if isinstance(name, str) else int(name))
    return tuple(names), False


def _position(name: str | int, data: Dataset, n_features: int) -> int:
    if isinstance(name, int):
        if not 0 <= name < n_features:
            raise ValueError(f"expected positions from 0 to {n_features - 1}, the features of {data.title}; got {name}")
        return name
    known = list(frame_columns(data.X))
    if not known:
        return _repeated(name, data, n_features)
    if name not in known:
        raise unknown_column(name, known, f"the features of {data.title}")
    return known.index(name)


def _repeated(name: str, data: Dataset, n_features: int) -> int:
    """The position whose values a slice column repeats: the only names that the features of an array have."""
    if name not in data.columns or is_sparse(data.X) or is_tensor(data.X):
        raise ValueError(
            f"the features of {data.title} have no names; got features={name!r}: give positions from 0 to "
            f"{n_features - 1}, or X as a frame"
        )
    flat = np.asarray(data.X).reshape(len(data), -1)
    same = [place for place in range(n_features) if np.array_equal(flat[:, place], data.columns[name])]
    if len(same) != 1:
        raise ValueError(
            f"expected the column {name!r} to repeat one feature of {data.title}; it repeats {len(same)} of "
            f"{n_features}: name the feature by its position in X"
        )
    return same[0]


def feature_keys(data: Dataset, features: object) -> tuple[str | int, ...]:
    """The features by the key that X knows them by: names of a frame, else positions within one example, flattened.

    Raises:
        TypeError, ValueError: as ``name_features``, save that all features may be meant.
    """
    shape = feature_shape(data.X)
    known = list(frame_columns(data.X))
    places = [_position(name, data, int(np.prod(shape, dtype=np.int64))) for name in _listed(features, shape)[0]]
    return tuple(known[place] if known else place for place in places)


def _in_words(names: tuple[str | int, ...]) -> str:
    shown = [str(name) for name in names[:_SHOWN]]
    if len(names) > _SHOWN:
        listed = f"{', '.join(shown)} and {len(names) - _SHOWN} more"
    else:
        listed = " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)
    if all(isinstance(name, str) for name in names):
        return listed
    return f"column {listed}" if len(names) == 1 else f"columns {listed}"


def feature_scales(data: Dataset) -> FloatArray:
    """The standard deviation of every feature over the rows of ``data``.

    Returns:
        (features,) in the units of X, flattened; NaN for a column of a frame that holds no numbers.

    Raises:
        ValueError: features without numbers, or a missing or infinite entry.
    """
    X = data.X
    named = frame_columns(X)
    scales = np.array([_spread_of_column(frame_column(X, key)) for key in named.values()]) if named else _spread(X)
    broken = np.flatnonzero(np.isinf(scales))
    if broken.size:
        which = f"column {list(named)[broken[0]]!r}" if named else f"position {broken[0]}"
        raise ValueError(f"expected finite features in {data.title}; {which} has missing or infinite entries")
    return scales


def _spread_of_column(column: Vector) -> float:
    """Its standard deviation, NaN where it holds no numbers."""
    return float(_deviations(column[:, None])[0]) if column.dtype.kind in "biuf" else np.nan


def _spread(X: Features) -> FloatArray:
    if is_sparse(X):
        mean, square = np.asarray(X.mean(axis=0)).ravel(), np.asarray(X.multiply(X).mean(axis=0)).ravel()
        spread = np.sqrt(np.maximum(square - mean**2, 0.0))
        varying = spread > _ROUNDING * np.sqrt(np.abs(square))
        return np.where(np.isfinite(spread), np.where(varying, spread, 0.0), np.inf)
    array = X.detach().cpu().double().numpy() if is_tensor(X) else np.asarray(X)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"expected features that are numbers; got X with dtype={array.dtype}")
    return _deviations(array.reshape(len(array), -1))


def _deviations(table: Vector) -> FloatArray:
    """(columns,) standard deviations: exactly 0 for a constant, infinite where an entry is missing or infinite."""
    numbers = table.astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        spread = np.where((numbers == numbers[0]).all(axis=0), 0.0, numbers.std(axis=0))
    return np.where(np.isfinite(numbers).all(axis=0) & np.isfinite(spread), spread, np.inf)
