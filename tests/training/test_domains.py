"""What the domain classifier gets to see: every form of features, held-out rows only, no labels."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from pytest_mlspec.data import Dataset
from pytest_mlspec.training.domains import domain_scores, feature_matrices


class Watcher:
    """Says 0 and keeps what it saw."""

    def __init__(self) -> None:
        self.fitted: list[np.ndarray] = []

    def fit(self, X: np.ndarray, y: np.ndarray) -> Watcher:
        SEEN.append((X, y))
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        ASKED.append(X)
        return np.zeros(len(X), dtype=int)


SEEN: list[tuple[np.ndarray, np.ndarray]] = []
ASKED: list[np.ndarray] = []


def numbered(start: int, n: int) -> Dataset:
    return Dataset(np.arange(start, start + n, dtype=float)[:, None])


def test_half_of_each_trains_and_the_other_half_is_asked() -> None:
    SEEN.clear()
    ASKED.clear()

    scores = domain_scores(numbered(0, 10), numbered(100, 31), classifier=Watcher())

    (X, y), asked = SEEN[0], np.concatenate(ASKED)
    assert (y == (X[:, 0] >= 100)).all()
    assert (len(X), len(scores.source), len(scores.target)) == (5 + 15, 5, 16)
    assert sorted([*X[:, 0], *asked[:, 0]]) == [*range(10), *range(100, 131)]


def test_sizes_that_differ_do_not_make_all_rows_look_like_the_larger() -> None:
    rng = np.random.default_rng(0)
    small, large = Dataset(rng.normal(size=(300, 1))), Dataset(rng.normal(1, 1, size=(6000, 1)))

    scores = domain_scores(small, large, classifier=LogisticRegression())

    assert 0.2 < scores.source.mean() < 0.45  # Phi(-1/2) = .31 at the middle between the two
    assert 0.6 < scores.target.mean() < 0.8


FORMS = {
    "list": lambda table: table.tolist(),
    "image": lambda table: table.reshape(-1, 1, 2),
    "pandas": lambda table: pd.DataFrame(table, columns=["a", "b"]),
    "polars": lambda table: pl.DataFrame(table, schema=["a", "b"]),
    "sparse": sparse.csr_matrix,
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_features_becomes_the_same_numbers(form: str) -> None:
    table = np.arange(12.0).reshape(6, 2)

    first, second = feature_matrices(Dataset(FORMS[form](table)), Dataset(FORMS[form](table + 100)))

    assert (first == table).all()
    assert (second == table + 100).all()


def test_tensors_too() -> None:
    torch = pytest.importorskip("torch")
    table = np.arange(12.0).reshape(6, 2)

    first, _ = feature_matrices(Dataset(torch.tensor(table)), Dataset(torch.tensor(table + 100)))

    assert (first == table).all()


def test_text_and_dates_are_numbers_that_depend_on_the_entry_alone() -> None:
    def frame(kinds: list[str]) -> Dataset:
        dates = pd.to_datetime(["2020-01-01"] * len(kinds))
        return Dataset(pd.DataFrame({"kind": kinds, "date": dates, "n": range(len(kinds))}))

    first, second = feature_matrices(frame(["a", "b", "a"]), frame(["b", "c"]))

    assert first[0, 0] == first[2, 0] != first[1, 0]
    assert second[0, 0] == first[1, 0]
    assert len({first[0, 0], first[1, 0], second[1, 0]}) == 3
    assert (first[:, 1] == second[0, 1]).all()


def test_columns_in_another_order_are_matched_by_name() -> None:
    one = Dataset(pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]}))
    other = Dataset(pd.DataFrame({"b": [30.0], "a": [10.0]}))

    assert feature_matrices(one, other)[1].tolist() == [[10.0, 30.0]]


def test_other_columns_are_named() -> None:
    with pytest.raises(ValueError, match="not in both: b, c"):
        feature_matrices(Dataset(pd.DataFrame({"a": [1], "b": [2]})), Dataset(pd.DataFrame({"a": [1], "c": [2]})))


def test_no_global_generator_moves() -> None:
    before = np.random.get_state()[1].copy()  # type: ignore[index]

    domain_scores(numbered(0, 50), numbered(100, 50))

    assert (np.random.get_state()[1] == before).all()  # type: ignore[index]
