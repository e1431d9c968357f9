"""Rows left out of what a training function takes: which parts, which rows, and what is refused."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from scipy.sparse import csr_matrix
from sklearn.linear_model import SGDClassifier
from torch.utils.data import DataLoader, TensorDataset

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


PATIENT = np.array([f"p{row // 2:02}" for row in range(N)])
"""Two rows each, next to each other: in A and B, in C and A, or in B and C."""


def with_patients(hospital: object = HOSPITAL, **changes: object) -> Dataset:
    return ward(columns={"hospital": hospital, "patient": PATIENT}, clusters="patient", **changes)


def test_clusters_with_rows_on_both_sides_are_refused():
    """Of 60 patients, 20 have both rows in A and B, and 40 one of two in C."""
    why = (
        r"hold_out={'hospital': 'C'} leaves other rows of the same clusters \(patient\) in training, so the model "
        r"meets them all the same: 'p01', 'p02', 'p04' and 37 more\. Hold out whole clusters \(patient\), or drop"
    )

    with pytest.raises(ValueError, match=why):
        leave_out({"data": with_patients()}, {"hospital": "C"})
    with pytest.raises(ValueError, match=why):
        leave_out({"ward": Splits(train=with_patients(), test=Dataset(X + 9, Y))}, {"hospital": "C"})
    numbered = ward(clusters=np.arange(N) // 2)
    with pytest.raises(ValueError, match=r"clusters \(clusters\) .*: no\. 1 in sorted order, no\. 10 in sorted order"):
        leave_out({"data": numbered}, {"hospital": "C"})


def test_clusters_in_two_training_parts_are_one_cluster():
    """The rows in C are in the validation part, and those patients' other rows in the training part."""
    in_c = HOSPITAL == "C"
    whole = with_patients()
    moved = in_c | (np.arange(N) == 0)
    one = Splits(train=whole.where(~moved), validation=whole.where(moved))
    first = Dataset(X[~in_c], Y[~in_c], columns={"hospital": HOSPITAL[~in_c], "p": PATIENT[~in_c]}, clusters="p")
    second = Dataset(X[::3] + 9, Y[::3], columns={"hospital": ["C", "D"] * 20, "p": PATIENT[2::3]}, clusters="p")

    with pytest.raises(ValueError, match=r"same clusters \(patient\) in training.*'p01', 'p02', 'p04' and 37 more"):
        leave_out({"ward": one}, {"hospital": "C"})
    with pytest.raises(ValueError, match=r"same clusters \(p\) in training.*'p01'"):
        leave_out({"first": first, "second": second}, {"hospital": "C"})


def test_whole_clusters_may_be_held_out():
    in_c = set(PATIENT[HOSPITAL == "C"].tolist())
    of_one_hospital = with_patients(np.repeat(["A", "B", "C"], N // 3))

    by_patient, _ = leave_out({"data": with_patients()}, {"patient": lambda values: np.isin(values, list(in_c))})
    by_hospital, left_out = leave_out({"data": of_one_hospital}, {"hospital": "C"})
    resampled, _ = leave_out({"data": ward().resample(0)}, {"hospital": "C"})

    assert set(by_patient["data"].columns["hospital"]) == {"A", "B"}
    assert len(by_patient["data"]) == 40
    assert len(by_hospital["data"]) == 80
    assert [len(part) for part in left_out] == [40]
    assert set(resampled["data"].columns["hospital"]) == {"A", "B"}


@pytest.mark.parametrize(
    ("raw", "what"),
    [
        (X, "ndarray of 120 rows"),
        (pd.DataFrame(X), "DataFrame of 120 rows"),
        (pd.Series(Y), "Series of 120 rows"),
        (pl.DataFrame(X), "DataFrame of 120 rows"),
        (torch.tensor(X), "Tensor of 120 rows"),
        (csr_matrix(X), "csr_matrix of 120 rows"),
        ((X, Y), "ndarray of 120 rows"),
        ([X], "ndarray of 120 rows"),
        ({"k": 3, "rows": {"X": X}}, "ndarray of 120 rows"),
        (X.tolist(), "list of 120 entries"),
        ({"labels": tuple(Y.tolist())}, "tuple of 120 entries"),
        (pl.LazyFrame(X), "LazyFrame"),
        (TensorDataset(torch.tensor(X)), "TensorDataset"),
        ({"loader": DataLoader(TensorDataset(torch.tensor(X)))}, "DataLoader"),
        ([ward()], "Dataset within a container"),
        ({"ward": split()}, "Splits within a container"),
    ],
)
def test_data_that_cannot_be_filtered_are_refused_beside_data_that_can(raw, what):
    with pytest.raises(
        ValueError, match=rf"hold_out cannot leave rows out of 'raw' \({what}\): give it as a Dataset\."
    ):
        leave_out({"ward": split(), "raw": raw}, {"hospital": "C"})


@pytest.mark.parametrize(
    "setting",
    [
        0.1,
        "adam",
        None,
        np.float64(0.1),
        np.array(3),
        np.array([0.5]),
        [64, 32],
        ["a"] * 100,
        {"depth": [1, 2, 3], "name": "x"},
        (0.9, 0.999),
        print,
        SGDClassifier(),
        [split().test],
    ],
)
def test_settings_beside_the_data_are_left_alone(setting):
    filtered, _ = leave_out({"ward": split(), "setting": setting}, {"hospital": "C"})

    assert filtered["setting"] is setting


def test_a_list_as_long_as_the_data_is_data_and_a_shorter_one_is_none():
    more = Dataset(np.tile(X, (3, 1)), np.tile(Y, 3), columns={"hospital": np.tile(HOSPITAL, 3)})

    filtered, _ = leave_out({"ward": more, "words": ["word"] * 359}, {"hospital": "C"})
    assert len(filtered["words"]) == 359
    with pytest.raises(ValueError, match=r"'words' \(list of 360 entries\)"):
        leave_out({"ward": more, "words": ["word"] * 360}, {"hospital": "C"})


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
