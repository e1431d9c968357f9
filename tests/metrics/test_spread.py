"""The spread over retrainings: what it needs, what is taken out of it, and what would settle it."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_mlspec import metrics
from pytest_mlspec.metrics.estimate import Estimate
from pytest_mlspec.metrics.evidence import Goal
from pytest_mlspec.predictions import Predictions
from pytest_mlspec.verdict import Outcome, Terms

LEVEL = 0.05


def members(rates: list[float], n: int, seed: int = 0, **more: object) -> Predictions:
    """One member per true accuracy, each with errors on cases of its own."""
    right = np.random.default_rng(seed).random((len(rates), n)) < np.array(rates)[:, None]
    return Predictions(y=np.zeros(n, int), labels=(~right).astype(int), classes=[0, 1], **more)


def scored(n_members: int, n: int, seed: int = 0) -> Predictions:
    """Members whose probabilities and labels differ a little."""
    generator = np.random.default_rng(seed)
    y = generator.integers(2, size=n)
    logit = 2.0 * (y - 0.5) + generator.normal(size=n) + 0.5 * generator.normal(size=(n_members, n))
    score = 1 / (1 + np.exp(-logit))
    return Predictions(y=y, probabilities=np.stack([1 - score, score], axis=-1))


def numbers(n_members: int, n: int, seed: int = 0) -> Predictions:
    generator = np.random.default_rng(seed)
    return Predictions(y=np.zeros(n), values=generator.uniform(-1, 1, n) + 0.1 * generator.normal(size=(n_members, n)))


# ---- what it is -----------------------------------------------------------------------------------------------------
def test_one_trained_model_has_no_spread_and_says_so():
    spread = metrics.accuracy(members([0.9], 200)).seed_std()
    verdict = spread <= 0.01

    assert np.isnan(spread.value)
    assert verdict.outcome is Outcome.UNDECIDED
    assert verdict.advice == ("needs at least 2 retrainings: one trained model says nothing about retraining",)
    assert (verdict.n, verdict.unit) == (1, "retrainings")


def test_two_members_by_hand():
    """Values .98 and .90 on 50 cases; the two disagree on 6 of them, 5 lost and 1 won.

    Their covariance along the one direction is that of the halved differences d / 2: lam_1 = 2 var(d / 2) / 50 with
    the divisor 49, and s^2 - lam_1 is what is left.
    """
    labels = np.zeros((2, 50), int)
    labels[0, 0] = 1
    labels[1, 1:6] = 1
    spread = metrics.accuracy(Predictions(y=np.zeros(50, int), labels=labels, classes=[0, 1])).seed_std()

    d = labels[1] - labels[0]
    raw = (0.98 - 0.90) / np.sqrt(2)
    noise = 2 * d.var(ddof=1) / 4 / 50
    assert spread.value == pytest.approx(np.sqrt(raw**2 - noise))
    assert (spread <= 0.5).n == 2
    # The chi-square with one degree is hopeless from above: s / 0.0627 = 0.90 where nothing is noise.
    assert (spread <= 0.5).outcome is Outcome.UNDECIDED
    assert spread.evidence.counts(0) == (
        f"values 0.900 to 0.980; plain std {raw:.3f}, of which 50 examples make {np.sqrt(noise):.3f}"
    )


def test_the_noise_of_a_finite_test_set_is_taken_out():
    """Ten equal members of accuracy .9 on 500 cases: the plain std is near sqrt(.09 / 500) = .0134, the truth is 0."""
    runs = [metrics.accuracy(members([0.9] * 10, 500, seed)).seed_std() for seed in range(200)]
    plain = [float(np.std(run.evidence.evidence.values, ddof=1)) for run in runs]
    kept = [run.value for run in runs]

    assert np.sqrt(np.mean(np.square(plain))) == pytest.approx(0.0134, abs=0.0007)
    # E[s^2 - noise^2] = 0, and s^2 has the standard deviation sqrt(2 / 9) * .0134^2: over 200 runs 6e-6.
    excess = [p**2 - run.evidence.spread(LEVEL, Terms()).noise ** 2 for p, run in zip(plain, runs, strict=True)]
    assert np.mean(excess) == pytest.approx(0.0, abs=3 * np.sqrt(2 / 9) * 0.0134**2 / np.sqrt(200))
    assert np.mean(kept) < 0.4 * np.mean(plain)
    violated = sum(run.low() > 0 for run in runs)
    assert violated <= 200 * (0.065 + 3 * np.sqrt(0.065 * 0.935 / 200))


def test_a_true_spread_is_found():
    """True accuracies of a known standard deviation .03: the estimate lies within 3 of its standard errors.

    The members' test-set noise on 4000 cases is sqrt(.09 / 4000) = .0047 each; that of s is about .0047 / sqrt(2).
    """
    rates = list(
        0.9 + 0.03 * np.array([-1.5, -1, -0.5, 0, 0, 0.5, 1, 1.5]) / np.std([-1.5, -1, -0.5, 0, 0, 0.5, 1, 1.5], ddof=1)
    )
    spread = metrics.accuracy(members(rates, 4000)).seed_std()

    assert spread.value == pytest.approx(0.03, abs=3 * 0.0047 / np.sqrt(2))
    assert (spread <= 0.01).outcome is Outcome.VIOLATED
    assert (spread <= 0.2).outcome is Outcome.MET
    assert spread.greater_is_better is False


# ---- every metric has one -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["f1", "precision", "auroc", "ece"])
def test_metrics_that_are_no_means_go_by_their_jackknife_and_say_approximate(name):
    estimate = getattr(metrics, name)(scored(8, 600))
    spread = estimate.seed_std()
    raw = float(np.std(estimate.values, ddof=1))

    bounds = spread.evidence.bounds(LEVEL, Terms())
    assert 0 <= spread.value <= raw
    assert 0 <= bounds.low[0] <= spread.value <= bounds.high[0] < np.inf
    assert bounds.method.bound_class == "approximate"
    assert spread.judged("<=", 0.5, Terms(bound_classes=("exact", "asymptotic"))).outcome is Outcome.UNDECIDED
    assert (spread <= 0.5).outcome is Outcome.MET


@pytest.mark.parametrize("name", ["accuracy", "recall", "brier", "log_loss"])
def test_means_of_bounded_values_are_asymptotic(name):
    spread = getattr(metrics, name)(scored(8, 600)).seed_std()

    assert spread.evidence.bounds(LEVEL, Terms()).method.bound_class == "asymptotic"


def test_the_spread_of_f1_has_the_noise_of_its_delta_method():
    """Equal members with errors of their own: s^2 of F1 is noise alone, so the noise found is s^2 on average."""
    generator, raw, noise = np.random.default_rng(4), [], []
    for _ in range(150):
        y = generator.random(500) < 0.4
        labels = np.where(generator.random((6, 500)) < 0.85, y, ~y).astype(int)
        estimate = metrics.f1(Predictions(y=y.astype(int), labels=labels))
        raw.append(np.var(estimate.values, ddof=1))
        noise.append(estimate.seed_std().evidence.spread(LEVEL, Terms()).noise ** 2)

    # s^2 with 5 degrees: relative standard error sqrt(2 / 5 / 150) = .052.
    assert np.mean(noise) / np.mean(raw) == pytest.approx(1.0, abs=3 * 0.052)


def test_jackknife_spreads_agree_with_the_direct_ones_where_both_exist():
    """The root mean square of losses that are all near 1 is 1 + (x^2 - 1) / 2 to first order."""
    generator = np.random.default_rng(6)
    errors = 1 + 0.01 * generator.normal(size=(6, 400))
    said = Predictions(y=np.zeros(400), values=errors)
    of_rmse, of_mae = metrics.rmse(said).seed_std(), metrics.mae(said).seed_std()

    spreads = [e.evidence.spread(LEVEL, Terms()) for e in (of_rmse, of_mae)]
    assert spreads[0].raw == pytest.approx(spreads[1].raw, rel=0.05)
    assert spreads[0].noise == pytest.approx(spreads[1].noise, rel=0.05)


@pytest.mark.parametrize("name", ["mae", "rmse"])
def test_an_unbounded_loss_is_never_met_without_max_loss_and_says_so(name):
    spread: Estimate = getattr(metrics, name)(numbers(10, 3000)).seed_std()

    without = spread.judged("<=", 0.5, Terms())
    assert without.outcome is Outcome.UNDECIDED
    assert without.advice[0].startswith("an unbounded loss cannot be met without max_loss=... on the marker")
    assert spread.judged("<=", 0.5, Terms(max_loss=2.0)).outcome is Outcome.MET


def test_an_unbounded_loss_can_still_be_violated():
    generator = np.random.default_rng(3)
    shift = np.linspace(0, 3, 10)[:, None]
    said = Predictions(y=np.zeros(500), values=5 + shift + 0.1 * generator.normal(size=(10, 500)))

    assert (metrics.mae(said).seed_std() <= 0.1).outcome is Outcome.VIOLATED


def test_quantiles_and_bootstrapped_numbers_say_what_they_lack():
    verdict = metrics.loss_quantile(numbers(5, 200), q=0.9).seed_std() <= 0.5

    assert verdict.outcome is Outcome.UNDECIDED
    assert verdict.advice == ("this metric has no values per case to tell test-set noise by",)


def test_clustered_rows_are_undecided():
    verdict = metrics.accuracy(members([0.9] * 5, 200, clusters=np.arange(200) // 4)).seed_std() <= 0.5

    assert verdict.outcome is Outcome.UNDECIDED
    assert verdict.advice == ("rows are clustered, and the spread over seeds has no clustered form",)


def test_a_slice_without_cases_is_undecided_and_names_what_is_missing():
    said = Predictions(y=np.zeros(50, int), labels=np.zeros((3, 50), int), classes=[0, 1])
    verdict = metrics.recall(said).seed_std() <= 0.1

    assert verdict.outcome is Outcome.UNDECIDED
    assert verdict.advice == ("there are no positives to judge",)


def test_members_of_the_contract_do_not_fold_a_spread():
    """A spread is one number per ensemble, whatever ``members`` says."""
    spread = metrics.accuracy(members([0.9] * 10, 2000)).seed_std()

    verdicts = [spread.judged("<=", 0.1, Terms(members=how)) for how in ("every", "mean", 0.9)]
    assert {v.outcome for v in verdicts} == {Outcome.MET}
    assert {v.subject for v in verdicts} == {"seed std of accuracy"}


# ---- what would settle it -------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("n_members", "n", "limit", "named"),
    [(6, 150, 0.08, ("retrainings", "examples")), (4, 400, 0.05, ("retrainings",)), (20, 150, 0.03, ("examples",))],
)
def test_the_advice_names_retrainings_or_examples(n_members, n, limit, named):
    verdict = metrics.accuracy(members([0.9] * n_members, n)).seed_std() <= limit

    assert verdict.outcome is Outcome.UNDECIDED
    assert verdict.advice[0].startswith("about ")
    assert verdict.advice[0].endswith(" would decide it at this rate (90% power)")
    assert ("examples with the" in verdict.advice[0]) == ("examples" in named)
    assert (" retrainings would" in verdict.advice[0] or " retrainings, or" in verdict.advice[0]) == (
        "retrainings" in named
    )


def test_where_neither_alone_would_do_the_advice_asks_for_both():
    verdict = metrics.accuracy(members([0.9] * 10, 400)).seed_std() <= 0.02

    assert verdict.advice[0].startswith(
        "neither more retrainings nor more examples alone would decide it: it takes at least "
    )


def test_so_few_cases_that_even_identical_members_could_not():
    """f z^2 sqrt(K) / (2 n sqrt(K - 1)) with f = sqrt(4 / chi2_.05) = 2.37 and K = 5: 0.090 for 40 cases."""
    verdict = metrics.accuracy(members([0.9] * 5, 40)).seed_std() <= 0.05

    f, z = np.sqrt(4 / 0.71072), 1.64485
    best = f * z**2 * np.sqrt(5) / (2 * 40 * np.sqrt(4))
    assert best == pytest.approx(0.0897, abs=2e-4)
    assert verdict.advice[-1] == (
        f"even identical members on these cases prove only a seed std <= {best:.3f}: more cases are needed too"
    )
    identical = Predictions(y=np.zeros(40, int), labels=np.zeros((5, 40), int), classes=[0, 1])
    assert metrics.accuracy(identical).seed_std().high() == pytest.approx(best, rel=1e-4)


def test_planned_examples_decide_in_nine_of_ten_runs():
    """Accuracies of standard deviation .02, limit .08, 10 members: the plan from the truth, tried on fresh data."""
    generator = np.random.default_rng(8)
    pilot = metrics.accuracy(members(list(0.9 + 0.02 * _standard(generator, 10)), 300, 1)).seed_std()
    planned = pilot.evidence.more_cases(Goal(threshold=0.08, comparison="<=", level=LEVEL))
    assert planned is not None

    met = 0
    for seed in range(200):
        fresh = metrics.accuracy(members(list(0.9 + 0.02 * generator.standard_normal(10)), planned, seed)).seed_std()
        met += fresh.high() <= 0.08
    assert met / 200 >= 0.85 - 3 * np.sqrt(0.9 * 0.1 / 200)


def _standard(generator: np.random.Generator, n: int) -> np.ndarray:
    values = generator.standard_normal(n)
    return (values - values.mean()) / values.std(ddof=1)
