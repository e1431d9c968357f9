"""Recalibration: corrects probabilities on data of its own, keeps labels, refuses rows that trained the model."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_mlspec.data import Dataset, Splits
from pytest_mlspec.training import Ensemble
from pytest_mlspec.training.recalibration import recalibrate

pytest.importorskip("netcal")

SHARPNESS = 2.5


class Sharpened:
    """Knows the true probabilities and says them as if the evidence were 2.5 times as strong."""

    def __init__(self, n_classes: int) -> None:
        self.classes_ = np.arange(n_classes)

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        return softmax(SHARPNESS * X).astype(np.float32)

    def predict(self, X: np.ndarray) -> np.ndarray:
        return X.argmax(axis=1)


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


@pytest.fixture(params=[2, 4], ids=["binary", "four classes"])
def splits(request: pytest.FixtureRequest) -> Splits:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(6000, request.param))
    y = (softmax(X).cumsum(axis=1) < rng.uniform(size=(6000, 1))).sum(axis=1)
    return Dataset(X, y, positive=1 if request.param == 2 else None).split(validation=0.5, test=0.3, seed=0)


def test_temperature_scaling_finds_the_temperature_and_keeps_the_labels(splits: Splits) -> None:
    model = Sharpened(splits.test.X.shape[1])

    (member,) = recalibrate(model, splits.validation).members
    corrected = member.predict_proba(splits.test.X)  # type: ignore[attr-defined]

    # 1 / 2.5 = 0.4 undoes the sharpening; the s.e. of a slope fitted to 3,000 cases is near 0.02.
    assert np.abs(corrected - softmax(splits.test.X)).max() < 0.05
    assert (member.predict(splits.test.X) == model.predict(splits.test.X)).all()  # type: ignore[attr-defined]


@pytest.mark.parametrize("method", ["temperature", "histogram", "isotonic"])
def test_every_method_brings_the_mean_probability_to_the_hit_rate(splits: Splits, method: str) -> None:
    model = Sharpened(splits.test.X.shape[1])

    (member,) = recalibrate(model, splits.validation, method=method).members  # type: ignore[arg-type]
    before, after = model.predict_proba(splits.test.X), member.predict_proba(splits.test.X)  # type: ignore[attr-defined]

    def overconfidence(probabilities: np.ndarray) -> float:
        return float(probabilities.max(axis=1).mean() - (probabilities.argmax(axis=1) == splits.test.y).mean())

    assert overconfidence(before) > 0.1
    assert abs(overconfidence(after)) < 0.03


def test_rows_that_trained_the_model_are_refused(splits: Splits) -> None:
    ensemble = Ensemble.of(Sharpened(splits.test.X.shape[1]))
    trained = type(ensemble)(
        members=ensemble.members,
        seeds=ensemble.seeds,
        name="model",
        trained_on=(splits.train,),
        declared=1,
        retrained=False,
    )

    with pytest.raises(ValueError, match=r"rows of .* trained model.*Keep a validation split"):
        recalibrate(trained, splits.train)


def test_the_calibration_rows_count_as_training_rows_afterwards(splits: Splits) -> None:
    recalibrated = recalibrate(Sharpened(splits.test.X.shape[1]), splits.validation)

    assert splits.validation in recalibrated.trained_on


@pytest.mark.parametrize(
    ("problem", "message"),
    [
        (lambda splits: recalibrate(Sharpened(2), splits.validation, method="magic"), "method='magic'"),  # type: ignore[arg-type]
        (lambda splits: recalibrate(lambda X: X, splits.validation, output="probabilities"), "sum to 1"),
        (lambda splits: recalibrate(Sharpened(2), Dataset([[0.0], [1.0]], [0.5, 1.5])), "needs classes"),
    ],
    ids=["unknown method", "logits", "regression"],
)
def test_bad_input_is_answered(splits: Splits, problem: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        problem(splits)  # type: ignore[operator]
