"""Features that a model needs finite: the first bad entry is named, the rest passes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from scipy.sparse import csr_matrix

from pytest_mlspec.data import Dataset, require_finite

BAD = np.array([[1.0, 2.0], [3.0, np.inf], [np.nan, 4.0]])


@pytest.mark.parametrize(
    ("X", "place"),
    [
        (BAD, "got inf in row 1, column 1 of street"),
        (BAD.astype(np.float16), "got inf in row 1, column 1 of street"),
        (torch.tensor(BAD), "got inf in row 1, column 1 of street"),
        (csr_matrix(BAD), "got inf in row 1, column 1 of street"),
        (
            pd.DataFrame({"id": list("abc"), "bmi": BAD[:, 1], "age": BAD[:, 0]}),
            "got inf in row 1, column 'bmi' of street",
        ),
        (pl.DataFrame({"n": [1, 2, 3], "bmi": [1.0, float("inf"), None]}), "got inf in row 1, column 'bmi' of street"),
        (BAD[:, 1], "got inf in row 1 of street"),
        (pd.Series(BAD[:, 1]), "got inf in row 1 of street"),
        (BAD.reshape(3, 1, 2), "got inf in row 1, column 0, 1 of street"),
    ],
)
def test_the_first_bad_entry_is_named(X: object, place: str) -> None:
    with pytest.raises(ValueError, match="expected finite features for detector") as error:
        require_finite(Dataset(X, name="street"), "detector")

    assert place in str(error.value)


def test_the_number_of_bad_rows_is_given() -> None:
    with pytest.raises(ValueError, match=r"2 of 3 rows have one"):
        require_finite(Dataset(BAD))


@pytest.mark.parametrize(
    "X",
    [
        np.full((2, 2), 1e308),  # finite, although its sum is not
        np.arange(4),
        np.array([True, False]),
        ["text", "more"],
        np.array([None, 1], dtype=object),
        torch.arange(3),
        csr_matrix(np.eye(3)),
        pd.DataFrame({"t": ["a", "b"]}),
        pd.DataFrame({"t": ["a", "b"], "x": [1.0, 2.0]}),
    ],
)
def test_what_is_finite_or_not_a_number_passes(X: object) -> None:
    data = Dataset(X)

    require_finite(data)
    require_finite(data)
    assert len(data) >= 2


def test_a_data_set_may_hold_missing_features() -> None:
    assert len(Dataset(BAD, [0, 1, 0]).where(lambda columns: [0, 2])) == 2
