"""One loss per member and case."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from pytest_mlspec.metrics.cases import probabilities_of, require_labels, values_of
from pytest_mlspec.predictions import Predictions

Array: TypeAlias = npt.NDArray[np.generic]
Losses: TypeAlias = npt.NDArray[np.floating]
Loss: TypeAlias = str | Callable[..., object]
NAMED = ("absolute_error", "squared_error", "zero_one", "log_loss")


def case_losses(predictions: Predictions, loss: Loss, metric: str) -> Losses:
    """The loss of every member on every case, shape (members, examples).

    Args:
        predictions: what the members said.
        loss: the name of a loss, or a function of (y, predicted), both of shape (examples,): predicted numbers or
            labels.
        metric: who asks, for messages.

    Raises:
        ValueError: an unknown name, outputs that are missing, losses that are not one finite number per case.
        TypeError: neither a name nor a function.
    """
    if callable(loss):
        return _own_losses(predictions, loss, metric)
    if not isinstance(loss, str):
        raise TypeError(f"loss is one of {', '.join(NAMED)} or a function of (y, predicted); got loss={loss!r}")
    if loss not in NAMED:
        raise ValueError(f"loss is one of {', '.join(NAMED)} or a function of (y, predicted); got loss={loss!r}")
    if loss == "zero_one":
        require_labels(predictions, metric)
        return 1.0 - predictions.hits
    if loss == "log_loss":
        return log_losses(predictions, probabilities_of(predictions, metric))
    values = values_of(predictions, metric if metric in ("mae", "rmse") else f"{metric} of {loss}")
    errors = np.abs(values.astype(np.float64) - predictions.y.astype(np.float64))
    return errors if loss == "absolute_error" else np.square(errors)


def log_losses(predictions: Predictions, probabilities: Losses) -> Losses:
    """Negative log of the probability of the true class, clipped to the resolution of the type."""
    smallest = np.finfo(probabilities.dtype).eps
    found: Losses = -np.log(np.clip(true_probability(predictions, probabilities), smallest, 1 - smallest))
    return found


def true_probability(predictions: Predictions, probabilities: Losses) -> Losses:
    """(members, examples) the probability of the true class."""
    codes = predictions.y_codes
    found: Losses = probabilities[:, np.arange(len(codes)), codes]
    return found


def _own_losses(predictions: Predictions, loss: Callable[..., object], metric: str) -> Losses:
    said = _said(predictions, metric)
    rows = []
    for member in said:
        try:
            row = np.asarray(loss(predictions.y, member))
        except Exception as error:
            error.add_note(
                f"while {metric} called {loss_name(loss)}(y, predicted) with arrays of shape {member.shape}; "
                "a function of single numbers works when wrapped in numpy.vectorize"
            )
            raise
        if row.shape != member.shape or row.dtype.kind not in "fiub":
            raise ValueError(
                f"{loss_name(loss)} must return one number per case, shape {member.shape}; "
                f"got shape {row.shape} of {row.dtype}"
            )
        rows.append(row.astype(np.float64))
    losses = np.stack(rows)
    if not np.isfinite(losses).all():
        member, case = np.argwhere(~np.isfinite(losses))[0]
        raise ValueError(
            f"{loss_name(loss)} returned {losses[member, case]} for the case at position {case} (member {member})"
        )
    return losses


def _said(predictions: Predictions, metric: str) -> Array:
    """(members, examples) predicted numbers, or labels as they stand in ``y``."""
    if not predictions.is_classification:
        return values_of(predictions, metric)
    labels = predictions.labels
    if labels is None:
        raise ValueError(f"{metric} needs labels, and {predictions.lacks('labels')}")
    assert predictions.classes is not None
    return predictions.classes[labels]


def loss_name(loss: Loss) -> str:
    """How messages call a loss."""
    return loss if isinstance(loss, str) else str(getattr(loss, "__name__", type(loss).__name__))
