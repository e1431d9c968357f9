"""What a perturbation leaves as it was, and which of two datasets is the shifted one."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from pytest_mlspec import Dataset, Splits
from pytest_mlspec.data.perturbing import (
    EXCHANGED,
    apart,
    equal_features,
    same_rows,
    stressed_side,
)
from pytest_mlspec.data.positions import feature_keys
from pytest_mlspec.perturbations import permute

Y = np.tile([0, 1], 20)
X = np.arange(80, dtype=float).reshape(40, 2)


def splits() -> Splits:
    whole = Dataset(X, Y, columns={"half": np.repeat(["a", "b"], 20)})
    return Splits(train=whole.take(range(10)), test=whole.take(range(10, 30)), night=Dataset(X + 100, Y), name="street")


def double(X: np.ndarray) -> np.ndarray:
    return 2 * X


def test_a_perturbed_dataset_remembers_what_was_done_to_it() -> None:
    test = splits().test
    twice = test.perturb(double).perturb(lambda X: X + 1, name="plus one")

    assert twice.perturbations == ("double", "plus one")
    assert twice.unperturbed is not None
    np.testing.assert_array_equal(twice.unperturbed.X, 2 * test.X)
    assert test.unperturbed is None


def test_a_slice_of_a_perturbed_dataset_has_the_slice_of_its_source_before_it() -> None:
    test = splits().test
    part = test.perturb(double).where(half="b")

    assert part.unperturbed is not None
    np.testing.assert_array_equal(part.unperturbed.X, test.where(half="b").X)


def test_the_memory_of_the_source_does_not_cross_processes() -> None:
    again = pickle.loads(pickle.dumps(splits().test.perturb(double)))

    assert (again.perturbations, again.unperturbed) == (("double",), None)


def test_same_rows_whatever_their_features() -> None:
    test = splits().test
    changed = test.perturb(double)

    assert same_rows(test, changed)
    assert same_rows(test.where(half="a"), changed.where(half="a"))
    assert not same_rows(test, changed.where(half="a"))
    assert not same_rows(test.take([0, 1]), test.take([1, 0]))
    assert not same_rows(test, splits().night.take(range(20)))


def test_apart() -> None:
    street = splits()

    assert apart(street.test, street.night)
    assert apart(street.test.where(half="a"), street.test.where(half="b"))
    assert not apart(street.test, street.test.where(half="b"))


def test_equal_features() -> None:
    test = splits().test

    assert equal_features(test, test.perturb(lambda X: X * 1.0))
    assert not equal_features(test, test.perturb(double))


@pytest.mark.parametrize(
    ("pick", "side"),
    [
        (lambda s: (s.test, s.test.perturb(double)), 1),
        (lambda s: (s.test.perturb(double), s.test), 0),
        (lambda s: (s.test, s.night), 1),
        (lambda s: (s.night, s.test), 0),
        (lambda s: (s.test.perturb(double), s.test.perturb(double).perturb(double)), 1),
        (lambda s: (s.test, s.test.where(half="a")), 1),
        (lambda s: (s.night, s.night.where(label=0)), 1),
        (lambda s: (s.test, s.test), None),
        (lambda s: (s.test.where(half="a"), s.test.where(half="b")), None),
        (lambda s: (s.night, Dataset(X, Y)), None),
    ],
)
def test_which_side_is_stressed(pick, side: int | None) -> None:
    assert stressed_side(*pick(splits())) == side


def test_shuffled_rows_are_the_same_rows_in_another_order() -> None:
    train = splits().train
    shuffled = train.shuffle(3)

    assert sorted(shuffled.origin_rows) == sorted(train.origin_rows)
    assert list(shuffled.origin_rows) != list(train.origin_rows)
    np.testing.assert_array_equal(shuffled.X, train.shuffle(3).X)
    assert list(shuffled.origin_rows) != list(train.shuffle(4).origin_rows)
    np.testing.assert_array_equal(shuffled.X[:, 0], X[shuffled.origin_rows, 0])


def test_features_by_name_and_position() -> None:
    pandas = pytest.importorskip("pandas", reason="frames come with the dev extra")
    frame = Dataset(pandas.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]}), [0, 1])
    array = Dataset(X, Y, columns={"second": X[:, 1], "other": -X[:, 1]})

    assert feature_keys(frame, ["b"]) == ("b",)
    assert feature_keys(array, [0, "second"]) == (0, 1)
    with pytest.raises(ValueError, match="unknown column 'c'"):
        feature_keys(frame, ["c"])
    with pytest.raises(ValueError, match="expected positions from 0 to 1"):
        feature_keys(array, [2])
    with pytest.raises(ValueError, match="expected the column 'other' to repeat one feature"):
        feature_keys(array, ["other"])


def test_rows_that_exchanged_values_are_clusters() -> None:
    permuted = splits().test.perturb(permute(0, seed=1))

    assert permuted.cluster_name == EXCHANGED
    assert sorted(np.bincount(permuted.cluster_codes)) == [2] * 10
    assert splits().test.perturb(permute(0, donors=X + 1)).cluster_codes is None


def test_rows_of_patients_do_not_exchange_values() -> None:
    patients = Dataset(X, Y, columns={"patient": np.arange(40) // 4}, clusters="patient", name="visits")

    with pytest.raises(ValueError, match=r"different clusters \(patient\) of visits exchange values"):
        patients.perturb(permute(0))
    assert patients.perturb(permute(0, donors=X + 1)).cluster_name == "patient"


def test_rows_that_were_read_again_or_changed_by_hand_are_not_apart() -> None:
    """Lineage does not show it; equal features, or the same truth in the same order, do."""
    random = np.random.default_rng(0)
    features, truth = random.normal(size=(200, 2)), random.integers(2, size=200)
    data = Dataset(features, truth)

    assert apart(data, Dataset(random.normal(size=(200, 2)), random.integers(2, size=200)))
    assert not apart(data, Dataset(features, 1 - truth))
    assert not apart(data, Dataset(-features, truth))
    assert not apart(data, Dataset(np.concatenate([features[:50], random.normal(size=(50, 2))]), truth[:100]))


def test_a_perturbation_is_a_function_that_returns_features() -> None:
    test = splits().test

    with pytest.raises(TypeError, match="expected a function from features to features; got function=None"):
        test.perturb(None)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"permute returned a function: call it first"):
        test.perturb(lambda X: permute(0), name="permute")
