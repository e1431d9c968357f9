"""What would settle an undecided requirement: plans that hold when they are tried, and claims that are true."""

from __future__ import annotations

import re

import numpy as np
import pytest
from scipy.stats import beta

from pytest_mlspec import metrics
from pytest_mlspec.metrics.estimate import Estimate
from pytest_mlspec.metrics.judging.advice import round_up
from pytest_mlspec.predictions import Predictions
from pytest_mlspec.stats import paired, planning, planning_by_draws
from pytest_mlspec.verdict import Outcome, Terms

LEVEL = 0.05


def right_of(*right: int, n: int = 100, **more: object) -> Estimate:
    labels = np.stack([(np.arange(n) >= hits).astype(int) for hits in right])
    return metrics.accuracy(Predictions(y=np.zeros(n, dtype=int), labels=labels, classes=[0, 1], **more))


def planned(estimate: Estimate, threshold: float, comparison: str = ">=") -> int:
    """The number that the message names."""
    verdict = estimate.judged(comparison, threshold, Terms())  # type: ignore[arg-type]
    assert verdict.outcome is Outcome.UNDECIDED
    found = re.search(r"about ([\d,]+) ", verdict.advice[0])
    assert found is not None
    return int(found[1].replace(",", ""))


# ---- how many -------------------------------------------------------------------------------------------------------


def test_one_model_is_planned_as_the_exact_binomial_says():
    """0.95 against 0.90 takes 263 cases at 90 % power: two digits, upwards, are 270."""
    assert planning.trials_to_decide(0.95, 0.90, LEVEL, power=0.9, comparison=">=") == 263

    verdict = right_of(95) >= 0.9
    assert verdict.advice == (
        "about 270 examples would decide it at this rate (90% power); "
        "re-running the same model on the same data cannot",
    )


def test_the_unit_is_what_decides():
    y = np.r_[np.ones(40, int), np.zeros(60, int)]
    labels = np.r_[np.ones(38, int), np.zeros(62, int)]
    recall = metrics.recall(Predictions(y=y, labels=labels)) >= 0.9
    gap = right_of(90, columns={"g": np.arange(100) % 2}).gap("g") <= 0.1

    assert " positives would decide it" in recall.advice[0]
    assert " examples in the smaller group would decide it" in gap.advice[0]


@pytest.mark.parametrize(("rate", "threshold", "n"), [(0.95, 0.90, 100), (0.85, 0.90, 100), (0.99, 0.97, 200)])
def test_the_planned_number_decides_in_nine_of_ten_runs(rate, threshold, n):
    """Fresh data at the measured rate, as many cases as the message says, through the verdict itself."""
    number = planned(right_of(round(rate * n), n=n), threshold)

    wanted = Outcome.MET if rate > threshold else Outcome.VIOLATED
    generator, runs = np.random.default_rng(3), 400
    outcomes = [
        (right_of(int(hits), n=number) >= threshold).outcome for hits in generator.binomial(number, rate, size=runs)
    ]
    assert outcomes.count(wanted) / runs >= 0.85


def test_a_fold_over_members_plans_for_all_of_them():
    """Power 1 - 0.1 / 5 for each of five members, and no correction where met needs none."""
    one, five = planned(right_of(95), 0.9), planned(right_of(*[95] * 5), 0.9)
    each = planning.trials_to_decide(0.95, 0.90, LEVEL, power=0.98, comparison=">=")

    assert five > one
    assert five == round_up(each)
    generator, runs, met = np.random.default_rng(4), 200, 0
    for _ in range(runs):
        right = generator.random((5, five)) < 0.95
        said = Predictions(y=np.zeros(five, int), labels=(~right).astype(int), classes=[0, 1])
        met += (metrics.accuracy(said) >= 0.9).outcome is Outcome.MET
    assert met / runs >= 0.85


def test_where_one_member_looks_wrong_the_plan_is_for_violated_at_its_share_of_the_level():
    number = planned(right_of(88, 95, 95), 0.9)

    assert number == round_up(planning.trials_to_decide(0.88, 0.90, LEVEL / 3, power=0.9, comparison=">="))


def test_a_value_on_the_limit_is_never_decided():
    verdict = right_of(90) >= 0.9

    assert verdict.advice == (
        "no affordable number of examples decides it: the measured value is too close to the limit",
    )


