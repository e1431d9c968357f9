"""NumPy, pandas, polars, torch and sparse features: the same answers, each in its own form."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from pytest_mlspec.data import Dataset, Splits

NAMES = ["a", "b", "c"]
FORMS: dict[str, Callable[[Any], Any]] = {
    "numpy": np.asarray,
    "pandas": lambda X: pd.DataFrame(X, columns=NAMES, index=[f"row {i}" for i in range(len(X))][::-1]),
    "polars": lambda X: pl.DataFrame(dict(zip(NAMES, X.T, strict=True))),
    "torch": torch.tensor,
    "sparse": csr_matrix,
}


def to_numpy(X: Any) -> Any:
    if hasattr(X, "toarray"):
        return X.toarray()
    return X.to_numpy() if hasattr(X, "to_numpy") else np.asarray(X)


@pytest.mark.parametrize("form", FORMS)
@given(st.lists(st.integers(0, 2), min_size=10, max_size=30), st.integers(0, 3))
def test_every_form_gives_the_same_rows(form: str, labels: list[int], seed: int) -> None:
    X = np.random.default_rng(0).normal(size=(len(labels), 3))
    column = {"v": np.arange(len(labels)) % 4}
    reference = Dataset(X, labels, columns=column)
    data = Dataset(FORMS[form](X), labels, columns=column)
    expected: Splits = reference.split(test=0.5, seed=seed)
    splits = data.split(test=0.5, seed=seed)

    for part in ("train", "test"):
        assert type(splits[part].X) is type(data.X)
        np.testing.assert_array_equal(to_numpy(splits[part].X), expected[part].X)
    value = int(expected.test.columns["v"][0])
    np.testing.assert_array_equal(to_numpy(splits.test.where(v=value).X), expected.test.where(v=value).X)
    np.testing.assert_array_equal(to_numpy(splits.test.resample(1).X), expected.test.resample(1).X)


TARGETS: dict[str, Callable[[Any], object]] = {
    "list": list,
    "tuple": tuple,
    "numpy": np.asarray,
    "object": lambda y: np.array(y, dtype=object),
    "pandas": pd.Series,
    "pandas index": pd.Index,
    "polars": pl.Series,
    "frame": lambda y: pd.DataFrame({"y": y}),
}


@pytest.mark.parametrize("form", TARGETS)
@pytest.mark.parametrize("y", [[0, 1, 2, 1], [True, False, True, True], ["u", "v", "u", "w"], [0.5, 1.5, 2.0, 3.0]])
def test_every_form_of_target_is_the_same_vector(form: str, y: list[object]) -> None:
    data = Dataset(np.zeros((4, 1)), TARGETS[form](y), columns={"y": pd.Series(y)})

    assert data.y is not None
    assert data.y.tolist() == y
    assert data.y.dtype.kind == np.array(y).dtype.kind
    assert data.columns["y"].tolist() == y


@pytest.mark.parametrize("y", [[0, 1, 2, 1], [0.5, 1.5, 2.0, 3.0]])
def test_a_tensor_is_a_target(y: list[float]) -> None:
    data = Dataset(torch.zeros(4, 1), torch.tensor(y, requires_grad=isinstance(y[0], float)))

    assert data.y is not None
    assert data.y.tolist() == y


def test_other_forms_of_numbers() -> None:
    assert Dataset([[1], [2]], pd.Series([1, 2], dtype="Int64")).y.dtype == np.int64  # type: ignore[union-attr]
    assert Dataset([[1], [2]], np.array([1, 2.5], dtype=object)).y.tolist() == [1.0, 2.5]  # type: ignore[union-attr]
    assert Dataset([[1], [2]], np.array(["a", "b"], dtype="T")).y.dtype.kind == "U"  # type: ignore[union-attr]


def test_a_series_of_texts_is_sliced_in_its_form() -> None:
    texts = Dataset(pd.Series(["a", "b", "c"]), columns={"v": [1, 2, 1]}).where(v=1).X

    assert isinstance(texts, pd.Series)
    assert texts.tolist() == ["a", "c"]


def test_wide_frames_are_sliced_without_copying_columns_nobody_reads() -> None:
    frame = pl.DataFrame({f"c{i}": [1, 2, 3] for i in range(50)})
    slice_ = Dataset(frame).where(c7=[2, 3])

    assert len(slice_.columns) == 50
    assert slice_.columns["c49"].tolist() == [2, 3]
    assert set(slice_.columns._arrays) == {"c49"}


def test_arrays_alone_import_no_other_library() -> None:
    script = """
import sys
import numpy as np
from pytest_mlspec.data import Dataset
d = Dataset(np.zeros((4, 2)) + np.arange(4)[:, None], [0, 1, 0, 1], columns={"v": np.arange(4)})
d.split(test=0.5).test.fingerprint; d.where(v=[1, 2]).codes("v")
heavy = {"torch", "sklearn", "pandas", "polars", "scipy", "netcal"} & set(sys.modules)
assert not heavy, heavy
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)

    assert run.returncode == 0, run.stderr
