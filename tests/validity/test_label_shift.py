"""A labelled check of a corrected model on the very rows whose features corrected it: does its bound still hold?"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, ndtr

from pytest_mlspec import metrics
from pytest_mlspec.data import Dataset
from pytest_mlspec.training.label_shift import correct_label_shift
from pytest_mlspec.verdict import Terms
from tests.validity import table

BOUND = "accuracy after label-shift correction, on the same rows"
D, LEVEL = 1.5443864, 0.05


class TwoNormals:
    def __init__(self) -> None:
        self.classes_ = np.array([0, 1])

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        positive = expit(D * X[:, 0])
        return np.stack([1 - positive, positive], axis=1)

    def predict(self, X: np.ndarray) -> np.ndarray:
        return (X[:, 0] > 0).astype(int)


def drawn(rng: np.random.Generator, n: int, positive: float, moved: float = 0.0) -> Dataset:
    y = (rng.random(n) < positive).astype(int)
    return Dataset(rng.normal((y - 0.5) * D + moved, 1.0)[:, None], y, classes=[0, 1])


def true_accuracy(weights: np.ndarray, positive: float, moved: float) -> float:
    """Of the corrected rule, which says 1 above -ln(w_1 / w_0) / d."""
    with np.errstate(divide="ignore"):
        edge = -np.log(weights[1] / weights[0]) / D
    return float(positive * ndtr(D / 2 + moved - edge) + (1 - positive) * ndtr(edge + D / 2 - moved))


def simulate(positive: float, moved: float, n: int, runs: int) -> tuple[int, int, int]:
    """False met and false violated at the truth of each corrected model, and how often it lost by the correction."""
    rng = np.random.default_rng(12)
    met = violated = lost = 0
    for _ in range(runs):
        validation, target = drawn(rng, 500, 0.5), drawn(rng, n, positive, moved)
        corrected = correct_label_shift(TwoNormals(), validation, target)
        truth = true_accuracy(corrected.members[0].weights, positive, moved)  # type: ignore[attr-defined]
        bounds = metrics.accuracy(corrected, target).evidence.bounds(LEVEL, Terms())
        met += bool(bounds.low[0] > truth)
        violated += bool(bounds.high[0] < truth)
        lost += truth < true_accuracy(np.ones(2), positive, moved)
    return met, violated, lost


@pytest.mark.parametrize("runs", [300, pytest.param(4000, marks=pytest.mark.slow_validity)])
@pytest.mark.parametrize("n", [60, 400])
@pytest.mark.parametrize(("positive", "moved"), [(0.9, 0.0), (0.3, 1.5)], ids=["label shift", "compound shift"])
def test_the_labelled_check_holds_whether_the_assumption_does_or_not(
    positive: float, moved: float, n: int, runs: int
) -> None:
    met, violated, lost = simulate(positive, moved, n, runs)

    case = f"{n} rows, {'p(x|y) moved' if moved else 'priors .5 to .9'}"
    table.record(BOUND, case, "accuracy = limit", "false met", met, runs, LEVEL)
    table.record(BOUND, case, "accuracy = limit", "false violated", violated, runs, LEVEL)
    if moved:
        assert lost > 0.95 * runs  # taken at its word, the correction would have done harm
    else:
        assert lost < 0.05 * runs
