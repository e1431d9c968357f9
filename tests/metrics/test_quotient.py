"""Quotients as evidence: what they say, what blocks them, what they refuse, what a plan is worth."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_mlspec import metrics
from pytest_mlspec.metrics.evidence import Goal
from pytest_mlspec.metrics.evidence.quotient import LevelQuotient, SpreadQuotient
from pytest_mlspec.metrics.evidence.spread import SeedStd
from pytest_mlspec.predictions import Predictions
from pytest_mlspec.stats import quotients
from pytest_mlspec.verdict import Terms

LEVEL = 0.05


def members(rates: np.ndarray, n: int, seed: int, **more: object) -> Predictions:
    """One member per true accuracy, each with errors on cases of its own."""
    right = np.random.default_rng(seed).random((len(rates), n)) < np.asarray(rates)[:, None]
    return Predictions(y=np.zeros(n, int), labels=(~right).astype(int), classes=[0, 1], **more)


def apart(std: float, n_members: int = 20, mean: float = 0.8) -> np.ndarray:
    """Accuracies with exactly this standard deviation."""
    steps = np.arange(n_members) - (n_members - 1) / 2
    return mean + std * steps / steps.std(ddof=1)


def spread(predictions: Predictions) -> SeedStd:
    evidence = metrics.accuracy(predictions).seed_std().evidence
    assert isinstance(evidence, SeedStd)
    return evidence


def quotient(stress: float, iid: float, n: int = 8000) -> SpreadQuotient:
    return SpreadQuotient(stress=spread(members(apart(stress), n, 1)), iid=spread(members(apart(iid), n, 2)))


# ---- seed spreads ---------------------------------------------------------------------------------------------------
def test_a_quotient_of_spreads_is_bounded_by_either_at_half_the_level() -> None:
    found = quotient(0.06, 0.02)

    bounds = found.bounds(LEVEL, Terms())
    above, below = found.stress.bounds(LEVEL / 2, Terms()), found.iid.bounds(LEVEL / 2, Terms())
    assert bounds.high[0] == pytest.approx(above.high[0] / below.low[0])
    assert bounds.low[0] == pytest.approx(above.low[0] / below.high[0])
    # test-set noise on 8,000 cases is .0045 for each member, that of a std of 20 of them about .0045 / sqrt(38)
    assert found.values[0] == pytest.approx(3.0, rel=3 * 0.0045 / 0.02 / np.sqrt(38))
    assert bounds.low[0] < 3 < bounds.high[0]
    assert (found.sizes.tolist(), found.unit, found.whole_ensemble) == ([20], "retrainings", True)
    assert bounds.method.bound_class == "asymptotic"


def test_both_spreads_are_told() -> None:
    found = quotient(0.06, 0.02)

    first, second = found.stress.values[0], found.iid.values[0]
    assert found.counts(0) == f"seed std {first:.3f} on the first, {second:.3f} on the second"
    assert [part.values.shape for part in found.compared] == [(20,), (20,)]


def test_an_iid_spread_that_may_be_zero_blocks_met_and_not_violated() -> None:
    bounds = quotient(0.1, 0.0, n=2000).bounds(LEVEL, Terms())

    assert bounds.high.tolist() == [np.inf]
    assert bounds.low[0] > 3
    assert bounds.reason == quotients.NOT_TOLD_FROM_ZERO
    assert "seed_variance(max_std=...)" in bounds.reason


def test_one_trained_model_and_clustered_rows_say_so() -> None:
    one = spread(members(np.array([0.9]), 500, 1))
    clustered = spread(members(apart(0.02), 500, 1, clusters=np.arange(500) // 5))

    without = SpreadQuotient(stress=one, iid=one).bounds(LEVEL, Terms())
    assert without.reason.startswith("needs at least 2 retrainings")
    assert (without.low.tolist(), without.high.tolist()) == ([0.0], [np.inf])
    assert "rows are clustered" in SpreadQuotient(stress=clustered, iid=clustered).bounds(LEVEL, Terms()).reason
    assert SpreadQuotient(stress=one, iid=one).plan(0, Goal(threshold=3, comparison="<=", level=LEVEL)) is None


def test_below_the_lowest_level_nothing_is_claimed() -> None:
    assert "checked down to level 0.01" in quotient(0.06, 0.02).bounds(0.015, Terms()).reason
    assert quotient(0.06, 0.02).bounds(0.04, Terms()).reason == ""


def test_spreads_of_metrics_that_are_no_means_are_approximate() -> None:
    generator = np.random.default_rng(3)
    y = np.arange(600) % 2
    score = 1 / (1 + np.exp(-(y - 0.5) * 3 - generator.normal(size=(8, 600))))
    said = metrics.auroc(Predictions(y=y, probabilities=np.stack([1 - score, score], axis=-1))).seed_std().evidence
    assert isinstance(said, SeedStd)

    assert SpreadQuotient(stress=said, iid=said).bounds(LEVEL, Terms()).method.bound_class == "approximate"


@pytest.mark.parametrize(("stress", "iid", "limit"), [(0.05, 0.02, 6.0), (0.05, 0.02, 1.2)])
def test_planned_retrainings_decide_in_nine_of_ten_runs(stress: float, iid: float, limit: float) -> None:
    generator = np.random.default_rng(5)
    planned = quotient(stress, iid, n=4000).plan(0, Goal(threshold=limit, comparison="<=", level=LEVEL))
    assert planned is not None

    decided = 0
    for seed in range(100):
        ends = (
            spread(members(0.8 + std * generator.standard_normal(planned), 4000, seed + 1000 * place))
            for place, std in enumerate((stress, iid))
        )
        bounds = SpreadQuotient(**dict(zip(("stress", "iid"), ends, strict=True))).bounds(LEVEL, Terms())
        decided += bool(bounds.high[0] <= limit or bounds.low[0] > limit)
    # 0.9 planned from what was measured, which is off by a few percent itself; 3 Monte-Carlo errors are .09
    assert decided >= 79
    assert planned < 60


def test_a_quotient_at_its_limit_cannot_be_planned() -> None:
    found = quotient(0.05, 0.02)
    goal = Goal(threshold=float(found.values[0]), comparison="<=", level=LEVEL)

    assert found.plan(0, goal) is None
    assert found.perfect(goal) is None


# ---- levels ---------------------------------------------------------------------------------------------------------
def level(rates: list[float], n: int, seed: int) -> Predictions:
    return members(np.array(rates), n, seed)


def test_a_quotient_of_levels_is_bounded_by_either_at_half_the_level() -> None:
    first, second = metrics.accuracy(level([0.6, 0.7], 500, 1)), metrics.accuracy(level([0.9, 0.9], 800, 2))
    found = LevelQuotient(first=first.evidence, second=second.evidence)

    bounds = found.bounds(LEVEL, Terms())
    above, below = first.evidence.bounds(LEVEL / 2, Terms()), second.evidence.bounds(LEVEL / 2, Terms())
    assert found.values == pytest.approx(first.values / second.values)
    assert bounds.high == pytest.approx(above.high / below.low)
    assert bounds.low == pytest.approx(above.low / below.high)
    assert found.sizes.tolist() == [500, 500]
    assert bounds.method.name == "Clopper-Pearson for each side, Bonferroni"
    assert bounds.method.bound_class == "exact"


def test_one_trained_model_stands_against_every_member() -> None:
    one, three = metrics.accuracy(level([0.9], 300, 1)), metrics.accuracy(level([0.5, 0.6, 0.7], 400, 2))
    found = LevelQuotient(first=three.evidence, second=one.evidence)

    assert found.values == pytest.approx(three.values / one.values[0])
    assert found.bounds(LEVEL, Terms()).low.shape == (3,)
    assert found.sizes.tolist() == [300, 300, 300]
    hits = [round(float(value) * 400) for value in three.values]
    assert found.counts(2).startswith(f"{three.values[2]:.3f} ({hits[2]}/400) on the first, {one.values[0]:.3f} (")


def test_a_divisor_of_zero_leaves_the_quotient_open_from_above() -> None:
    none, some = metrics.accuracy(level([0.0], 50, 1)), metrics.accuracy(level([0.5], 50, 2))

    bounds = LevelQuotient(first=some.evidence, second=none.evidence).bounds(LEVEL, Terms())

    assert bounds.high.tolist() == [np.inf]
    # the accuracy of 0 in 50 is at most 1 - .025^(1/50)
    low = some.evidence.bounds(LEVEL / 2, Terms()).low[0]
    assert bounds.low[0] == pytest.approx(low / (1 - 0.025 ** (1 / 50)))
    assert np.isinf(LevelQuotient(first=some.evidence, second=none.evidence).values[0])


def test_a_metric_that_is_negative_has_no_quotient() -> None:
    worse = metrics.accuracy(level([0.5], 40, 1)) - metrics.accuracy(level([1.0], 40, 1))

    assert worse.value < 0
    with pytest.raises(ValueError, match=r"never negative; got value=-0\.\d+: bound the difference instead"):
        LevelQuotient(first=worse.evidence, second=metrics.accuracy(level([0.5], 40, 1)).evidence)


def test_nothing_is_known_from_below_of_a_metric_that_may_be_negative() -> None:
    """A difference of .1 on 40 cases may well be below 0, so that its quotient may be below 0 too."""
    labels = np.zeros((2, 40), int)
    labels[0, :4] = 1
    old, new = (Predictions(y=np.zeros(40, int), labels=row, classes=[0, 1]) for row in labels)
    better = metrics.accuracy(new) - metrics.accuracy(old)

    found = LevelQuotient(first=better.evidence, second=metrics.accuracy(new).evidence)

    assert better.evidence.bounds(LEVEL / 2, Terms()).low[0] < 0
    assert np.isneginf(found.bounds(LEVEL, Terms()).low[0])


def test_rmse_needs_max_loss_to_be_bounded_from_above() -> None:
    generator = np.random.default_rng(6)
    shifted, clean = (
        metrics.rmse(Predictions(y=np.zeros(2000), values=scale * generator.uniform(-1, 1, (2, 2000))))
        for scale in (2.0, 1.0)
    )
    found = LevelQuotient(first=shifted.evidence, second=clean.evidence)

    without, with_limit = found.bounds(LEVEL, Terms()), found.bounds(LEVEL, Terms(max_loss=2.0))
    assert np.isposinf(without.high).all()
    assert without.reason.startswith("an unbounded loss cannot be met")
    assert (with_limit.low < 2).all() and (with_limit.high > 2).all()
    assert (with_limit.high < 2.5).all()


def test_failures_get_their_delta_on_both_sides() -> None:
    said = Predictions(y=np.zeros(100), values=np.linspace(0, 1, 100)[None].repeat(2, axis=0))
    waiting = metrics.failure_rate(said, loss="absolute_error").evidence

    judged = LevelQuotient(first=waiting, second=waiting).at(0.5)

    assert judged.values.tolist() == [1.0, 1.0]
    assert judged.sizes.tolist() == [100, 100]


@pytest.mark.parametrize("kind", ["spreads", "levels"])
def test_two_sets_of_cases_are_not_sliced(kind: str) -> None:
    one = metrics.accuracy(level([0.5, 0.6], 50, 1)).evidence
    made = quotient(0.05, 0.02, n=200) if kind == "spreads" else LevelQuotient(first=one, second=one)

    with pytest.raises(TypeError, match="slice each of them first"):
        made.take(np.arange(5))
    assert made.case_values(Terms()) is None
    assert made.pseudo_values(Terms()) is None


def test_more_cases_would_decide_a_quotient_of_levels() -> None:
    first, second = metrics.accuracy(level([0.8], 200, 1)), metrics.accuracy(level([0.9], 200, 2))
    found = LevelQuotient(first=first.evidence, second=second.evidence)

    close = found.plan(0, Goal(threshold=0.95, comparison="<=", level=LEVEL))
    far = found.plan(0, Goal(threshold=1.2, comparison="<=", level=LEVEL))

    assert close is not None and far is not None
    assert close > far
