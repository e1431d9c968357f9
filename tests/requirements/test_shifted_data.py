"""Shifted data and slices that cannot carry a verdict are reported for what they are, never passed."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_mlspec import Dataset, Ensemble, metrics
from tests.requirements.kinds import contract, judge
from tests.requirements.shifted import Reads, flips, splits

MODEL = Reads()
AT_LEAST = contract("stress", shift="domain", at_least=0.9)


def test_an_empty_slice_is_an_error_that_names_the_values_there_are() -> None:
    with pytest.raises(ValueError, match=r"light.*day"):
        splits(light=True).dark.where(light="dusk")


def test_too_small_a_slice_is_undecided_with_the_missing_number() -> None:
    """Ten of ten right prove 0.74 at most; 29 without an error would prove 0.9."""
    data = splits(light=True).test.take(range(10))

    verdict = judge(AT_LEAST, metrics.accuracy(MODEL, data))

    assert verdict.outcome == "undecided"
    assert any("no model could meet this on these cases" in line for line in verdict.advice)
    assert any("about 29 examples" in line for line in verdict.advice)


def test_shifted_data_of_one_class_leave_the_other_class_undecided() -> None:
    street = splits()
    asked = contract("stress", shift="label", at_least=0.9)

    recall = metrics.recall(MODEL, street.dark.where(label=0), positive=1)

    verdict = judge(asked, recall)
    assert verdict.outcome == "undecided"
    assert any("there are no positives to judge" in line for line in verdict.advice)


def test_a_drop_to_a_set_without_positives_is_undecided() -> None:
    street = splits()
    drop = metrics.recall(MODEL, street.test, positive=1) - metrics.recall(
        MODEL, street.dark.where(label=0), positive=1
    )

    verdict = judge(contract("stress", shift="label", max_drop=0.9), drop)

    assert verdict.outcome == "undecided"
    assert any("there are no positives" in line for line in verdict.advice)


def test_too_few_shifted_cases_leave_a_drop_undecided_with_the_missing_number() -> None:
    street = splits()
    few = Dataset(street.dark.X[:8], street.dark.y[:8], name="street.fog")  # all of them right

    verdict = judge(
        contract("stress", shift="domain", max_drop=0.1),
        metrics.accuracy(MODEL, street.test) - metrics.accuracy(MODEL, few),
    )

    assert verdict.outcome == "undecided"
    assert any("would decide it" in line for line in verdict.advice)


@pytest.mark.parametrize("copied", [False, True])
def test_shifted_data_equal_to_the_training_data_are_refused(copied: bool) -> None:
    street = splits()
    train = street.dark
    trained = Ensemble(members=(MODEL,), seeds=(0,), name="m", declared=1, retrained=False, trained_on=(train,))
    again = Dataset(np.array(train.X), np.array(train.y), name="winter") if copied else train

    with pytest.raises(ValueError, match=r"judged on rows that trained the model: 1,000 of 1,000"):
        judge(AT_LEAST, metrics.accuracy(trained, again))


def test_training_data_are_known_again_under_a_perturbation() -> None:
    street = splits()
    trained = Ensemble(members=(MODEL,), seeds=(0,), name="m", declared=1, retrained=False, trained_on=(street.dark,))

    with pytest.raises(ValueError, match="judged on rows that trained the model"):
        judge(AT_LEAST, metrics.accuracy(trained, street.dark.perturb(flips(0.3))))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_perturbation_that_makes_no_numbers_is_an_error(bad: float) -> None:
    clean = splits().test

    def breaks(X: np.ndarray) -> np.ndarray:
        X[0, 0] = bad
        return X

    class Probable(Reads):
        def predict_proba(self, X: np.ndarray) -> np.ndarray:
            return np.stack([1 - X[:, 0], X[:, 0]], axis=1)

    with pytest.raises(ValueError, match=r"NaN|finite|sum to 1"):
        judge(AT_LEAST, metrics.brier(Probable(), clean.perturb(breaks)))


def test_a_perturbation_that_loses_rows_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"keep the number of rows of street.test: 1000 went in, 999 came out"):
        splits().test.perturb(lambda X: X[1:])
