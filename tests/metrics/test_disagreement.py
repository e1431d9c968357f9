"""How often two retrainings decide differently: counted by hand, over every pair, and bounded for new cases."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy.stats import binomtest

from pytest_mlspec import Dataset, Ensemble
from pytest_mlspec.metrics.disagreement import agreements, disagreement, least_agreement, pairwise_disagreement
from pytest_mlspec.metrics.estimate import Estimate
from pytest_mlspec.predictions import Predictions
from pytest_mlspec.stats import betting
from pytest_mlspec.verdict import Outcome, Terms

LEVEL = 0.05


class Fixed:
    """A model whose labels are a column of X."""

    def __init__(self, column: int) -> None:
        self.column = column

    def predict(self, X: np.ndarray) -> np.ndarray:
        return X[:, self.column].astype(int)


def said(labels: object, **more: object) -> Predictions:
    table = np.asarray(labels)
    return Predictions(y=np.zeros(table.shape[1], int), labels=table, **({"classes": [0, 1, 2]} | more))


def by_pairs(labels: np.ndarray) -> np.ndarray:
    """(examples,) the share of pairs that differ, by looking at each pair."""
    return np.mean([labels[i] != labels[j] for i, j in combinations(range(len(labels)), 2)], axis=0)


def test_three_members_by_hand():
    """Cases: all agree; one differs (2 of 3 pairs); all differ (3 of 3)."""
    estimate = disagreement(said([[0, 0, 0], [0, 0, 1], [0, 1, 2]]))

    assert estimate.value == pytest.approx((0 + 2 / 3 + 1) / 3)
    assert estimate.values.shape == (1,)
    assert estimate.greater_is_better is False
    assert estimate.subject == "disagreement"
    assert estimate.whole_ensemble


@pytest.mark.parametrize(("n_members", "n_classes"), [(2, 2), (5, 2), (4, 7), (9, 3), (12, 300)])
def test_it_is_the_mean_over_all_pairs(n_members, n_classes):
    generator = np.random.default_rng(n_members)
    labels = generator.integers(n_classes, size=(n_members, 60))
    labels[:, :20] = labels[0, :20]
    predictions = said(labels, classes=list(range(n_classes)))

    expected = by_pairs(labels)
    assert disagreement(predictions).value == pytest.approx(expected.mean())
    assert disagreement(predictions).evidence.case_values(Terms()).rows[0] == pytest.approx(expected)
    table = pairwise_disagreement(predictions)
    for i, j in combinations(range(n_members), 2):
        assert table[i, j] == table[j, i] == pytest.approx(np.mean(labels[i] != labels[j]))
    assert np.diagonal(table).tolist() == [0.0] * n_members


@pytest.mark.parametrize(
    ("n_members", "n_classes", "agreeing_pairs"), [(2, 2, 0), (3, 2, 1), (4, 2, 2), (5, 2, 4), (10, 2, 20), (5, 3, 2)]
)
def test_members_cannot_all_differ_where_classes_are_few(n_members, n_classes, agreeing_pairs):
    """10 members on two classes split 5 and 5 at most: 2 * 10 of 45 pairs still agree."""
    pairs = n_members * (n_members - 1) / 2

    assert least_agreement(n_members, n_classes) == pytest.approx(agreeing_pairs / pairs)
    spread_evenly = np.arange(n_members)[:, None] % n_classes
    assert agreements(spread_evenly)[0].tolist() == [agreeing_pairs]


def test_two_members_are_bounded_by_clopper_and_pearson():
    labels = np.zeros((2, 400), int)
    labels[1, :9] = 1
    estimate = disagreement(said(labels))

    assert estimate.low() == pytest.approx(binomtest(9, 400, alternative="greater").proportion_ci(0.95).low)
    assert estimate.high() == pytest.approx(binomtest(9, 400, alternative="less").proportion_ci(0.95).high)
    assert estimate.high(confidence=0.99) > estimate.high()
    assert (estimate <= 0.1).details == ("members 0 and 1 differ on 9 of 400 cases",)


def test_more_members_are_bounded_by_betting_on_the_range_that_they_can_take():
    generator = np.random.default_rng(2)
    labels = (generator.random((10, 500)) < 0.1).astype(int)
    estimate = disagreement(said(labels, classes=[0, 1]))

    largest = 25 / 45
    shares = betting.mean_bounds(by_pairs(labels) / largest, LEVEL)
    assert estimate.low() == pytest.approx(largest * shares.low[0], abs=1e-6)
    assert estimate.high() == pytest.approx(largest * shares.high[0], abs=1e-6)
    verdict = estimate <= 0.3
    assert (verdict.outcome, verdict.n, verdict.unit) == (Outcome.MET, 500, "examples")
    assert verdict.method == "betting"


def test_members_that_agree_everywhere_prove_a_small_disagreement_only():
    """No case of 300 differs: 1 - .05^(1/300) = 0.00994, times the 25/45 that one case can have."""
    estimate = disagreement(said(np.zeros((10, 300), int), classes=[0, 1]))

    assert estimate.value == 0.0
    assert estimate.high() == pytest.approx((1 - 0.05 ** (1 / 300)) * 25 / 45)
    assert (estimate <= 0.02).details == ("10 members, 45 pairs; the two furthest apart (members 0 and 1): 0.000",)
    assert (estimate <= 0.001).outcome is Outcome.UNDECIDED


def test_one_member_is_undecided_and_never_0():
    estimate = disagreement(said(np.zeros((1, 50), int)))
    verdict = estimate <= 0.5

    assert np.isnan(estimate.value)
    assert verdict.outcome is Outcome.UNDECIDED
    assert verdict.advice == ("needs at least 2 members: one trained model has no other to differ from",)


def test_clustered_rows_are_undecided_in_words():
    verdict = disagreement(said(np.zeros((3, 60), int), clusters=np.arange(60) // 3)) <= 0.5

    assert verdict.outcome is Outcome.UNDECIDED
    assert verdict.advice == ("rows are clustered by clusters and the betting bound of a mean has no clustered form",)


def test_members_that_predict_numbers_are_pointed_to_the_seed_std():
    numbers = Predictions(y=np.zeros(5), values=np.ones((2, 5)))

    with pytest.raises(ValueError, match=r"disagreement is about decisions.*mae\(\.\.\.\)\.seed_std\(\)"):
        disagreement(numbers)
    with pytest.raises(ValueError, match="pairwise_disagreement is about decisions"):
        pairwise_disagreement(numbers)


def test_decisions_at_a_threshold():
    """P(1) = .4 and .6 on both cases: they differ at .5, and at .3 and .7 they do not."""
    tables = np.array([[[0.6, 0.4]] * 2, [[0.4, 0.6]] * 2])
    predictions = Predictions(y=[0, 1], probabilities=tables)

    assert disagreement(predictions).value == 1.0
    assert [disagreement(predictions, threshold=t).value for t in (0.3, 0.5, 0.7)] == [0.0, 1.0, 0.0]
    assert disagreement(predictions, threshold=0.3).subject == "disagreement (threshold 0.3)"
    assert pairwise_disagreement(predictions, threshold=0.3)[0, 1] == 0.0


def test_messages_name_the_seeds_that_are_furthest_apart():
    X = np.zeros((100, 3))
    X[:4, 1] = 1
    X[:9, 2] = 1
    data = Dataset(X, X[:, 0].astype(int), classes=[0, 1])
    ensemble = Ensemble.fit(lambda seed: Fixed({3: 0, 5: 1, 8: 2}[seed]), seeds=[3, 5, 8], name="fixed")

    verdict = disagreement(ensemble, data) <= 0.5
    assert verdict.details == ("3 members, 3 pairs; the two furthest apart (seeds 3 and 8): 0.090",)
    assert (disagreement(ensemble, data.take(np.arange(9))) <= 1.0).details == (
        "3 members, 3 pairs; the two furthest apart (seeds 3 and 8): 1.000",
    )


def test_data_without_y_will_do():
    X = np.array([[0, 1], [1, 1], [0, 0], [1, 0]])
    models = Ensemble.of([Fixed(0), Fixed(1)], classes=[0, 1])

    assert disagreement(models, Dataset(X, classes=[0, 1])).value == 0.5


def test_groups_of_cases_have_their_own_disagreement():
    labels = np.zeros((3, 200), int)
    labels[0, :50] = 1
    estimate = disagreement(said(labels, columns={"light": np.repeat(["night", "day"], 100)}))

    assert estimate.gap("light").value == pytest.approx(0.5 * 2 / 3)
    verdict = estimate.worst("light") <= 0.5
    assert verdict.value == pytest.approx(1 / 3)
    assert "furthest apart (members 0 and 1): 0.500" in verdict.details[0]


def test_advice_plans_more_cases():
    labels = np.zeros((4, 100), int)
    labels[0, :5] = 1
    verdict = disagreement(said(labels, classes=[0, 1])) <= 0.04

    assert verdict.outcome is Outcome.UNDECIDED
    assert verdict.advice[0].startswith("about ")
    assert "examples would decide it" in verdict.advice[0]


def test_a_large_ensemble_is_counted_in_one_pass():
    """50 members on 20,000 cases; the expected share is 2 * .2 * .8 with independent decisions."""
    labels = (np.random.default_rng(0).random((50, 20_000)) < 0.2).astype(np.uint8)
    estimate: Estimate = disagreement(said(labels, classes=[0, 1]))

    ones = labels.sum(axis=0, dtype=float)
    assert estimate.value == pytest.approx(float(np.mean(2 * ones * (50 - ones) / (50 * 49))))
    assert estimate.value == pytest.approx(0.32, abs=0.002)
