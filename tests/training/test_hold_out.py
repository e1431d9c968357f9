"""Rows left out of what a training function takes: which parts, which rows, and what is refused."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from sklearn.linear_model import SGDClassifier

from pytest_mlspec.data import Dataset, Splits
from pytest_mlspec.data.hold_out import held_out_words, leave_out
from pytest_mlspec.predictions import predict
from pytest_mlspec.training import Ensemble

RANDOM = np.random.default_rng(0)
N = 120
X = RANDOM.normal(size=(N, 2))
Y = (X[:, 0] > 0).astype(int)
HOSPITAL = np.tile(["A", "B", "C"], N // 3)
YEAR = np.repeat([2019, 2020], N // 2)


def ward(**changes: object) -> Dataset:
    given: dict[str, object] = {"columns": {"hospital": HOSPITAL, "year": YEAR}, "name": "ward"}
    return Dataset(X, Y, **(given | changes))  # type: ignore[arg-type]


def split() -> Splits:
    return ward().split(test=0.3, validation=0.2, seed=0)


def test_training_and_validation_parts_are_filtered_and_the_test_part_is_whole():
    splits = split()
    filtered, left_out = leave_out({"ward": splits}, {"hospital": "C"})
    found = filtered["ward"]

    assert isinstance(found, Splits)
    assert set(found.train.columns["hospital"]) == set(found.validation.columns["hospital"]) == {"A", "B"}
    assert len(found.train) == np.sum(splits.train.columns["hospital"] != "C")
    assert found.test is splits.test
    assert sum(map(len, left_out)) == len(splits.train) + len(splits.validation) - len(found.train) - len(
        found.validation
    )
    assert (found.train.role, found.train.title) == ("train", "ward.train, hospital=C held out")
    assert set(np.unique(splits.train.columns["hospital"])) == {"A", "B", "C"}  # the splits themselves stay


def test_the_rows_that_are_left_are_rows_of_the_whole():
    splits = split()
    kept = leave_out({"ward": splits}, {"hospital": "C"})[0]["ward"].train

    assert kept.origin == splits.train.origin
    assert set(kept.origin_rows.tolist()) == {
        row
        for row, name in zip(splits.train.origin_rows.tolist(), splits.train.columns["hospital"].tolist(), strict=True)
        if name != "C"
    }
    assert np.array_equal(kept.X, X[kept.origin_rows])
    assert len(pickle.dumps(kept)) < len(pickle.dumps(splits.train))


def test_datasets_on_their_own_are_training_data_unless_they_are_a_test_part():
    splits = split()
    filtered, _ = leave_out({"bare": ward(), "part": splits.train, "judged": splits.test, "k": 3}, {"hospital": "C"})

    assert set(filtered["bare"].columns["hospital"]) == set(filtered["part"].columns["hospital"]) == {"A", "B"}
    assert filtered["judged"] is splits.test
    assert filtered["k"] == 3


def test_shifted_data_stay_whole():
    shifted = Dataset(X + 9, Y, columns={"hospital": HOSPITAL})
    filtered, _ = leave_out({"ward": Splits(train=ward(), night=shifted)}, {"hospital": "C"})

    assert len(filtered["ward"].night) == N


@pytest.mark.parametrize(
    ("held_out", "gone"),
    [
        ({"hospital": "C"}, HOSPITAL == "C"),
        ({"hospital": ["B", "C"]}, HOSPITAL != "A"),
        ({"hospital": "C", "year": 2020}, (HOSPITAL == "C") & (YEAR == 2020)),
        ({"year": lambda year: year > 2019}, YEAR == 2020),
        ({"label": 1, "hospital": {"A"}}, (Y == 1) & (HOSPITAL == "A")),
    ],
)
def test_rows_that_satisfy_all_of_it_are_left_out(held_out, gone):
    filtered, _ = leave_out({"data": ward()}, held_out)

    assert filtered["data"].origin_rows.tolist() == np.flatnonzero(~gone).tolist()


def test_a_value_that_only_one_part_has_is_left_out_there():
    """A list is read value by value: a part without the one must not keep the rows of the other."""
    second = Dataset(X + 50, Y, columns={"hospital": np.tile(["B", "D", "E"], N // 3)})
    filtered, left_out = leave_out({"first": ward(), "second": second}, {"hospital": ["B", "D"]})

    assert set(filtered["first"].columns["hospital"]) == {"A", "C"}
    assert set(filtered["second"].columns["hospital"]) == {"E"}
    assert [len(part) for part in left_out] == [40, 80]


@pytest.mark.parametrize(
    ("arguments", "held_out", "why"),
    [
        ({"ward": ward()}, {"hopsital": "C"}, r"unknown column 'hopsital' of ward; did you mean 'hospital'\?"),
        ({"ward": ward(columns=None)}, {"hospital": "C"}, r"unknown column 'hospital' of ward \(it has label\)"),
        ({"ward": ward()}, {"hospital": "D"}, r"no training row has hospital='D'; in ward hospital has 'A' \(40\)"),
        ({"ward": ward()}, {"hospital": ["A", "D"]}, r"no training row has hospital='D'"),
        ({"ward": ward()}, {"year": "2020"}, r"no training row has year='2020'; .*did you mean 2020\?"),
        ({"ward": ward()}, {"hospital": ["A", "B", "C"]}, "leaves nothing of ward: all 120 rows satisfy it"),
        ({}, {"hospital": "C"}, "the training function takes none: .* got only the seed"),
        ({"k": 3}, {"hospital": "C"}, "expected a Dataset or Splits with a train part; got k"),
        ({"t": split().test}, {"hospital": "C"}, "expected a Dataset or Splits with a train part; got t"),
    ],
)
def test_what_cannot_be_left_out(arguments, held_out, why):
    with pytest.raises(ValueError, match=why):
        leave_out(arguments, held_out)


def test_no_row_satisfies_all_of_it_at_once():
    data = Dataset(X, Y, columns={"hospital": HOSPITAL, "camera": np.where(HOSPITAL == "A", "old", "new")})

    with pytest.raises(ValueError, match=r"no training row satisfies all of hold_out=.* at once"):
        leave_out({"data": data}, {"hospital": "A", "camera": "new"})


def test_rows_that_nobody_can_place_are_refused():
    unknown = HOSPITAL.astype(object)
    unknown[4] = None

    with pytest.raises(ValueError, match=r"1 rows of the data have no hospital \(the first is row 4\)"):
        leave_out({"data": Dataset(X, Y, columns={"hospital": unknown})}, {"hospital": "C"})


def test_words():
    assert held_out_words({"hospital": "C"}) == "hospital=C held out"
    assert held_out_words({"hospital": ["B", "C"], "year": 2020}) == "hospital=B|C, year=2020 held out"


def test_an_ensemble_puts_down_what_was_held_out():
    kept = leave_out({"data": ward()}, {"hospital": "C"})[0]["data"]

    def fit(seed: int) -> SGDClassifier:
        return SGDClassifier(random_state=seed).fit(kept.X, kept.y)

    ensemble = Ensemble.fit(fit, 2, trained_on=[kept], held_out={"hospital": "C"})

    assert dict(ensemble.held_out) == {"hospital": "C"}
    assert dict(Ensemble.fit(fit, 2).held_out) == {}
    assert dict(pickle.loads(pickle.dumps(ensemble)).held_out) == {"hospital": "C"}
    with pytest.raises(TypeError):
        ensemble.held_out["hospital"] = "A"  # type: ignore[index]


def test_held_out_rows_of_the_training_part_are_new_to_the_model():
    splits = split()
    kept = leave_out({"ward": splits}, {"hospital": "C"})[0]["ward"].train
    ensemble = Ensemble.fit(
        lambda seed: SGDClassifier(random_state=seed).fit(kept.X, kept.y),
        2,
        trained_on=[kept],
        held_out={"hospital": "C"},
    )

    assert predict(ensemble, splits.train.where(**ensemble.held_out)).training_rows == 0
    assert predict(ensemble, splits.train.where(hospital="A")).training_rows == len(splits.train.where(hospital="A"))
    assert predict(ensemble, splits.train).training_rows == len(kept)
