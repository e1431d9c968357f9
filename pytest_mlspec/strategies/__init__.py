"""Hypothesis strategies: rows and batches of a dataset, label-keeping perturbations, counterfactual edits.

They search for a counterexample and shrink it to a small row number and few changed columns. "None in m examples" is
the outcome of a search, never a proof, and bounds no rate.

Datasets are session fixtures, which a test has only while it runs: draw inside it. The first prediction of a model
takes longest: give Hypothesis no deadline.

    @settings(deadline=None)
    @given(drawn=st.data())
    def test_small_changes_keep_the_decision(model, digits, drawn):
        edit = drawn.draw(strategies.perturbed(digits.test, eps=0.1))
        assert decide(model, edit.before.X) == decide(model, edit.after.X)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal, TypeVar
from weakref import WeakKeyDictionary

import numpy as np

from pytest_mlspec.data import Dataset
from pytest_mlspec.data.forms import BoolArray
from pytest_mlspec.perturbations.columns import (
    Column,
    Columns,
    as_columns,
    entries,
    is_missing,
    label,
    read,
    require_known,
)
from pytest_mlspec.strategies.drawn import Batch, Change, Edit, Row, edit_of, row_of
from pytest_mlspec.strategies.steps import Reach, moved, reach_of

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

__all__ = ["Batch", "Change", "Edit", "Row", "batches", "edits", "perturbed", "rows"]

_T = TypeVar("_T")
_MOST_STEPS = 64
"""At most so many columns have a step of a size of their own: what Hypothesis can draw for one example is limited."""
_MOST_CORNERS = 1024
"""At most so many neighbouring columns move by the full step at once: every one costs time."""
_KEPT: WeakKeyDictionary[Dataset, dict[object, Any]] = WeakKeyDictionary()
"""What a look at the whole dataset gave: a strategy is made anew for every example."""


def rows(dataset: Dataset) -> SearchStrategy[Row]:
    """One row of a dataset; shrinks towards row 0.

    Args:
        dataset: data or a slice of it.

    Raises:
        ImportError: Hypothesis is not installed.
        TypeError: no dataset.
    """
    st = _strategies(dataset)
    return st.integers(0, len(dataset) - 1).map(
        lambda index: Row(index=index, data=row_of(dataset, index), source=dataset.title)
    )


def batches(dataset: Dataset, *, max_size: int = 32) -> SearchStrategy[Batch]:
    """Between one and ``max_size`` different rows; shrinks towards row 0 alone.

    Args:
        dataset: data or a slice of it.
        max_size: the most rows, at least 1; never more than the dataset has.

    Raises:
        ImportError: Hypothesis is not installed.
        TypeError, ValueError: no dataset, or ``max_size`` below 1.
    """
    st = _strategies(dataset)
    if isinstance(max_size, bool) or not isinstance(max_size, int) or max_size < 1:
        raise ValueError(f"expected max_size as a whole number from 1; got max_size={max_size!r}")
    numbers = st.integers(0, len(dataset) - 1)

    def batch(indices: list[int]) -> Batch:
        once = tuple(dict.fromkeys(indices))
        return Batch(indices=once, data=dataset._at(np.asarray(once, dtype=np.int64)), source=dataset.title)

    # Repeats are dropped here and not refused by `unique=True`: of such lists one in ten keeps a row too many.
    return st.lists(numbers, min_size=1, max_size=min(max_size, len(dataset))).map(batch)


def perturbed(
    dataset: Dataset,
    eps: float,
    *,
    columns: Columns | None = None,
    norm: Literal["linf", "l2"] = "linf",
    unit: Literal["X", "std"] = "X",
    value_range: tuple[float, float] | None = None,
) -> SearchStrategy[Edit]:
    """One row and another point within ``eps`` of it, so near that the label must stay; shrinks to few changed columns.

    Args:
        dataset: data or a slice of it.
        eps: how far at most: for ``linf`` each column by itself, for ``l2`` the root of the sum of squares. Values
            that a column's dtype rounds are rounded towards the row.
        columns: names or positions that may change; by default every column of numbers. Up to 64 of them change by
            steps of any size in one example, up to 1024 by the full step up or down. Integers change by whole numbers.
        norm: ``"linf"`` or ``"l2"``.
        unit: ``"X"``, the unit of each column, or ``"std"``, its standard deviation in the dataset.
        value_range: changed values stay within it, such as (0, 1) for pixels.

    Raises:
        ImportError: Hypothesis is not installed.
        TypeError, ValueError: no dataset, an unknown column or one without numbers, an ``eps`` that can change nothing.
    """
    st = _strategies(dataset)
    _check_size(eps, norm, unit, value_range)
    eps = float(eps)
    chosen = None if columns is None else as_columns(columns)
    reach: Reach = _keep(dataset, ("reach", chosen, eps, unit), lambda: reach_of(dataset, chosen, eps, unit))
    some = _steps(st, list(reach))

    def make(index: int, steps: dict[Column, float]) -> Edit:
        return edit_of(dataset, index, moved(row_of(dataset, index), steps, reach, norm, value_range))

    # A step of 0, or one that clipping or rounding takes back, is no perturbation.
    return st.builds(make, st.integers(0, len(dataset) - 1), some).filter(lambda edit: bool(edit.changes))


def _steps(st: ModuleType, columns: Sequence[Column]) -> SearchStrategy[dict[Column, float]]:
    """Steps from -1 to 1 of some columns, of all of them, or to a corner: a full step up or down in many."""
    step = st.floats(-1.0, 1.0)
    most = min(len(columns), _MOST_STEPS)
    pairs = st.tuples(st.sampled_from(columns), step)
    some = st.lists(pairs, min_size=1, max_size=most, unique_by=lambda pair: pair[0]).map(dict)
    corners = _corners(st, columns)
    if len(columns) > _MOST_STEPS:
        return st.one_of(some, corners)
    every = st.lists(step, min_size=most, max_size=most).map(lambda steps: dict(zip(columns, steps, strict=True)))
    return st.one_of(some, every, corners)


def _corners(st: ModuleType, columns: Sequence[Column]) -> SearchStrategy[dict[Column, float]]:
    """Full steps of many columns, all in one direction or each in either; columns whose bits are 0 stay.

    Where many columns push a decision the same way, it gives in at such a corner first, and steps of drawn sizes
    hardly ever come near it.
    """
    count = min(len(columns), _MOST_CORNERS)
    bits = st.binary(min_size=-(-count // 8), max_size=-(-count // 8)).map(lambda drawn: _bits(drawn, count))

    def steps(first: int, moving: BoolArray, more: BoolArray, sign: float, turned: BoolArray) -> dict[Column, float]:
        return {
            columns[first + int(place)]: -sign if turned[place] else sign for place in np.flatnonzero(moving | more)
        }

    one_way = st.just(np.zeros(count, dtype=np.bool_))
    return st.builds(
        steps,
        st.integers(0, len(columns) - count),
        bits,
        bits,
        st.sampled_from([1.0, -1.0]),
        st.one_of(one_way, bits),
    )


def _bits(drawn: bytes, count: int) -> BoolArray:
    return np.unpackbits(np.frombuffer(drawn, dtype=np.uint8), count=count).astype(np.bool_)


def _check_size(eps: object, norm: object, unit: object, value_range: object) -> None:
    if isinstance(eps, bool) or not isinstance(eps, int | float | np.integer | np.floating) or not 0 < eps < math.inf:
        raise ValueError(f"expected eps as a finite number above 0; got eps={eps!r}")
    if norm not in ("linf", "l2"):
        raise ValueError(f'expected norm "linf" or "l2"; got norm={norm!r}')
    if unit not in ("X", "std"):
        raise ValueError(f'expected unit "X" or "std"; got unit={unit!r}')
    if value_range is not None and not (
        isinstance(value_range, tuple | list) and len(value_range) == 2 and value_range[0] < value_range[1]
    ):
        raise ValueError(f"expected value_range as (low, high), low < high; got value_range={value_range!r}")


def edits(
    dataset: Dataset, column: str | int, values: Collection[object] | Mapping[Any, object] | None = None
) -> SearchStrategy[Edit]:
    """One row and its counterfactual, the same but for another value in one column; shrinks to a small row number.

    Args:
        dataset: data or a slice of it.
        column: name in a frame, position in an array or tensor.
        values: what a row may have instead of its own value, by default the values that occur in the column; or a
            mapping from a value to the one that replaces it, and only rows with such a value are drawn. Rows without
            a value (NaN, None) are never drawn.

    Raises:
        ImportError: Hypothesis is not installed.
        TypeError, ValueError: no dataset, an unknown column, or no row that could have another value.
    """
    st = _strategies(dataset)
    if isinstance(values, str) or not isinstance(values, Collection | None):
        raise TypeError(f"expected values as a list or a mapping; got values={values!r}")
    named = as_columns(column)
    if len(named) != 1:
        raise ValueError(f"expected one column; got column={column!r}")
    (known,) = require_known(dataset._features(), named)
    current: list[Any] = _keep(dataset, ("values", known), lambda: _present(dataset, known))
    occurring: list[Any] = _keep(
        dataset, ("occurring", known), lambda: sorted({value for value in current if value is not None}, key=_order)
    )
    options = _options(occurring, values)
    eligible = [index for index, value in enumerate(current) if options.get(value)]
    if not eligible:
        raise ValueError(
            f"expected a row of {dataset.title} that can have another value in {label(named)}; got values={values!r} "
            f"where {', '.join(map(repr, occurring[:12]))} occur"
        )

    def make(drawn: tuple[int, object]) -> Edit:
        index, value = drawn
        fresh = np.empty(1, dtype=object)
        fresh[0] = value
        return edit_of(dataset, index, {known: fresh})

    def choices(index: int) -> SearchStrategy[tuple[int, object]]:
        return st.tuples(st.just(index), st.sampled_from(options[current[index]]))

    return st.sampled_from(eligible).flatmap(choices).map(make)


def _options(occurring: list[Any], values: Collection[object] | Mapping[Any, object] | None) -> dict[Any, list[object]]:
    """For every value that occurs, the ones that can stand in its place."""
    if isinstance(values, Mapping):
        return {value: [values[value]] for value in occurring if value in values and values[value] != value}
    others = occurring if values is None else list(values)
    return {value: [other for other in others if other != value] for value in occurring}


def _present(dataset: Dataset, column: Column) -> list[Any]:
    """The values of a column, ``None`` where one is missing: such a row has no value to exchange for another."""
    return [None if is_missing(value) else value for value in entries(read(dataset._features(), column))]


def _order(value: object) -> tuple[str, Any]:
    return type(value).__name__, value if isinstance(value, int | float | str) else str(value)


def _strategies(dataset: object) -> ModuleType:
    """Hypothesis' own strategies, imported when a strategy is first asked for."""
    if not isinstance(dataset, Dataset):
        raise TypeError(f"expected a Dataset, such as street.test; got dataset={type(dataset).__name__}")
    try:
        from hypothesis import strategies
    except ImportError as error:
        raise ImportError("strategies need Hypothesis: pip install 'pytest-mlspec[hypothesis]'") from error
    return strategies


def _keep(dataset: Dataset, key: object, make: Callable[[], _T]) -> _T:
    kept = _KEPT.setdefault(dataset, {})
    if key not in kept:
        kept[key] = make()
    found: _T = kept[key]
    return found
