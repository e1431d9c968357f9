"""The split of uncertainty: by hand, by its identities, and where two clouds of points overlap or end."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import entropy

from pytest_mlspec import Dataset, Ensemble
from pytest_mlspec.metrics.uncertainty import (
    UncertaintySplit,
    aleatoric_uncertainty,
    epistemic_uncertainty,
    member_variance,
    total_uncertainty,
    uncertainty_split,
)
from pytest_mlspec.predictions import Predictions
from pytest_mlspec.stats import betting
from pytest_mlspec.verdict import Outcome, Terms

LEVEL = 0.05
LOG2 = np.log(2)
ESTIMATES = {"total": total_uncertainty, "aleatoric": aleatoric_uncertainty, "epistemic": epistemic_uncertainty}


def said(probabilities: object, **more: object) -> Predictions:
    table = np.asarray(probabilities)
    return Predictions(
        y=np.zeros(table.shape[-2], int), probabilities=table, classes=list(range(table.shape[-1])), **more
    )


def drawn(n_members: int, n: int, n_classes: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.ones(n_classes), size=(n_members, n))


def test_opposite_certainties_are_ignorance_alone():
    """Two members, each sure, of opposite classes: H(1/2, 1/2) = log 2 in all, no noise of the data."""
    split = uncertainty_split(said([[[1.0, 0.0]], [[0.0, 1.0]]]))

    assert split.total == pytest.approx([LOG2])
    assert split.aleatoric.tolist() == [0.0]
    assert split.epistemic == pytest.approx([LOG2])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_members", [2, 3, 7, 10])
def test_members_that_say_the_same_have_no_epistemic_part_at_all(n_members, dtype):
    one = drawn(1, 200, 5).astype(dtype)
    split = uncertainty_split(said(np.repeat(one, n_members, axis=0)))

    assert split.epistemic.tolist() == [0.0] * 200
    assert split.total == pytest.approx(entropy(one[0].astype(float), axis=1), abs=1e-6)


def test_members_by_hand():
    """(.9, .1) and (.5, .5): H(.7, .3) = .6109; (.3251 + .6931) / 2 = .5091; the difference .1018."""
    split = uncertainty_split(said([[[0.9, 0.1]], [[0.5, 0.5]]]))

    assert split.total == pytest.approx([0.6109], abs=1e-4)
    assert split.aleatoric == pytest.approx([0.5091], abs=1e-4)
    assert split.epistemic == pytest.approx([0.1018], abs=1e-4)


@pytest.mark.parametrize(("n_members", "n_classes"), [(2, 2), (5, 3), (4, 10)])
def test_the_epistemic_part_is_the_mean_divergence_from_the_mean(n_members, n_classes):
    """H(mean) - mean H = mean of KL(p_k || mean), within [0, log min(members, classes)]."""
    tables = drawn(n_members, 300, n_classes)
    split = uncertainty_split(said(tables))

    divergence = entropy(tables, tables.mean(axis=0)[None], axis=2).mean(axis=0)
    assert split.epistemic == pytest.approx(divergence, abs=1e-12)
    assert split.total == pytest.approx(split.aleatoric + split.epistemic)
    assert split.epistemic.min() >= 0.0
    assert split.epistemic.max() <= np.log(min(n_members, n_classes)) + 1e-12
    assert split.total.max() <= np.log(n_classes)


def test_zero_probabilities_and_equal_ones_stay_in_range():
    tables = np.stack([np.eye(4), np.full((4, 4), 0.25), np.eye(4)[::-1]])
    split = uncertainty_split(said(tables.astype(np.float32)))

    assert np.isfinite(split.total).all()
    assert split.total.max() <= np.log(4)
    assert split.aleatoric == pytest.approx(np.full(4, np.log(4) / 3))


@pytest.mark.parametrize(("part", "high"), [("total", np.log(5)), ("aleatoric", np.log(5)), ("epistemic", np.log(3))])
def test_estimates_are_means_bounded_by_betting_on_their_range(part, high):
    """Three members on five classes: their disagreement is at most log 3, the rest at most log 5."""
    predictions = said(drawn(3, 400, 5))
    estimate = ESTIMATES[part](predictions)

    rows = getattr(uncertainty_split(predictions), part)
    shares = betting.mean_bounds(rows / high, LEVEL)
    assert estimate.values == pytest.approx([rows.mean()])
    assert (estimate.low(), estimate.high()) == pytest.approx((high * shares.low[0], high * shares.high[0]), abs=1e-6)
    assert estimate.whole_ensemble
    assert estimate.subject == f"{part} uncertainty"
    assert estimate.greater_is_better is False


def test_messages_show_the_split():
    tables = [[[0.9, 0.1]] * 100, [[0.5, 0.5]] * 100]
    verdict = epistemic_uncertainty(said(tables)) <= 0.2

    assert verdict.outcome is Outcome.MET
    assert verdict.details == ("2 members: aleatoric 0.509 + epistemic 0.102 nats",)


def test_a_slice_has_its_own_split():
    tables = np.array([[[0.9, 0.1]] * 50 + [[0.5, 0.5]] * 50, [[0.5, 0.5]] * 100])
    predictions = said(tables, columns={"part": np.repeat(["far", "near"], 50)})

    worst = epistemic_uncertainty(predictions).worst("part")
    assert worst.value == pytest.approx(0.1018, abs=1e-4)
    assert "far 0.102 (2 members: aleatoric 0.509 + epistemic 0.102 nats)" in worst.evidence.counts(0)


def test_one_member_cannot_be_split():
    one = said(drawn(1, 100, 3))

    for estimate in (aleatoric_uncertainty(one), epistemic_uncertainty(one)):
        verdict = estimate <= 1.0
        assert np.isnan(estimate.value)
        assert verdict.outcome is Outcome.UNDECIDED
        assert verdict.advice == ("needs at least 2 members: one trained model has no other to differ from",)
    assert total_uncertainty(one).value == pytest.approx(float(entropy(drawn(1, 100, 3)[0], axis=1).mean()))
    assert total_uncertainty(one).evidence.counts(0) == ""
    with pytest.raises(ValueError, match="needs at least 2 members"):
        uncertainty_split(one)


def test_clustered_rows_are_undecided():
    verdict = epistemic_uncertainty(said(drawn(3, 60, 2), clusters=np.arange(60) // 3)) <= 0.69

    assert verdict.outcome is Outcome.UNDECIDED
    assert "no clustered form" in verdict.advice[0]


# ---- members that predict numbers -----------------------------------------------------------------------------------
def test_numbers_have_the_variance_over_members():
    """Members 1 and 3 vary by 1 about their mean 2; 5 and 5 by nothing."""
    numbers = Predictions(y=np.zeros(2), values=np.array([[1.0, 5.0], [3.0, 5.0]]))

    assert member_variance(numbers).tolist() == [1.0, 0.0]
    assert epistemic_uncertainty(numbers).values.tolist() == [0.5]


def test_the_variance_is_met_only_with_max_loss():
    """Members off by at most 2 vary by at most 4."""
    generator = np.random.default_rng(0)
    numbers = Predictions(y=np.zeros(2000), values=generator.uniform(-1, 1, size=(5, 2000)))
    estimate = epistemic_uncertainty(numbers)

    without = estimate.judged("<=", 0.5, Terms())
    assert without.outcome is Outcome.UNDECIDED
    assert "max_loss" in without.advice[0]
    assert estimate.judged("<=", 0.5, Terms(max_loss=2.0)).outcome is Outcome.MET
    assert estimate.judged("<=", 0.1, Terms()).outcome is Outcome.VIOLATED
    rows = member_variance(numbers) / 4
    expected = 4 * betting.mean_bounds(rows, LEVEL).high[0]
    assert estimate.judged("<=", 0.5, Terms(max_loss=2.0)).high == pytest.approx(expected, abs=1e-5)


def test_numbers_have_no_other_part_and_one_member_no_variance():
    numbers = Predictions(y=np.zeros(5), values=np.ones((2, 5)))
    alone = Predictions(y=np.zeros(5), values=np.ones((1, 5)))

    for measure in (uncertainty_split, total_uncertainty, aleatoric_uncertainty):
        with pytest.raises(ValueError, match=r"needs probabilities.*epistemic_uncertainty and member_variance only"):
            measure(numbers)
    with pytest.raises(ValueError, match="needs at least 2 members"):
        member_variance(alone)
    assert (epistemic_uncertainty(alone) <= 1.0).outcome is Outcome.UNDECIDED
    with pytest.raises(ValueError, match="member_variance needs predicted numbers"):
        member_variance(said(drawn(2, 5, 2)))


# ---- what it tells ---------------------------------------------------------------------------------------------------
class Numbers:
    """A linear model of numbers, which needs no truth."""

    def __init__(self, slope: float) -> None:
        self.slope = slope

    def predict(self, X: np.ndarray) -> np.ndarray:
        return self.slope * X[:, 0]


def test_data_without_y_will_do():
    ensemble = Ensemble.of([Numbers(1.0), Numbers(3.0)], output="values")

    assert member_variance(ensemble, Dataset(np.array([[1.0], [2.0]]))).tolist() == [1.0, 4.0]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_overlapping_clouds_are_noise_and_far_away_is_ignorance(seed):
    """Clouds at -1 and 1 of standard deviation 1: their middle is a coin toss that all members know to be one.

    Far up the second axis no training point lies: the members' boundaries fan out there.
    """
    from sklearn.neural_network import MLPClassifier

    generator = np.random.default_rng(seed)
    y = generator.integers(2, size=400)
    X = generator.normal(size=(400, 2)) + np.stack([2.0 * y - 1, np.zeros(400)], axis=1)
    networks = Ensemble.fit(
        lambda s: MLPClassifier((16,), max_iter=150, random_state=s, alpha=1e-3).fit(X, y), seeds=8, name="networks"
    )
    middle = Dataset(np.stack([np.zeros(200), generator.uniform(-0.7, 0.7, 200)], axis=1), classes=[0, 1])
    far = Dataset(np.stack([np.zeros(200), generator.uniform(8.0, 12.0, 200)], axis=1), classes=[0, 1])

    near: UncertaintySplit = uncertainty_split(networks, middle)
    assert near.aleatoric.mean() > 0.9 * LOG2
    assert near.epistemic.mean() < 0.02
    away = uncertainty_split(networks, far)
    assert away.epistemic.mean() > 5 * near.epistemic.mean()
    assert away.epistemic.mean() > 0.03
    assert (epistemic_uncertainty(networks, middle) <= 0.05).outcome is Outcome.MET
