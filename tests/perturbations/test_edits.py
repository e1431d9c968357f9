"""Counterfactual edits and the columns that a change touched, by hand and in every form."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from pytest_mlspec.data import Dataset
from pytest_mlspec.perturbations import tabular
from pytest_mlspec.perturbations.edits import changed_columns, edit

PANDAS = pd.DataFrame({"sex": ["male", "female", "male"], "age": [30.0, np.nan, 50.0], "n": [1, 2, 3]}, index=[9, 4, 7])
POLARS = pl.DataFrame({"sex": ["male", "female", "male"], "age": [30.0, None, 50.0], "n": [1, 2, 3]})


def older(age: Any) -> Any:
    return age + 10


@pytest.mark.parametrize("frame", [PANDAS, POLARS], ids=["pandas", "polars"])
@pytest.mark.parametrize(
    ("change", "column", "expected"),
    [
        (edit("sex", to="female"), "sex", ["female"] * 3),
        (edit("sex", to={"male": "female", "female": "male"}), "sex", ["female", "male", "female"]),
        (edit("sex", to={"male": "other"}), "sex", ["other", "female", "other"]),
        (edit("n", to=lambda n: n * 2), "n", [2, 4, 6]),
        (edit("n", to=7), "n", [7, 7, 7]),
    ],
)
def test_one_column_changes_and_nothing_else(change: Any, column: str, expected: list[object], frame: Any) -> None:
    changed = change(frame)

    assert type(changed) is type(frame)
    assert list(changed[column]) == expected
    assert changed_columns(frame, changed) == (column,)
    assert str(changed[column].dtype) == str(frame[column].dtype)
    assert change.columns == (column,)


def test_a_function_sees_the_whole_column_and_gaps_stay() -> None:
    changed = edit("age", to=older)(POLARS)

    assert changed["age"].to_list() == [40.0, None, 60.0]
    assert edit("age", to=older)(PANDAS)["age"].tolist()[::2] == [40.0, 60.0]


def test_arrays_and_tensors_by_position() -> None:
    X = np.array([[0.0, 1.0], [1.0, 1.0]], dtype=np.float32)

    assert edit(1, to=0.1)(X).tolist() == [[0.0, np.float32(0.1)], [1.0, np.float32(0.1)]]
    assert edit(0, to={0.0: 1.0, 1.0: 0.0})(torch.tensor(X)).tolist() == [[1.0, 1.0], [0.0, 1.0]]
    assert edit(3, to=5)(np.zeros((2, 2, 2), dtype=int)).tolist() == [[[0, 0], [0, 5]]] * 2
    words = edit(0, to="much longer")(np.array([["a", "b"]]))
    assert words.tolist() == [["much longer", "b"]]


def test_names_say_what_becomes_what() -> None:
    assert edit("sex", to="female").__name__ == "sex to female"
    assert edit("sex", to={"m": "f", "f": "m"}).__name__ == "sex m to f, f to m"
    assert edit("age", to=older).__name__ == "age by older"
    assert edit(2, to=lambda n: n).__name__ == "column 2 edited"
    data = Dataset(PANDAS, [0, 1, 0], name="people").perturb(edit("sex", to="female"))
    assert data.title == "people, sex to female"


def test_an_edit_survives_pickle_and_equals_its_like() -> None:
    change = edit("sex", to={"male": "female"})

    assert pickle.loads(pickle.dumps(change)) == change
    assert edit("age", to=older) == edit("age", to=older)
    assert edit("age", to=older) != edit("n", to=older)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: edit("sexe", to="female")(PANDAS), "unknown column 'sexe' of X; did you mean 'sex'"),
        (lambda: edit("sex", to={"Male": "female"})(PANDAS), r"none of \['Male'\] occurs; did you mean 'male'"),
        (lambda: edit("n", to=1.5)(PANDAS), "expected values that n can hold: its dtype is .*, got 1.5"),
        (lambda: edit("n", to=1.5)(POLARS), "expected values that n can hold: its dtype is .*, got 1.5"),
        (lambda: edit("n", to="one")(POLARS), "expected values that n can hold"),
        (lambda: edit(0, to="one")(np.zeros((2, 2))), "expected values that column 0 can hold: its dtype is float64"),
        (lambda: edit(0, to=300)(np.zeros((2, 2), np.uint8)), "column 0 can hold: its dtype is uint8, got 300"),
        (lambda: edit(0, to="one")(torch.zeros(2, 2)), "column 0 can hold: its dtype is torch.float32"),
        (lambda: edit("n", to=lambda n: n[:2])(PANDAS), r"\(3,\) went in, \(2,\) came out"),
        (lambda: edit("n", to=lambda n: n)(PANDAS), "it changed nothing there in 3 rows"),
        (lambda: edit("sex", to="male")(PANDAS.iloc[[0, 2]]), "it changed nothing there in 2 rows"),
        (lambda: edit("sex", to={}), "at least one value to change"),
        (lambda: edit(["sex", "age"], to=1), "expected one column to edit"),
    ],
)
def test_faulty_edits_are_named(make: Any, words: str) -> None:
    with pytest.raises((TypeError, ValueError), match=words):
        make()


# ---- which columns changed -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([[1.0, np.nan]], [[1.0, np.nan]], ()),
        ([[1.0, np.nan]], [[1.0, 0.0]], (1,)),
        ([[1.0, 0.0]], [[np.nan, 0.0]], (0,)),
        ([[1, 2, 3]], [[1.0, 2.0, 3.5]], (2,)),
        ([[1.0]], [[1.0 + 1e-16]], ()),
        ([[1.0]], [[1.0 + 1e-15]], (0,)),
        ([["a", "b"]], [["a", "c"]], (1,)),
        (np.array([["a", None]], object), np.array([["a", None]], object), ()),
        (np.zeros((2, 2, 2)), np.eye(2)[None] * np.ones((2, 1, 1)), (0, 3)),
        (["one", "two"], ["one", "too"], (0,)),
        (torch.zeros(2, 3), torch.tensor([[0.0, 0, 0], [0, 1, 0]]), (1,)),
        (PANDAS, PANDAS.assign(sex="male"), ("sex",)),
        (POLARS, POLARS.with_columns(age=pl.lit(1.0), n=pl.lit(1)), ("age", "n")),
        (pd.DataFrame({0: [1], 1: [2]}), pd.DataFrame({0: [1], 1: [3]}), ("1",)),
        (sparse.csr_matrix(np.eye(3)), sparse.csr_matrix(np.diag([1, 2, 0])), (1, 2)),
        (sparse.csr_matrix([[np.nan, 1]]), sparse.csr_matrix([[np.nan, 1]]), ()),
    ],
)
def test_changed_columns_by_hand(before: Any, after: Any, expected: tuple[str | int, ...]) -> None:
    assert changed_columns(before, after) == expected


@given(st.sets(st.integers(0, 6), min_size=1), st.booleans())
def test_changed_columns_finds_what_a_perturbation_named(columns: set[int], as_frame: bool) -> None:
    X = np.random.default_rng(0).normal(size=(20, 7))
    features = pd.DataFrame(X, columns=list("abcdefg")) if as_frame else X
    chosen = ["abcdefg"[column] for column in columns] if as_frame else list(columns)

    assert set(changed_columns(features, tabular.noise(chosen, 1)(features))) == set(chosen)


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (PANDAS, np.zeros((3, 3)), "features of one form; got DataFrame and ndarray"),
        (PANDAS, PANDAS.rename(columns={"n": "m"}), "3 rows of sex, age, n and 3 rows of sex, age, m"),
        (np.zeros((3, 2)), np.zeros((2, 2)), "3 rows of 2 columns and 2 rows of 2 columns"),
        (np.zeros((3, 2)), np.zeros((3, 1)), "3 rows of 2 columns and 3 rows of 1 columns"),
        (sparse.csr_matrix(np.eye(2)), sparse.csr_matrix(np.eye(3)), "shapes"),
    ],
)
def test_features_that_cannot_be_compared_are_named(before: Any, after: Any, words: str) -> None:
    with pytest.raises((TypeError, ValueError), match=words):
        changed_columns(before, after)
