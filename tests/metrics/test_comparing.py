"""Differences, quotients and sizes: what they are made of, their bounds against formulas, and what has no meaning."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from pytest_mlspec import Dataset, Predictions, metrics
from pytest_mlspec.perturbations import permute
from pytest_mlspec.stats.paired import difference_bounds
from pytest_mlspec.verdict import Terms
from tests.requirements.shifted import Reads, flips, retrainings, splits

MODEL = Reads()


def clopper_pearson(k: int, n: int, level: float) -> tuple[float, float]:
    return stats.beta.ppf(level, k, n - k + 1), stats.beta.ppf(1 - level, k + 1, n - k)


def all_lost(level: float) -> float:
    """The lower bound where 100 of 1,000 cases are lost and none is won: the squares of both arms are added."""
    lost = 0.1 - clopper_pearson(100, 1000, level)[0]
    return 0.1 - float(np.hypot(lost, 1 - level ** (1 / 1000)))


def test_two_sets_of_cases_take_the_interval_of_independent_rates() -> None:
    """Newcombe's method 10 with Clopper-Pearson arms: the squares of the arms are added."""
    street = splits(wrong=20)
    difference = metrics.accuracy(MODEL, street.test) - metrics.accuracy(MODEL, street.dark)
    (low_1, high_1), (low_2, high_2) = clopper_pearson(980, 1000, 0.05), clopper_pearson(500, 1000, 0.05)

    assert difference.low() == pytest.approx(0.48 - np.hypot(0.98 - low_1, high_2 - 0.5), abs=1e-9)
    assert difference.high() == pytest.approx(0.48 + np.hypot(high_1 - 0.98, 0.5 - low_2), abs=1e-9)


def test_overlapping_sets_of_cases_pay_for_their_dependence() -> None:
    """A slice and its whole share cases: each bound at half the level."""
    dark = splits(light=True).dark
    difference = metrics.accuracy(MODEL, dark) - metrics.accuracy(MODEL, dark.where(light="day"))
    (low_1, _), (_, high_2) = clopper_pearson(500, 1000, 0.025), clopper_pearson(250, 500, 0.025)

    assert difference.low() == pytest.approx(low_1 - high_2, abs=1e-9)


def test_rows_and_their_perturbed_copies_are_paired() -> None:
    """Accuracy 0.8 and 0.7 either way; on the same rows only the lost cases make noise."""
    clean = splits(wrong=200).test
    difference = metrics.accuracy(MODEL, clean) - metrics.accuracy(MODEL, clean.perturb(flips(0.1)))
    unpaired = metrics.accuracy(MODEL, clean) - metrics.accuracy(MODEL, splits(wrong=300).test)

    assert difference.value == pytest.approx(unpaired.value)
    assert difference.low() == pytest.approx(all_lost(0.05), abs=1e-9)
    assert difference.high() - difference.low() < unpaired.high() - unpaired.low()


def test_slices_of_both_are_paired_too() -> None:
    clean = splits(light=True).test
    changed = clean.perturb(flips(0.1))
    difference = metrics.accuracy(MODEL, clean.where(light="day")) - metrics.accuracy(MODEL, changed.where(light="day"))

    assert difference.value == pytest.approx(0.1)
    assert "50 cases won, 0 lost" in difference.evidence.counts(0)


def test_every_member_against_itself() -> None:
    model = retrainings([0.1, 0.2, 0.3], [0.0, 0.0, 0.0])
    y = np.tile([0, 1], 5000)
    clean = Dataset(np.stack([y, np.ones(10_000)], axis=1).astype(float), y)
    stressed = clean.perturb(lambda X: X * [1, -1], name="fog")

    difference = metrics.accuracy(model, clean) - metrics.accuracy(model, stressed)

    np.testing.assert_allclose(difference.values, [0.1, 0.2, 0.3], atol=0.015)


def test_two_models_on_two_datasets_mean_nothing() -> None:
    street = splits()

    with pytest.raises(ValueError, match="two models on the same cases, or one model on two datasets"):
        metrics.accuracy(MODEL, street.test) - metrics.accuracy(Reads(1), street.dark)
    with pytest.raises(ValueError, match="a quotient compares two models on the same cases"):
        metrics.accuracy(MODEL, street.test) / metrics.accuracy(Reads(1), street.dark)


