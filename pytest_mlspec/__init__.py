"""Requirements on ML models as pytest markers: met, violated or undecided, with a controlled error rate.

Public names are resolved on first use, because this package is imported by every pytest run in whose environment it is
installed.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_mlspec import metrics as metrics
    from pytest_mlspec import perturbations as perturbations
    from pytest_mlspec import strategies as strategies
    from pytest_mlspec.data import Dataset as Dataset
    from pytest_mlspec.data import Domain as Domain
    from pytest_mlspec.data import Splits as Splits
    from pytest_mlspec.fixtures.datasets import dataset as dataset
    from pytest_mlspec.fixtures.ensembles import ensemble as ensemble
    from pytest_mlspec.markers import calibration as calibration
    from pytest_mlspec.markers import non_inferiority as non_inferiority
    from pytest_mlspec.markers import optimizing as optimizing
    from pytest_mlspec.markers import parity as parity
    from pytest_mlspec.markers import reliance as reliance
    from pytest_mlspec.markers import satisficing as satisficing
    from pytest_mlspec.markers import seed_variance as seed_variance
    from pytest_mlspec.markers import stress as stress
    from pytest_mlspec.markers import underspecification as underspecification
    from pytest_mlspec.metrics import metric as metric
    from pytest_mlspec.metrics.estimate import Estimate as Estimate
    from pytest_mlspec.predictions import Predictions as Predictions
    from pytest_mlspec.training import Ensemble as Ensemble
    from pytest_mlspec.training.label_shift import correct_label_shift as correct_label_shift
    from pytest_mlspec.training.recalibration import recalibrate as recalibrate
    from pytest_mlspec.training.weights import covariate_weights as covariate_weights
    from pytest_mlspec.verdict import Undecided as Undecided
    from pytest_mlspec.verdict import Verdict as Verdict

__version__ = "0.1.0"

_HOMES = {
    "Dataset": "pytest_mlspec.data",
    "Domain": "pytest_mlspec.data",
    "Ensemble": "pytest_mlspec.training",
    "Estimate": "pytest_mlspec.metrics.estimate",
    "Predictions": "pytest_mlspec.predictions",
    "Splits": "pytest_mlspec.data",
    "Undecided": "pytest_mlspec.verdict",
    "Verdict": "pytest_mlspec.verdict",
    "calibration": "pytest_mlspec.markers",
    "correct_label_shift": "pytest_mlspec.training.label_shift",
    "covariate_weights": "pytest_mlspec.training.weights",
    "dataset": "pytest_mlspec.fixtures.datasets",
    "ensemble": "pytest_mlspec.fixtures.ensembles",
    "metric": "pytest_mlspec.metrics",
    "non_inferiority": "pytest_mlspec.markers",
    "optimizing": "pytest_mlspec.markers",
    "parity": "pytest_mlspec.markers",
    "recalibrate": "pytest_mlspec.training.recalibration",
    "reliance": "pytest_mlspec.markers",
    "satisficing": "pytest_mlspec.markers",
    "seed_variance": "pytest_mlspec.markers",
    "stress": "pytest_mlspec.markers",
    "underspecification": "pytest_mlspec.markers",
}
_MODULES = ("metrics", "perturbations", "strategies")

__all__ = [
    "Dataset",
    "Domain",
    "Ensemble",
    "Estimate",
    "Predictions",
    "Splits",
    "Undecided",
    "Verdict",
    "calibration",
    "correct_label_shift",
    "covariate_weights",
    "dataset",
    "ensemble",
    "metric",
    "metrics",
    "non_inferiority",
    "optimizing",
    "parity",
    "perturbations",
    "recalibrate",
    "reliance",
    "satisficing",
    "seed_variance",
    "strategies",
    "stress",
    "underspecification",
]


def __getattr__(name: str) -> object:
    if name in _MODULES:
        return import_module(f"pytest_mlspec.{name}")
    if name in _HOMES:
        value: object = getattr(import_module(_HOMES[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
