"""Which rows trained a model: by their lineage, or by their content where a file was saved and read again."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np

from pytest_mlspec.data.precision import fits_single, in_single
from pytest_mlspec.stats.bounds import BoolArray, IntArray

if TYPE_CHECKING:
    from pytest_mlspec.data import Dataset
    from pytest_mlspec.training.ensemble import Ensemble

FEWEST = 20
"""From so many rows on, more than half of them being equal is no chance any more; of fewer rows all must be."""

_Precision = tuple[bool, bool, bool]
"""Whether targets are compared too, and whether features and targets are compared in single precision."""

_HASHES: WeakKeyDictionary[Dataset, dict[_Precision, IntArray]] = WeakKeyDictionary()
_FITS: WeakKeyDictionary[Dataset, tuple[bool, bool]] = WeakKeyDictionary()


def training_rows(ensemble: Ensemble, base: Dataset, data: Dataset, kept: dict[str, object]) -> int:
    """Rows of a slice that are training rows, by the role of the split, the lineage of the rows or their content.

    Of a training part whose rows were partly held out, lineage alone tells which ones trained the members.

    Args:
        ensemble: whose training data are meant.
        base: the base dataset.
        data: the slice of it.
        kept: where the comparison of contents is kept for the next slice.
    """
    from pytest_mlspec.data.perturbing import shared_origin
    from pytest_mlspec.data.splits import overlap

    trained_on = ensemble.trained_on
    by_lineage = ensemble.left_out and any(shared_origin(train, data) for train in trained_on)
    if data.role == "train" and not by_lineage:
        return len(data)
    descended = min(len(data), sum(overlap(train, data) for train in trained_on))
    if descended:
        return descended
    if "equal_rows" not in kept:
        kept["equal_rows"] = equal_rows(ensemble, base)
    equal = kept["equal_rows"]
    return 0 if equal is None else count_known(equal, data.rows)  # type: ignore[arg-type]


def equal_rows(ensemble: Ensemble, data: Dataset) -> BoolArray | None:
    """Which rows equal a row that trained the ensemble, in features and target.

    Rows that were perturbed are compared as they were before. Where one side alone fits into single precision, as a
    float32 copy of the training data does, both are compared in it; numbers that single precision would merge, such
    as large ids, stay apart where both sides have them in full. What shares its lineage with the training data is left
    to the lineage, and what came in the same ``Splits`` was compared when these were made.

    Args:
        ensemble: whose training data are meant.
        data: the base dataset.

    Returns:
        (examples,), or ``None`` where there is nothing to compare with.
    """
    from pytest_mlspec.data.perturbing import shared_origin
    from pytest_mlspec.data.positions import feature_shape
    from pytest_mlspec.data.reading import rows_key

    source = data
    while source.unperturbed is not None:
        source = source.unperturbed
    strangers = [
        train
        for train in ensemble.trained_on
        if not shared_origin(train, source) and feature_shape(train.X) == feature_shape(source.X)
    ]
    if not strangers or rows_key(source) in ensemble.known_apart:
        return None
    found = np.zeros(len(data), dtype=np.bool_)
    for train in strangers:
        labelled = train.y is not None and source.y is not None
        (train_X, train_y), (source_X, source_y) = _fits(train), _fits(source)
        precision = (labelled, train_X != source_X, labelled and train_y != source_y)
        found |= np.isin(_hashes(source, precision), _hashes(train, precision))
    return found


def _hashes(data: Dataset, precision: _Precision) -> IntArray:
    """One number per row, worked out once as long as the dataset lives."""
    from pytest_mlspec.data.duplicates import row_hashes

    kept = _HASHES.setdefault(data, {})
    if precision not in kept:
        labelled, single_X, single_y = precision
        target = data.y if labelled else None
        kept[precision] = row_hashes(
            in_single(data.X) if single_X else data.X,
            in_single(target) if target is not None and single_y else target,
        )
    return kept[precision]


def _fits(data: Dataset) -> tuple[bool, bool]:
    """Whether single precision holds every number of the features, and of the targets."""
    if data not in _FITS:
        _FITS[data] = (fits_single(data.X), data.y is None or fits_single(data.y))
    return _FITS[data]


def count_known(equal: BoolArray, rows: IntArray | None) -> int:
    """How many rows of a slice count as training rows: none where the equal ones may be honest repeats.

    They count where they are more than half of at least ``FEWEST`` rows. Fewer rows count where they are all of the
    dataset, or more than half of a slice of a dataset whose rows count.

    Args:
        equal: (examples,) of the base dataset.
        rows: (k,) rows of the slice; ``None``: all of it.
    """
    of_slice = equal if rows is None else equal[rows]
    n_equal = int(of_slice.sum())
    base_counts = bool(equal.all()) or (len(equal) >= FEWEST and 2 * int(equal.sum()) > len(equal))
    return n_equal if 2 * n_equal > len(of_slice) and (len(of_slice) >= FEWEST or base_counts) else 0