def test_more_seeds_are_said_to_be_no_help_only_where_there_are_seeds():
    assert (right_of(95) >= 0.9).advice[0].endswith("re-running the same model on the same data cannot")
    assert (right_of(95, 95) >= 0.9).advice[0].endswith("more seeds on the same data cannot")


def two_groups(many: int, few: int, hits: tuple[int, int]) -> Estimate:
    right = np.r_[np.arange(many) < hits[0], np.arange(few) < hits[1]]
    columns = {"g": np.repeat(["many", "few"], [many, few])}
    return metrics.accuracy(
        Predictions(y=np.zeros(many + few, int), labels=(~right).astype(int), classes=[0, 1], columns=columns)
    ).gap("g")


def test_groups_are_planned_alike_and_the_smaller_is_counted():
    """Three to one, both at a rate of .9, within .05: tried on fresh data of the planned size."""
    number = planned(two_groups(300, 100, (270, 90)), 0.05, "<=")

    generator, runs = np.random.default_rng(5), 300
    drawn = zip(generator.binomial(3 * number, 0.9, runs), generator.binomial(number, 0.9, runs), strict=True)
    met = sum(two_groups(3 * number, number, hits).high() <= 0.05 for hits in drawn)
    assert met / runs >= 0.85


@pytest.mark.parametrize(
    ("fold", "limit", "comparison"), [("gap", 0.1, "<="), ("ratio", 0.92, ">="), ("worst", 0.85, ">=")]
)
def test_many_equal_groups_must_all_be_lucky_at_once(fold, limit, comparison):
    """Eight groups at a rate of .9: scaling the bound of one pair would decide only 3 of 10 runs."""
    pilot = np.tile(np.arange(60) < 54, 8)

    def folded(right: np.ndarray, n: int) -> Estimate:
        said = Predictions(
            y=np.zeros(8 * n, int),
            labels=(~right).astype(int),
            classes=[0, 1],
            columns={"g": np.repeat(np.arange(8), n)},
        )
        return getattr(metrics.accuracy(said), fold)("g")  # type: ignore[no-any-return]

    number = planned(folded(pilot, 60), limit, comparison)
    generator, runs = np.random.default_rng(6), 200
    met = [folded(generator.random(8 * number) < 0.9, number) for _ in range(runs)]
    share = np.mean([e.high() <= limit if comparison == "<=" else e.low() >= limit for e in met])
    assert 0.85 <= share <= 0.99


def test_it_is_the_smallest_group_that_grows_even_where_it_is_not_an_extreme():
    """300 and 300 cases at .90 and .89, 20 in between: the 20 make the bound, so they have to grow."""
    right = np.r_[np.arange(300) < 270, np.arange(300) < 267, np.arange(20) < 18]
    columns = {"g": np.repeat(["a", "b", "c"], [300, 300, 20])}
    said = Predictions(y=np.zeros(620, int), labels=(~right).astype(int), classes=[0, 1], columns=columns)
    verdict = metrics.accuracy(said).gap("g") <= 0.1

    assert " examples in the smallest group would decide it" in verdict.advice[0]
    assert planned(metrics.accuracy(said).gap("g"), 0.1, "<=") < 300


@pytest.mark.parametrize(
    ("n", "rounded"), [(7, 7), (99, 99), (100, 100), (101, 110), (263, 270), (3_810, 3_900), (12_001, 13_000)]
)
def test_plans_are_rounded_up_to_two_digits(n, rounded):
    assert round_up(n) == rounded


# ---- the mean and the share -----------------------------------------------------------------------------------------


def drawn(generator: np.random.Generator, shape: tuple[int, int], mean: float, sigma: float) -> Estimate:
    """Members with errors of their own and true accuracies of this mean and standard deviation."""
    right = generator.random(shape) < mean + sigma * generator.standard_normal((shape[0], 1))
    return metrics.accuracy(Predictions(y=np.zeros(shape[1], int), labels=(~right).astype(int), classes=[0, 1]))


