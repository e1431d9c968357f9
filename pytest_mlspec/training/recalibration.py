"""Recalibration as a wrapper on an ensemble: every member's probabilities corrected on held-out calibration data."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Literal, Protocol, get_args

import numpy as np
import numpy.typing as npt

from pytest_mlspec.training.ensemble import Ensemble, Output
from pytest_mlspec.training.models import model_classes, predict_probabilities
from pytest_mlspec.training.seeding import seeded
from pytest_mlspec.training.threads import single_threaded

if TYPE_CHECKING:
    from pytest_mlspec.data.dataset import Dataset

Recalibration = Literal["temperature", "logistic", "beta", "histogram", "isotonic"]
_HOMES: dict[str, tuple[str, str]] = {
    "temperature": ("netcal.scaling", "TemperatureScaling"),
    "logistic": ("netcal.scaling", "LogisticCalibration"),
    "beta": ("netcal.scaling", "BetaCalibration"),
    "histogram": ("netcal.binning", "HistogramBinning"),
    "isotonic": ("netcal.binning", "IsotonicRegression"),
}
Probabilities = npt.NDArray[np.float64]


class Scaler(Protocol):
    """What netcal's methods have in common."""

    def fit(self, X: Probabilities, y: npt.NDArray[np.int64]) -> object: ...
    def transform(self, X: Probabilities) -> Probabilities: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Recalibrated:
    """A model whose probabilities were corrected; its labels are the most probable classes."""

    model: object
    output: Output | None
    scaler: Scaler
    classes_: npt.NDArray[np.generic]

    def predict_proba(self, X: object) -> Probabilities:
        """(examples, classes) corrected probabilities."""
        return _transform(self.scaler, _probabilities(self.model, X, self.output))

    def predict(self, X: object) -> npt.NDArray[np.generic]:
        """(examples,) the most probable class."""
        labels: npt.NDArray[np.generic] = self.classes_[self.predict_proba(X).argmax(axis=1)]
        return labels


def recalibrate(
    model: object,
    data: Dataset,
    *,
    method: Recalibration = "temperature",
    output: Output | None = None,
    name: str | None = None,
) -> Ensemble:
    """Correct the probabilities of every member on calibration data that trained none of them.

    Args:
        model: an ensemble or one trained model.
        data: the calibration data; judging the result on its rows is refused, as for training rows.
        method: ``temperature``, ``logistic``, ``beta``, ``histogram`` or ``isotonic``, as netcal has them.
        output: what a bare torch module or callable returns.
        name: how messages call the result.

    Returns:
        An ensemble of the same seeds. Temperature scaling leaves every label as it was.

    Raises:
        ImportError: netcal is not installed.
        ValueError: an unknown method, data without classes, or data whose rows trained the model.

    Source:
        Guo et al. 2017 (temperature scaling); Kueppers et al. 2020 (netcal).
    """
    from pytest_mlspec.data.splits import overlap

    if method not in get_args(Recalibration):
        raise ValueError(f"method is one of {', '.join(get_args(Recalibration))}; got method={method!r}")
    if data.classes is None or data.y is None:
        raise ValueError(f"recalibration needs classes, {data!r} has numbers to predict")
    ensemble = Ensemble.of(model, output=output)
    shared = sum(overlap(part, data) for part in ensemble.trained_on)
    if shared:
        raise ValueError(
            f"{shared:,} of the {len(data):,} rows of {data!r} trained {ensemble.name}: there its probabilities look "
            "better than they are. Keep a validation split apart and recalibrate on that"
        )
    make = _maker(method)
    members = tuple(_recalibrated(member, ensemble, data, make) for member in ensemble.members)
    called = name if name is not None else f"{ensemble.name}, {method}"
    return ensemble.wrapped(members, name=called, also_read=data)


def _maker(method: str) -> Callable[[], Scaler]:
    module, name = _HOMES[method]
    try:
        maker: Callable[[], Scaler] = getattr(import_module(module), name)
    except ImportError as error:
        raise ImportError("recalibration needs netcal: pip install 'pytest-mlspec[netcal]'") from error
    return maker


def _recalibrated(member: object, ensemble: Ensemble, data: Dataset, make: Callable[[], Scaler]) -> Recalibrated:
    assert data.classes is not None and data.y is not None
    known = model_classes(member) if ensemble.classes is None else np.asarray(ensemble.classes)
    classes = np.asarray(data.classes if known is None else known)
    probabilities = _probabilities(member, data.X, ensemble.output)
    codes = {label: code for code, label in enumerate(classes.tolist())}
    unknown = sorted({str(label) for label in np.asarray(data.y).tolist() if label not in codes})
    if unknown or probabilities.shape[1] != len(classes):
        raise ValueError(
            f"{ensemble.name} gives {probabilities.shape[1]} probabilities for the classes {classes.tolist()}; "
            f"the calibration data hold {', '.join(unknown) or 'those'}"
        )
    truth = np.array([codes[label] for label in np.asarray(data.y).tolist()], dtype=np.int64)
    scaler = make()
    with seeded(0), single_threaded(), _netcal_quiet():
        scaler.fit(probabilities if len(classes) > 2 else probabilities[:, 1], truth)
    return Recalibrated(model=member, output=ensemble.output, scaler=scaler, classes_=classes)


def _probabilities(model: object, X: object, output: Output | None) -> Probabilities:
    """Checked float64 probabilities: netcal fits nothing at all to float32 and drops NaN without a word."""
    found = predict_probabilities(model, X, output=output)
    if found is None:
        raise ValueError(f"recalibration needs probabilities, {type(model).__name__} gives none")
    probabilities = np.asarray(found, dtype=np.float64)
    sums = probabilities.sum(axis=1)
    if not np.isfinite(probabilities).all() or np.abs(sums - 1).max() > 1e-3 or probabilities.min() < 0:
        raise ValueError("recalibration needs finite probabilities whose rows sum to 1; are these logits?")
    return probabilities / sums[:, None]


def _transform(scaler: Scaler, probabilities: Probabilities) -> Probabilities:
    with _netcal_quiet():
        if probabilities.shape[1] > 2:
            return np.asarray(scaler.transform(probabilities), dtype=np.float64)
        positive = np.asarray(scaler.transform(probabilities[:, 1]), dtype=np.float64).reshape(-1)
    return np.stack([1 - positive, positive], axis=1)


@contextmanager
def _netcal_quiet() -> Iterator[None]:
    """Deprecations inside netcal's own dependencies are nothing that a user can mend."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield
