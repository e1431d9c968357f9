"""The size of a shift between two datasets: of one column, or as far as a classifier can see it.

These bound how far two laws are apart. That a test "finds no drift" says nothing about it: with few rows no test finds
any, and with many every test does.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from pytest_mlspec.data.columns import unknown_column
from pytest_mlspec.data.forms import Vector
from pytest_mlspec.data.targets import missing_rows
from pytest_mlspec.metrics.estimate import Estimate
from pytest_mlspec.metrics.evidence.distance import Distance, HeldOut
from pytest_mlspec.predictions import Predictions
from pytest_mlspec.stats import drift
from pytest_mlspec.stats.bounds import FloatArray, IntArray
from pytest_mlspec.training.domains import DomainClassifier, domain_scores, require_apart
from pytest_mlspec.verdict import format_value

if TYPE_CHECKING:
    from pytest_mlspec.data import Dataset

__all__ = ["category_distance", "domain_distance", "ks_distance"]

_HALVES_SEED = 20240
ONLY_FROM_BELOW = (
    "a classifier proves that a shift is at least so large, never that it is small: another one may see more. "
    "Bound what matters instead: a metric on labelled target cases, or ks_distance of a column"
)


def ks_distance(source: Dataset, target: Dataset, column: str | int) -> Estimate:
    """The largest distance between the distribution functions of one column in two datasets (Kolmogorov-Smirnov).

    Args:
        source: rows of one law, such as those of training or test.
        target: rows of the other, such as those met in service; no row may be in both.
        column: name of a column of numbers (``"label"`` for the numbers to predict), or a position in a NumPy ``X``.

    Returns:
        Estimate in [0, 1], smaller is better: a limit can be met and violated, whatever the two laws (exact). Columns
        with ties, whole numbers too, are fine.

    Raises:
        TypeError, ValueError: an unknown column, one without numbers, missing entries, common rows.

    Source:
        Massart 1990 (from below); Hoeffding 1963 at the one point where the true distance is attained (from above).

    Example:
        >>> from pytest_mlspec.data import Dataset
        >>> day = Dataset([[0.0], [1.0], [2.0], [3.0]], columns={"speed": [30.0, 40.0, 50.0, 60.0]}, name="day")
        >>> night = Dataset([[4.0], [5.0]], columns={"speed": [50.0, 60.0]}, name="night")
        >>> ks_distance(day, night, "speed")
        <Estimate ks distance of speed, day against night: 0.500>
    """
    require_apart(source, target)
    samples = [_numbers(data, column) for data in (source, target)]
    measured = drift.ks_statistic(*samples)
    evidence = Distance(
        method=drift.KOLMOGOROV_SMIRNOV,
        measured=measured,
        n_source=len(source),
        n_target=len(target),
        by_chance=drift.ks_by_chance(len(source), len(target)),
        words=_widest_point(*samples, names=_names(source, target)),
        clustered=_clusters(source, target),
    )
    return _estimate("ks_distance", evidence, source, target, samples, of=_called(column))


def category_distance(source: Dataset, target: Dataset, column: str | int) -> Estimate:
    """The total variation distance of a column of categories: half the sum of the differences of their shares.

    Args:
        source: rows of one law, such as those of training or test.
        target: rows of the other, such as those met in service; no row may be in both.
        column: name of a column of text, booleans or whole numbers (``"label"`` for the class), or a position in a
            NumPy ``X``.

    Returns:
        Estimate in [0, 1], smaller is better: a limit can be met and violated, however many categories there are, seen
        or not (exact). The lower bound counts on one half of the rows the categories that grew on the other half.

    Raises:
        TypeError, ValueError: an unknown column, fractions, missing entries, text against numbers, common rows.

    Source:
        Hoeffding 1963 at the set of categories that makes the true distance (from above); Clopper & Pearson 1934 on
        held-out rows (from below).

    Example:
        >>> from pytest_mlspec.data import Dataset
        >>> day = Dataset([[0], [1], [2], [3]], columns={"kind": ["car", "car", "car", "van"]}, name="day")
        >>> night = Dataset([[4], [5]], columns={"kind": ["van", "car"]}, name="night")
        >>> category_distance(day, night, "kind")
        <Estimate category distance of kind, day against night: 0.250>
    """
    require_apart(source, target)
    first, second = (_categories(data, column) for data in (source, target))
    if (first.dtype.kind in "iub") != (second.dtype.kind in "iub"):
        raise TypeError(
            f"expected {_called(column)} to hold the same kind of entries in both datasets; got {first.dtype} in "
            f"{source.title} and {second.dtype} in {target.title}"
        )
    entries = [*first.tolist(), *second.tolist()]
    names = list(dict.fromkeys(entries))
    place = {name: code for code, name in enumerate(names)}
    codes = np.array([place[entry] for entry in entries], dtype=np.int64)
    samples = [codes[: len(first)], codes[len(first) :]]
    counts = [np.bincount(sample, minlength=len(names)) for sample in samples]
    evidence = Distance(
        method=drift.CATEGORIES,
        measured=drift.category_statistic(*counts),
        n_source=len(source),
        n_target=len(target),
        by_chance=drift.categories_by_chance(*counts),
        held_out=_grown_categories(samples, len(names)),
        words=_most_moved(counts, names),
        clustered=_clusters(source, target),
    )
    return _estimate("category_distance", evidence, source, target, samples, of=_called(column))


def domain_distance(
    source: Dataset, target: Dataset, *, seed: int = 0, classifier: DomainClassifier | None = None
) -> Estimate:
    """The total variation distance between the features of two datasets, as far as a classifier sees it.

    A classifier learns on one half of both to tell them apart; on the other half, its true positive rate plus its true
    negative rate minus 1 is at most the distance.

    Args:
        source: rows of one law; only their features are read.
        target: rows of the other, with the same features; no row may be in both.
        seed: draws the halves and seeds the classifier.
        classifier: an untrained scikit-learn classifier, which sees features of shape (examples, columns) as float64
            and the labels 0 (source) and 1 (target); by default gradient boosting. Text becomes one number per value.

    Returns:
        Estimate in [0, 1], smaller is better, bounded from below only (exact): ``<= limit`` is violated or undecided
        and never met, because no classifier proves that there is no shift that it does not see.

    Raises:
        TypeError, ValueError: other features, common rows, a negative seed, something that is not a classifier.

    Source:
        Lopez-Paz & Oquab 2017, ICLR, arXiv 1610.06545; Clopper & Pearson 1934 for both rates.
    """
    scores = domain_scores(source, target, seed=seed, classifier=classifier)
    held_out = HeldOut(
        source_hits=int(scores.source.sum()),
        n_source=len(scores.source),
        target_hits=int(scores.target.sum()),
        n_target=len(scores.target),
    )
    one, other = _names(source, target)
    evidence = Distance(
        method=drift.CLASSIFIER,
        measured=max(0.0, held_out.difference),
        n_source=held_out.n_source,
        n_target=held_out.n_target,
        held_out=held_out,
        open_above=ONLY_FROM_BELOW,
        words=(
            f"taken for {other}: {held_out.target_hits:,}/{held_out.n_target:,} of {other}, "
            f"{held_out.source_hits:,}/{held_out.n_source:,} of {one}"
        ),
        clustered=_clusters(source, target),
        unit="held-out rows of both",
    )
    return _estimate("domain_distance", evidence, source, target, [scores.source, scores.target], of="features")


def _estimate(
    metric: str, evidence: Distance, source: Dataset, target: Dataset, samples: list[Vector], *, of: str
) -> Estimate:
    """The estimate on what stands for predictions: which dataset each row is from, and what was measured of it."""
    between = " against ".join(_names(source, target))
    sizes = [len(sample) for sample in samples]
    about = Predictions(
        y=np.repeat([0.0, 1.0], sizes),
        values=np.concatenate(samples).astype(np.float64),
        columns={"dataset": np.repeat([source.fingerprint, target.fingerprint], sizes)},
        name=between,
    )
    estimate = Estimate(predictions=about, metric=metric, of=of, evidence=evidence, greater_is_better=False)
    return replace(estimate, between=between)


def _names(source: Dataset, target: Dataset) -> tuple[str, str]:
    named = [data.title if data.name or data.description else "" for data in (source, target)]
    return named[0] or "source", named[1] or "target"


def _called(column: str | int) -> str:
    return column if isinstance(column, str) else f"X[:, {column}]"


def _clusters(source: Dataset, target: Dataset) -> str:
    return next((data.cluster_name or "cluster" for data in (source, target) if data.cluster_codes is not None), "")


def _entries(data: Dataset, column: str | int) -> Vector:
    """(examples,) a column by its name or its position, without missing entries."""
    if isinstance(column, str):
        if column not in data.columns and (column != "label" or data.y is None):
            raise unknown_column(column, data.columns, data.title)
        values = data.columns.get(column, data.y)
        assert values is not None
    else:
        values = _feature(data, column)
    bad = missing_rows(values)
    if len(bad):
        raise ValueError(
            f"expected a value in every row of {_called(column)}; {len(bad):,} of {len(data):,} rows of {data.title} "
            "have none. Leave them out with where(...), and bound the share of missing values by itself"
        )
    return values


def _feature(data: Dataset, column: object) -> Vector:
    if isinstance(column, bool) or not isinstance(column, (int, np.integer)):
        raise TypeError(f"column is a name or a position in X; got column={column!r}")
    X = data.X
    if not isinstance(X, np.ndarray) or X.ndim != 2:
        raise TypeError(
            f"a position needs X as a NumPy array of shape (examples, columns); X of {data.title} is "
            f"{type(X).__name__}: name a column, which Dataset(..., columns={{...}}) declares"
        )
    if not 0 <= column < X.shape[1]:
        raise ValueError(f"expected a position from 0 to {X.shape[1] - 1} in X of {data.title}; got column={column}")
    values: Vector = X[:, column]
    return values


def _numbers(data: Dataset, column: str | int) -> Vector:
    values = _entries(data, column)
    if values.dtype.kind not in "fiub":
        raise TypeError(
            f"ks_distance needs numbers; {_called(column)} of {data.title} holds {values.dtype} such as "
            f"{values[:1].tolist()}: did you mean category_distance?"
        )
    if not np.isfinite(values).all():
        raise ValueError(f"expected finite numbers in {_called(column)} of {data.title}; got an infinite one")
    return values.astype(np.float64)


def _categories(data: Dataset, column: str | int) -> Vector:
    values = _entries(data, column)
    if values.dtype.kind in "fcmM":
        raise TypeError(
            f"category_distance needs text, booleans or whole numbers; {_called(column)} of {data.title} holds "
            f"{values.dtype}: did you mean ks_distance?"
        )
    return values


def _grown_categories(samples: list[IntArray], n_categories: int) -> HeldOut:
    """On one half of the rows, how often the categories occur that are more frequent in the target's other half."""
    streams = np.random.SeedSequence(_HALVES_SEED).spawn(2)
    orders = [np.random.default_rng(child).permutation(sample) for child, sample in zip(streams, samples, strict=True)]
    picking, counting = zip(*((rows[: len(rows) // 2], rows[len(rows) // 2 :]) for rows in orders), strict=True)
    shares = [np.bincount(half, minlength=n_categories) / max(len(half), 1) for half in picking]
    grown = shares[1] > shares[0]
    hits = [int(grown[half].sum()) for half in counting]
    return HeldOut(source_hits=hits[0], n_source=len(counting[0]), target_hits=hits[1], n_target=len(counting[1]))


def _widest_point(source: FloatArray, target: FloatArray, *, names: tuple[str, str]) -> str:
    points = np.unique(np.concatenate([source, target]))
    below = [np.searchsorted(np.sort(sample), points, side="right") / len(sample) for sample in (source, target)]
    widest = int(np.abs(below[0] - below[1]).argmax())
    shares = [f"{format_value(float(side[widest]))} of {name}" for side, name in zip(below, names, strict=True)]
    return f"widest at {points[widest]:.6g}: at most that are {shares[0]}, {shares[1]}"


def _most_moved(counts: list[IntArray], names: list[object]) -> str:
    shares = [count / count.sum() for count in counts]
    order = np.argsort(-np.abs(shares[1] - shares[0]), kind="stable")[:3]
    moves = [
        f"{names[code]} {format_value(float(shares[0][code]))} to {format_value(float(shares[1][code]))}"
        for code in order
    ]
    return "moved most: " + ", ".join(moves)
