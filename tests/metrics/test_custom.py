"""Metrics of one's own: per case with exact bounds, or one number with the bootstrap."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from pytest_mlspec import metrics
from pytest_mlspec.data import Dataset
from pytest_mlspec.metrics import metric
from pytest_mlspec.metrics.evidence import Goal
from pytest_mlspec.predictions import Predictions
from pytest_mlspec.verdict import Comparison, Terms

LEVEL = 0.05


def goal(threshold: float, comparison: Comparison) -> Goal:
    return Goal(threshold=threshold, comparison=comparison, level=LEVEL)


GENERATOR = np.random.default_rng(4)
Y = GENERATOR.normal(size=120)
NUMBERS = Predictions(y=Y, values=Y + GENERATOR.normal(size=(3, 120)), columns={"half": np.arange(120) % 2})


@metric(greater_is_better=True)
def within(y, predictions, tolerance=1.0):
    """Share of cases within the tolerance."""
    return np.abs(y - predictions.values) <= tolerance


@metric(greater_is_better=False, high=4.0)
def capped_error(y, predictions):
    return np.minimum(np.abs(y - predictions.values), 4.0)


@metric(greater_is_better=False, high=None)
def free_error(y, predictions):
    return np.abs(y - predictions.values)


@metric(greater_is_better=False, low=None, high=None, bound="bootstrap")
def median_error(y, predictions):
    return np.median(np.abs(y - predictions.values))


def test_booleans_are_counted():
    estimate = within(NUMBERS, tolerance=1.5)

    assert estimate.metric == "within" and estimate.greater_is_better
    assert estimate.settings == (("tolerance", 1.5),)
    assert estimate.values == pytest.approx((np.abs(Y - NUMBERS.values) <= 1.5).mean(axis=1))
    assert estimate.evidence.bounds(LEVEL, Terms()).method.name == "Clopper-Pearson"
    assert within.__name__ == "within" and within.__doc__ == "Share of cases within the tolerance."


def test_values_in_a_declared_range_are_bounded_by_betting():
    bounds = capped_error(NUMBERS).evidence.bounds(LEVEL, Terms())

    assert (bounds.low < capped_error(NUMBERS).values).all() and (capped_error(NUMBERS).values < bounds.high).all()
    assert bounds.method.bound_class == "exact" and (bounds.high < 4).all()


def test_values_without_a_range_wait_for_max_loss():
    assert (free_error(NUMBERS).evidence.bounds(LEVEL, Terms()).high == np.inf).all()
    assert (free_error(NUMBERS).evidence.bounds(LEVEL, Terms(max_loss=9.0)).high < 9).all()


def test_models_and_slices_are_taken_like_those_of_any_metric():
    X = GENERATOR.normal(size=(90, 2))
    y = np.where(X[:, 0] > 0, "yes", "no")
    data = Dataset(X, y, columns={"half": np.arange(90) % 2})
    model = LogisticRegression().fit(X, y)

    @metric(greater_is_better=True)
    def right(y, predictions):
        assert predictions.probabilities.shape == (len(y), 2) and len(predictions) == len(y)
        assert set(predictions.column("half").tolist()) <= {0, 1}
        return predictions.labels == y

    assert right(model, data).value == metrics.accuracy(model, data).value
    assert right(model, data.where(half=1)).value == metrics.accuracy(model, data.where(half=1)).value


def test_the_bootstrap_is_approximate_repeatable_and_clustered_where_rows_are():
    first, again = (median_error(NUMBERS).evidence.bounds(LEVEL, Terms()) for _ in range(2))
    clusters = np.arange(120) // 2
    clustered = Predictions(
        y=np.repeat(Y[:60], 2), values=np.repeat(Y[:60], 2) + np.repeat(NUMBERS.values[0, :60], 2), clusters=clusters
    )
    rows = Predictions(y=clustered.y, values=clustered.values[0])
    wide, narrow = (median_error(said).evidence.bounds(LEVEL, Terms()) for said in (clustered, rows))

    assert np.array_equal(first.low, again.low) and first.method.bound_class == "approximate"
    assert (first.low < median_error(NUMBERS).values).all() and (median_error(NUMBERS).values < first.high).all()
    assert wide.high[0] - wide.low[0] > narrow.high[0] - narrow.low[0]  # every row comes twice


def test_the_bootstrap_agrees_with_that_of_scipy():
    from scipy.stats import bootstrap

    errors = np.abs(Y - NUMBERS.values[0])
    expected = bootstrap(
        (errors,), np.median, confidence_level=0.9, method="percentile", n_resamples=4000, rng=np.random.default_rng(0)
    ).confidence_interval
    bounds = median_error(NUMBERS).evidence.bounds(LEVEL, Terms())

    assert (bounds.low[0], bounds.high[0]) == pytest.approx((expected.low, expected.high), abs=0.05)


@pytest.mark.parametrize(
    ("said", "level", "words"),
    [
        (NUMBERS.take(np.arange(49)), LEVEL, "needs at least 50 examples; there are 49"),
        (NUMBERS, 0.002, "not used below level 0.0025"),
        (Predictions(y=Y, values=Y, clusters=np.arange(120) // 3), LEVEL, "needs at least 50 clusters; there are 40"),
    ],
)
def test_the_bootstrap_promises_nothing_where_it_cannot(said, level, words):
    bounds = median_error(said).evidence.bounds(level, Terms())

    assert (bounds.low == -np.inf).all() and (bounds.high == np.inf).all() and words in bounds.reason


def test_rows_and_parts_of_a_resampled_number():
    evidence = median_error(NUMBERS).evidence
    part = evidence.take(np.flatnonzero(NUMBERS.columns["half"] == 1))

    assert evidence.pseudo_values(Terms()).rows.mean(axis=1) == pytest.approx(evidence.values)
    assert part.values == pytest.approx(median_error(NUMBERS.where(half=1)).values)
    assert evidence.plan(0, goal(evidence.values[0] + 0.05, "<=")) > 120


@pytest.mark.parametrize(
    ("function", "how", "words"),
    [
        (lambda y, p: 0.5, {}, "returned one number: return one value per case"),
        (lambda y, p: p.values[:5], {}, "must return one number per case"),
        (lambda y, p: np.full(len(y), np.nan), {}, "case at position 0: every case needs a finite value"),
        (lambda y, p: p.values + 100, {}, r"declares values per case in \[0.0, 1.0\]; got values from"),
        (lambda y, p: p.values, {"bound": "bootstrap"}, "must return one number; got shape"),
        (lambda y, p: p.labels, {}, "labels are needed, and 'predictions' holds only values"),
    ],
)
def test_functions_that_return_something_else_are_refused(function, how, words):
    with pytest.raises(ValueError, match=words):
        metric(greater_is_better=True, **how)(function)(NUMBERS).values  # noqa: B018  # resampled values are lazy


def test_bad_declarations_are_refused_at_once():
    with pytest.raises(ValueError, match="low < high"):
        metric(greater_is_better=True, low=1.0, high=0.0)
    with pytest.raises(ValueError, match="bootstrap"):
        metric(greater_is_better=True, bound="bca")
    with pytest.raises(TypeError, match=r"expected a function of \(y, predictions\)"):
        metric(greater_is_better=True)(lambda y: y)
