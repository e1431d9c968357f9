"""Data that equal the training data in content are training data, however they came back."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression

from pytest_mlspec.data import Dataset, Splits, duplicates
from pytest_mlspec.metrics import accuracy
from pytest_mlspec.predictions import known_rows, predict
from pytest_mlspec.training import Ensemble

RANDOM = np.random.default_rng(0)
N = 200
X = RANDOM.normal(size=(N, 3))
Y = (X[:, 0] > 0).astype(int)
NEW_X = RANDOM.normal(size=(N, 3))
NEW_Y = (NEW_X[:, 0] > 0).astype(int)


def train_set() -> Dataset:
    return Dataset(X, Y, name="train")


def model_of(*trained_on: Dataset, **more: object) -> Ensemble:
    fitted = LogisticRegression().fit(X, Y)
    return Ensemble.fit(lambda seed: fitted, 1, trained_on=trained_on, **more)  # type: ignore[arg-type]


def mixed(n_known: int, n_new: int, **given: object) -> Dataset:
    """Rows of the training data, read again, before new ones."""
    rows, labels = np.vstack([X[:n_known], NEW_X[:n_new]]), np.concatenate([Y[:n_known], NEW_Y[:n_new]])
    return Dataset(rows.copy(), labels, classes=[0, 1], **given)  # type: ignore[arg-type]


@pytest.mark.filterwarnings("ignore:X has feature names")
@pytest.mark.parametrize(
    "again",
    [
        lambda: Dataset(X.copy(), Y.copy()),
        lambda: Dataset(X[::-1].copy(), Y[::-1].copy()),
        lambda: Dataset(pd.DataFrame(X, columns=list("abc")), Y.astype(float), classes=[0.0, 1.0]),
        lambda: Dataset(X.copy(), Y.copy()).perturb(lambda rows: rows),
        lambda: Dataset(X.copy(), Y.copy()).perturb(lambda rows: rows + 1).perturb(lambda rows: rows * 2),
        lambda: Dataset(X.copy(), Y.copy()).where(np.arange(N) < 30).perturb(lambda rows: rows + 1),
        lambda: Dataset(X.copy(), Y.copy()).split(test=0.5).test,
        lambda: Dataset(X.astype(np.float32), Y),
        lambda: Dataset(X.astype(np.float32).astype(np.float64), Y),
        lambda: Dataset(pd.DataFrame(X.astype(np.float32)), Y),
        lambda: Dataset(X.astype(np.float32), Y).perturb(lambda rows: rows + 1),
    ],
    ids=[
        "copied",
        "reversed",
        "as a frame",
        "severity 0",
        "perturbed",
        "a perturbed slice",
        "split again",
        "in single precision",
        "and back in double",
        "as a frame in single precision",
        "perturbed in single precision",
    ],
)
def test_the_training_data_read_again_are_refused(again):
    data = again()
    measured = accuracy(model_of(train_set()), data)

    assert predict(model_of(train_set()), data).training_rows == len(data)
    assert 0 < measured.value <= 1  # what a training figure is worth can still be seen
    with pytest.raises(ValueError, match=f"judged on rows that trained the model.* {len(data)} of {len(data)} rows"):
        _ = measured >= 0.5


@pytest.mark.parametrize(
    "again",
    [
        lambda: Dataset(NEW_X, NEW_Y),
        lambda: Dataset(X.copy(), 1 - Y),  # the same features with another truth
        lambda: Dataset(X[:, ::-1].copy(), Y),
        lambda: Dataset(X[:, :2].copy(), Y),
    ],
    ids=["new", "another truth", "another order of columns", "another shape"],
)
def test_other_content_is_new(again):
    ensemble, data = model_of(train_set()), again()

    assert known_rows.equal_rows(ensemble, data) is None or not known_rows.equal_rows(ensemble, data).any()


@pytest.mark.parametrize(
    ("n_known", "n_new", "counted"),
    [
        (10, 10, 0),  # half of 20
        (11, 9, 11),  # more than half of 20
        (18, 1, 0),  # 19 rows: only all of them
        (19, 0, 19),
        (1, 0, 1),
        (2, 198, 0),  # 1 %: what Splits let pass
        (100, 100, 0),
        (101, 99, 101),
    ],
)
def test_honest_repeats_are_no_training_data(n_known, n_new, counted):
    assert predict(model_of(train_set()), mixed(n_known, n_new)).training_rows == counted


def test_a_slice_of_a_file_that_holds_train_and_test():
    """70 % of the file trained the model: its test rows are new, its training rows are not."""
    part = np.repeat(["train", "test"], [140, 60])
    whole = mixed(140, 60, columns={"part": part, "few": [*["old"] * 5, *["no"] * 190, *["new"] * 5]})
    ensemble = model_of(train_set())

    assert predict(ensemble, whole).training_rows == 140
    assert predict(ensemble, whole.where(part="test")).training_rows == 0
    assert predict(ensemble, whole.where(part="train")).training_rows == 140
    assert predict(ensemble, whole.where(few="old")).training_rows == 5
    assert predict(ensemble, whole.where(few="new")).training_rows == 0


def test_a_few_repeats_in_a_small_slice_of_new_data_are_no_training_data():
    whole = mixed(3, 197, columns={"blank": np.arange(200) < 3})

    assert predict(model_of(train_set()), whole.where(blank=True)).training_rows == 0


def test_rows_are_compared_without_a_truth_where_one_side_has_none():
    assert known_rows.equal_rows(model_of(train_set()), Dataset(X.copy())).all()


@pytest.mark.parametrize(
    "form",
    [
        pd.DataFrame,
        lambda rows: pd.DataFrame(rows).assign(word="a"),
        lambda rows: pl.from_pandas(pd.DataFrame(rows, columns=list("abc"))),
        csr_matrix,
        torch.tensor,
        lambda rows: rows[:, 0],
    ],
    ids=["pandas", "beside text", "polars", "sparse", "torch", "one column"],
)
def test_single_precision_is_known_again_in_every_form(form):
    double, single = Dataset(form(X), Y), Dataset(form(X.astype(np.float32)), Y)

    assert known_rows.equal_rows(model_of(double), single).all()
    assert known_rows.equal_rows(model_of(single), double).all()
    assert not known_rows.equal_rows(model_of(single), Dataset(form(NEW_X), NEW_Y)).any()


def test_targets_in_single_precision_are_known_again():
    numbers = X @ [1.0, 2.0, 3.0]

    for rows, y in ((X, numbers.astype(np.float32)), (X.astype(np.float32), numbers)):
        assert known_rows.equal_rows(model_of(Dataset(X.copy(), numbers)), Dataset(rows, y)).all()
    assert not known_rows.equal_rows(model_of(Dataset(X, numbers)), Dataset(X, (numbers + 1).astype(np.float32))).any()


def test_numbers_that_single_precision_would_merge_stay_apart():
    """Milliseconds since 1970 are 131,072 apart in float32; the rows below are 1000 apart."""
    times = 1_700_000_000_000 + 1000 * np.arange(2 * N).reshape(-1, 1)
    even, odd = Dataset(times[::2], Y), Dataset(times[1::2], Y)

    assert not known_rows.equal_rows(model_of(even), odd).any()
    assert known_rows.equal_rows(model_of(even), Dataset(times[::2].astype(np.float32), Y)).all()


def test_several_training_sets_count_together():
    first, second = Dataset(X[:100], Y[:100]), Dataset(X[100:], Y[100:])

    assert predict(model_of(first, second), Dataset(X.copy(), Y)).training_rows == N


def test_what_lineage_tells_is_not_hashed(monkeypatch):
    """The parts of one split, and the parts of one ``Splits``, were compared when these were made."""
    one = Dataset(X, Y, name="one").split(test=0.5)
    other = Splits(train=train_set(), test=Dataset(NEW_X, NEW_Y))
    of_one = model_of(one.train, may_read=[one.train, one.test])
    of_other = model_of(other.train, may_read=[other.train, other.test])
    monkeypatch.setattr(duplicates, "row_hashes", None)

    for ensemble, splits in ((of_one, one), (of_other, other)):
        assert predict(ensemble, splits.test).training_rows == 0
        assert predict(ensemble, splits.test.where(label=1)).training_rows == 0
        assert predict(ensemble, splits.test.perturb(lambda rows: rows + 0)).training_rows == 0
    with pytest.raises(TypeError, match="NoneType"):  # or the lines above would show nothing
        predict(of_one, Dataset(NEW_X, NEW_Y))._source.training_rows(Dataset(NEW_X, NEW_Y))


def test_repeats_that_splits_were_told_of_are_left_alone():
    few = RANDOM.integers(0, 2, size=(N, 3))
    splits = Splits(train=Dataset(few, Y), test=Dataset(few[::-1].copy(), Y[::-1].copy()), max_duplicates=1.0)

    assert predict(model_of(splits.train, may_read=[splits.test]), splits.test).training_rows == 0
    assert predict(model_of(splits.train), splits.test).training_rows == N  # nobody told the ensemble of these splits


def test_the_cost_is_paid_once(monkeypatch):
    calls = []
    hashed = duplicates.row_hashes
    monkeypatch.setattr(duplicates, "row_hashes", lambda X, y: calls.append(len(X)) or hashed(X, y))
    ensemble, train, again = model_of(train_set()), train_set(), mixed(50, 100)
    both = model_of(train)

    for _ in range(3):
        assert predict(ensemble, again).training_rows == 0
        assert predict(ensemble, again.where(label=0)).training_rows == 0
        assert predict(ensemble, again.perturb(lambda rows: rows + 1)).training_rows == 0
        assert predict(both, again).training_rows == 0

    assert sorted(calls) == [150, N, N]  # the data once, the two training sets once each


def test_a_pickled_copy_of_the_training_data_is_known_by_its_lineage():
    import pickle

    train = train_set()

    assert predict(model_of(train), pickle.loads(pickle.dumps(train))).training_rows == N
