"""Reweighted metrics: the right mean, bounds that use what is known of the weights, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtr

from pytest_mlspec import metrics
from pytest_mlspec.data import Dataset
from pytest_mlspec.metrics.weighted import reweighted
from pytest_mlspec.predictions import Predictions
from pytest_mlspec.training.weights import covariate_weights
from pytest_mlspec.verdict import Outcome, Terms

N = 4000
SHIFT = 0.7


def said(hits: np.ndarray, **more: object) -> Predictions:
    return Predictions(y=np.ones(hits.shape[-1], dtype=int), labels=hits.astype(int), classes=[0, 1], **more)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def x() -> np.ndarray:
    return np.random.default_rng(0).normal(size=N)


@pytest.fixture(scope="module")
def predictions(x: np.ndarray) -> Predictions:
    # P(right | x) = Phi(1 - x): Phi(1 / sqrt 2) = .760 of x ~ N(0, 1), Phi(.3 / sqrt 2) = .584 of x ~ N(.7, 1)
    return said(np.random.default_rng(1).random(N) < ndtr(1 - x))


@pytest.fixture(scope="module")
def weights(x: np.ndarray) -> np.ndarray:
    return np.exp(SHIFT * x - SHIFT**2 / 2)


def test_the_weighted_accuracy_is_that_of_the_other_law(predictions: Predictions, weights: np.ndarray) -> None:
    accuracy = metrics.accuracy(predictions)
    there = reweighted(accuracy, weights)

    assert accuracy.value == pytest.approx(ndtr(1 / np.sqrt(2)), abs=0.02)
    assert there.value == pytest.approx(ndtr(0.3 / np.sqrt(2)), abs=0.03)
    assert there.low() < ndtr(0.3 / np.sqrt(2)) < there.high()
    assert (accuracy >= 0.7).outcome is Outcome.MET
    assert (there >= 0.7).outcome is Outcome.VIOLATED
    assert (there >= 0.5).outcome is Outcome.MET


def test_the_weighted_mean_by_hand() -> None:
    four = said(np.array([1, 0, 0, 1]))

    # (0.5 + 2) / 4
    assert reweighted(metrics.accuracy(four), [0.5, 0.5, 1.0, 2.0]).value == pytest.approx(0.625)


def test_equal_weights_change_the_value_by_nothing(predictions: Predictions) -> None:
    plain = metrics.accuracy(predictions)
    weighted = reweighted(plain, np.ones(N), max_weight=1.0)

    assert weighted.value == pytest.approx(plain.value)
    # betting instead of counting, at half the level: a little wider
    assert plain.low() - 0.01 < weighted.low() < plain.low()
    assert plain.high() < weighted.high() < plain.high() + 0.01


def test_a_declared_largest_weight_narrows_the_bounds_of_a_good_model(weights: np.ndarray) -> None:
    good = metrics.accuracy(said(np.random.default_rng(2).random(N) < 0.97))
    limited = np.minimum(weights, 5.0)
    limited = limited / limited.mean()

    declared, open_ended = reweighted(good, limited, max_weight=5.5), reweighted(good, limited)

    assert declared.low() > open_ended.low() + 0.01
    assert declared.low() < declared.value < declared.high()


def test_the_message_carries_the_assumption_and_what_the_weights_are_worth(
    predictions: Predictions, weights: np.ndarray
) -> None:
    text = "\n".join((reweighted(metrics.accuracy(predictions), weights) >= 0.7).lines())

    assert "reweighted accuracy, if p(y|x) is unchanged and the weights are right >= 0.70" in text
    assert "betting on weighted cases, weights taken as given" in text
    # (sum w)^2 / sum w^2 is near n exp(-.49) = 0.61 n
    assert "equally weighted examples" in text


def test_losses_with_and_without_a_declared_largest_one(x: np.ndarray, weights: np.ndarray) -> None:
    errors = np.minimum(np.abs(x), 3.0)
    numbers = Predictions(y=np.zeros(N), values=errors)
    there = reweighted(metrics.mae(numbers), weights)

    # E |x| for x ~ N(.7, 1) is sqrt(2 / pi) exp(-.245) + .7 (1 - 2 Phi(-.7)) = 0.986
    assert there.value == pytest.approx(0.986, abs=0.04)
    assert (there <= 1.2).outcome is Outcome.UNDECIDED
    assert there.judged("<=", 1.2, Terms(max_loss=3.0)).outcome is Outcome.MET
    assert (there <= 0.8).outcome is Outcome.VIOLATED
    assert metrics.mae(numbers).value == pytest.approx(np.sqrt(2 / np.pi), abs=0.03)


def test_every_member_is_reweighted(predictions: Predictions, weights: np.ndarray) -> None:
    hits = np.stack([predictions.hits[0], np.ones(N)])

    there = reweighted(metrics.accuracy(said(hits)), weights)

    assert there.values == pytest.approx([reweighted(metrics.accuracy(predictions), weights).value, 1.0])
    assert there.low(1) > there.high(0)


def test_estimated_weights_serve_where_the_true_ones_are_not_known(x: np.ndarray, predictions: Predictions) -> None:
    other = Dataset(np.random.default_rng(3).normal(SHIFT, 1, size=(N, 1)))

    estimated = covariate_weights(Dataset(x[:, None]), other)
    there = reweighted(metrics.accuracy(predictions), estimated, max_weight=20.0)

    assert there.value == pytest.approx(ndtr(0.3 / np.sqrt(2)), abs=0.03)


def test_clustered_rows_are_undecided() -> None:
    grouped = said(np.ones(100), clusters=np.arange(100) // 10)

    verdict = reweighted(metrics.accuracy(grouped), np.ones(100)) >= 0.1

    assert verdict.outcome is Outcome.UNDECIDED
    assert "clustered" in " ".join(verdict.advice)


def test_an_undecided_one_says_how_many_cases_would_decide(predictions: Predictions, weights: np.ndarray) -> None:
    verdict = reweighted(metrics.accuracy(predictions), weights) >= 0.57

    assert verdict.outcome is Outcome.UNDECIDED
    assert "would decide it" in " ".join(verdict.advice)


@pytest.mark.parametrize(
    "measure",
    [
        lambda p: metrics.recall(p, positive=1),
        lambda p: metrics.f1(p, positive=1),
        lambda p: metrics.accuracy(p).seed_std(),
        lambda p: metrics.failure_rate(p, loss="zero_one"),
    ],
)
def test_what_is_no_mean_over_all_cases_is_refused(measure: object) -> None:
    some = Predictions(y=[0, 1] * 5, labels=[0, 1, 1, 0, 1] * 2)

    with pytest.raises((TypeError, ValueError), match=r"reweighted\(\.\.\.\) (takes|cannot)|loss"):
        reweighted(measure(some), np.ones(10))  # type: ignore[operator]


def test_groups_of_a_reweighted_metric_are_refused() -> None:
    there = reweighted(metrics.accuracy(said(np.ones(10), columns={"side": list("ab") * 5})), np.ones(10))

    with pytest.raises(TypeError, match="reweight the metric on the slice"):
        there.worst("side")


@pytest.mark.parametrize(
    ("given", "largest", "message"),
    [
        (np.ones(9), None, r"shape \(10,\); got weights of shape \(9,\)"),
        (np.full(10, np.nan), None, "nan at position 0"),
        (np.r_[-1.0, np.full(9, 11 / 9)], None, "-1.0 at position 0"),
        (np.full(10, 0.1), None, "multiply them by the number of cases"),
        (np.full(10, 2.0), None, "mean=2"),
        (np.zeros(10), None, "mean=0"),
        (np.r_[np.full(9, 0.5), 5.5], 5.0, r"max_weight=5\.0 and a weight of 5\.5"),
        (np.ones(10), 0.5, "max_weight=0.5"),
    ],
)
def test_bad_weights_are_answered(given: np.ndarray, largest: float | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        reweighted(metrics.accuracy(said(np.ones(10))), given, max_weight=largest)
