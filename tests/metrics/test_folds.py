"""Every member, the expected retraining, a share of retrainings: what decides is what is shown."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import beta

from pytest_mlspec import metrics
from pytest_mlspec.metrics.estimate import Estimate
from pytest_mlspec.metrics.judging.folds import fold
from pytest_mlspec.predictions import Predictions
from pytest_mlspec.training import Ensemble
from pytest_mlspec.verdict import BOUND_CLASSES, Outcome, Terms

LEVEL = 0.05


def right_of(*right: int, n: int = 1000, **more: object) -> Estimate:
    """Members that have so many of ``n`` cases right."""
    labels = np.stack([(np.arange(n) >= hits).astype(int) for hits in right])
    return metrics.accuracy(Predictions(y=np.zeros(n, dtype=int), labels=labels, classes=[0, 1], **more))


def low(hits: int, level: float = LEVEL, n: int = 1000) -> float:
    return float(beta.ppf(level, hits, n - hits + 1))


def high(hits: int, level: float = LEVEL, n: int = 1000) -> float:
    return float(beta.ppf(1 - level, hits + 1, n - hits))


def error_of(wrong: int, level: float, side: str, n: int = 1000) -> float:
    """A limit of the share of failing cases."""
    return 1 - high(n - wrong, level, n) if side == "low" else 1 - low(n - wrong, level, n)


# ---- every ----------------------------------------------------------------------------------------------------------
def test_the_near_end_is_the_worst_member_at_the_full_level():
    verdict = right_of(950, 920, 960) >= 0.9

    assert verdict.outcome is Outcome.MET
    assert verdict.low == pytest.approx(low(920))
    assert verdict.high == pytest.approx(high(920, LEVEL / 3))
    assert verdict.value == 0.92
    assert verdict.details == ("920/1000; worst of 3 members (member 1)",)


def test_the_far_end_takes_each_member_at_its_share_of_the_level():
    """880 of 1000: 0.896 at level .05, 0.901 at .01: one model violates 0.9, one of five that look so does not."""
    assert high(880) < 0.9 < high(880, LEVEL / 5)

    assert (right_of(880) >= 0.9).outcome is Outcome.VIOLATED
    assert (right_of(880, 880, 880, 880, 880) >= 0.9).outcome is Outcome.UNDECIDED
    assert (right_of(870, 880, 880, 880, 880) >= 0.9).outcome is Outcome.VIOLATED


@pytest.mark.parametrize(
    ("right", "count"), [((950, 850, 860), "2 of 3 violate it"), ((870, 850, 860), "all 3 violate it")]
)
def test_violated_shows_the_deciding_member_and_how_many_violate(right, count):
    verdict = right_of(*right) >= 0.9

    assert verdict.outcome is Outcome.VIOLATED
    assert verdict.value == 0.85
    assert verdict.high == pytest.approx(high(850, LEVEL / 3))
    assert verdict.details == (f"850/1000; worst of 3 members (member 1); {count}",)


def test_the_same_for_a_ceiling():
    losses = np.stack([(np.arange(1000) < wrong) * 2.0 for wrong in (50, 80, 40)])
    rate = metrics.failure_rate(Predictions(y=np.zeros(1000), values=losses), delta=1)

    met, violated = rate <= 0.1, rate <= 0.05
    assert (met.outcome, violated.outcome) == (Outcome.MET, Outcome.VIOLATED)
    assert (met.value, met.high) == (0.08, pytest.approx(error_of(80, LEVEL, "high")))
    assert violated.low == pytest.approx(error_of(80, LEVEL / 3, "low"))
    assert violated.details == ("80/1000; worst of 3 members (member 1); 1 of 3 violate it",)


def test_both_seeds_are_named_where_two_members_hold_the_two_ends():
    """Precision on unequal numbers of predicted positives: 18/20 is worst from below, 880/1000 from above."""
    y = np.ones(1000, int)
    y[880:] = 0
    few = np.zeros(1000, int)
    few[[*range(18), 998, 999]] = 1
    said = Predictions(y=y, labels=np.stack([few, np.ones(1000, int)]))
    verdict = metrics.precision(said) >= 0.85

    assert low(18, n=20) < low(880)
    assert high(880, LEVEL / 2) < high(18, LEVEL / 2, n=20)
    assert verdict.outcome is Outcome.UNDECIDED
    assert verdict.low == pytest.approx(low(18, n=20))
    assert verdict.high == pytest.approx(high(880, LEVEL / 2))
    assert verdict.details == ("18/20; worst of 2 members (member 0), other bound from member 1",)


def test_members_are_named_by_their_seeds():
    import pytest_mlspec as mlspec

    data = mlspec.Dataset(np.arange(200.0)[:, None], np.zeros(200, int), classes=[0, 1])

    def wrong_on(seed: int) -> object:
        return lambda X: (X[:, 0] < seed).astype(int)

    ensemble = Ensemble.fit(wrong_on, [3, 100, 7], name="late", output="labels", classes=[0, 1])
    verdict = metrics.accuracy(ensemble, data) >= 0.9

    assert verdict.details == ("100/200; worst of 3 members (seed 100); 1 of 3 violate it",)
    assert verdict.seeds == (3, 100, 7)


def test_one_model_needs_no_word_about_members():
    assert (right_of(950) >= 0.9).details == ()


def test_the_decision_is_that_of_the_numbers_shown():
    generator = np.random.default_rng(0)
    for _ in range(25):
        verdict = right_of(*generator.binomial(1000, 0.9, size=int(generator.integers(1, 7))).tolist()) >= 0.9
        shown = Outcome.MET if verdict.low >= 0.9 else Outcome.VIOLATED if verdict.high < 0.9 else Outcome.UNDECIDED
        assert verdict.outcome is shown


def test_a_member_without_cases_leaves_the_rest_able_to_violate():
    y = np.r_[np.ones(50, int), np.zeros(150, int)]
    nobody, wrong = np.zeros(200, int), 1 - y
    verdict = metrics.precision(Predictions(y=y, labels=np.stack([nobody, wrong]))) >= 0.5

    assert verdict.outcome is Outcome.VIOLATED
    assert (metrics.precision(Predictions(y=y, labels=np.stack([nobody, y]))) >= 0.5).outcome is Outcome.UNDECIDED


# ---- mean -----------------------------------------------------------------------------------------------------------
def mean(estimate: Estimate, comparison: str, threshold: float):
    return estimate.judged(comparison, threshold, Terms(members="mean"))


def disagreeing(n_members: int, rate: float, n: int = 2000) -> Estimate:
    right = np.random.default_rng(n_members).random((n_members, n)) < rate
    return metrics.accuracy(Predictions(y=np.zeros(n, int), labels=(~right).astype(int), classes=[0, 1]))


def test_the_mean_needs_five_retrainings_to_be_met_and_two_to_be_violated():
    assert mean(disagreeing(5, 0.95), ">=", 0.9).outcome is Outcome.MET
    four = mean(disagreeing(4, 0.95), ">=", 0.9)
    assert four.outcome is Outcome.UNDECIDED
    assert any("5 retrainings" in line for line in four.advice)
    assert mean(disagreeing(2, 0.5), ">=", 0.9).outcome is Outcome.VIOLATED


def test_the_mean_is_shown_with_the_range_of_its_members():
    verdict = mean(right_of(950, 940, 960, 950, 950), ">=", 0.8)

    assert verdict.claim() == "mean accuracy >= 0.80"
    assert verdict.value == pytest.approx(0.95)
    assert verdict.details == ("mean of 5 members, from 0.940 to 0.960",)
    assert verdict.members == "mean"


def test_the_mean_holds_the_noise_of_seeds_and_of_the_test_set():
    """Equal members on equal cases: one test set of 1000, however many members: Clopper-Pearson of 900 / 1000."""
    verdict = mean(right_of(*[900] * 10), ">=", 0.8)
    assert (verdict.low, verdict.high) == (pytest.approx(low(900), abs=1e-4), pytest.approx(high(900), abs=1e-4))

    # Members that differ by +-.05 add t_{9} / z times their own standard error sqrt(.05^2 * 10/9 / 10) = .0167.
    apart = mean(right_of(*[850, 950] * 5), ">=", 0.8)
    assert apart.low < verdict.low - 0.01


@pytest.mark.parametrize(
    ("estimate", "words"),
    [
        (lambda: right_of(950), "needs at least 5 retrainings to be met: this is one trained model"),
        (lambda: metrics.f1(_scored()), "not defined for f1: it is not a mean of bounded values over cases"),
        (lambda: metrics.ece(_scored()), "not defined for ece"),
        (lambda: metrics.precision(_scored()), "not defined for precision"),
        (lambda: metrics.accuracy(_scored()).gap("g"), "not defined for gap in accuracy by g"),
        (lambda: metrics.mae(_numbers()), "not defined for mae"),
        (lambda: right_of(*[950] * 5, clusters=np.arange(1000) // 2), "rows are clustered"),
    ],
)
def test_where_there_is_no_mean_the_verdict_says_why(estimate, words):
    measured = estimate()
    verdict = mean(measured, ">=" if measured.greater_is_better else "<=", 0.5)

    assert verdict.outcome is Outcome.UNDECIDED
    assert words in verdict.advice[0]


def test_max_loss_makes_a_mean_of_losses():
    verdict = metrics.mae(_numbers()).judged("<=", 0.5, Terms(members="mean", max_loss=1.0))

    assert verdict.outcome is Outcome.MET
    assert verdict.low < verdict.value < verdict.high


def test_the_mean_of_nothing_is_undecided():
    said = Predictions(y=np.zeros(50, int), labels=np.zeros((5, 50), int), classes=[0, 1])
    verdict = mean(metrics.recall(said), ">=", 0.5)

    assert verdict.advice == ("there are no positives to judge",)
    assert verdict.details == ("mean of 5 members, from none to none",)


# ---- share ----------------------------------------------------------------------------------------------------------
def share(estimate: Estimate, threshold: float, of: float, comparison: str = ">="):
    return estimate.judged(comparison, threshold, Terms(members=of))


@pytest.mark.parametrize(("of", "needed"), [(0.8, 17), (0.9, 36), (0.95, 72)])
def test_a_share_needs_so_many_retrainings_that_all_meet_it(of, needed):
    """ln(0.025) / ln(share), half the level for each member and half for the members as a sample (Wilks 1941)."""
    enough, one_less = share(right_of(*[950] * needed), 0.9, of), share(right_of(*[950] * (needed - 1)), 0.9, of)

    assert enough.outcome is Outcome.MET
    assert enough.low == pytest.approx(0.025 ** (1 / needed))
    assert one_less.outcome is Outcome.UNDECIDED
    assert one_less.advice == (f"a share of {of:.0%} needs at least {needed} retrainings, all of them met",)


def test_the_claim_is_about_the_share():
    verdict = share(right_of(*[950] * 17), 0.9, 0.8)

    assert verdict.claim() == "share of retrainings (accuracy >= 0.90) >= 0.80"
    assert (verdict.value, verdict.n, verdict.unit) == (1.0, 17, "retrainings")
    assert verdict.details == ("17 met, 0 violated, 0 undecided, each judged by Clopper-Pearson",)
    assert verdict.threshold == 0.8
    assert verdict.comparison == ">="


def test_each_member_is_judged_at_half_the_level():
    """918 of 1000: 0.9024 at level .05, 0.8992 at .025."""
    assert low(918, 0.025) < 0.9 < low(918, 0.05)

    assert share(right_of(*[918] * 17), 0.9, 0.8).details[0].startswith("0 met, 0 violated, 17 undecided")
    assert (right_of(*[918] * 17) >= 0.9).outcome is Outcome.MET


def test_members_that_violate_refute_a_share_and_undecided_ones_count_for_neither():
    """Ten of ten violate: at most 1 - 0.025^(1/10) = 0.31 of all retrainings can meet it."""
    verdict = share(right_of(*[700] * 10), 0.9, 0.8)

    assert verdict.outcome is Outcome.VIOLATED
    assert verdict.high == pytest.approx(1 - 0.025 ** (1 / 10))
    mixed = share(right_of(*[950] * 8, *[700] * 2, *[900] * 7), 0.9, 0.8)
    assert mixed.outcome is Outcome.UNDECIDED
    assert mixed.details[0].startswith("8 met, 2 violated, 7 undecided")
    assert mixed.value == pytest.approx(8 / 17)


def test_a_share_of_a_ceiling():
    said = Predictions(y=np.zeros(1000), values=np.tile((np.arange(1000) < 20) * 2.0, (17, 1)))

    assert share(metrics.failure_rate(said, delta=1), 0.05, 0.8, "<=").outcome is Outcome.MET
    assert share(metrics.failure_rate(said, delta=1), 0.001, 0.8, "<=").outcome is Outcome.VIOLATED


def test_one_trained_model_has_no_share():
    verdict = share(right_of(950), 0.9, 0.8)

    assert verdict.outcome is Outcome.UNDECIDED
    assert verdict.advice == (
        "a share of retrainings needs at least 17 retrainings: this is one trained model, not retrainings of a "
        "training function",
    )


@pytest.mark.parametrize(
    ("estimate", "bound_class"),
    [
        (lambda: right_of(*[950] * 17), "exact"),
        (lambda: metrics.ece(_scored(17)), "asymptotic"),
        (lambda: right_of(*[950] * 17, clusters=np.arange(1000) // 2), "asymptotic"),
        (lambda: right_of(*[950] * 17, columns={"g": np.arange(1000) % 2}).gap("g"), "asymptotic"),
    ],
)
def test_a_share_is_of_the_class_of_the_bounds_that_judged_its_members(estimate, bound_class):
    verdict = share(estimate(), 0.5, 0.8, "<=")
    assert verdict.bound_class == bound_class

    stricter = BOUND_CLASSES[: BOUND_CLASSES.index(bound_class)]
    if stricter:
        forbidden = estimate().judged("<=", 0.5, Terms(members=0.8, bound_classes=stricter))
        assert forbidden.outcome is Outcome.UNDECIDED
        assert "a class of bounds that mlspec_bounds forbids" in forbidden.advice[0]


def test_a_share_shows_the_members_that_were_counted_for_the_end_beside_it():
    """920 of 1000 meet 0.9 at level .025 and not at a sixth of it: all 17 count for *met*, whatever *violated* gets."""
    assert low(920, LEVEL / 2) > 0.9 > low(920, LEVEL / 12)

    verdict = right_of(*[920] * 17).judged(">=", 0.9, Terms(members=0.8, share=1 / 6))

    assert verdict.outcome is Outcome.MET
    assert verdict.value == 1.0
    assert "17 met, 0 violated, 0 undecided" in verdict.details[0]


def test_a_violated_share_shows_the_members_that_violate_it_at_its_part_of_the_level():
    verdict = right_of(*[800] * 17).judged(">=", 0.9, Terms(members=0.8, share=1 / 6))

    assert verdict.outcome is Outcome.VIOLATED
    assert verdict.value == 0.0
    assert "0 met, 17 violated, 0 undecided" in verdict.details[0]


# ---- classes that a project forbids ---------------------------------------------------------------------------------
@pytest.mark.parametrize("how", ["every", "mean", 0.8])
def test_a_forbidden_class_decides_nothing_and_says_so(how):
    estimate = right_of(*[950] * 17, clusters=np.arange(1000) // 2) if how != "mean" else right_of(*[950] * 17)
    verdict = estimate.judged(">=", 0.1, Terms(members=how, bound_classes=("exact",)))

    assert verdict.outcome is Outcome.UNDECIDED
    assert "is asymptotic, a class of bounds that mlspec_bounds forbids" in verdict.advice[0]


def _scored(n_members: int = 5) -> Predictions:
    generator = np.random.default_rng(1)
    y = generator.integers(2, size=400)
    score = 1 / (1 + np.exp(-2 * (y - 0.5) - generator.normal(size=(n_members, 400))))
    return Predictions(y=y, probabilities=np.stack([1 - score, score], -1), columns={"g": np.arange(400) % 2})


def _numbers() -> Predictions:
    generator = np.random.default_rng(1)
    return Predictions(y=np.zeros(800), values=generator.uniform(0, 0.4, size=(6, 800)))


def test_no_member_is_said_to_violate_what_only_the_full_level_would_refute():
    """One claim of two may use half the level: the worse of two members is refuted at 0.025 and not at 0.0125."""
    hits = next(k for k in range(870, 900) if high(k, 0.0125) >= 0.9)
    assert high(hits, 0.025) < 0.9
    estimate = right_of(hits, 950)

    whole, half = (fold(estimate, ">=", 0.9, Terms(share=share)) for share in (1.0, 0.5))

    assert (whole.high, half.high) == (pytest.approx(high(hits, 0.025)), pytest.approx(high(hits, 0.0125)))
    assert whole.low == half.low == pytest.approx(low(hits))
    assert "1 of 2 violate it" in whole.details[0]
    assert "violate" not in half.details[0]