@pytest.mark.parametrize(
    ("way", "n_members", "n", "sigma", "limit"),
    [("examples", 20, 300, 0.01, 0.93), ("retrainings", 8, 4000, 0.02, 0.93)],
)
def test_a_mean_is_planned_by_examples_or_by_retrainings(way, n_members, n, sigma, limit):
    """The pilot is taken for the truth, so fresh data come from its mean and its spread: 9 of 10 runs are met."""
    terms, found = Terms(members="mean"), None
    for seed in range(50):  # the first pilot that is undecided and plans this way
        pilot = drawn(np.random.default_rng(seed), (n_members, n), 0.95, sigma)
        verdict = pilot.judged(">=", limit, terms)
        found = re.search(rf"([\d,]+) {way}", " ".join(verdict.advice)) if pilot.value > limit else None
        if found is not None:
            break
    assert found is not None

    number = int(found[1].replace(",", ""))
    shape = (n_members, number) if way == "examples" else (number, n)
    truth = pilot.value, pilot.seed_std().value
    generator = np.random.default_rng(7)
    met = [drawn(generator, shape, *truth).judged(">=", limit, terms).outcome for _ in range(100)]
    assert met.count(Outcome.MET) / 100 >= 0.85


def test_a_mean_on_its_limit_is_never_decided():
    verdict = right_of(90, 91, 89, 92, 88).judged(">=", 0.9, Terms(members="mean"))

    assert verdict.advice == (
        "no affordable number of examples or retrainings alone decides it: the mean is too close to the limit",
    )


def test_a_share_says_whether_its_members_or_their_number_is_open():
    terms = Terms(members=0.8)

    some = right_of(*[96] * 16, *[90] * 4).judged(">=", 0.9, terms)
    none = right_of(*[980] * 18, *[700] * 2, n=1000).judged(">=", 0.9, terms)
    assert some.advice == (
        "more examples would decide the 4 undecided members, more retrainings would narrow the share",
    )
    assert none.advice == ("more retrainings would narrow the share",)


# ---- no model could -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [10, 30, 58, 59, 60, 120])
def test_no_model_could_is_said_only_where_every_outcome_fails(n):
    """A floor of 0.95 is out of reach below 59 cases: 0.95 ** 58 > 0.05 >= 0.95 ** 59. All outcomes are enumerated."""
    outcomes = [right_of(hits, n=n) >= 0.95 for hits in range(n + 1)]
    reachable = any(verdict.outcome is Outcome.MET for verdict in outcomes)

    assert reachable == (n >= 59)
    for verdict in outcomes:
        said = any(line.startswith("no model could meet this") for line in verdict.advice)
        assert said == (verdict.outcome is Outcome.UNDECIDED and not reachable)


def test_the_words_name_what_the_cases_could_prove():
    assert (right_of(40, n=40) >= 0.95).advice[-1] == (
        "no model could meet this on these cases: even without an error, 40 examples prove only accuracy >= "
        f"{0.05 ** (1 / 40):.3f}, not 0.95"
    )


def test_for_the_worst_group_it_is_the_smallest_group_that_forbids():
    """20 cases without an error prove 0.05 ** (1 / 20) = 0.861."""
    groups = {"g": np.repeat(["many", "few"], [200, 20])}

    verdict = right_of(220, n=220, columns=groups).worst("g") >= 0.9
    assert verdict.advice[-1].endswith("prove only worst accuracy by g >= 0.861, not 0.90")
    assert verdict.advice[-1].startswith("no model could meet this")
    assert (right_of(220, n=220, columns=groups).worst("g") >= 0.86).outcome is Outcome.MET


def test_for_a_gap_the_claim_is_about_groups_without_an_error_only():
    """Unequal rates may prove a little more: 880 / 1000 beside 10 / 10 has a smaller bound than no error at all."""
    sizes = (1000, 10)
    columns = {"g": np.repeat(["many", "few"], sizes)}

    def of(many: int, few: int) -> Estimate:
        right = np.r_[np.arange(1000) < many, np.arange(10) < few]
        said = Predictions(y=np.zeros(1010, int), labels=(~right).astype(int), classes=[0, 1], columns=columns)
        return metrics.accuracy(said).gap("g")

    flawless = of(1000, 10)
    assert flawless.high() == pytest.approx(1 - 0.05 ** (1 / 10), abs=1e-6)
    assert of(880, 10).high() < flawless.high()

    verdict = flawless <= 0.2
    assert verdict.outcome is Outcome.UNDECIDED
    assert verdict.advice[-1] == (
        "too few cases: even with a rate of 1 in every group, 1,010 examples prove only gap in accuracy by g <= 0.259, "
        "not 0.20"
    )
    assert not any("no model" in line for line in verdict.advice)


