"""Metrics of losses: what each case costs, averaged, or how often it costs more than delta."""

from __future__ import annotations

import math
from numbers import Real
from typing import TYPE_CHECKING

import numpy as np

from pytest_mlspec.metrics.case_losses import Loss, Losses, case_losses, loss_name, true_probability
from pytest_mlspec.metrics.cases import measured, probabilities_of, values_of
from pytest_mlspec.metrics.estimate import Estimate
from pytest_mlspec.metrics.evidence import Evidence
from pytest_mlspec.metrics.evidence.averaged import Mean
from pytest_mlspec.metrics.evidence.counted import Rate
from pytest_mlspec.metrics.evidence.failures import PendingFailures
from pytest_mlspec.predictions import Predictions, predict

if TYPE_CHECKING:
    from pytest_mlspec.data import Dataset

__all__ = ["PendingFailures", "brier", "failure_rate", "log_loss", "mae", "mean_loss", "rmse"]


def failure_rate(
    model: object, data: Dataset | None = None, *, loss: Loss = "absolute_error", delta: float | None = None
) -> Estimate:
    """Share of cases that fail: whose loss is larger than ``delta``.

    Args:
        model: an ensemble, a trained model, a list of retrainings, or predictions (then ``data`` is left out).
        data: the dataset or slice.
        loss: ``"absolute_error"``, ``"squared_error"``, ``"zero_one"``, ``"log_loss"`` or a function of (y, predicted)
            that returns one loss per case, of any sign.
        delta: the largest loss that one case may have, in the unit of the loss; left out, it comes from the contract.

    Returns:
        Estimate in [0, 1], bounded by Clopper-Pearson (exact); smaller is better.

    Raises:
        TypeError, ValueError: an unknown loss, a loss that is not one finite number per case, outputs that are missing.
    """
    predictions = predict(model, data)
    pending = PendingFailures(
        losses=case_losses(predictions, loss, "failure_rate"),
        predictions=predictions,
        cluster_codes=predictions.cluster_codes,
    )
    if delta is None:
        return measured(predictions, "failure_rate", pending, loss=loss_name(loss))
    if isinstance(delta, bool) or not isinstance(delta, Real) or not math.isfinite(float(delta)):
        raise ValueError(f"delta is the largest loss that one case may have, a finite number; got delta={delta!r}")
    return measured(predictions, "failure_rate", pending.at(delta), loss=loss_name(loss), delta=delta)


def mean_loss(model: object, data: Dataset | None = None, *, loss: Loss) -> Estimate:
    """Mean over cases of a loss.

    Args:
        model, data: as ``failure_rate``.
        loss: as ``failure_rate``.

    Returns:
        Estimate in the unit of the loss, bounded by betting (exact). Without ``max_loss`` on the marker a loss that
        has no largest value can be violated but not met.
    """
    predictions = predict(model, data)
    losses = case_losses(predictions, loss, "mean_loss")
    if loss == "zero_one":
        evidence: Evidence = Rate(
            hits=losses.astype(np.uint8), unit="examples", cluster_codes=predictions.cluster_codes
        )
    elif loss == "log_loss":
        evidence = _mean(predictions, losses, high=_largest_log_loss(losses))
    elif loss == "squared_error":
        evidence = _mean(predictions, losses, declared="root")
    else:
        evidence = _mean(predictions, losses)
    return measured(predictions, "mean_loss", evidence, loss=loss_name(loss))


def mae(model: object, data: Dataset | None = None) -> Estimate:
    """Mean absolute error, in the unit of ``y``; arguments and bounds as ``mean_loss``."""
    predictions = predict(model, data)
    return measured(predictions, "mae", _mean(predictions, case_losses(predictions, "absolute_error", "mae")))


def rmse(model: object, data: Dataset | None = None) -> Estimate:
    """Root mean squared error, in the unit of ``y``; arguments and bounds as ``mean_loss``, by squared errors."""
    predictions = predict(model, data)
    values_of(predictions, "rmse")
    evidence = _mean(predictions, case_losses(predictions, "squared_error", "rmse"), declared="root", transform="sqrt")
    return measured(predictions, "rmse", evidence)


def log_loss(model: object, data: Dataset | None = None) -> Estimate:
    """Mean negative log of the probability of the true class, in nats.

    Probabilities are clipped to the resolution of their floating-point type, as scikit-learn does: one case costs at
    most 36.04 (float64) or 15.94 (float32), which bounds the mean.

    Returns:
        Estimate, bounded by betting (exact); smaller is better.
    """
    predictions = predict(model, data)
    losses = case_losses(predictions, "log_loss", "log_loss")
    return measured(predictions, "log_loss", _mean(predictions, losses, high=_largest_log_loss(losses)))


def brier(model: object, data: Dataset | None = None) -> Estimate:
    """Mean squared error of the probabilities.

    For two classes (p - y)^2 of one of them, in [0, 1]; for more the sum over classes, in [0, 2].

    Returns:
        Estimate, bounded by betting (exact); smaller is better.

    Source:
        Brier 1950.
    """
    predictions = predict(model, data)
    probabilities = probabilities_of(predictions, "brier")
    true = true_probability(predictions, probabilities)
    two = probabilities.shape[2] <= 2
    losses = (1 - true) ** 2 if two else np.einsum("mnk,mnk->mn", probabilities, probabilities) - 2 * true + 1
    evidence = _mean(predictions, losses, high=1.0 if two else 2.0, declared="nothing")
    return measured(predictions, "brier", evidence)


def _largest_log_loss(losses: Losses) -> float:
    return float(-np.log(np.finfo(losses.dtype).eps))


def _mean(predictions: Predictions, losses: Losses, **how: object) -> Mean:
    how.setdefault("low", 0.0 if losses.size == 0 or float(losses.min()) >= 0 else None)
    return Mean(
        losses=losses,
        cluster_codes=predictions.cluster_codes,
        cluster_name=predictions.cluster_name,
        **how,  # type: ignore[arg-type]  # named above, one line each
    )
