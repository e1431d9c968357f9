"""One column of probabilities is about one class, and never silently about the other one."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_mlspec import Ensemble, Predictions, metrics
from pytest_mlspec.data import Dataset

Y = np.array(["bad", "good", "bad", "good"])
RISK = np.array([0.9, 0.2, 0.7, 0.1])  # of "bad", which sorts first


def test_it_is_about_the_positive_class_whatever_its_place():
    said = Predictions(y=Y, probabilities=RISK, positive="bad")

    assert said.probabilities[0, :, 0].tolist() == RISK.tolist()
    assert metrics.recall(said).value == 1.0
    assert metrics.auroc(said).value == 1.0
    assert metrics.auroc(Predictions(y=(Y == "good") + 0, probabilities=RISK, positive=0)).value == 1.0
    assert metrics.auroc(Predictions(y=Y, probabilities=RISK, classes=["good", "bad"]), positive="bad").value == 1.0


def test_where_nobody_says_which_class_it_is_an_error():
    with pytest.raises(ValueError, match=r"nobody said which of \['bad', 'good'\]: give positive='good' \(or 'bad'\)"):
        Predictions(y=Y, probabilities=RISK)


@pytest.mark.parametrize("output", ["probabilities", "logits"])
@pytest.mark.parametrize("positive", ["bad", None])
def test_the_column_of_a_model_is_not_guessed_either(output, positive):
    data = Dataset(RISK if output == "probabilities" else np.log(RISK / (1 - RISK)), Y, positive=positive)

    with pytest.raises(
        ValueError, match=r"one column of probabilities and nobody said which of the classes \['bad', 'g"
    ):
        metrics.brier(Ensemble.of(lambda X: X, output=output), data)

    told = Ensemble.of(lambda X: X, output=output, classes=["good", "bad"])
    assert metrics.auroc(told, data, positive="bad").value == 1.0


def test_the_column_of_a_model_is_that_of_the_second_class_where_that_is_positive():
    model = Ensemble.of(lambda X: X, output="probabilities")

    assert metrics.recall(model, Dataset(1 - RISK, Y, positive="good")).value == 1.0
    assert metrics.recall(model, Dataset(RISK, Y == "bad")).value == 1.0


def test_a_single_column_of_predict_proba_is_not_guessed():
    class Wrapper:
        def predict(self, X: np.ndarray) -> np.ndarray:
            return np.where(X > 0.5, "bad", "good")

        def predict_proba(self, X: np.ndarray) -> np.ndarray:
            return X

    with pytest.raises(ValueError, match="one column of probabilities"):
        metrics.brier(Wrapper(), Dataset(RISK, Y, positive="bad"))


def test_labels_of_a_slice_of_one_class_may_be_the_other_one():
    said = Predictions(y=[0, 0, 0, 0], labels=[0, 1, 0, 0])

    assert metrics.false_positive_rate(said).value == 0.25