def test_a_metric_whose_cases_depend_on_the_model_claims_nothing():
    said = Predictions(y=np.ones(20, int), labels=np.ones(20, int), classes=[0, 1])
    verdict = metrics.precision(said) >= 0.95

    assert verdict.outcome is Outcome.UNDECIDED
    assert not any("no model" in line for line in verdict.advice)


def test_a_mean_loss_could_be_met_by_a_model_without_loss_or_not():
    """1 - 0.05 ** (1 / 30) = 0.095 of the largest loss 1 is what 30 cases without a loss prove."""
    losses = Predictions(y=np.zeros(30), values=np.linspace(0.0, 0.1, 30))
    terms = Terms(max_loss=1.0)

    out_of_reach = metrics.mae(losses).judged("<=", 0.09, terms)
    assert out_of_reach.advice[-1].endswith("30 examples prove only mae <= 0.095, not 0.09")
    flawless = metrics.mae(Predictions(y=np.zeros(30), values=np.zeros(30)))
    assert flawless.judged("<=", 0.09, terms).outcome is Outcome.UNDECIDED
    assert flawless.judged("<=", 0.1, terms).outcome is Outcome.MET


# ---- reasons come first ---------------------------------------------------------------------------------------------


def test_a_reason_stands_alone_no_number_of_cases_would_help():
    said = Predictions(y=np.zeros(50, int), labels=np.zeros(50, int), classes=[0, 1])

    assert (metrics.recall(said) >= 0.5).advice == ("there are no positives to judge",)


def test_decided_verdicts_have_no_advice():
    assert (right_of(95) >= 0.5).advice == (right_of(95) >= 0.99).advice == ()


def test_clustered_rows_are_planned_by_what_they_are_worth():
    """Rows that repeat each other five times take five times as many as independent cases, or a bit more."""
    right = np.repeat(np.random.default_rng(0).permutation(np.arange(100) < 95), 5)
    said = Predictions(
        y=np.zeros(500, int), labels=(~right).astype(int), classes=[0, 1], clusters=np.repeat(np.arange(100), 5)
    )
    number = planned(metrics.accuracy(said), 0.9)

    assert 5 * 263 <= number <= 1.15 * 5 * 263
    assert float(beta.ppf(LEVEL, 250, 14)) >= 0.9  # 250 of 263 independent cases would do


# ---- differences ----------------------------------------------------------------------------------------------------


def of_pairs(won: int, lost: int, n: int, members: int = 1) -> Estimate:
    """The first side has ``won`` cases right that the second has wrong, and ``lost`` the other way round."""
    first, second = np.zeros((2, n), int)
    second[:won], first[won : won + lost] = 1, 1
    y = np.zeros(n, int)
    sides = [Predictions(y=y, labels=np.stack([labels] * members), classes=[0, 1]) for labels in (first, second)]
    return metrics.accuracy(sides[0]) - metrics.accuracy(sides[1])


@pytest.mark.parametrize(
    ("won", "lost", "n", "margin"),
    [(0, 1, 100, -0.02), (1, 1, 150, -0.02), (0, 3, 300, -0.02), (3, 0, 200, 0.0), (20, 20, 1000, -0.01)],
)
def test_the_planned_cases_of_a_difference_decide_in_nine_of_ten_runs(won, lost, n, margin):
    """Where hardly any case is discordant the bound shrinks faster than with the root of their number.

    2,000 multinomial counts at the planned size, and at half of it; three standard errors are 0.020.
    """
    needed = planned(of_pairs(won, lost, n), margin)
    shares, missed = [won / n, lost / n, 1 - (won + lost) / n], {}
    for size in (needed, needed // 2):
        drawn = np.random.default_rng(7).multinomial(size, shares, size=2000)
        low, _ = paired.difference_bounds(drawn[:, 0], drawn[:, 1], size, LEVEL)
        missed[size] = float(np.mean(low < margin))

    assert missed[needed] <= 0.1 + 0.02
    assert missed[needed // 2] > 0.1


def test_many_members_of_a_difference_are_planned_once(monkeypatch):
    asked = []
    plan = planning_by_draws.paired_to_decide
    monkeypatch.setattr(planning_by_draws, "paired_to_decide", lambda *given: asked.append(given) or plan(*given))

    assert planned(of_pairs(1, 1, 150, members=30), -0.02) > planned(of_pairs(1, 1, 150), -0.02)
    assert len(asked) == 2
