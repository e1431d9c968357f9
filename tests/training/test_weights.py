"""Importance weights: near the true ones where these are known, never above the clip, of mean 1."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, RidgeClassifier

from pytest_mlspec.data import Dataset
from pytest_mlspec.training.weights import covariate_weights, effective_sample_size


def drawn(seed: int, n: int = 2000, shift: float = 0.0) -> Dataset:
    return Dataset(np.random.default_rng(seed).normal(shift, 1.0, size=(n, 2)))


def true_weights(source: Dataset, shift: float) -> np.ndarray:
    return np.exp(shift * source.X.sum(axis=1) - shift**2)


def test_a_logistic_model_finds_the_weights_of_two_normal_laws() -> None:
    source = drawn(0)

    weights = covariate_weights(source, drawn(1, shift=0.5), classifier=LogisticRegression())

    truth = true_weights(source, 0.5)
    assert np.corrcoef(weights, truth)[0, 1] > 0.97
    # sum w^2 / n is exp(2 * .25) = 1.65
    assert effective_sample_size(weights) == pytest.approx(2000 / np.exp(0.5), rel=0.15)


def test_boosting_finds_them_without_knowing_the_law() -> None:
    source = drawn(0)

    weights = covariate_weights(source, drawn(1, shift=0.5))

    assert np.corrcoef(weights, true_weights(source, 0.5))[0, 1] > 0.75


@pytest.mark.parametrize("clip", [1.5, 4.0, 20.0])
def test_the_mean_is_one_and_nothing_is_above_the_clip(clip: float) -> None:
    weights = covariate_weights(drawn(0), drawn(1, shift=1.5), clip=clip)

    assert weights.mean() == pytest.approx(1.0)
    assert weights.min() >= 0
    assert weights.max() <= clip
    assert weights.max() > 0.9 * clip or clip == 20.0


def test_sizes_that_differ_leave_the_weights_alone() -> None:
    source = drawn(0)

    few = covariate_weights(source, drawn(1, n=500, shift=0.5), classifier=LogisticRegression())

    assert np.corrcoef(few, true_weights(source, 0.5))[0, 1] > 0.95


def test_without_a_shift_the_weights_are_near_one() -> None:
    weights = covariate_weights(drawn(0), drawn(1), classifier=LogisticRegression())

    assert np.abs(weights - 1).max() < 0.3


def test_one_seed_gives_the_same_weights_and_another_seed_others() -> None:
    first, again, other = (covariate_weights(drawn(0, 300), drawn(1, 300), seed=seed) for seed in (0, 0, 1))

    assert (first == again).all()
    assert (first != other).any()


@pytest.mark.parametrize(
    ("problem", "error", "message"),
    [
        (lambda: covariate_weights(drawn(0), drawn(1), clip=1.0), ValueError, r"clip=1\.0"),
        (lambda: covariate_weights(drawn(0), drawn(1), clip=float("nan")), ValueError, "clip=nan"),
        (lambda: covariate_weights(drawn(0), drawn(0)), ValueError, "without a common row"),
        (lambda: covariate_weights(drawn(0, 9), drawn(1)), ValueError, "at least 10 rows"),
        (lambda: covariate_weights(drawn(0), drawn(1), classifier=RidgeClassifier()), TypeError, "no predict_proba"),
    ],
)
def test_bad_input_is_answered(problem: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        problem()  # type: ignore[operator]
