"""Metrics: predictions in, an estimate out that answers ``>=`` and ``<=`` with a verdict."""

from pytest_mlspec.metrics.calibration import ece, mce
from pytest_mlspec.metrics.custom import metric
from pytest_mlspec.metrics.losses import brier, failure_rate, log_loss, mae, mean_loss, rmse
from pytest_mlspec.metrics.quantile import loss_quantile
from pytest_mlspec.metrics.ranking import auroc
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
    "auroc",
    "brier",
    "ece",
    "f1",
    "failure_rate",
    "false_positive_rate",
    "log_loss",
    "loss_quantile",
    "mae",
    "mce",
    "mean_loss",
    "metric",
    "precision",
    "recall",
    "rmse",
    "selection_rate",
    "specificity",
]