def test_arrays_are_one_model_by_their_name_only() -> None:
    y = np.ones(10, dtype=int)
    named = [Predictions(y=y[:n], labels=y[:n], classes=[0, 1], name="served") for n in (10, 8)]
    unnamed = [Predictions(y=y[:n], labels=y[:n], classes=[0, 1]) for n in (10, 8)]

    assert (metrics.accuracy(named[0]) - metrics.accuracy(named[1])).value == 0
    with pytest.raises(ValueError, match="two models on the same cases"):
        metrics.accuracy(unnamed[0]) - metrics.accuracy(unnamed[1])


def test_a_quotient_of_levels_takes_each_side_at_half_the_level() -> None:
    street = splits(wrong=20)
    quotient = metrics.accuracy(MODEL, street.dark) / metrics.accuracy(MODEL, street.test)
    (low_1, high_1), (low_2, high_2) = clopper_pearson(500, 1000, 0.025), clopper_pearson(980, 1000, 0.025)

    assert quotient.value == pytest.approx(0.5 / 0.98)
    assert quotient.low() == pytest.approx(low_1 / high_2, abs=1e-9)
    assert quotient.high() == pytest.approx(high_1 / low_2, abs=1e-9)
    assert quotient.subject == "quotient of accuracy, street.dark over street.test"


def test_a_size_is_the_distance_from_zero() -> None:
    """The difference is -0.1, with 100 cases lost: small needs both sides at 0.05, large either at 0.025."""
    clean = splits().test
    signed = metrics.accuracy(MODEL, clean.perturb(flips(0.1))) - metrics.accuracy(MODEL, clean)
    size = abs(signed)

    assert signed.value == pytest.approx(-0.1)
    assert size.value == pytest.approx(0.1)
    assert size.high() == pytest.approx(-signed.low())
    assert size.low() == pytest.approx(all_lost(0.025), abs=1e-9)
    assert bool(size <= 0.2)
    assert not (size <= 0.05)


def test_a_size_of_nothing_is_at_least_zero() -> None:
    clean = splits().test
    same = metrics.accuracy(MODEL, clean) - metrics.accuracy(MODEL, clean)

    assert abs(same).low() == 0.0


@pytest.mark.parametrize(
    "wrong",
    [
        lambda a: a / 2,
        lambda a: a - 0.1,
        lambda a: abs(a.seed_std()),
        lambda a: a / metrics.recall(MODEL, splits().test, positive=1),
        lambda a: a.seed_std() - a.seed_std(),
        lambda a: (a - a) / (a - a),
    ],
)
def test_what_has_no_meaning(wrong) -> None:
    with pytest.raises(TypeError):
        wrong(metrics.accuracy(MODEL, splits().test))


def exchanged() -> tuple[Dataset, Dataset]:
    """1,000 clean rows, and with the first column passed between partners: about a half of the labels are lost."""
    clean = splits().test
    return clean, clean.perturb(permute(0, seed=0), name="permuted")


def test_rows_that_exchanged_values_count_as_pairs() -> None:
    """Two rows of a pair are lost together, where their labels differ; the bounds see half the counts."""
    clean, permuted = exchanged()
    drop = metrics.accuracy(MODEL, clean) - metrics.accuracy(MODEL, permuted)
    lost = round(1000 * drop.value)
    low, high = difference_bounds(np.array([lost / 2]), np.array([0.0]), 500.0, 0.05)

    assert 0.4 < drop.value < 0.6
    assert (drop.low(), drop.high()) == (pytest.approx(low[0]), pytest.approx(high[0]))


def test_bounded_losses_of_exchanged_rows_are_means_over_pairs() -> None:
    clean, permuted = exchanged()

    class Probable(Reads):
        def predict_proba(self, X: np.ndarray) -> np.ndarray:
            return np.stack([0.9 - 0.8 * X[:, 0], 0.1 + 0.8 * X[:, 0]], axis=1)

    model = Probable()
    rise = metrics.brier(model, permuted) - metrics.brier(model, clean)
    pairs = permuted.cluster_codes
    assert pairs is not None
    per_case = (
        rise.operands[0].evidence.case_values(Terms()).rows[0] - rise.operands[1].evidence.case_values(Terms()).rows[0]
    )
    means = np.bincount(pairs, per_case) / 2

    values = rise.evidence.case_values(Terms())
    assert values is not None
    np.testing.assert_allclose(np.sort(values.rows[0]), np.sort(means))
    assert rise.low() <= rise.value <= rise.high()


def test_other_metrics_of_exchanged_rows_stay_clustered() -> None:
    _, permuted = exchanged()
    model = retrainings([0.1, 0.2, 0.3])

    spread = metrics.accuracy(model, permuted).seed_std()

    assert spread.clustered
    assert not np.isfinite(spread.high())
