"""Losses: bounds with and without a largest loss, failures and their delta, quantiles."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from pytest_mlspec import metrics
from pytest_mlspec.metrics.evidence import Goal
from pytest_mlspec.metrics.judging.planned import betting_to_decide
from pytest_mlspec.predictions import Predictions
from pytest_mlspec.stats import betting
from pytest_mlspec.verdict import Comparison, Terms

LEVEL = 0.05


def goal(threshold: float, comparison: Comparison, terms: Terms | None = None) -> Goal:
    return Goal(threshold=threshold, comparison=comparison, level=LEVEL, terms=terms or Terms())


GENERATOR = np.random.default_rng(8)
Y = GENERATOR.normal(size=400)
NUMBERS = Predictions(y=Y, values=Y + GENERATOR.normal(scale=0.5, size=(2, 400)), columns={"road": np.arange(400) % 2})


@pytest.mark.parametrize("metric", [metrics.mae, metrics.rmse])
def test_an_unbounded_loss_can_be_violated_but_not_met(metric):
    bounds = metric(NUMBERS).evidence.bounds(LEVEL, Terms())

    assert (bounds.high == np.inf).all()
    assert (bounds.low > 0).all() and (bounds.low < metric(NUMBERS).values).all()
    assert "cannot be met without max_loss" in bounds.reason


def test_a_declared_largest_loss_bounds_it():
    terms = Terms(max_loss=4.0)
    mae, rmse = (metric(NUMBERS).evidence.bounds(LEVEL, terms) for metric in (metrics.mae, metrics.rmse))

    assert (mae.high > metrics.mae(NUMBERS).values).all() and (mae.high < 0.6).all()
    assert (rmse.high > metrics.rmse(NUMBERS).values).all() and (rmse.high < 1.2).all()
    assert mae.method.bound_class == rmse.method.bound_class == "exact" and not mae.reason
    case_values = metrics.mae(NUMBERS).evidence.case_values(terms)
    assert (case_values.low, case_values.high) == (0.0, 4.0)
    assert metrics.rmse(NUMBERS).evidence.case_values(terms) is None


@pytest.mark.parametrize("metric", [metrics.mae, metrics.rmse])
def test_a_loss_above_the_declared_largest_is_an_error(metric):
    with pytest.raises(ValueError, match=r"max_loss=0\.5 declares that no case can have a larger absolute error"):
        metric(NUMBERS).evidence.bounds(LEVEL, Terms(max_loss=0.5))


def test_signed_losses_stay_undecided():
    signed = metrics.mean_loss(NUMBERS, loss=lambda y, value: value - y).evidence
    bounds = signed.bounds(LEVEL, Terms())

    assert (bounds.low == -np.inf).all() and (bounds.high == np.inf).all() and "below 0" in bounds.reason
    with pytest.raises(ValueError, match="declares losses in"):
        signed.bounds(LEVEL, Terms(max_loss=5.0))


def test_losses_of_zero_and_one_are_counted():
    said = Predictions(y=np.zeros(60, dtype=int), labels=np.arange(60) < 3, classes=[0, 1])
    hard = Predictions(y=np.zeros(60, dtype=int), probabilities=(np.arange(60) < 3).astype(float))
    high = binomtest(3, 60, alternative="less").proportion_ci(1 - LEVEL).high

    for estimate in (metrics.mean_loss(said, loss="zero_one"), metrics.brier(hard)):
        bounds = estimate.evidence.bounds(LEVEL, Terms())
        assert bounds.high[0] == pytest.approx(high) and bounds.method.name == "Clopper-Pearson"


def test_scores_of_probabilities_are_bounded_without_max_loss():
    table = GENERATOR.dirichlet([3, 1, 1], size=300)
    y = np.array([GENERATOR.choice(3, p=row) for row in table])
    said = Predictions(y=y, probabilities=table)
    brier, log_loss = metrics.brier(said), metrics.log_loss(said)

    for estimate in (brier, log_loss):
        bounds = estimate.evidence.bounds(LEVEL, Terms())
        assert 0 < bounds.low[0] < estimate.value < bounds.high[0] < np.inf
    assert brier.evidence.case_values(Terms()).high == 2.0
    assert log_loss.evidence.case_values(Terms()).high == pytest.approx(36.04, abs=0.01)
    assert brier.evidence.bounds(LEVEL, Terms(max_loss=0.001)).high[0] < 2  # max_loss is about absolute errors


def test_clustered_rows_leave_a_mean_undecided_and_say_so():
    clustered = Predictions(y=Y, values=Y + 0.1, columns={"patient": np.arange(400) // 4}, clusters="patient")
    bounds = metrics.mae(clustered).evidence.bounds(LEVEL, Terms(max_loss=1.0))

    assert (bounds.low[0], bounds.high[0]) == (-np.inf, np.inf)
    assert bounds.reason == "rows are clustered by patient and the betting bound of a mean has no clustered form"


def test_a_limit_at_half_the_distance_takes_about_four_times_the_cases():
    evidence = metrics.mae(NUMBERS).evidence
    terms = Terms(max_loss=4.0)
    value = evidence.values[0]
    near, far = (evidence.plan(0, goal(value + distance, "<=", terms)) for distance in (0.02, 0.04))

    assert near == pytest.approx(4 * far, rel=0.2)
    assert evidence.plan(0, goal(value + 0.1, "<=")) is None  # open without max_loss
    assert evidence.plan(0, goal(5.0, "<=", terms)) is None  # beyond what one case can have


@pytest.mark.parametrize(("limit", "met"), [(0.2, True), (0.14, False)])
def test_planned_cases_decide_with_the_power_that_was_asked_for(limit, met):
    """Beta(1, 5) losses have the mean 1/6; 4000 of them give the plan, 400 data sets of its size follow."""
    generator = np.random.default_rng(2)
    needed = betting_to_decide(generator.beta(1, 5, 4000), limit, LEVEL, 0.9)
    bounds = betting.mean_bounds(generator.beta(1, 5, (400, needed)), LEVEL)
    decided = np.mean(bounds.high <= limit if met else bounds.low > limit)

    assert 0.85 <= decided <= 0.99


def test_a_failure_is_a_loss_larger_than_delta():
    said = Predictions(y=[0.0, 0.0, 0.0, 0.0], values=[1.0, 2.0, 2.5, -3.0])

    assert metrics.failure_rate(said, delta=2.0).value == 0.5
    assert metrics.failure_rate(said, loss=lambda y, value: value - y, delta=2.0).value == 0.25
    assert metrics.failure_rate(said, delta=2.0).settings == (("loss", "absolute_error"), ("delta", 2.0))
    with pytest.raises(ValueError, match="delta is the largest loss"):
        metrics.failure_rate(said, delta=np.nan)


def test_a_stricter_delta_never_fails_fewer():
    deltas = np.linspace(0, 2, 21)
    rates = [metrics.failure_rate(NUMBERS, delta=float(delta)).values for delta in deltas]

    assert (np.diff(rates, axis=0) <= 0).all()


def test_failures_wait_for_the_delta_of_the_contract():
    pending = metrics.failure_rate(NUMBERS)

    assert dict(pending.settings) == {"loss": "absolute_error"} and np.isnan(pending.value)
    for judge in (
        lambda: pending.evidence.bounds(LEVEL, Terms()),
        lambda: pending.evidence.case_values(Terms()),
        lambda: pending.evidence.pseudo_values(Terms()),
        lambda: pending.evidence.by_groups(np.zeros(400, dtype=int), 1),
    ):
        with pytest.raises(ValueError, match="give delta="):
            judge()
    settled = pending.with_delta(0.5)
    assert np.array_equal(settled.values, metrics.failure_rate(NUMBERS, delta=0.5).values)
    assert dict(settled.settings) == {"loss": "absolute_error", "delta": 0.5}


def test_failing_cases_are_named_by_row_columns_and_loss():
    said = Predictions(
        y=[0.0, 0.0, 0.0], values=[0.1, 5.0, 0.2], columns={"light": ["day", "night", "night"]}, ids=["a", "b", "c"]
    )
    named = metrics.failure_rate(said, delta=1.0).evidence
    night = metrics.failure_rate(said.where(light="night"), delta=1.0).evidence
    taken = metrics.failure_rate(said, delta=1.0).evidence.take(np.array([1]))

    assert named.failing(0).tolist() == [1]
    assert named.describe_case(1, 0) == "id 'b' (light=night): loss 5 > delta 1"
    assert night.describe_case(0, 0) == "id 'b' (light=night): loss 5 > delta 1"
    assert taken.describe_case(0, 0) == "id 'b' (light=night): loss 5 > delta 1"
    rows = metrics.failure_rate(NUMBERS.where(road=1), delta=0.5).evidence
    first = int(rows.failing(0)[0])
    assert rows.describe_case(first, 0).startswith(f"row {2 * first + 1} (road=1): loss ")
    with pytest.raises(TypeError, match="max_failures counts failing cases of failure_rate"):
        metrics.accuracy(Predictions(y=[0, 1], labels=[0, 1])).evidence.failing(0)


@pytest.mark.parametrize(
    ("loss", "error", "words"),
    [
        ("absolute", ValueError, "loss is one of absolute_error"),
        (3, TypeError, "loss is one of absolute_error"),
        (lambda y, value: 1.0, ValueError, "must return one number per case"),
        (lambda y, value: np.full(len(y), np.nan), ValueError, "returned nan for the case at position 0"),
        ("log_loss", ValueError, "failure_rate needs probabilities"),
        ("zero_one", ValueError, "failure_rate needs labels"),
    ],
)
def test_losses_that_are_none_are_refused(loss, error, words):
    with pytest.raises(error, match=words):
        metrics.failure_rate(NUMBERS, loss=loss, delta=1.0)


def test_a_function_of_single_numbers_is_answered_with_the_way_out():
    with pytest.raises(ValueError, match="ambiguous") as caught:
        metrics.failure_rate(NUMBERS, loss=lambda y, value: max(0, value - y), delta=1.0)
    assert "numpy.vectorize" in caught.value.__notes__[0]


def test_quantiles_are_bounded_by_order_statistics():
    said = Predictions(y=np.zeros(100), values=np.arange(1, 101.0))
    bounds = metrics.loss_quantile(said, q=0.9).evidence.bounds(LEVEL, Terms())

    assert metrics.loss_quantile(said, q=0.9).value == 90
    # Binomial(100, 0.9): P(X >= 95) = 0.058, P(X >= 96) = 0.024, so the 96th; P(X <= 84) = 0.040, so the 85th.
    assert (bounds.low[0], bounds.high[0]) == (85, 96)
    few = metrics.loss_quantile(said, q=0.99).evidence.bounds(LEVEL, Terms())
    assert few.high[0] == np.inf and "needs at least 299 cases" in few.reason
    with pytest.raises(ValueError, match="q is a share"):
        metrics.loss_quantile(said, q=1.0)


def test_a_quantile_is_planned_as_the_share_beyond_its_limit():
    # 5 % of the losses lie beyond 95; that at most 10 % do is proved with 90 % power by 263 cases.
    said = Predictions(y=np.zeros(100), values=np.arange(1, 101.0))

    assert metrics.loss_quantile(said, q=0.9).evidence.plan(0, goal(95.0, "<=")) == 263
