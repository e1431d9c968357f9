"""Fingerprints: equal content, equal hash, in every process; other content, another hash."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import polars as pl
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pytest_mlspec.data import Dataset

X = np.arange(8.0).reshape(4, 2)

SCRIPT = """
import sys
import numpy as np, pandas as pd, polars as pl, torch
from pytest_mlspec.data import Dataset
X = np.arange(8.0).reshape(4, 2)
light = ["day", "night", "day", "dusk"]
objects = np.empty(4, dtype=object)
objects[:] = [{"a": {1, 2}, "b": None}, {"x", "yy", "zzz"}, (1, "t"), [2.5, np.arange(3)]]
for data in (
    Dataset(X, [0, 1, 0, 1], columns={"light": light}, ids=list("abcd"), clusters="light"),
    Dataset(pd.DataFrame(X, columns=["a", "b"]), light, positive="day"),
    Dataset(pl.DataFrame({"a": X[:, 0], "t": light})),
    Dataset(torch.tensor(X, dtype=torch.bfloat16)),
    Dataset(objects),
    Dataset(light),
):
    print(data.fingerprint)
"""


def fingerprints_in_a_process(hash_seed: str) -> list[str]:
    root = str(Path(__file__).parents[2])
    environment = os.environ | {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": root}
    run = subprocess.run([sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=True)
    return run.stdout.split()


def test_every_process_finds_the_same() -> None:
    first, second = fingerprints_in_a_process("1"), fingerprints_in_a_process("2")

    assert len(set(first)) == 6
    assert first == second


def test_every_part_of_the_content_counts() -> None:
    light = ["day", "night", "day", "dusk"]
    labels = ["a", "b", "a", "b"]
    contents = [
        Dataset(X),
        Dataset(X + 1),
        Dataset(X.astype(np.float32)),
        Dataset(X.reshape(2, 4)),
        Dataset(X.reshape(4, 2, 1)),
        Dataset(X, labels),
        Dataset(X, labels, positive="a"),
        Dataset(X, labels, positive="b"),
        Dataset(X, labels, classes=["a", "b", "c"]),
        Dataset(X, labels[::-1]),
        Dataset(X, columns={"light": light}),
        Dataset(X, columns={"lights": light}),
        Dataset(X, columns={"light": light[::-1]}),
        Dataset(X, columns={"light": light}, clusters="light"),
        Dataset(X, ids=[1, 2, 3, 4]),
        Dataset(X, ids=[4, 3, 2, 1]),
        Dataset(pd.DataFrame(X, columns=["a", "b"])),
        Dataset(pd.DataFrame(X, columns=["a", "c"])),
        Dataset(torch.tensor(X)),
        Dataset(["ab", "c", "", ""]),
        Dataset(["a", "bc", "", ""]),
    ]
    found = [data.fingerprint for data in contents]

    assert len(set(found)) == len(found)


def test_text_is_told_apart_where_its_characters_run_together() -> None:
    found = {Dataset(texts).fingerprint for texts in (["ab", "c"], ["a", "bc"], ["abc", ""], ["abc"], ["ab\0c", ""])}

    assert len(found) == 5


def test_names_and_roles_do_not_count() -> None:
    splits = Dataset(X, [0, 1, 0, 1]).split(test=2)

    assert splits.test.fingerprint == splits.named("street").test.fingerprint
    assert Dataset(X, name="a").fingerprint == Dataset(X, name="b").fingerprint


def test_a_slice_and_fresh_data_of_the_same_content_agree() -> None:
    columns = {"light": np.array(["day", "night", "day", "dusk"])}
    whole = Dataset(X, [2, 1, 2, 1], columns=columns, ids=[4, 3, 2, 1], clusters=[5, 6, 7, 8])
    rows = [1, 2]
    fresh = Dataset(X[rows], [1, 2], columns={"light": columns["light"][rows]}, ids=[3, 2], clusters=[60, 70])

    assert whole.take(rows).fingerprint == fresh.fingerprint


@pytest.mark.parametrize(
    "other",
    [np.asfortranarray(X), X.astype(">f8"), np.vstack([X, X])[:4], X[::-1][::-1]],
    ids=["fortran", "byte order", "view", "strides"],
)
def test_memory_layout_does_not_count(other: npt.NDArray[np.float64]) -> None:
    assert Dataset(other).fingerprint == Dataset(X).fingerprint


def test_text_targets_agree_whatever_held_them() -> None:
    labels = ["a", "bb", "a", "bb"]
    forms = [labels, np.array(labels), np.array(labels, dtype="U9"), np.array(labels, dtype=object)]
    forms += [pd.Series(labels), pl.Series(labels), pd.Series(labels, dtype="category")]

    assert len({Dataset(X, form).fingerprint for form in forms}) == 1


@given(arrays(np.float64, (5, 2)), st.integers(0, 9))
def test_one_changed_bit_changes_the_fingerprint(values: npt.NDArray[np.float64], at: int) -> None:
    changed = values.copy()
    changed.reshape(-1).view(np.uint64)[at] ^= np.uint64(1)

    assert Dataset(values).fingerprint == Dataset(values.copy()).fingerprint
    assert Dataset(values).fingerprint != Dataset(changed).fingerprint
