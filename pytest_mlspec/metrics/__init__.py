"""Metrics: predictions in, an estimate out that answers ``>=`` and ``<=`` with a verdict."""

from pytest_mlspec.metrics.calibration import ece, mce
from pytest_mlspec.metrics.contrasts import change_slope, flip_rate, mean_change
from pytest_mlspec.metrics.custom import metric
from pytest_mlspec.metrics.disagreement import disagreement, pairwise_disagreement
from pytest_mlspec.metrics.drift import category_distance, domain_distance, ks_distance
from pytest_mlspec.metrics.losses import brier, failure_rate, log_loss, mae, mean_loss, rmse
from pytest_mlspec.metrics.profiles import profile
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
from pytest_mlspec.metrics.shares import coefficient_share, gradient_share
from pytest_mlspec.metrics.similarity import independent_agreement, similarity
from pytest_mlspec.metrics.uncertainty import (
    aleatoric_uncertainty,
    epistemic_uncertainty,
    member_variance,
    total_uncertainty,
    uncertainty_split,
)
from pytest_mlspec.metrics.weighted import reweighted

__all__ = [
    "accuracy",
    "aleatoric_uncertainty",
    "auroc",
    "brier",
    "category_distance",
    "change_slope",
    "coefficient_share",
    "disagreement",
    "domain_distance",
    "ece",
    "epistemic_uncertainty",
    "f1",
    "failure_rate",
    "false_positive_rate",
    "flip_rate",
    "gradient_share",
    "independent_agreement",
    "ks_distance",
    "log_loss",
    "loss_quantile",
    "mae",
    "mce",
    "mean_change",
    "mean_loss",
    "member_variance",
    "metric",
    "pairwise_disagreement",
    "precision",
    "profile",
    "recall",
    "reweighted",
    "rmse",
    "selection_rate",
    "similarity",
    "specificity",
    "total_uncertainty",
    "uncertainty_split",
]
