"""Metrics: predictions in, an estimate out that answers ``>=`` and ``<=`` with a verdict."""

from pytest_mlspec.metrics.losses import brier, failure_rate, log_loss, mae, mean_loss, rmse
from pytest_mlspec.metrics.rates import (
    accuracy,
    f1,
    false_positive_rate,
    precision,
    recall,
    selection_rate,
    specificity,
)

__all__ = [
    "accuracy",
    "brier",
    "f1",
    "failure_rate",
    "false_positive_rate",
    "log_loss",
    "mae",
    "mean_loss",
    "precision",
    "recall",
    "rmse",
    "selection_rate",
    "specificity",
]
