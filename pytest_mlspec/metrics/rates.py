"""Metrics of labels: shares of cases, counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pytest_mlspec.metrics.cases import (
    Average,
    class_word,
    is_positive,
    measured,
    no_threshold_with,
    positive_class,
    require_labels,
    said_positive,
)
from pytest_mlspec.metrics.estimate import Estimate
from pytest_mlspec.metrics.evidence.counted import Rate
from pytest_mlspec.metrics.evidence.macro import Macro
from pytest_mlspec.predictions import Predictions, predict
from pytest_mlspec.stats.bounds import BoolArray

if TYPE_CHECKING:
    from pytest_mlspec.data import Dataset

__all__ = [
    "Rate",
    "accuracy",
    "f1",
    "false_positive_rate",
    "precision",
    "recall",
    "selection_rate",
    "specificity",
]


def accuracy(model: object, data: Dataset | None = None, *, threshold: float | None = None) -> Estimate:
    """Share of cases whose label is right.

    Args:
        model: an ensemble, a trained model, a list of retrainings, or predictions (then ``data`` is left out).
        data: the dataset or slice.
        threshold: for two classes, positive is said where its probability reaches this; else the model's own labels.

    Returns:
        Estimate in [0, 1], bounded by Clopper-Pearson (exact).

    Raises:
        TypeError, ValueError: no labels, or outputs that do not fit the data.

    Example:
        >>> from pytest_mlspec.predictions import Predictions
        >>> accuracy(Predictions(y=[0, 1, 1, 0], labels=[0, 1, 0, 0])).value
        0.75
    """
    predictions = predict(model, data)
    require_labels(predictions, "accuracy")
    if threshold is None:
        hits = predictions.hits
    else:
        code = positive_class(predictions, None, "accuracy")
        said = said_positive(predictions, code, threshold, "accuracy")
        hits = (said == is_positive(predictions, code)).view(np.uint8)
    evidence = Rate(hits=hits, unit="examples", cluster_codes=predictions.cluster_codes)
    return measured(predictions, "accuracy", evidence, greater_is_better=True, threshold=threshold)


def recall(
    model: object,
    data: Dataset | None = None,
    *,
    positive: object = None,
    average: Average | None = None,
    threshold: float | None = None,
) -> Estimate:
    """Share of the positive cases that are found (sensitivity, true positive rate).

    Args:
        model: an ensemble, a trained model, a list of retrainings, or predictions (then ``data`` is left out).
        data: the dataset or slice.
        positive: the positive class; by default that of the dataset.
        average: ``"macro"`` for the mean of the recalls of all classes.
        threshold: for two classes, positive is said where its probability reaches this; else the model's own labels.

    Returns:
        Estimate in [0, 1], bounded by Clopper-Pearson on the positives (exact); undecided without positives.

    Raises:
        TypeError, ValueError: nobody said which class is positive, no labels, outputs that do not fit the data.
    """
    return _binary("recall", model, data, positive, average, threshold)


def precision(
    model: object,
    data: Dataset | None = None,
    *,
    positive: object = None,
    average: Average | None = None,
    threshold: float | None = None,
) -> Estimate:
    """Share of the cases said to be positive that are; arguments as ``recall``.

    Returns:
        Estimate in [0, 1], bounded by Clopper-Pearson on the predicted positives (exact); undecided without any.
    """
    return _binary("precision", model, data, positive, average, threshold)


def f1(
    model: object,
    data: Dataset | None = None,
    *,
    positive: object = None,
    average: Average | None = None,
    threshold: float | None = None,
) -> Estimate:
    """Harmonic mean of precision and recall, 2 TP / (2 TP + FP + FN); arguments as ``recall``.

    Returns:
        Estimate in [0, 1], bounded through the Jaccard index TP / (TP + FP + FN) by Clopper-Pearson (exact).

    Source:
        Lam, Gopal & Qian 2023, arXiv 2309.14621.
    """
    return _binary("f1", model, data, positive, average, threshold)


def specificity(
    model: object, data: Dataset | None = None, *, positive: object = None, threshold: float | None = None
) -> Estimate:
    """Share of the negative cases that are left alone (true negative rate); arguments as ``recall``."""
    return _binary("specificity", model, data, positive, None, threshold)


def false_positive_rate(
    model: object, data: Dataset | None = None, *, positive: object = None, threshold: float | None = None
) -> Estimate:
    """Share of the negative cases that are said to be positive; smaller is better; arguments as ``recall``."""
    return _binary("false_positive_rate", model, data, positive, None, threshold)


def selection_rate(
    model: object, data: Dataset | None = None, *, positive: object = None, threshold: float | None = None
) -> Estimate:
    """Share of all cases that are said to be positive, whatever the truth; arguments as ``recall``."""
    return _binary("selection_rate", model, data, positive, None, threshold)


def _binary(
    metric: str,
    model: object,
    data: Dataset | None,
    positive: object,
    average: Average | None,
    threshold: float | None,
) -> Estimate:
    predictions = predict(model, data)
    no_threshold_with(average, positive, threshold, metric)
    if average is None:
        code = positive_class(predictions, positive, metric)
        evidence = _one_class(predictions, metric, code, threshold)
        better = metric not in ("false_positive_rate", "selection_rate")
        of = class_word(predictions, code)
        return measured(predictions, metric, evidence, greater_is_better=better, of=of, threshold=threshold)
    require_labels(predictions, metric)
    assert predictions.classes is not None
    parts = tuple(_one_class(predictions, metric, code, None) for code in range(len(predictions.classes)))
    macro = Macro(parts=parts, names=tuple(str(name) for name in predictions.classes.tolist()))
    return measured(predictions, metric, macro, greater_is_better=True, of="macro average", average=average)


def _one_class(predictions: Predictions, metric: str, code: int, threshold: float | None) -> Rate:
    said = said_positive(predictions, code, threshold, metric)
    truth = is_positive(predictions, code)
    unit, hits, included, flawless = _counted(metric, said, truth)
    return Rate(
        hits=hits.view(np.uint8),
        unit=unit,
        included=included,
        cluster_codes=predictions.cluster_codes,
        transform="f1" if metric == "f1" else "rate",
        flawless=flawless,
    )


def _counted(
    metric: str, said: BoolArray, truth: BoolArray
) -> tuple[str, BoolArray, BoolArray | None, BoolArray | None]:
    """Unit, hits, included cases and, where it is known, the included cases of a flawless model."""
    if metric == "recall":
        return "positives", said & truth, truth, None
    if metric == "precision":
        return "predicted positives", said & truth, said, None
    if metric == "f1":
        return "true or predicted positives", said & truth, said | truth, truth
    if metric == "specificity":
        return "negatives", ~(said | truth), ~truth, None
    if metric == "false_positive_rate":
        return "negatives", said & ~truth, ~truth, None
    return "examples", said, None, None
