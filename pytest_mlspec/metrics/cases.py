"""What metrics ask of predictions: the positive class, what is said to be positive, and outputs that may be missing."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from pytest_mlspec.metrics.estimate import Estimate
from pytest_mlspec.metrics.evidence import Evidence
from pytest_mlspec.predictions import Predictions
from pytest_mlspec.stats.bounds import BoolArray

Scores = npt.NDArray[np.floating]
Hits = npt.NDArray[np.uint8]
Average = Literal["macro"]
_PLAIN = (0, 1)  # labels that need no mention: False == 0, True == 1


def require_labels(predictions: Predictions, metric: str) -> None:
    """Raise where a label metric meets a model that predicts numbers, or a truth that holds numbers."""
    if not predictions.is_classification:
        raise ValueError(
            f"{metric} needs labels, and {predictions.lacks('labels')}; did you mean rmse, mae or failure_rate?"
        )


def probabilities_of(predictions: Predictions, metric: str) -> Scores:
    """(members, examples, classes), or an error that says what is missing."""
    found = predictions.probabilities if predictions.is_classification else None
    if found is None:
        raise ValueError(f"{metric} needs probabilities, and {predictions.lacks('probabilities')}")
    return found


def values_of(predictions: Predictions, metric: str) -> Scores:
    """(members, examples) predicted numbers, or an error that says what is missing."""
    found = predictions.values
    if found is None:
        raise ValueError(
            f"{metric} needs predicted numbers, and {predictions.lacks('values')}; "
            "did you mean accuracy, brier or log_loss?"
        )
    if predictions.y.dtype.kind not in "fiub":
        raise ValueError(f"{metric} needs numbers in y; got {predictions.y.dtype} such as {predictions.y[:1].tolist()}")
    return found


def positive_class(predictions: Predictions, positive: object, metric: str) -> int:
    """The position of the positive class among the classes.

    Raises:
        ValueError: it is not a class, or nobody said which class is positive.
    """
    require_labels(predictions, metric)
    if positive is not None:
        return predictions.class_code(positive)
    if predictions.positive is not None:
        return predictions.class_code(predictions.positive)
    known = [] if predictions.classes is None else predictions.classes.tolist()
    if len(known) <= 2 and all(not isinstance(name, str) and name in _PLAIN for name in known):
        for code, name in enumerate(known):
            if name == 1:
                return code
    also = ', or average="macro"' if len(known) > 2 and metric in ("recall", "precision", "f1") else ""
    raise ValueError(
        f"{metric} is about one positive class and nobody said which of {known[:10]}: "
        f"Dataset(..., positive={known[-1]!r}) or {metric}(..., positive={known[-1]!r}){also}"
    )


def class_word(predictions: Predictions, code: int) -> str:
    """The class as messages name it; empty for the 1 of {0, 1} and the True of {False, True}."""
    assert predictions.classes is not None
    name = predictions.classes.tolist()[code]
    plain = not isinstance(name, str) and name == 1 and len(predictions.classes) == 2
    return "" if plain else str(name)


def is_positive(predictions: Predictions, code: int) -> BoolArray:
    """(examples,) whether the true class is the positive one."""
    return np.asarray(predictions.y_codes == code)


def said_positive(predictions: Predictions, code: int, threshold: float | None, metric: str) -> BoolArray:
    """(members, examples) whether the model says positive: its own label, or P(positive) >= threshold.

    Raises:
        ValueError: a threshold outside [0, 1] or with more than two classes, missing labels or probabilities.
    """
    if threshold is None:
        labels = predictions.labels
        if labels is None:
            raise ValueError(f"{metric} needs labels, and {predictions.lacks('labels')}")
        return np.asarray(labels == code)
    if isinstance(threshold, bool) or not 0.0 <= threshold <= 1.0:
        raise ValueError(f"threshold is a probability in [0, 1]; got threshold={threshold!r}")
    assert predictions.classes is not None
    if len(predictions.classes) != 2:
        raise ValueError(
            f"threshold= is for two classes; got {len(predictions.classes)} classes and threshold={threshold!r}"
        )
    return np.asarray(probabilities_of(predictions, f"{metric} with threshold=")[:, :, code] >= threshold)


def no_threshold_with(average: str | None, positive: object, threshold: float | None, metric: str) -> None:
    """Raise for arguments that contradict each other."""
    if average is not None and average != "macro":
        raise ValueError(f'average is "macro" or left out; got {metric}(average={average!r})')
    if average is not None and (positive is not None or threshold is not None):
        raise ValueError(
            f'average="macro" takes every class as positive in turn: leave out positive= and threshold= of {metric}'
        )


def settings(**given: object) -> tuple[tuple[str, object], ...]:
    """The settings that were given, for messages and for contracts that state them."""
    return tuple((name, value) for name, value in given.items() if value is not None)


def measured(
    predictions: Predictions,
    metric: str,
    evidence: Evidence,
    *,
    greater_is_better: bool = False,
    of: str = "",
    **given: object,
) -> Estimate:
    """The estimate of a metric, with the settings that were given."""
    return Estimate(
        predictions=predictions,
        metric=metric,
        of=of,
        settings=settings(**given),
        evidence=evidence,
        greater_is_better=greater_is_better,
    )
