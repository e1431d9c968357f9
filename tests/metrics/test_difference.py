"""The paired difference: counted by hand, refused where it is not paired, signed as it is written."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import beta

import pytest_mlspec as mlspec
from pytest_mlspec import metrics
from pytest_mlspec.metrics.evidence import Goal
from pytest_mlspec.predictions import Predictions
from pytest_mlspec.training import Ensemble
from pytest_mlspec.verdict import Outcome, Terms

LEVEL = 0.05


def pair(both: int, won: int, lost: int, neither: int, **more: object) -> tuple[Predictions, Predictions]:
    """A new and an old model that share their right cases, and win and lose so many."""
    new = np.repeat([0, 0, 1, 1], [both, won, lost, neither])
    old = np.repeat([0, 1, 0, 1], [both, won, lost, neither])
    y = np.zeros(len(new), int)
    return tuple(
        Predictions(y=y, labels=labels, classes=[0, 1], name=name, **more)
        for labels, name in ((new, "new"), (old, "old"))
    )  # type: ignore[return-value]


def arms(count: int, n: int) -> tuple[float, float]:
    """How far the one-sided limits of Clopper and Pearson lie below and above count / n."""
    low = float(beta.ppf(LEVEL, count, n - count + 1)) if count else 0.0
    high = float(beta.ppf(1 - LEVEL, count + 1, n - count))
    return count / n - low, high - count / n


# ---- by hand --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("won", "lost"), [(12, 23), (0, 0), (0, 7), (5, 0)])
def test_bounds_come_from_the_discordant_cases(won, lost):
    """d - sqrt(l_b^2 + u_c^2 + 2 f l_b u_c) with f = sqrt(b c / ((1 - b)(1 - c))), b = won / n, c = lost / n."""
    n = 200
    new, old = pair(150 - won, won, lost, n - 150 - lost)
    difference = metrics.accuracy(new) - metrics.accuracy(old)

    b, c = won / n, lost / n
    f = np.sqrt(b * c / ((1 - b) * (1 - c)))
    (b_down, b_up), (c_down, c_up) = arms(won, n), arms(lost, n)
    assert difference.value == pytest.approx(b - c)
    assert difference.low() == pytest.approx(b - c - np.sqrt(b_down**2 + c_up**2 + 2 * f * b_down * c_up))
    assert difference.high() == pytest.approx(b - c + np.sqrt(b_up**2 + c_down**2 + 2 * f * b_up * c_down))
    assert difference.evidence.bounds(LEVEL, Terms()).method.bound_class == "asymptotic"


def test_cases_that_both_have_right_change_nothing_but_their_number():
    one = metrics.accuracy(pair(150, 5, 8, 37)[0]) - metrics.accuracy(pair(150, 5, 8, 37)[1])
    other = metrics.accuracy(pair(20, 5, 8, 167)[0]) - metrics.accuracy(pair(20, 5, 8, 167)[1])

    assert (one.low(), one.high()) == (other.low(), other.high())


def test_pairing_is_worth_far_more_than_two_separate_bounds():
    new, old = pair(900, 10, 12, 78)
    difference = metrics.accuracy(new) - metrics.accuracy(old)
    apart = metrics.accuracy(new).low() - metrics.accuracy(old).high()

    assert difference.low() > -0.012
    assert apart < -0.03
    assert (difference >= -0.02).outcome is Outcome.MET


# ---- signs and words ------------------------------------------------------------------------------------------------
def test_signs_are_as_written():
    """New minus old is negative where the new model is worse, and the other way round has mirrored bounds."""
    new, old = pair(100, 0, 40, 60)
    worse = metrics.accuracy(new) - metrics.accuracy(old)
    better = metrics.accuracy(old) - metrics.accuracy(new)

    assert worse.value == pytest.approx(-0.2)
    assert (worse.low(), worse.high()) == pytest.approx((-better.high(), -better.low()))
    assert (worse >= -0.01).outcome is Outcome.VIOLATED
    assert (better >= -0.01).outcome is Outcome.MET
    assert (worse <= 0).outcome is Outcome.MET
    assert worse.greater_is_better is True


def test_a_difference_of_losses_is_better_when_small():
    y = np.zeros(400)
    new, old = (Predictions(y=y, values=np.full(400, value)) for value in (0.1, 0.3))
    difference = metrics.failure_rate(new, delta=0.2) - metrics.failure_rate(old, delta=0.2)

    assert difference.value == -1.0
    assert difference.greater_is_better is False
    assert (difference <= 0.0).outcome is Outcome.MET


def test_the_message_names_both_models_and_what_was_won_and_lost():
    new, old = pair(80, 12, 3, 5)
    verdict = metrics.accuracy(new) - metrics.accuracy(old) >= -0.01

    assert verdict.claim() == "difference in accuracy, new minus old >= -0.01"
    assert verdict.details == ("0.920 and 0.830; 12 cases won, 3 lost",)
    assert (verdict.n, verdict.unit) == (100, "examples")


def test_planned_sizes_decide_in_nine_of_ten_runs():
    """2 % won, 2 % lost, margin 2 points: planned from the truth, then drawn afresh."""
    new, old = pair(900, 20, 20, 60)
    difference = metrics.accuracy(new) - metrics.accuracy(old)

    planned = difference.evidence.plan(0, Goal(threshold=-0.02, comparison=">=", level=LEVEL))
    assert planned is not None
    generator, met, runs = np.random.default_rng(1), 0, 300
    for won, lost, rest in generator.multinomial(planned, [0.02, 0.02, 0.96], size=runs):
        one, two = pair(int(rest), int(won), int(lost), 0)
        met += (metrics.accuracy(one) - metrics.accuracy(two)).low() >= -0.02
    assert met / runs >= 0.85 - 3 * np.sqrt(0.9 * 0.1 / runs)
    # Connor 1987 has (z + z)^2 (b + c) / margin^2 = 857 cases: a plan far from it would be no plan.
    assert 857 <= planned <= 1.35 * 857


# ---- members --------------------------------------------------------------------------------------------------------
def test_members_are_paired_by_seed():
    y = np.zeros(100, int)
    new = Predictions(y=y, labels=np.stack([np.arange(100) >= 90, np.arange(100) >= 80]).astype(int), classes=[0, 1])
    old = Predictions(y=y, labels=np.stack([np.arange(100) >= 85, np.arange(100) >= 85]).astype(int), classes=[0, 1])
    difference = metrics.accuracy(new) - metrics.accuracy(old)

    assert difference.values.tolist() == pytest.approx([0.05, -0.05])
    assert difference.evidence.counts(1) == "0.800 and 0.850; 0 cases won, 5 lost"


@pytest.mark.parametrize("baseline_first", [False, True])
@pytest.mark.parametrize("metric", ["accuracy", "precision", "brier"])
def test_one_trained_baseline_is_compared_with_every_member(baseline_first, metric):
    generator = np.random.default_rng(0)
    y = generator.integers(2, size=300)
    many, one = generator.random((3, 300)), generator.random(300)
    ensemble = Predictions(y=y, probabilities=np.stack([1 - many, many], -1))
    baseline = Predictions(y=y, probabilities=np.stack([1 - one, one], -1))
    measure = getattr(metrics, metric)
    sides = (measure(baseline), measure(ensemble)) if baseline_first else (measure(ensemble), measure(baseline))
    difference = sides[0] - sides[1]

    assert difference.values == pytest.approx(sides[0].values - sides[1].values)
    assert difference.predictions.n_members == 3
    verdict = difference >= -0.9
    assert (verdict.outcome, verdict.n_members) == (Outcome.MET, 3)
    for member in range(3):
        alone = Predictions(y=y, probabilities=np.stack([1 - many[member], many[member]], -1))
        pair_ = (measure(baseline), measure(alone)) if baseline_first else (measure(alone), measure(baseline))
        single = pair_[0] - pair_[1]
        assert (difference.low(member), difference.high(member)) == pytest.approx((single.low(), single.high()))


def test_ensembles_with_other_seeds_are_refused():
    data = mlspec.Dataset(np.arange(40.0)[:, None], np.arange(40) % 2)

    def fitted(seeds: list[int], name: str) -> Ensemble:
        def constant(seed: int) -> object:
            return lambda X: (X[:, 0].astype(int) + (X[:, 0] == seed)) % 2

        return Ensemble.fit(constant, seeds, name=name, output="labels", classes=[0, 1])

    new, old, same = fitted([0, 1, 2], "new"), fitted([0, 1, 3], "old"), fitted([0, 1, 2], "same")

    with pytest.raises(ValueError, match=r"the same seeds: new has seeds=\[0, 1, 2\], old has seeds=\[0, 1, 3\]"):
        metrics.accuracy(new, data) - metrics.accuracy(old, data)
    assert (metrics.accuracy(new, data) - metrics.accuracy(same, data)).values.tolist() == [0.0, 0.0, 0.0]


def test_predictions_of_unequal_numbers_of_members_are_refused():
    y = np.zeros(50, int)
    three, five = (Predictions(y=y, labels=np.zeros((k, 50), int), classes=[0, 1], name=f"by {k}") for k in (3, 5))

    with pytest.raises(
        ValueError, match=r"as many members on both sides, or one trained model .* by 3 has 3, by 5 has 5"
    ):
        metrics.accuracy(three) - metrics.accuracy(five)


# ---- what is not paired ---------------------------------------------------------------------------------------------
def test_other_cases_are_refused():
    new, old = pair(80, 5, 5, 10)
    shorter, other_truth = (
        pair(70, 5, 5, 10)[1],
        Predictions(y=np.ones(100, int), labels=np.ones(100, int), classes=[0, 1]),
    )

    with pytest.raises(ValueError, match=r"two models on the same cases, .*: .*100 cases.*90 cases"):
        metrics.accuracy(new) - metrics.accuracy(shorter)
    with pytest.raises(ValueError, match="their contents differ"):
        metrics.accuracy(new) - metrics.accuracy(other_truth)
    assert (metrics.accuracy(new) - metrics.accuracy(old)).value == 0.0


def test_other_metrics_and_settings_are_refused():
    generator = np.random.default_rng(0)
    score = generator.random(60)
    said = Predictions(y=generator.integers(2, size=60), probabilities=np.stack([1 - score, score], -1))

    for first, second in [
        (metrics.accuracy(said), metrics.recall(said)),
        (metrics.recall(said), metrics.recall(said, positive=0)),
        (metrics.recall(said, threshold=0.5), metrics.recall(said, threshold=0.6)),
        (metrics.ece(said, bins=10), metrics.ece(said, bins=15)),
    ]:
        with pytest.raises(TypeError, match="a difference compares one metric with itself, got "):
            first - second


# ---- other kinds of values ------------------------------------------------------------------------------------------
def test_bounded_losses_are_compared_by_betting_on_their_differences():
    """Both at 0.5 +- 0.4 on the same cases, one 0.05 worse: pairing finds it where two separate bounds do not."""
    generator = np.random.default_rng(4)
    common = generator.uniform(0.1, 0.8, size=800)
    y = np.zeros(800)
    new, old = (Predictions(y=y, values=common + shift) for shift in (0.05, 0.0))
    difference = metrics.mae(new) - metrics.mae(old)
    terms = Terms(max_loss=1.0)

    bounds = difference.evidence.bounds(LEVEL, terms)
    assert difference.value == pytest.approx(0.05)
    assert bounds.method.bound_class == "exact"
    assert bounds.low[0] < 0.05 < bounds.high[0]
    # The wealth of n equal cases x = d bounds their mean at a distance ln(1/level) / (0.75 n) of the width 2.
    assert bounds.high[0] - bounds.low[0] < 0.1
    apart = [metrics.mae(said).evidence.bounds(LEVEL, terms) for said in (new, old)]
    assert bounds.high[0] < apart[0].high[0] - apart[1].low[0]
    assert difference.judged("<=", 0.10, terms).outcome is Outcome.MET
    assert difference.judged("<=", 0.0, terms).outcome is Outcome.VIOLATED


def test_losses_without_a_limit_are_undecided_and_name_max_loss():
    y = np.zeros(100)
    new, old = (Predictions(y=y, values=np.full(100, value)) for value in (0.2, 0.1))
    verdict = metrics.mae(new) - metrics.mae(old) <= 0.5

    assert verdict.outcome is Outcome.UNDECIDED
    assert "max_loss" in verdict.advice[0]


def test_denominators_that_depend_on_the_member_take_each_side_at_half_the_level():
    generator = np.random.default_rng(2)
    y = generator.integers(2, size=200)
    labels = [np.where(generator.random(200) < rate, y, 1 - y) for rate in (0.9, 0.7)]
    new, old = (metrics.precision(Predictions(y=y, labels=said)) for said in labels)
    difference = new - old
    half = 1 - LEVEL / 2

    assert difference.low() == pytest.approx(new.low(confidence=half) - old.high(confidence=half))
    assert difference.high() == pytest.approx(new.high(confidence=half) - old.low(confidence=half))
    method = difference.evidence.bounds(LEVEL, Terms()).method
    assert (method.name, method.bound_class) == ("Clopper-Pearson for each model, Bonferroni", "exact")
    assert difference.evidence.counts(0) == f"{new.value:.3f} and {old.value:.3f}"


def test_clustered_rows_take_each_side_at_half_the_level():
    patients = np.arange(200) // 5
    new, old = (metrics.accuracy(said) for said in pair(150, 10, 12, 28, clusters=patients))
    difference = new - old

    assert difference.low() == pytest.approx(new.low(confidence=0.975) - old.high(confidence=0.975))
    method = difference.evidence.bounds(LEVEL, Terms()).method
    assert (method.name, method.bound_class) == (
        "Clopper-Pearson on effective counts for each model, Bonferroni",
        "asymptotic",
    )


def test_nothing_to_count_is_undecided():
    said = Predictions(y=np.zeros(50, int), labels=np.zeros(50, int), classes=[0, 1])
    verdict = metrics.recall(said) - metrics.recall(said) >= -0.5

    assert verdict.outcome is Outcome.UNDECIDED
    assert verdict.advice == ("there are no positives to judge",)


def test_folds_over_members_know_the_difference():
    """Five members, each 40 of 1000 better than the baseline on the same cases."""
    y = np.zeros(1000, int)
    new = Predictions(y=y, labels=np.tile((np.arange(1000) >= 940).astype(int), (5, 1)), classes=[0, 1])
    old = Predictions(y=y, labels=(np.arange(1000) >= 900).astype(int), classes=[0, 1])
    difference = metrics.accuracy(new) - metrics.accuracy(old)

    assert difference.judged(">=", 0.0, Terms(members="every")).outcome is Outcome.MET
    # The mean goes by values scaled from [-1, 1] to [0, 1], and no more than n of them: 520 of 1000.
    low = 2 * float(beta.ppf(LEVEL, 520, 481)) - 1
    assert difference.judged(">=", 0.0, Terms(members="mean")).low == pytest.approx(low)
    assert difference.judged(">=", -0.02, Terms(members="mean")).outcome is Outcome.MET
    assert difference.judged(">=", 0.2, Terms(members="every")).outcome is Outcome.VIOLATED
